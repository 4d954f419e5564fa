"""A prepared question answers as the library does, on SQLite, where it is put past it."""

import shutil
from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, exists, select

from mappings.model import Kind, Record
from state import schema
from state.engine import Database
from state.prepared import Prepared
from state.store import StateError, Store, create_or_migrate

T = schema.snapshots
AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
BY_ID = select(T.c.id, T.c.version, T.c.updated_at, T.c.fields).where(T.c.id == bindparam("id"))
ANY_OF = select(T.c.id).where(T.c.id.in_(bindparam("ids", expanding=True))).order_by(T.c.id)
NONE_OF = select(T.c.id).where(T.c.id.not_in(bindparam("ids", expanding=True))).order_by(T.c.id)
SINCE = (
    select(T.c.kind, T.c.id, schema.links.c.domain_order, T.c.id, exists().where(T.c.number == "DO2"))
    .select_from(T.outerjoin(schema.links, schema.links.c.work_order == T.c.id))
    .where(T.c.updated_at >= bindparam("since"), T.c.kind.in_([Kind.DOMAIN_ORDER.value]))
    .order_by(T.c.id)
    .limit(bindparam("limit"))
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("prepared") / "template.db"
    create_or_migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def connection(template, tmp_path):
    """Inside a reading transaction, on three domain orders."""
    url = f"sqlite:///{shutil.copy(template, tmp_path / 'syncd.db')}"
    store = Store(url, lambda: AT)
    with store.deciding() as tx:
        for number in (1, 2, 3):
            at = AT.replace(minute=number)
            fields = {"short_description": f"order {number}"}
            tx.record(Record(Kind.DOMAIN_ORDER, f"d{number}", f"DO{number}", number, at, at, "1", "", fields))
    store.close()
    database = Database(url)
    with database.reading() as connection:
        yield connection
    database.close()


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        pytest.param(BY_ID, {"id": "d2"}, id="one row"),
        pytest.param(BY_ID, {"id": "absent"}, id="no row"),
        *(
            pytest.param(ANY_OF, {"ids": [f"d{number}" for number in range(size)]}, id=f"a list of {size}")
            for size in (0, 1, 2, 3, 5)
        ),
        pytest.param(NONE_OF, {"ids": []}, id="not in an empty list"),
        pytest.param(NONE_OF, {"ids": ["d1", "d3", "d9"]}, id="not in a list"),
        pytest.param(
            SINCE, {"since": AT.replace(minute=2), "limit": 5}, id="an instant, a limit, same names"
        ),
    ],
)
def test_a_prepared_question_answers_as_the_library_does(connection, statement, values):
    expected = [tuple(row) for row in connection.execute(statement, values)]
    question = Prepared(statement)
    for _ in range(2):  # compiled, and found again
        assert [tuple(row) for row in question.all(connection, values)] == expected


def test_values_go_by_the_names_of_their_columns_and_are_read_by_their_types(connection):
    row = Prepared(BY_ID).first(connection, {"id": "d3"})
    assert (row.id, row.version, row.updated_at) == ("d3", 3, AT.replace(minute=3))
    assert row.fields == {"short_description": "order 3"}


def test_lists_of_any_length_share_a_few_forms(connection):
    question = Prepared(ANY_OF)
    for size in range(1, 65):
        question.all(connection, {"ids": ["d1"] * size})
    assert len(question._forms) == 7  # 1, 2, 4 ... 64


def test_an_error_of_the_driver_leaves_as_one_of_the_state(template, tmp_path):
    database = Database(f"sqlite:///{shutil.copy(template, tmp_path / 'syncd.db')}")
    with pytest.raises(StateError, match="no such table"), database.writing(1) as connection:
        connection.exec_driver_sql("DROP TABLE snapshots")
        Prepared(BY_ID).all(connection, {"id": "d1"})
    database.close()
