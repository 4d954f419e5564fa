"""What answering a request for closure writes: a release with what must still hold, or one note that names what is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mappings.closure import ClosureSettings, Evidence, Hold, Release, SubjectEvidence
from mappings.decisions import Policy
from mappings.effects import EffectKind
from mappings.model import Facts, Kind
from mappings.requests import Request, answered, asks, is_final, judged

STAMP = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 13, tzinfo=UTC)
REQUEST = Request(Kind.DOMAIN_ORDER, "do1", STAMP)
OPEN = Hold(("work order WO1 is Assigned",))
MARKER = ("closure_request", "requested")
POLICY = Policy("om", closure=ClosureSettings(marker=MARKER, release={"state": "closed_complete"}))


@pytest.fixture
def asking(make):
    return make.domain_order(closure_request="requested")


@pytest.fixture
def evidence(make, asking):
    work_order = make.record(Kind.WORK_ORDER, "wo1", "closed_complete")
    return Evidence(
        subjects=(SubjectEvidence(asking, None, historic=True),),
        order=make.order(),
        line=make.line(),
        work_orders={"wo1": work_order},
        catching_up=False,
        intake_current=True,
        search_settled=True,
        unsettled=(),
        quarantined=(),
    )


@pytest.fixture
def facts(asking, evidence):
    return Facts(subject=asking, work_orders=tuple(evidence.work_orders.values()))


def test_the_key_is_the_domain_order_and_the_stamp_of_the_request():
    assert REQUEST.key == "do1:20260601T123000"


def test_nothing_open_is_a_release(evidence):
    assert judged(REQUEST, evidence, POLICY) == Release()


def test_an_open_work_order_is_a_hold(make, evidence):
    evidence = replace(evidence, work_orders={"wo1": make.record(Kind.WORK_ORDER, "wo1", "assigned")})
    assert judged(REQUEST, evidence, POLICY) == Hold(("work order WO1 is Assigned",))


def test_a_persons_word_releases_whatever_is_open(make, evidence):
    evidence = replace(evidence, work_orders={"wo1": make.record(Kind.WORK_ORDER, "wo1", "assigned")})
    overridden = replace(REQUEST, overridden_by="A. Meier", override_reason="returned")
    assert judged(overridden, evidence, POLICY) == Release()


@pytest.mark.parametrize("missing", ["intake_current", "search_settled"])
def test_a_hold_that_waits_for_its_own_look_is_not_final(evidence, missing):
    verdict = judged(REQUEST, replace(evidence, **{missing: False}), POLICY)
    assert isinstance(verdict, Hold)
    assert not is_final(verdict)


def test_releases_and_other_holds_are_final():
    assert is_final(Release())
    assert is_final(Hold(("work order WO1 is Assigned",)))


def test_a_hold_is_one_note_with_each_reason(evidence, facts):
    decision, request = answered(REQUEST, OPEN, evidence, facts, POLICY, now=NOW)
    (note,) = decision.effects
    assert note.kind is EffectKind.WRITE_NOTE
    assert note.key == "held:do1:20260601T123000"
    assert "work order WO1 is Assigned" in note.text
    assert (request.hold_notes, request.noted_reasons, request.noted_at) == (1, OPEN.reasons, NOW)


LATER = NOW + timedelta(hours=2)
OTHERS = Hold(("work order WO2 is Assigned",))


@pytest.mark.parametrize(
    ("verdict", "now", "notes"),
    [
        (OPEN, LATER, 0),
        (OTHERS, NOW + timedelta(minutes=59), 0),
        (OTHERS, LATER, 1),
        (OTHERS, NOW - timedelta(days=3650), 1),
    ],
    ids=["the same holds", "too soon", "something else, later", "something else, the clock was set back"],
)
def test_another_hold_note_needs_another_reason_and_the_interval(evidence, facts, verdict, now, notes):
    _, noted = answered(REQUEST, OPEN, evidence, facts, POLICY, now=NOW)
    decision, _ = answered(noted, verdict, evidence, facts, POLICY, now=now)
    assert len(decision.effects) == notes


def test_each_hold_note_of_a_request_has_a_key_of_its_own(evidence, facts):
    request, keys = REQUEST, set()
    for turn, verdict in enumerate((OPEN, OTHERS, OPEN)):
        decision, request = answered(
            request, verdict, evidence, facts, POLICY, now=NOW + timedelta(hours=turn)
        )
        keys |= {effect.key for effect in decision.effects}
    assert len(keys) == 3


def test_a_hold_that_clears_takes_the_marker_away_on_the_version_it_was_decided_on(evidence, facts):
    policy = Policy("om", closure=replace(POLICY.closure, on_hold="clear", cleared="no"))
    _, clear = answered(REQUEST, OPEN, evidence, facts, policy, now=NOW)[0].effects
    assert clear.kind is EffectKind.CLEAR_REQUEST
    assert clear.values == {MARKER[0]: "no"}
    assert clear.expected_version == evidence.subjects[0].record.version


def test_without_a_marker_there_is_nothing_to_clear(evidence, facts):
    policy = Policy("om", closure=ClosureSettings(on_hold="clear"))
    (note,) = answered(REQUEST, OPEN, evidence, facts, policy, now=NOW)[0].effects
    assert note.kind is EffectKind.WRITE_NOTE


def test_a_release_writes_the_fields_of_the_config_on_the_version_it_was_decided_on(evidence, facts):
    (effect,) = answered(REQUEST, Release(), evidence, facts, POLICY, now=NOW)[0].effects
    assert effect.kind is EffectKind.CLOSE_DOMAIN_ORDER
    assert effect.values == {"state": "closed_complete"}
    assert effect.expected_version == evidence.subjects[0].record.version
    assert effect.still_closed == ("wo1",)


def test_the_note_of_an_overridden_release_says_who_why_and_what_held_it(make, evidence, facts):
    evidence = replace(evidence, work_orders={"wo1": make.record(Kind.WORK_ORDER, "wo1", "assigned")})
    overridden = replace(REQUEST, overridden_by="A. Meier", override_reason="returned")
    said = "Closure released on the word of A. Meier: returned\nWhat held it:\n- work order WO1 is Assigned"
    (close,) = answered(overridden, Release(), evidence, facts, POLICY, now=NOW)[0].effects
    assert close.text == said
    note_only = replace(POLICY, closure=replace(POLICY.closure, release={}))
    (note,) = answered(overridden, Release(), evidence, facts, note_only, now=NOW)[0].effects
    assert note.text == f"{said}\n{note.marker}"


def test_an_overridden_release_that_nothing_held_names_the_person_alone(evidence, facts):
    overridden = replace(REQUEST, overridden_by="A. Meier", override_reason="returned")
    (close,) = answered(overridden, Release(), evidence, facts, POLICY, now=NOW)[0].effects
    assert close.text == "Closure released on the word of A. Meier: returned"


def test_an_overridden_release_names_the_person_and_demands_nothing_of_work_orders(evidence, facts):
    overridden = replace(REQUEST, overridden_by="A. Meier", override_reason="returned")
    (effect,) = answered(overridden, Release(), evidence, facts, POLICY, now=NOW)[0].effects
    assert effect.because == "released by A. Meier: returned"
    assert effect.still_closed == ()


def test_a_release_by_note_only_writes_a_note(evidence, facts):
    policy = Policy("om", closure=ClosureSettings(marker=MARKER))
    (note,) = answered(REQUEST, Release(), evidence, facts, policy, now=NOW)[0].effects
    assert note.kind is EffectKind.WRITE_NOTE
    assert "WO1" in note.text


@pytest.mark.parametrize(
    ("marker", "expected"),
    [(MARKER, True), (("closure_request", "other"), False), (("state", "in_progress"), True)],
)
def test_a_record_asks_by_its_marker_field_or_its_state(asking, marker, expected):
    assert asks(asking, marker) is expected
