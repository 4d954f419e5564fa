"""What a closure with open work is: who closed it, what opened, what is said and done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mappings.breach import closed_above, closing, is_closing, opening, told, told_now
from mappings.changes import What
from mappings.closure import ClosureSettings
from mappings.effects import EffectKind
from mappings.model import Kind
from mappings.requests import Request, RequestStatus

REQUEST = Request(Kind.DOMAIN_ORDER, "do1", datetime(2026, 6, 1, tzinfo=UTC))


@pytest.fixture
def closed(make):
    """A closed domain order whose work order is open."""
    return make.in_play(subject=make.domain_order("closed_complete"))


def keys(decision):
    return [effect.key for effect in decision.effects]


def test_a_domain_order_that_was_closed_just_now_is_closing(make, closed):
    change = make.change(What.CLOSED, closed.subject)
    assert is_closing([change], closed)
    assert not is_closing([make.change(What.AMENDED, closed.subject)], closed)
    assert not is_closing([make.change(What.CLOSED, make.order_task("closed_complete"))], closed)


def test_closed_by_hand_while_work_is_open_is_one_note_that_names_it(make, closed):
    found = closing(closed, (), None, make.policy())
    assert found.by_hand
    decision = told(found, closed, make.policy())
    assert keys(decision) == ["bypassed:do1:1"]
    assert "WO1" in decision.effects[0].text
    assert told_now(found, keys(decision)) == closed.work_orders
    assert told_now(found, ()) == ()


def test_work_of_its_tasks_and_children_counts(make, closed):
    below = make.facts(make.order_task(), work_orders=(make.work_order("wo2"),), links=(make.link("wo2"),))
    found = closing(closed, (below,), None, make.policy())
    assert [record.id for record in found.open] == ["wo1", "wo2"]


@pytest.mark.parametrize(
    "given",
    [{"work_orders": ()}, {"vanished": frozenset({"wo1"})}],
    ids=["no work order", "gone"],
)
def test_nothing_open_is_no_breach(make, closed, given):
    assert closing(replace(closed, **given), (), None, make.policy()) is None


def test_a_person_who_overrode_the_gate_is_not_told_what_they_know(make, closed):
    request = replace(REQUEST, overridden_by="A. Meier")
    assert closing(closed, (), request, make.policy()) is None


@pytest.mark.parametrize(
    ("status", "by_hand"),
    [(RequestStatus.RELEASING, False), (RequestStatus.RELEASED, False), (RequestStatus.OVER, True)],
)
def test_what_the_gate_released_was_not_closed_by_hand(make, closed, status, by_hand):
    assert closing(closed, (), replace(REQUEST, status=status), make.policy()).by_hand is by_hand


@pytest.mark.parametrize(
    ("was", "now", "opens"),
    [
        (None, "assigned", True),
        ("closed_complete", "work_in_progress", True),
        ("assigned", "accepted", False),
        (None, "closed_complete", False),
    ],
    ids=["new", "reopened", "open all along", "new and closed"],
)
def test_what_opens_after_the_closure(make, closed, was, now, opens):
    record = make.work_order(state=now)
    change = make.change(What.STATUS_CHANGED, record, make.work_order(state=was) if was else None)
    found = opening([change], closed, make.policy())
    assert (found is not None) is opens


def test_what_opens_is_noted_for_each_work_order_and_version(make, closed):
    changes = [make.change(What.FIRST_SEEN, make.work_order(id)) for id in ("wo1", "wo2")]
    found = opening(changes, closed, make.policy())
    assert keys(told(found, closed, make.policy())) == ["violated:do1:wo1:1", "violated:do1:wo2:1"]
    assert [record.id for record in told_now(found, ("violated:do1:wo2:1",))] == ["wo2"]


def test_a_change_of_an_order_opens_nothing(make, closed):
    assert opening([make.change(What.AMENDED, make.order())], closed, make.policy()) is None


def test_an_open_domain_order_may_have_open_work(make):
    change = make.change(What.FIRST_SEEN, make.work_order())
    assert opening([change], make.in_play(), make.policy()) is None


@pytest.mark.parametrize(
    ("task", "parent", "expected"),
    [
        ("open", "closed_complete", "do1"),
        ("closed_complete", "in_progress", "task1"),
        ("open", "canceled", None),
    ],
)
def test_an_order_task_is_closed_with_its_domain_order(make, task, parent, expected):
    facts = make.facts(make.order_task(task), parent=make.domain_order(parent))
    found = closed_above(facts, make.policy())
    assert (found.id if found else None) == expected


def test_reopening_is_on_the_version_that_was_closed_and_while_work_is_open(make, closed):
    policy = make.policy(closure=ClosureSettings(past_gate="reopen", reopen={"state": "scheduled"}))
    decision = told(closing(closed, (), None, policy), closed, policy)
    _, reopen = decision.effects
    assert reopen.kind is EffectKind.REOPEN_DOMAIN_ORDER
    assert (reopen.key, reopen.target) == ("reopen:do1:1", "do1")
    assert reopen.values == {"state": "scheduled"}
    assert reopen.while_open == ("wo1",)


@pytest.mark.parametrize("by_hand", [True, False], ids=["past the gate", "opened after the closure"])
@pytest.mark.parametrize(
    ("way", "said"), [("note", "A person must decide"), ("reopen", "By configuration it is opened again")]
)
def test_the_note_says_what_happens_next(make, closed, by_hand, way, said):
    policy = make.policy(closure=ClosureSettings(past_gate=way))
    found = replace(closing(closed, (), None, policy), by_hand=by_hand)
    assert said in told(found, closed, policy).effects[0].text


def test_what_is_not_closed_by_its_state_is_not_reopened(make):
    """Released by a note or another field: the flow, or a person, has not closed it yet."""
    policy = make.policy(closure=ClosureSettings(past_gate="reopen"))
    facts = make.in_play()
    found = replace(closing(facts, (), None, policy), by_hand=False)
    assert len(told(found, facts, policy).effects) == 1
