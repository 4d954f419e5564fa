"""`syncd explain` and `syncd quarantine` as an operator uses them: real processes, the truth read from both servers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from syncd.demo.processes import Playground, wait_for
from syncd.demo.world import Row, Sandbox

WORK_ORDERS = "wm_order"
BUSINESS_RULE = {
    "kind": "status",
    "status": 403,
    "method": "POST",
    "table": WORK_ORDERS,
    "message": "Operation Failed",
    "detail": "Operation against file 'wm_order' was aborted by Business Rule 'No work in Berlin'",
}


@pytest.fixture
def sandbox(playground: Playground) -> Sandbox:
    started = playground.start_sandbox("--decomposition-delay-ms", "0")
    done = playground.verb("state", "init", "--from", "now")
    assert done.returncode == 0, done.stderr
    return started


def said(playground: Playground, *arguments: str, code: int = 0) -> str:
    """What a verb prints, having ended with `code`."""
    done = playground.verb(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def as_json(playground: Playground, *arguments: str) -> Any:
    found = json.loads(said(playground, *arguments, "--json"))
    assert found["schema_version"] == 1
    return found


def approved(sandbox: Sandbox) -> dict[str, Row]:
    """The domain orders of a new order for one location, by specification, once all of them are there."""
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")

    def decomposed() -> dict[str, Row] | None:
        report = sandbox.control("GET", "report")
        rows = {row["names"]["specification"]: row for row in report["domain_orders"]}
        return rows if rows and not report["pending_decompositions"] else None

    return wait_for("the domain orders", decomposed)


def linked(sandbox: Sandbox, subject: Row) -> list[Row]:
    """The work orders that stand for a domain order."""
    return sandbox.rows("fsm", WORK_ORDERS, f"correlation_idSTARTSWITHsyncd:1:{subject['sys_id']}:")


def test_explain_tells_why_there_are_work_orders_and_why_there_are_none(
    playground: Playground, sandbox: Sandbox
) -> None:
    subjects = approved(sandbox)
    said(playground, "once")
    said(playground, "once")
    (work_order,) = linked(sandbox, subjects["Fiber Access"])
    fiber = said(playground, "explain", subjects["Fiber Access"]["number"])
    for word in ("  seen  ", "  decided  ", "  sent  ", "  answered  "):
        assert word in fiber
    assert '+ rule "install-fiber" matches: specification is "Fiber Access"' in fiber
    assert f"work order {work_order['number']}" in fiber
    assert f"answered  done: {work_order['number']}" in fiber
    none = said(playground, "explain", subjects["IP Address Block"]["number"])
    assert "no work order was planned" in none
    assert 'specification is "Fiber Access", but it is "IP Address Block"' in none
    (story,) = as_json(playground, "explain", work_order["number"])["stories"]
    assert (story["kind"], story["id"]) == ("work_order", work_order["sys_id"])


def test_explain_of_an_unknown_number_looks_it_up_in_both_systems(
    playground: Playground, sandbox: Sandbox
) -> None:
    assert "neither system has a record" in said(playground, "explain", "PO404")
    subject = approved(sandbox)["Fiber Access"]
    number = subject["number"]
    assert "it has not been polled yet" in said(playground, "explain", number)
    fault = sandbox.control(
        "POST", "faults", {"kind": "hidden", "system": "om", "sys_ids": [subject["sys_id"]]}
    )
    assert "access rules hide it" in said(playground, "explain", number)
    sandbox.control("DELETE", f"faults/{fault['id']}")
    sandbox.control("POST", "faults", {"kind": "status", "status": 401, "system": "om"})
    assert "order management cannot be asked now" in said(playground, "explain", number, code=77)
    assert sandbox.writes() == 0


def test_a_record_that_cannot_be_read_waits_for_a_person_and_is_let_in_again(
    playground: Playground, sandbox: Sandbox
) -> None:
    subject = approved(sandbox)["Fiber Access"]
    number = subject["number"]
    bad = {"kind": "malformed_row", "system": "om", "sys_id": subject["sys_id"], "field": "sys_mod_count"}
    fault = sandbox.control("POST", "faults", bad | {"value": "secret \x1b[2J"})
    said(playground, "once", code=3)
    (record,) = as_json(playground, "quarantine", "list")["records"]
    assert (record["id"], record["number"], record["field"]) == (subject["sys_id"], number, "version")
    shown = said(playground, "quarantine", "show", number)
    assert "secret \\u001b[2J" in shown
    assert "it is in quarantine" in said(playground, "explain", number)
    assert "stays in quarantine: version: not a number" in said(
        playground, "quarantine", "retry", number, code=3
    )
    sandbox.control("DELETE", f"faults/{fault['id']}")
    assert "can be read now" in said(playground, "quarantine", "retry", number, "--dry-run")
    assert as_json(playground, "quarantine", "list")["records"] != []
    assert "is read, and taken in" in said(playground, "quarantine", "retry", number, "--by", "A. Meier")
    assert said(playground, "quarantine", "list") == "nothing is in quarantine\n"
    assert linked(sandbox, subject) == []
    said(playground, "once")
    assert len(linked(sandbox, subject)) == 1
    assert "A. Meier retried" in said(playground, "explain", number)


def test_a_refused_create_goes_on_or_is_given_up_on_a_persons_word(
    playground: Playground, sandbox: Sandbox
) -> None:
    fault = sandbox.control("POST", "faults", BUSINESS_RULE | {"system": "fsm"})
    subjects = approved(sandbox)
    said(playground, "once")
    effects = {row["subject"]: row["key"] for row in as_json(playground, "quarantine", "list")["effects"]}
    fiber = subjects["Fiber Access"]
    key = effects[fiber["sys_id"]]
    assert "No work in Berlin" in said(playground, "quarantine", "show", key)
    assert f"syncd quarantine retry {key}" in said(playground, "explain", fiber["number"])
    given_up = next(other for other in effects.values() if other != key)
    nobody = playground.verb("quarantine", "drop", given_up)
    assert nobody.returncode == 2
    assert "--by" in nobody.stderr
    word = ("--by", "A. Meier", "--reason", "never needed")
    assert "would drop" in said(playground, "quarantine", "drop", given_up, *word, "--dry-run")
    assert "dropped" in said(playground, "quarantine", "drop", given_up, *word)
    sandbox.control("DELETE", f"faults/{fault['id']}")
    said(playground, "quarantine", "retry", key)

    def made() -> list[Row]:
        said(playground, "once")  # the first looks whether it stands, and must wait until it may believe that
        return linked(sandbox, fiber)

    assert len(wait_for("the work order", made, every_s=0.5)) == 1
    subject_id = given_up.split(":")[1]
    assert given_up.removeprefix("create:") not in str(linked(sandbox, {"sys_id": subject_id}))
    assert "A. Meier dropped" in said(playground, "explain", subject_id)


def test_what_was_known_then_and_a_page_for_a_ticket(playground: Playground, sandbox: Sandbox) -> None:
    before = datetime.now(UTC).isoformat()
    subject = approved(sandbox)["Fiber Access"]["number"]
    said(playground, "once")
    said(playground, "once")
    assert re.search(
        r"POST -> 201 in \d+ ms \(request syncd-[0-9a-f]{8}\.1\.\d+\)", said(playground, "explain", subject)
    )
    then = said(playground, "explain", subject, "--at", before)
    assert "it had not been seen yet" in then
    assert "rule" not in then
    (story,) = as_json(playground, "explain", subject, "--at", "0s")["stories"]
    assert "was linked to it" in str(story["now"])
    assert playground.verb("explain", subject, "--at", "yesterday").returncode == 2
    page = playground.folder / "page.html"
    assert said(playground, "explain", subject, "--html", str(page)) == f"written to {page}\n"
    written = page.read_text(encoding="utf-8")
    assert written.startswith("<!DOCTYPE html>")
    assert "<svg" in written
    assert "<script" not in written
