"""What an instance really has: choices, tables, columns."""

from __future__ import annotations

import threading

import httpx
import pytest

from connectors.errors import Misconfigured, Unreachable
from connectors.profile import KindProfile
from connectors.servicenow.schema import book_of, fold
from mappings.model import Kind

SPEC = KindProfile(
    kind=Kind.WORK_ORDER,
    table="wm_order",
    number="number",
    state="state",
    fields={},
    states={"canceled": ("Canceled",), "closed": ("Closed Complete", "Done"), "open": ("Open",)},
    state_values={"77": "closed"},
    where={},
)


def choice(value: str, label: str, sequence: str = "", language: str = "en") -> dict[str, str]:
    return {"value": value, "label": label, "sequence": sequence, "language": language}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Canceled", "CANCELLED"),
        ("Closed Complete", "closed-complete"),
        ("Assessing cancellation", "Assessing Cancelation"),
        ("In progress", "In-Progress"),
    ],
)
def test_labels_meet_whatever_their_case_spelling_and_punctuation(one, other):
    assert fold(one) == fold(other)


def test_different_labels_stay_apart():
    labels = [
        "Closed Complete",
        "Closed Incomplete",
        "Canceled",
        "Cancellation in progress",
        "On hold",
        "Scheduled",
    ]
    assert len({fold(label) for label in labels}) == len(labels)


def test_a_stored_value_is_resolved_by_its_label_and_written_back():
    book = book_of(SPEC, [choice("7", "Cancelled"), choice("-3", "Done")])
    assert book.canonical == {"7": "canceled", "-3": "closed", "77": "closed"}
    assert (book.stored["canceled"], book.stored["closed"]) == ("7", "-3")
    assert book.labels["7"] == "Cancelled"


def test_the_profiles_word_on_a_stored_value_goes_before_its_label():
    book = book_of(SPEC, [choice("77", "Open")])
    assert (book.canonical["77"], book.labels["77"]) == ("closed", "Open")


def test_the_first_in_sequence_of_several_values_is_written():
    book = book_of(SPEC, [choice("4", "Closed complete", "20"), choice("3", "Closed Complete", "10")])
    assert book.stored["closed"] == "3"
    assert book.canonical["4"] == "closed"


def test_a_label_in_another_language_does_not_hide_the_english_one():
    book = book_of(SPEC, [choice("1", "Offen", "1", "de"), choice("1", "Open", "1", "en")])
    assert (book.canonical["1"], book.labels["1"]) == ("open", "Open")


def test_a_choice_that_no_label_explains_keeps_its_label_and_gets_no_state():
    book = book_of(SPEC, [choice("5", "Pondering")])
    assert ("5" in book.canonical, book.labels["5"]) == (False, "Pondering")


def test_choices_of_the_nearest_table_count_and_inherited_ones_only_where_it_has_none(om, om_server):
    table = "sn_ind_tmt_orm_order_task"
    for id in [id for id, row in om_server.tables["sys_choice"].items() if row["name"] == table]:
        del om_server.tables["sys_choice"][id]
    om_server.choice("task", "42", "Open")
    om_server.choice("sn_ind_tmt_orm_order", "42", "Draft")
    assert om.read(Kind.ORDER_TASK, om_server.add(Kind.ORDER_TASK, state="42")).state == "open"
    assert om.read(Kind.CUSTOMER_ORDER, om_server.add(Kind.CUSTOMER_ORDER, state="42")).state == "draft"


def test_other_stored_values_mean_the_same_states(fsm, fsm_server):
    for row in fsm_server.tables["sys_choice"].values():
        row["value"] = f"x{row['value']}"
    id = fsm_server.add(Kind.WORK_ORDER, state="xassigned")
    assert fsm.read(Kind.WORK_ORDER, id).state == "assigned"
    assert fsm.cancel_work_order(id, "why").state == "canceled"
    assert fsm_server.row(Kind.WORK_ORDER, id)["state"] == "x7"


def test_everything_that_is_missing_is_named_at_once(fsm, fsm_server):
    dictionary = fsm_server.tables["sys_dictionary"]
    for id in [id for id, row in dictionary.items() if row["element"] in ("window_start", "correlation_id")]:
        del dictionary[id]
    objects = fsm_server.tables["sys_db_object"]
    for id in [id for id, row in objects.items() if row["name"] == "cmn_location"]:
        del objects[id]
    with pytest.raises(Misconfigured) as caught:
        fsm.start()
    for missing in ("wm_task.window_start", "wm_order.correlation_id", "no table cmn_location"):
        assert missing in str(caught.value)


def test_choices_that_cannot_be_read_are_a_matter_of_access(fsm, fsm_server):
    fsm_server.tables["sys_choice"].clear()
    with pytest.raises(Misconfigured, match=r"wm_order\.state, wm_task\.state"):
        fsm.start()


def test_a_start_that_failed_is_tried_again_by_the_next_call(fsm, fsm_server):
    for _ in range(3):
        fsm_server.fail_once(httpx.ConnectError("x"), path="sys_db_object")
    with pytest.raises(Unreachable):
        fsm.start()
    id = fsm_server.add(Kind.WORK_ORDER)
    assert fsm.read(Kind.WORK_ORDER, id).id == id


def test_threads_that_need_the_schema_at_once_read_it_once(fsm, fsm_server):
    id = fsm_server.add(Kind.WORK_ORDER)
    gate, found = threading.Barrier(6), []

    def work() -> None:
        gate.wait()
        found.append(fsm.read(Kind.WORK_ORDER, id).id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [id] * 6
    assert len(fsm_server.sent("GET", "sys_dictionary")) == 1
