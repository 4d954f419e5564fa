"""The encoded query grammar: what binds to what, and what every operator keeps."""

from __future__ import annotations

import pytest

from syncd.sandbox.query import Term, parse_query, parse_term

PEOPLE = "user_nameINu.ada,u.bob,u.cy,u.dee"


@pytest.fixture(scope="module", autouse=True)
def four_users(sandbox, client):
    """Four users that every query of this module is about."""
    from collections import namedtuple

    row = namedtuple("row", "user_name title employee_number active mobile_phone last_login_time")
    for person in (
        row("u.ada", "Chief", "1", "true", "", "2026-05-30 12:00:00"),
        row("u.bob", "chief of staff", "9", "true", "123", "2026-06-01 09:30:00"),
        row("u.cy", "Clerk", "10", "false", "", "2026-06-01 06:00:00"),
        row("u.dee", "", "", "true", "456", ""),
    ):
        reply = client.post(f"{sandbox.om_url}/api/now/table/sys_user", json=person._asdict())
        assert reply.status_code == 201


def names(om, query: str) -> str:
    rows = om.list("sys_user", f"{PEOPLE}^{query}^ORDERBYuser_name", sysparm_fields="user_name")
    return " ".join(row["user_name"].removeprefix("u.") for row in rows)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("title=Chief", "ada"),
        ("title=chief", "ada"),
        ("title!=Chief", "bob cy dee"),
        ("titleLIKEchief", "ada bob"),
        ("title*chief", "ada bob"),
        ("titleCONTAINSstaff", "bob"),
        ("titleNOT LIKEchief", "cy dee"),
        ("title!*chief", "cy dee"),
        ("titleSTARTSWITHC", "ada bob cy"),
        ("titleENDSWITHstaff", "bob"),
        ("title%staff", "bob"),
        ("titleISEMPTY", "dee"),
        ("title=NULL", "dee"),
        ("title=", "dee"),
        ("titleISNOTEMPTY", "ada bob cy"),
        ("titleEMPTYSTRING", "dee"),
        ("titleANYTHING", "ada bob cy dee"),
        ("titleINChief,Clerk", "ada cy"),
        ("titleNOT INChief,Clerk", "bob dee"),
        ("active=false", "cy"),
        ("active!=true", "cy"),
        ("active=0", "cy"),
        ("titleSAMEASemployee_number", "dee"),
        ("titleNSAMEASemployee_number", "ada bob cy"),
        ("titleBETWEENchief@clark", "ada bob"),
        ("department.name=Finance", ""),
        ("last_login_time>2026-06-01 00:00:00", "bob cy"),
        ("last_login_time>=2026-06-01 09:30:00", "bob"),
        ("last_login_time<2026-06-01 00:00:00", "ada"),
        ("last_login_time<=2026-06-01 06:00:00", "ada cy"),
        ("last_login_timeON2026-06-01@2026-06-01 00:00:00@2026-06-01 23:59:59", "bob cy"),
        ("last_login_timeNOTON2026-06-01@2026-06-01 00:00:00@2026-06-01 23:59:59", "ada"),
        ("last_login_timeBETWEEN2026-05-01@2026-05-31", "ada"),
        ("last_login_timeRELATIVEGT@hour@ago@2", "bob"),
        ("last_login_timeRELATIVELT@hour@ago@2", "ada cy"),
        ("last_login_time>javascript:gs.hoursAgo(1)", "bob"),
        ("last_login_time>=javascript:gs.daysAgoStart(0)", "bob"),
        ("last_login_timeMORETHANsys_created_on@day@before@1", "ada"),
        ("last_login_timeLESSTHANsys_created_on@hour@before@1", "bob"),
        ("last_login_timeLT_FIELDsys_created_on", "ada bob cy"),
        ("last_login_timeGT_FIELDsys_created_on", ""),
    ],
)
def test_operator_keeps(om, query, kept):
    assert names(om, query) == kept


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("active=true^title=Chief^ORtitle=Clerk", "ada"),
        ("title=Chief^ORtitle=Clerk^active=true", "ada"),
        (f"title=Chief^NQ{PEOPLE}^title=Clerk", "ada cy"),
        (f"active=true^title=Chief^NQ{PEOPLE}^active=false^title=Clerk", "ada cy"),
        ("title=Chief^EQ", "ada"),
        ("title=Chief^GROUPBYtitle", "ada"),
        ("title=Clerk^ORtitleISEMPTY^ORtitle=Chief", "ada cy dee"),
    ],
)
def test_or_binds_to_the_term_before_it_and_nq_parts_whole_groups(om, query, kept):
    assert names(om, query) == kept


