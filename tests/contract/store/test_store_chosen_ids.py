"""Contract of the store: what becomes of ids that we chose where the server chooses its own."""

from __future__ import annotations

import pytest

from mappings.effects import EffectKind
from state.store import Done

pytestmark = pytest.mark.usefixtures("d1")


def test_what_waits_for_a_work_order_follows_it_to_another_id(store, make, intend, claim):
    intend(make.effect("a", target="own"), make.effect("b", target="other"))
    with store.deciding() as transaction:
        assert transaction.retarget("d1", "own", "made") == 1
    assert claim()["a"].effect.target == "made"


def test_what_another_subject_waits_for_stays(store, make, intend):
    intend(make.effect("a", target="own"))
    with store.deciding() as transaction:
        assert transaction.retarget("d2", "own", "made") == 0


@pytest.mark.parametrize(("work_order", "kept"), [("own", True), ("made", False)])
def test_the_newest_create_tells_whether_our_ids_are_kept(
    store, make, intend, claim, settle, work_order, kept
):
    assert store.own_ids_kept() is None
    intend(make.effect("a", kind=EffectKind.CREATE_WORK_ORDER, target="own"))
    settle(claim()["a"], Done(link=make.link(work_order=work_order)))
    assert store.own_ids_kept() is kept
