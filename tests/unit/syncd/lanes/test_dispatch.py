"""Each failure of each kind of write comes to the outcome that doubles nothing and blocks nothing for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.errors import (
    Busy,
    Conflict,
    Doubtful,
    Misconfigured,
    Missing,
    Refused,
    Unreachable,
    Unreadable,
)
from mappings.effects import Effect, EffectKind, Reference
from mappings.keys import Correlation
from mappings.model import Kind, System
from state.store import Claim, Done, InDoubt, NotSent, Overtaken, Parked

ERRORS = {
    "unreachable": Unreachable("no connection"),
    "busy": Busy("429", retry_after=7),
    "doubtful": Doubtful("no answer in time"),
    "conflict": Conflict("409"),
    "refused": Refused("403", reason="aborted by Business Rule"),
    "missing": Missing("404"),
    "misconfigured": Misconfigured("403"),
}
WRITES = {
    EffectKind.CREATE_WORK_ORDER: "create_work_order",
    EffectKind.UPDATE_WORK_ORDER: "update",
    EffectKind.CANCEL_WORK_ORDER: "cancel_work_order",
    EffectKind.WRITE_NOTE: "write_note",
}
SURELY_NOT_SENT = {"unreachable": NotSent, "busy": NotSent, "refused": Parked, "missing": Parked}
EXPECTED = {
    # a create looks at its id whatever the answer was
    EffectKind.CREATE_WORK_ORDER: SURELY_NOT_SENT
    | {"doubtful": InDoubt, "conflict": Parked, "missing": InDoubt, "misconfigured": InDoubt},
    EffectKind.UPDATE_WORK_ORDER: SURELY_NOT_SENT
    | {"doubtful": InDoubt, "conflict": InDoubt, "misconfigured": InDoubt},
    EffectKind.CANCEL_WORK_ORDER: SURELY_NOT_SENT
    | {"doubtful": InDoubt, "conflict": InDoubt, "misconfigured": InDoubt},
    EffectKind.WRITE_NOTE: SURELY_NOT_SENT
    | {"doubtful": InDoubt, "conflict": InDoubt, "misconfigured": InDoubt},
}


@pytest.fixture
def claim_of(world):
    """A claim of an effect of any kind on DO1 and, but for a create, on the work order WO1."""
    world.order("Fiber Access")
    ours = Correlation(world.id("DO1"), "fiber", 1, 1)

    def made(kind, *, probing=False):
        note = kind is EffectKind.WRITE_NOTE
        target = ours.own_id("om") if kind is EffectKind.CREATE_WORK_ORDER else world.id("WO1")
        if kind in (EffectKind.UPDATE_WORK_ORDER, EffectKind.CANCEL_WORK_ORDER):
            world.fsm.put(Kind.WORK_ORDER, "WO1", "ready", priority="3")
        if kind is EffectKind.CANCEL_WORK_ORDER:
            world.om.put(Kind.DOMAIN_ORDER, "DO1", "canceled")
        values = {"correlation_id": str(ours)} if kind is EffectKind.CREATE_WORK_ORDER else {"priority": "1"}
        effect = Effect(
            key=f"{kind}:1",
            kind=kind,
            system=System.ORDER_MANAGEMENT if note else System.FIELD_SERVICE,
            subject_kind=Kind.DOMAIN_ORDER,
            subject=world.id("DO1"),
            target_kind=Kind.DOMAIN_ORDER if note else Kind.WORK_ORDER,
            target=world.id("DO1") if note else target,
            because="a test",
            values=values,
            text="text [syncd:1:n]",
            marker="[syncd:1:n]",
        )
        sent = world.time.now if probing else None
        later = world.time.now + timedelta(hours=1)
        return Claim(1, 1, effect, probing, 2 if probing else 1, sent, sent, later)

    return made


def remote(world, kind):
    return world.om if kind is EffectKind.WRITE_NOTE else world.fsm


CASES = [
    pytest.param(kind, name, outcome, id=f"{kind}-{name}")
    for kind, outcomes in EXPECTED.items()
    for name, outcome in outcomes.items()
]


@pytest.mark.parametrize(("kind", "name", "outcome"), CASES)
def test_a_first_send_that_fails(world, claim_of, kind, name, outcome):
    claim = claim_of(kind)
    remote(world, kind).fail(WRITES[kind], ERRORS[name])
    assert type(world.dispatch.perform(claim).outcome) is outcome


@pytest.mark.parametrize(("kind", "name", "outcome"), CASES)
def test_a_second_send_never_comes_out_as_surely_not_sent(world, claim_of, kind, name, outcome):
    """Nobody knows of the first one."""
    claim = claim_of(kind, probing=True)
    remote(world, kind).fail(WRITES[kind], ERRORS[name])
    expected = InDoubt if outcome is NotSent else outcome
    assert type(world.dispatch.perform(claim).outcome) is expected


@pytest.mark.parametrize("kind", [k for k in WRITES if k is not EffectKind.CREATE_WORK_ORDER])
@pytest.mark.parametrize("name", ["doubtful", "misconfigured", "conflict"])
def test_doubt_about_a_write_lasts_at_least_the_settle_time(world, claim_of, kind, name):
    claim = claim_of(kind)
    remote(world, kind).fail(WRITES[kind], ERRORS[name], committed=True)
    outcome = world.dispatch.perform(claim).outcome
    assert outcome.probe_in_s >= world.fsm.settle.total_seconds()


@pytest.mark.parametrize("kind", list(WRITES))
def test_a_write_that_passes_is_done(world, claim_of, kind):
    claim = claim_of(kind)
    assert type(world.dispatch.perform(claim).outcome) is Done
    assert remote(world, kind).writes == [WRITES[kind]]


@pytest.mark.parametrize("kind", list(WRITES))
def test_a_write_that_passed_unnoticed_is_found_and_not_sent_again(world, claim_of, kind):
    first = claim_of(kind)
    world.dispatch.perform(first)
    again = replace(first, probing=True, attempt=2, first_sent_at=world.time.now, last_sent_at=world.time.now)
    assert type(world.dispatch.perform(again).outcome) is Done
    assert remote(world, kind).writes == [WRITES[kind]]


@pytest.mark.parametrize("kind", [EffectKind.CREATE_WORK_ORDER, EffectKind.UPDATE_WORK_ORDER])
def test_an_ambiguous_reference_parks_the_effect_and_not_the_lane(world, claim_of, kind):
    """Two templates of one name: a person must act, and other effects go on meanwhile."""
    claim = claim_of(kind)
    world.fsm.resolve = lambda *_: (_ for _ in ()).throw(Refused("two", reason="2 records have this name"))
    effect = replace(claim.effect, references={"template": Reference("template", "name", "Twice", True)})
    performed = world.dispatch.perform(replace(claim, effect=effect))
    assert type(performed.outcome) is Parked
    assert performed.refusal == "2 records have this name"
    assert world.health.down() == {}


def test_one_unreadable_work_order_says_nothing_about_the_system(world, claim_of):
    claim = claim_of(EffectKind.UPDATE_WORK_ORDER)
    world.fsm.fail("read", Unreadable("priority", field="priority", reason="garbled"))
    assert type(world.dispatch.perform(claim).outcome) is NotSent
    assert world.health.down() == {}


@pytest.mark.parametrize("name", ["unreachable", "busy", "doubtful"])
def test_a_found_create_whose_correlation_cannot_be_restored_just_now_stays_in_doubt(world, claim_of, name):
    """The work order stands: to call the create unsent would let a cancellation forget it."""
    claim = claim_of(EffectKind.CREATE_WORK_ORDER)
    stands(world, claim)
    world.fsm.fail("create_work_order", Conflict("duplicate key"))
    world.fsm.fail("update", ERRORS[name])
    assert type(world.dispatch.perform(claim).outcome) is InDoubt


@pytest.mark.parametrize("name", ["refused", "misconfigured", "conflict"])
def test_a_found_create_whose_correlation_may_not_be_restored_is_done_and_warned_about(
    world, claim_of, events, name
):
    claim = claim_of(EffectKind.CREATE_WORK_ORDER)
    stands(world, claim)
    world.fsm.fail("create_work_order", Conflict("duplicate key"))
    world.fsm.fail("update", ERRORS[name])
    assert type(world.dispatch.perform(claim).outcome) is Done
    assert [e["fields"] for e in events if e["event"] == "field.dropped"] == [["correlation_id"]]


def stands(world, claim):
    """The work order of a create stands, and somebody has emptied its correlation."""
    world.fsm.create_work_order(claim.effect.target, {"correlation_id": ""})


def test_fields_that_an_update_lost_are_told(world, claim_of, events):
    """The server says 200 and leaves the field as it was."""
    claim = claim_of(EffectKind.UPDATE_WORK_ORDER)
    world.fsm.update = lambda kind, id, values: world.fsm.read(kind, id)
    assert type(world.dispatch.perform(claim).outcome) is Done
    assert [e["fields"] for e in events if e["event"] == "field.dropped"] == [["priority"]]


@pytest.mark.parametrize("kind", [k for k in WRITES if k is not EffectKind.CREATE_WORK_ORDER])
def test_a_claim_whose_turn_is_over_sends_nothing(world, claim_of, kind):
    """Its lease ended while it was reading: somebody else may probe it now, and would not see a later write."""
    assert type(world.dispatch.perform(claim_of(kind), lambda: False).outcome) is NotSent
    assert type(world.dispatch.perform(claim_of(kind, probing=True), lambda: False).outcome) is InDoubt
    assert remote(world, kind).writes == []


def test_an_update_of_a_closed_work_order_is_overtaken(world, claim_of):
    claim = claim_of(EffectKind.UPDATE_WORK_ORDER)
    world.fsm.put(Kind.WORK_ORDER, "WO1", "closed_complete")
    assert type(world.dispatch.perform(claim).outcome) is Overtaken
    assert world.fsm.writes == []


def test_an_update_whose_line_cannot_be_read_waits(world):
    """Nobody knows whether it is past the point of no return."""
    world.order("Fiber Access")
    world.settle_down()
    (work_order,) = world.work_orders
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="high")
    world.take_in()
    line = world.om.records.pop((Kind.ORDER_LINE, world.id("ORDL1")))
    world.settle_down()
    assert world.work_orders == [work_order]
    world.om.records[Kind.ORDER_LINE, line.id] = line
    world.settle_down()
    assert world.work_orders[0].get("priority") == "high"


def test_an_outage_during_creates_is_told_once_and_its_end_once(world, events):
    """Every try fails in the same way; nothing in between says that the system is back."""
    world.order("Fiber Access", "Fiber Access", "Fiber Access")
    world.fsm.fail("create_work_order", Misconfigured("403"), times=12)
    world.settle_down(12)
    told = [e["event"] for e in events if e["event"].startswith("remote.")]
    assert told == ["remote.misconfigured", "remote.recovered"]
    assert len(world.work_orders) == 3
