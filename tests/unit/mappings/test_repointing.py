"""Whoever loses or gets a work order by a person's hand is told so."""

from __future__ import annotations

from mappings.effects import EffectKind
from mappings.model import EffectStatus
from mappings.repointing import merged, pointed_away, pointed_here


def test_who_loses_a_work_order_is_told_and_nothing_more_is_sent_for_it(make):
    update = make.known("update:hand1:x", EffectKind.UPDATE_WORK_ORDER, target="hand1")
    sent = make.known("update:hand1:y", EffectKind.UPDATE_WORK_ORDER, EffectStatus.IN_FLIGHT, target="hand1")
    other = make.known("update:wo1:x", EffectKind.UPDATE_WORK_ORDER)
    decision = pointed_away(
        make.work_order("hand1"), make.in_play(effects=(update, sent, other)), make.policy()
    )
    (note,) = decision.effects
    assert note.key == "unlinked:do1:hand1:1"
    assert "does not belong here any more" in note.text
    assert decision.supersede == ("update:hand1:x",)


def test_who_gets_a_known_work_order_is_told_under_its_version(make):
    decision = pointed_here(make.work_order("hand1"), make.in_play(), make.policy())
    assert [effect.key for effect in decision.effects] == ["linked:do1:hand1:1"]
    assert decision.noted == ("hand1",)


def test_a_merge_is_told_with_the_one_that_goes_on(make):
    decision = merged(make.work_order(), make.work_order("wo2", "accepted"), make.in_play(), make.policy())
    (note,) = decision.effects
    assert note.key == "merged:do1:wo1:wo2"
    assert "WO1 (Fiber Installation) was merged into WO2: Accepted." in note.text