@pytest.mark.parametrize(
    "query",
    [
        "no_such_field=1",
        "titleFROBx",
        "title.name=1",
        "last_login_time>yesterday",
        "AAAA=BBBB",
        "last_login_time>javascript:gs.evil()",
    ],
)
def test_a_term_that_is_not_understood_is_ignored_and_everything_matches(om, query):
    assert names(om, query) == "ada bob cy dee"


def test_an_invalid_alternative_leaves_its_chain_to_the_valid_one(om):
    assert names(om, "title=Chief^ORnonsense=1") == "ada"


def test_with_the_switch_an_invalid_query_returns_no_rows(om, people):
    people.do("settings", properties={"glide.invalid_query.returns_no_rows": "true"})
    assert names(om, "no_such_field=1") == ""
    people.do("settings", properties={"glide.invalid_query.returns_no_rows": "false"})


def test_numbers_are_ordered_as_numbers(om):
    rows = om.list("incident", "ORDERBYpriority^ORDERBYDESCnumber", sysparm_fields="number")
    numbers = [row["number"] for row in rows]
    assert numbers == sorted(numbers, reverse=True)


def test_several_orders_apply_from_the_left(om):
    rows = om.list("sys_user", f"{PEOPLE}^ORDERBYactive^ORDERBYDESCuser_name", sysparm_fields="user_name")
    assert [row["user_name"] for row in rows] == ["u.cy", "u.dee", "u.bob", "u.ada"]


def test_equals_come_in_no_promised_order(om):
    ids = [row["sys_id"] for row in om.list("syslog", "ORDERBYlevel", sysparm_fields="sys_id")]
    assert ids != sorted(ids)
    assert len(set(ids)) == len(ids)


def test_keyset_walk_sees_every_row_of_one_second_once(om):
    seen, stamp, last = [], "2020-01-01 00:00:00", ""
    while True:
        query = f"sys_updated_on>{stamp}^NQsys_updated_on={stamp}^sys_id>{last}^ORDERBYsys_updated_on^ORDERBYsys_id"
        page = om.list("syslog", query, sysparm_limit=100, sysparm_fields="sys_id,sys_updated_on")
        if not page:
            break
        seen += [row["sys_id"] for row in page]
        stamp, last = page[-1]["sys_updated_on"], page[-1]["sys_id"]
    assert len(seen) == len(set(seen)) == 700


def test_a_join_keeps_the_rows_that_the_other_table_names(om):
    query = "JOINsys_user.sys_id=sys_user_group.manager!name=Network"
    assert len(om.list("sys_user", query)) == 1


def test_a_related_list_query_counts_related_rows(om):
    rows = om.list("sys_user_group", "RLQUERYsys_group_has_role.group,>0,m2m^role.nameLIKEadmin^ENDRLQUERY")
    assert sorted(row["name"] for row in rows) == ["Database", "Network", "Service Desk", "Software"]


def test_instanceof_sees_the_classes_below(om):
    servers = om.list("cmdb_ci", "sys_class_nameINSTANCEOFcmdb_ci_server", sysparm_fields="sys_class_name")
    assert {row["sys_class_name"] for row in servers} == {"cmdb_ci_linux_server", "cmdb_ci_win_server"}


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("stateIN1,2", Term("state", "IN", "1,2")),
        ("sys_created_onONToday@a@b", Term("sys_created_on", "ON", "Today@a@b")),
        ("name!=x", Term("name", "!=", "x")),
        ("a.b>=3", Term("a.b", ">=", "3")),
        ("nameNOT INa", Term("name", "NOT IN", "a")),
        ("NAME=x", Term("NAME=x", "", "")),
    ],
)
def test_a_term_is_field_operator_value(text, term):
    assert parse_term(text) == term


def test_order_terms_stand_outside_the_groups():
    query = parse_query("a=1^ORDERBYx^NQb=2^ORDERBYDESCy")
    assert query.order == [("x", False), ("y", True)]
    assert [len(group) for group in query.groups] == [1, 1]
