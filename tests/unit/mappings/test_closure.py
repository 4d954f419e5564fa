"""The gate releases only what is proven closed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.changes import default_lifecycles
from mappings.closure import ClosureSettings, Evidence, Hold, Release, SubjectEvidence, answer, is_closed
from mappings.effects import EffectKind
from mappings.model import EffectStatus

S = EffectStatus
PROPERTY = settings(max_examples=200, deadline=None, derandomize=True)
SETTINGS = ClosureSettings(marker=("closure_request", "true"))
LIFECYCLES = default_lifecycles()
CLOSED = LIFECYCLES["work_order"].closed


def _answer(evidence, settings_=SETTINGS):
    return answer(evidence, settings_, LIFECYCLES)


@pytest.fixture(scope="session")
def subject(make):
    return SubjectEvidence(make.domain_order(closure_request="true"), make.plan(), (make.link(),))


@pytest.fixture(scope="session")
def sound(make, subject):
    """Evidence that releases."""
    return Evidence(
        subjects=(subject,),
        order=make.order(),
        line=make.line(),
        work_orders={"wo1": make.work_order(state="closed_complete")},
        catching_up=False,
        intake_current=True,
        search_settled=True,
        unsettled=(),
        quarantined=(),
    )


def test_what_is_closed_and_settled_is_released(sound):
    assert _answer(sound) == Release()


def _with_subject(evidence, **other):
    first, *rest = evidence.subjects
    return replace(evidence, subjects=(replace(first, **other), *rest))


def _with_child(evidence, make, **given):
    child = {"record": make.order_task(), "plan": None, **given}
    return replace(evidence, subjects=(*evidence.subjects, SubjectEvidence(**child)))


def _with_effect(evidence, make, status, kind=EffectKind.CANCEL_WORK_ORDER, target="wo1"):
    return replace(evidence, unsettled=(make.known("key", kind, status, target),))


HOLDS = {
    "nothing read": (lambda e, m: replace(e, subjects=()), "the domain order itself could not be read"),
    "catching up": (
        lambda e, m: replace(e, catching_up=True),
        "syncd is catching up with both systems after a start",
    ),
    "intake behind": (
        lambda e, m: replace(e, intake_current=False),
        "changes of the order are still being taken in",
    ),
    "search": (
        lambda e, m: replace(e, search_settled=False),
        "the search for work orders made by hand is not settled yet",
    ),
    "effect": (
        lambda e, m: _with_effect(e, m, S.IN_FLIGHT),
        "cancel work order WO1 (in flight) is not settled",
    ),
    "create": (
        lambda e, m: _with_effect(e, m, S.PARKED, EffectKind.CREATE_WORK_ORDER, "wo9"),
        "create work order (parked) is not settled: it waits for a person (syncd quarantine list)",
    ),
    "quarantine": (lambda e, m: replace(e, quarantined=("WO9",)), "WO9 is in quarantine"),
    "open": (
        lambda e, m: replace(e, work_orders={"wo1": m.work_order(state="accepted")}),
        "work order WO1 is Accepted",
    ),
    "unknown state": (
        lambda e, m: replace(e, work_orders={"wo1": replace(m.work_order(state="unknown"), state_label="")}),
        "work order WO1 is unknown",
    ),
    "closed but active": (
        lambda e, m: replace(e, work_orders={"wo1": m.work_order(state="closed_incomplete", active="true")}),
        "work order WO1 is Closed incomplete",
    ),
    "unreadable": (lambda e, m: replace(e, work_orders={}), "work order wo1 could not be read"),
    "missing slot": (
        lambda e, m: _with_subject(e, plan=m.plan(m.planned(), m.planned(slot=2, template="Fiber Test"))),
        "DO1 has no work order yet for Fiber Test (rule fiber, slot 2)",
    ),
    "undecided": (lambda e, m: _with_subject(e, plan=None), "DO1 has not been decided yet"),
    "made by hand": (
        lambda e, m: _with_subject(e, found=(m.work_order("hand", "ready"),)),
        "work order HAND is Ready",
    ),
    "undecided task": (_with_child, "TASK1 has not been decided yet"),
    "task's work order": (
        lambda e, m: replace(
            _with_child(e, m, plan=m.plan(), links=(m.link("wo7"),)),
            work_orders={**e.work_orders, "wo7": m.work_order("wo7", "ready")},
        ),
        "work order WO7 is Ready",
    ),
    "withdrawn": (
        lambda e, m: _with_subject(e, record=m.domain_order()),
        "DO1 does not ask for closure any more",
    ),
    "held": (
        lambda e, m: _with_subject(e, record=m.domain_order("on_hold", closure_request="true")),
        "DO1 is On hold",
    ),
    "in revision": (
        lambda e, m: replace(e, order=m.order("revision_in_progress")),
        "ORD1 is Revision in progress",
    ),
    "in cancellation": (lambda e, m: replace(e, line=m.line("canceled")), "ORDL1 is Canceled"),
    "unknown order state": (
        lambda e, m: replace(e, order=replace(m.order("unknown"), state_label="")),
        "ORD1 is unknown",
    ),
    "order unread": (lambda e, m: replace(e, order=None), "the order of DO1 could not be read"),
    "line unread": (lambda e, m: replace(e, line=None), "the order line of DO1 could not be read"),
}


@pytest.mark.parametrize("case", HOLDS)
def test_one_open_thing_holds_and_is_named(make, sound, case):
    spoil, reason = HOLDS[case]
    assert _answer(spoil(sound, make)) == Hold((reason,))


@pytest.mark.parametrize("kind", [EffectKind.UPDATE_WORK_ORDER, EffectKind.CANCEL_WORK_ORDER])
def test_a_refused_change_holds_even_where_its_work_order_is_closed(make, sound, kind):
    """It waits for a person, who is to see it before the order is closed."""
    told = (
        f"{kind.replace('_', ' ')} WO1 (parked) is not settled: it waits for a person (syncd quarantine list)"
    )
    assert _answer(_with_effect(sound, make, S.PARKED, kind)) == Hold((told,))


def test_everything_that_holds_is_named_once(make, sound):
    linked_twice = _with_child(sound, make, plan=make.plan(), links=(make.link(),))
    opened = replace(linked_twice, work_orders={"wo1": make.work_order()}, search_settled=False)
    assert _answer(opened) == Hold(
        ("the search for work orders made by hand is not settled yet", "work order WO1 is Assigned")
    )


def test_without_a_marker_nobody_asked(sound):
    assert isinstance(_answer(sound, ClosureSettings()), Hold)


@pytest.mark.parametrize(
    ("other", "released"),
    [
        ({"links": (), "waived": frozenset({("fiber", 1)})}, True),
        ({"links": (), "waived": frozenset({("fiber", 2)})}, False),
        ({"links": (), "plan": None, "historic": True}, True),
    ],
    ids=["waived", "another slot waived", "older than the baseline"],
)
def test_a_person_may_do_without_a_work_order(sound, other, released):
    assert (_answer(_with_subject(sound, **other)) == Release()) is released


def test_an_undecided_task_that_is_over_does_not_hold(make, sound):
    assert _answer(_with_child(sound, make, record=make.order_task("canceled"))) == Release()


@pytest.mark.parametrize("state", ["canceled", "closed_complete"])
def test_a_task_that_ended_before_its_work_order_was_made_misses_none(make, sound, state):
    ended = _with_child(sound, make, record=make.order_task(state), plan=make.plan())
    assert _answer(ended) == Release()
    assert _answer(_with_child(sound, make, record=make.order_task(), plan=make.plan())) != Release()


def test_a_found_work_order_that_is_closed_or_read_by_id_does_not_hold(make, sound):
    stale = make.work_order("wo1", "ready")
    closed = make.work_order("hand", "canceled")
    assert _answer(_with_subject(sound, found=(stale, closed))) == Release()


def test_a_subject_without_an_order_of_its_own_is_judged_without_one(make, sound):
    bare = make.domain_order(closure_request="true", order="", order_line="")
    assert _answer(replace(_with_subject(sound, record=bare), order=None, line=None)) == Release()


@pytest.mark.parametrize(("setting", "released"), [("release", True), ("hold", False)])
def test_the_config_says_what_happens_without_any_work_order(make, sound, setting, released):
    nothing = replace(
        _with_subject(sound, plan=replace(make.plan(), work_orders=()), links=()), work_orders={}
    )
    found = _answer(nothing, replace(SETTINGS, no_work_orders=setting))
    assert (found == Release()) is released
    assert _answer(sound, replace(SETTINGS, no_work_orders=setting)) == Release()


def test_a_work_order_made_by_hand_is_a_work_order(make, sound):
    settings_ = replace(SETTINGS, no_work_orders="hold")
    by_hand = make.work_order("hand", "closed_complete")
    nothing = replace(
        _with_subject(sound, plan=replace(make.plan(), work_orders=()), links=()), work_orders={}
    )
    assert _answer(_with_subject(nothing, found=(by_hand,)), settings_) == Release()


def test_closed_means_closed_and_inactive(make):
    assert is_closed(make.work_order(state="closed_complete", active="false"), CLOSED)
    assert is_closed(make.work_order(state="canceled"), CLOSED)
    assert not is_closed(make.work_order(state="closed_complete", active="true"), CLOSED)


_STATES = st.sampled_from(
    ["draft", "accepted", "unknown", "closed_complete", "closed_incomplete", "canceled"]
)


@PROPERTY
@given(st.lists(_STATES, max_size=4), st.lists(_STATES, max_size=2), st.sets(st.integers(0, 3)))
def test_the_gate_never_releases_with_one_open(make, sound, linked, found, unread):
    links = tuple(make.link(f"wo{n}", slot=n + 1) for n in range(len(linked)))
    plan = replace(make.plan(), work_orders=tuple(make.planned(slot=n + 1) for n in range(len(linked))))
    read = {f"wo{n}": make.work_order(f"wo{n}", state) for n, state in enumerate(linked) if n not in unread}
    hand = tuple(make.work_order(f"hand{n}", state) for n, state in enumerate(found))
    evidence = replace(_with_subject(sound, links=links, plan=plan, found=hand), work_orders=read)
    everything_closed = all(state in CLOSED for state in (*linked, *found)) and len(read) == len(linked)
    assert (_answer(evidence) == Release()) is everything_closed


def test_a_vanished_work_order_holds_and_is_named_until_a_person_lets_it_go(sound):
    gone = replace(_with_subject(sound, vanished={"wo1": "WO1"}), work_orders={})
    reason = "work order WO1 is gone from field service (syncd link drop WO1 lets it go)"
    assert _answer(gone) == Hold((reason,))
    assert _answer(_with_subject(gone, links=(), vanished={}, waived=frozenset({("fiber", 1)}))) == Release()


@PROPERTY
@given(st.lists(st.sampled_from(sorted(set(HOLDS) - {"nothing read"})), min_size=1, max_size=4))
def test_no_further_fault_opens_the_gate(make, sound, cases):
    evidence = sound
    for case in cases:
        spoil, reason = HOLDS[case]
        evidence = spoil(evidence, make)
    held = _answer(evidence)
    assert isinstance(held, Hold)
    assert reason in held.reasons


@pytest.mark.parametrize(
    ("others", "field", "holds"),
    [({}, "parent", True), ({"wo2": "closed_complete"}, "parent", False), ({}, "", False)],
    ids=["not seen", "closed", "not configured"],
)
def test_a_merged_work_order_is_as_closed_as_the_one_that_does_its_work(make, sound, others, field, holds):
    merged = {"wo1": make.work_order(state="closed_complete", parent="wo2")}
    others = {id: make.work_order(id, state) for id, state in others.items()}
    verdict = _answer(replace(sound, work_orders=merged | others), replace(SETTINGS, merged=field))
    assert isinstance(verdict, Hold) is holds


def test_the_states_that_satisfy_the_gate_may_be_fewer(make, sound):
    incomplete = replace(sound, work_orders={"wo1": make.work_order(state="closed_incomplete")})
    assert _answer(incomplete) == Release()
    fewer = replace(SETTINGS, closed=frozenset({"closed_complete"}))
    assert isinstance(_answer(incomplete, fewer), Hold)
