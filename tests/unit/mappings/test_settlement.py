"""When an effect is over, the domain order is told, once and completely."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mappings import notes
from mappings.changes import What
from mappings.decisions import decide, follow_up, refused, settled
from mappings.effects import Decision, Effect, EffectKind, Reference
from mappings.model import EffectStatus, Kind, System
from mappings.settlement import FOLLOWED

S = EffectStatus


@pytest.fixture(scope="session")
def create(make):
    """The create of a domain order's only work order."""
    facts = make.facts()
    (effect,) = decide((make.change(What.FIRST_SEEN, facts.subject),), facts, make.policy()).effects
    return effect


def _effect(kind, target="wo1", system=System.FIELD_SERVICE, **given):
    return Effect(
        key=f"{kind}:{target}:do1:2",
        kind=kind,
        system=system,
        subject_kind=Kind.DOMAIN_ORDER,
        subject="do1",
        target_kind=Kind.WORK_ORDER if system is System.FIELD_SERVICE else Kind.DOMAIN_ORDER,
        target=target,
        because="test",
        **given,
    )


# -- creates


def test_a_reply_that_a_feed_has_overtaken_is_not_what_the_note_says(make, create):
    """People moved the work order on before the answer to its create was read."""
    reply = make.work_order(create.target, "ready")
    moved = make.later(reply, "assigned")
    facts = make.facts(plan=make.plan(), links=(create.link,), work_orders=(moved,))
    (note,) = settled(create, reply, facts, make.policy()).effects
    assert "(Fiber Installation): Assigned" in note.text


def test_a_created_work_order_is_named_in_a_note(make, create):
    record = make.work_order(create.target, "ready")
    decision = settled(create, record, make.facts(plan=make.plan()), make.policy())
    (note,) = decision.effects
    assert (note.kind, note.system, note.target) == (EffectKind.WRITE_NOTE, System.ORDER_MANAGEMENT, "do1")
    assert note.text.startswith(f"Work order created: {record.number} (Fiber Installation): Ready\n")
    assert note.key.startswith("created:do1:")
    assert note.marker.startswith(f"[syncd:1:{note.key}")
    assert decision.noted == (create.target,)


def test_it_does_not_matter_whether_the_facts_know_the_outcome_already(make, create):
    record = make.work_order(create.target, "ready")
    known = make.facts(plan=make.plan(), links=(create.link,), work_orders=(record,))
    running = make.known(create.key, EffectKind.CREATE_WORK_ORDER, S.IN_FLIGHT, create.target)
    stale = make.facts(plan=make.plan(), effects=(running,))
    assert settled(create, record, known, make.policy()) == settled(create, record, stale, make.policy())


def test_an_id_that_the_server_chose_is_the_one_that_is_noted(make, create):
    decision = settled(
        create, make.work_order("server1", "ready"), make.facts(plan=make.plan()), make.policy()
    )
    assert decision.noted == ("server1",)


@pytest.mark.parametrize(
    ("status", "waits"), [(S.PENDING, True), (S.IN_FLIGHT, True), (S.IN_DOUBT, True), (S.PARKED, False)]
)
def test_the_note_waits_for_the_other_creates_unless_they_are_parked(make, create, status, waits):
    facts = make.facts(plan=make.plan(), effects=(make.known_create(status, slot=2),))
    decision = settled(create, make.work_order(create.target), facts, make.policy())
    assert (decision.effects == ()) is waits


def test_one_note_names_all_of_them_in_order_of_their_numbers(make, create):
    plan = make.plan(make.planned(), make.planned(slot=2, template="Fiber Test"))
    facts = make.facts(
        plan=plan,
        links=(make.link("wo2", slot=2), make.link("wo0", slot=3, noted=True)),
        work_orders=(make.work_order("wo2"), make.work_order("wo0")),
    )
    decision = settled(create, replace(make.work_order(create.target), number="WO1"), facts, make.policy())
    (note,) = decision.effects
    assert note.text.startswith(
        "Work orders created:\n- WO1 (Fiber Installation): Assigned\n- WO2 (Fiber Test): Assigned\n"
    )
    assert set(decision.noted) == {"wo2", create.target}


def test_a_create_whose_record_nobody_has_is_named_later(make, create):
    assert settled(create, None, make.facts(plan=make.plan()), make.policy()).effects == ()


def test_a_reference_that_field_service_does_not_know_is_noted(make, create):
    record = make.work_order(create.target, location="", template="")
    effects = settled(create, record, make.facts(plan=make.plan()), make.policy()).effects
    missing = next(effect for effect in effects if effect.key == f"missing:{create.key}")
    assert "- location: Berlin\n- template: Fiber Installation" in missing.text


def test_a_reference_that_the_record_does_not_show_is_not_called_missing(make, create):
    record = make.work_order(create.target, template="tpl")
    assert len(settled(create, record, make.facts(plan=make.plan()), make.policy()).effects) == 1


def test_a_create_that_a_cancellation_overtook_is_cancelled(make, create):
    facts = make.facts(make.domain_order("canceled"), plan=make.plan())
    effects = settled(create, make.work_order(create.target), facts, make.policy()).effects
    assert [effect.kind for effect in effects] == [EffectKind.WRITE_NOTE, EffectKind.CANCEL_WORK_ORDER]
    assert effects[1].target == create.target


# -- updates and cancels


def test_an_update_is_noted_with_old_and_new_and_the_current_status(make):
    effect = _effect(
        EffectKind.UPDATE_WORK_ORDER,
        values={"priority": "1", "description": "x", "remark": ""},
        references={"location": Reference("location", "name", "Paris")},
        before={"priority": "3", "location": "Berlin", "remark": "old"},
    )
    (note,) = settled(effect, make.work_order(state="accepted"), make.in_play(), make.policy()).effects
    assert note.key == f"amended:{effect.key}"
    assert note.text.startswith(
        "Work order WO1 (Fiber Installation) was updated, status Accepted:\n"
        "- location: Berlin -> Paris\n- priority: 3 -> 1\n- remark: old -> (empty)\n- written again: description\n"
    )


def test_an_update_of_nothing_known_is_not_noted(make):
    effect = _effect(EffectKind.UPDATE_WORK_ORDER, values={"description": "x"})
    assert settled(effect, make.work_order(), make.in_play(), make.policy()).effects == ()


def test_without_a_reply_the_last_snapshot_tells_the_status(make):
    effect = _effect(EffectKind.UPDATE_WORK_ORDER, values={"priority": "1"}, before={"priority": "3"})
    (note,) = settled(effect, None, make.in_play(), make.policy()).effects
    assert "status Assigned" in note.text


def test_an_update_of_a_work_order_that_is_linked_no_more_is_still_noted(make):
    effect = _effect(EffectKind.UPDATE_WORK_ORDER, values={"priority": "1"}, before={"priority": "3"})
    (note,) = settled(effect, make.work_order(), make.facts(), make.policy()).effects
    assert note.text.startswith("Work order WO1 was updated")


def test_an_update_of_a_work_order_that_nobody_has_seen_says_nothing(make):
    effect = _effect(EffectKind.UPDATE_WORK_ORDER, values={"priority": "1"}, before={"priority": "3"})
    assert settled(effect, None, make.facts(), make.policy()).effects == ()


@pytest.mark.parametrize(
    ("state", "noted"), [("canceled", False), ("closed_complete", False), ("assigned", True)]
)
def test_a_cancel_is_told_by_the_status_note_unless_the_status_stayed(make, state, noted):
    facts = make.in_play(order=make.order("canceled"))
    effects = settled(
        _effect(EffectKind.CANCEL_WORK_ORDER), make.work_order(state=state), facts, make.policy()
    ).effects
    said = [
        "Work order WO1 (Fiber Installation) was asked to cancel, because Order ORD1 was cancelled: still Assigned"
    ]
    assert [effect.text.split("\n")[0] for effect in effects] == (said if noted else [])


def test_a_cancel_of_an_order_that_came_back_meanwhile_names_the_subject(make):
    (note,) = settled(
        _effect(EffectKind.CANCEL_WORK_ORDER), make.work_order(), make.in_play(), make.policy()
    ).effects
    assert "because Domain order DO1 was cancelled" in note.text


@pytest.mark.parametrize("system", System)
@pytest.mark.parametrize("kind", sorted(set(EffectKind) - FOLLOWED))
def test_nothing_follows_from_a_note_nor_from_what_else_only_tells(make, kind, system):
    facts = make.in_play()
    for record in (None, facts.subject, make.work_order()):
        decision = settled(_effect(kind, system=system), record, facts, make.policy())
        assert decision == Decision(facts.subject.kind, facts.subject.id)


def test_a_settled_close_is_followed_by_the_release_note(make):
    close = _effect(EffectKind.CLOSE_DOMAIN_ORDER, "do1", System.ORDER_MANAGEMENT)
    facts = make.in_play(work_orders=(make.work_order(state="closed_complete"),))
    (note,) = settled(close, make.domain_order("closed_complete"), facts, make.policy()).effects
    assert note.key == f"released:{close.key}"
    assert note.text.startswith("Closure released: WO1 (Fiber Installation): Closed complete\n")


def test_the_note_of_a_release_on_a_persons_word_says_so(make):
    close = replace(
        _effect(EffectKind.CLOSE_DOMAIN_ORDER, "do1", System.ORDER_MANAGEMENT),
        text="Closure released on the word of A. Meier: [code]returned[/code]",
    )
    (note,) = settled(close, make.domain_order("closed_complete"), make.in_play(), make.policy()).effects
    assert note.text.startswith("Closure released on the word of A. Meier: (code)returned(/code)\n")


# -- refusals


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (EffectKind.UPDATE_WORK_ORDER, {}, "update work order WO1 (Fiber Installation)"),
        (EffectKind.CANCEL_WORK_ORDER, {}, "cancel work order WO1 (Fiber Installation)"),
        (EffectKind.UPDATE_WORK_ORDER, {"target": "wo9"}, "update work order wo9"),
        (EffectKind.CREATE_WORK_ORDER, {}, "create a work order"),
        (
            EffectKind.CREATE_WORK_ORDER,
            {"references": {"template": Reference("template", "name", "Survey")}},
            "create a work order (Survey)",
        ),
    ],
)
def test_a_refusal_is_noted_with_its_reason(make, kind, given, said):
    effect = _effect(kind, **given)
    facts = make.in_play(links=(make.link(noted=True),))
    decision = refused(effect, "Parts are shipped", facts, make.policy())
    (note,) = decision.effects
    assert note.text.startswith(f"Field service refused to {said}: Parts are shipped\n")
    assert note.key.startswith(f"refusal:{effect.key}:")
    assert decision.because[0].text == f"{effect.key} was refused: Parts are shipped"


VOID = {"void_since": 1}


@pytest.mark.parametrize(
    ("cancel", "slot", "state", "void"),
    [
        ({}, VOID, "in_progress", True),
        ({}, VOID, "canceled", False),
        ({"unmatched": "fiber:1"}, VOID, "in_progress", True),
        ({"unmatched": "fiber:1"}, VOID | {"unmatched": True}, "in_progress", False),
        ({"instead_of": "wo2"}, {}, "in_progress", False),
    ],
    ids=["the order stands again", "still cancelled", "the rule is back", "still unmatched", "a duplicate"],
)
def test_a_refused_cancel_that_nobody_wants_any_more_waits_for_nobody(make, cancel, slot, state, void):
    """It was on its way when the order was approved again. Its slot is wanted as it was, and nothing is made anew."""
    effect = _effect(EffectKind.CANCEL_WORK_ORDER, **cancel)
    plan = make.plan(replace(make.planned(), **slot))
    facts = make.in_play(subject=make.domain_order(state), plan=plan, links=(make.link(noted=True),))
    decision = refused(effect, "work goes on", facts, make.policy())
    assert len(decision.effects) == 1
    assert decision.supersede == ((effect.key,) if void else ())
    slots = decision.plan.work_orders if decision.plan else ()
    assert [one.void_since for one in slots] == ([None] if void else [])


def test_what_the_point_of_no_return_held_back_is_noted_with_the_change_and_blames_nobody(make):
    effect = _effect(
        EffectKind.UPDATE_WORK_ORDER,
        values={"priority": "2", "description": "new"},
        references={"location": Reference("location", "name", "South")},
        before={"priority": "3", "location": "North"},
    )
    facts = make.in_play(links=(make.link(noted=True),))
    (note,) = refused(effect, notes.PONR_MEANWHILE, facts, make.policy()).effects
    assert note.text.splitlines()[:-1] == [
        "syncd did not update work order WO1 (Fiber Installation): the point of no return was reached before the "
        "change could be sent. Please check:",
        "- description: (not known) -> new",
        "- location: North -> South",
        "- priority: 3 -> 2",
    ]


def test_another_reason_is_another_note(make):
    effect = _effect(EffectKind.CANCEL_WORK_ORDER)
    keys = {refused(effect, why, make.in_play(), make.policy()).effects[0].key for why in ("a", "b")}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (EffectKind.CLEAR_REQUEST, "Order management refused to take the request for closure away: No"),
        (EffectKind.REOPEN_DOMAIN_ORDER, "Order management refused to open this again: No"),
    ],
)
def test_what_order_management_refuses_is_said_so(make, kind, said):
    facts = make.in_play(links=(make.link(noted=True),))
    effect = _effect(kind, "do1", System.ORDER_MANAGEMENT)
    (note,) = refused(effect, "No", facts, make.policy()).effects
    assert note.text.startswith(f"{said}\n")


def test_a_refused_close_holds_the_closure(make):
    close = _effect(EffectKind.CLOSE_DOMAIN_ORDER, "do1", System.ORDER_MANAGEMENT)
    facts = make.in_play(links=(make.link(noted=True),))
    (note,) = refused(close, "Tasks are open", facts, make.policy()).effects
    assert note.text.startswith("Closure is held: order management refused the close: Tasks are open")


@pytest.mark.parametrize("system", System, ids=str)
def test_a_note_that_cannot_be_written_is_not_written_about(make, system):
    decision = refused(_effect(EffectKind.WRITE_NOTE, system=system), "no", make.in_play(), make.policy())
    assert decision.effects == ()
    assert decision.because


def test_a_refused_create_lets_the_others_be_named(make, create):
    """The note had waited for it, and the facts may still call it in flight."""
    running = make.known(create.key, EffectKind.CREATE_WORK_ORDER, S.IN_FLIGHT, create.target)
    links = (make.link("wo2", slot=2),)
    facts = make.facts(
        plan=make.plan(), links=links, work_orders=(make.work_order("wo2"),), effects=(running,)
    )
    decision = refused(create, "no", facts, make.policy())
    assert [effect.key.split(":")[0] for effect in decision.effects] == ["refusal", "created"]
    assert decision.noted == ("wo2",)


# -- links found in the feed


def test_an_adopted_work_order_is_named_in_a_note_of_its_own(make):
    facts = make.in_play(
        links=(make.link(), make.adopted()), work_orders=(make.work_order(), make.work_order("hand1"))
    )
    decision = follow_up(facts, make.policy())
    assert [effect.text.split(":")[0] for effect in decision.effects] == [
        "Work order created",
        "Work order made in field service",
    ]
    assert decision.noted == ("wo1", "hand1")


@pytest.mark.parametrize(
    ("state", "named"),
    [("in_progress", False), ("on_hold", True), ("draft", True)],
    ids=["comes soon: named together", "held", "stepped back"],
)
def test_a_create_that_waits_for_people_keeps_no_other_work_order_unnamed(make, state, named):
    waiting = make.known_create(S.PENDING, slot=2)
    facts = make.in_play(subject=make.domain_order(state), effects=(waiting,))
    assert bool(follow_up(facts, make.policy()).effects) is named


def test_what_is_noted_or_not_seen_yet_is_not_named(make):
    facts = make.in_play(links=(make.link(noted=True), make.adopted("unseen")))
    assert follow_up(facts, make.policy()).effects == ()


def test_a_note_that_is_on_its_way_is_not_intended_twice(make):
    facts = make.in_play()
    (note,) = follow_up(facts, make.policy()).effects
    known = make.known(note.key, EffectKind.WRITE_NOTE, target="do1")
    assert follow_up(replace(facts, effects=(known,)), make.policy()).effects == ()


@pytest.mark.parametrize(
    ("state", "expected"),
    [("in_progress", 0), ("canceled", 2)],
    ids=["still wanted: it waits for a person", "cancelled: it is void, and the cancel behind it"],
)
def test_a_refused_create_of_a_cancelled_order_is_void(make, create, state, expected):
    """The cancel of another work order of the same subject stays."""
    waiting = [
        make.known("cancel:own", EffectKind.CANCEL_WORK_ORDER, S.PENDING, create.target),
        make.known("cancel:other", EffectKind.CANCEL_WORK_ORDER, S.PENDING, "wo2"),
    ]
    facts = make.facts(make.domain_order(state), effects=tuple(waiting))
    decision = refused(create, "no", facts, make.policy())
    assert decision.supersede == ((create.key, "cancel:own") if expected else ())
