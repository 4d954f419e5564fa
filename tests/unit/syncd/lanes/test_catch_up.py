"""A state that is older than the world: whatever was done since is found, never done again, and what is missing is done."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from mappings.model import Kind, System
from state.store import Baseline, Identity, Store, create_or_migrate

_MARKER = re.compile(r"\[syncd:1:([^\]]+)\]\Z")


def copy(world, to):
    """The state as a backup would have it at this moment."""
    path = world.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(to)) as kept:
        live.backup(kept)


def put_back(world, backup):
    world.store.close()
    path = world.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(backup)) as kept, closing(sqlite3.connect(path)) as live:
        kept.backup(live)


def fresh(world, folder):
    """An empty state with the same baseline."""
    world.store.close()
    baseline = Baseline(world.observer._baseline, world.time.now)
    world.url = f"sqlite:///{folder / 'fresh.db'}"
    create_or_migrate(world.url)
    store = Store(world.url, world.time)
    identities = {system: Identity(system, "x", "http://127.0.0.1") for system in System}
    store.initialise(baseline, identities, {})
    store.close()


# -- the story ---------------------------------------------------------------------------------------------------------


def ordered(world):
    world.order("Managed Router", state="new")
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), priority="3")


def approved(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "in_progress", priority="3")


def work_began(world):
    world.fsm.advance(sorted(w.id for w in world.work_orders)[0], "assigned")


def amended(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="1")


def went_on(world):
    world.fsm.advance(sorted(w.id for w in world.work_orders)[0], "in_progress")


def point_of_no_return(world):
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), ponr="true")


def too_late(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), priority="2")


def made_by_hand(world):
    world.fsm.put(Kind.WORK_ORDER, "WO-HAND", "assigned", initiated_from=world.id("DO1"))


def asked_to_close(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), closure_request="requested")


def work_ended(world):
    for record in world.work_orders:
        world.fsm.advance(record.id, "closed_complete")


def unponred_and_cancelled(world):
    world.om.edit(Kind.ORDER_LINE, world.id("ORDL1"), ponr="false")
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")


DELIVERED = (ordered, approved, work_began, amended, went_on, point_of_no_return, too_late, made_by_hand)


def cancelled(world):
    world.om.edit(Kind.DOMAIN_ORDER, world.id("DO1"), "canceled")


STORIES = {
    "closed": (*DELIVERED, asked_to_close, work_ended),
    "cancelled": (ordered, approved, work_began, amended, went_on, unponred_and_cancelled),
    "cancelled past the point": (ordered, approved, work_began, point_of_no_return, cancelled),
    "by hand": (ordered, approved, made_by_hand, amended, cancelled),
}


def tell(world, story, folder=None):
    """Plays a story; with a folder it keeps a backup before, between and after everything that the daemon does."""
    backups: list[Path] = []

    def keep():
        if folder is not None:
            backups.append(folder / f"{len(backups)}.db")
            copy(world, backups[-1])

    for act in story:
        act(world)
        for _ in range(3):
            world.look()
            keep()
            world.gate.answer_all()
            world.deliver()
            keep()
            world.time.pass_(100)
    return backups


# -- what must hold ----------------------------------------------------------------------------------------------------


def saying(notes):
    """What notes say, without the version that each answers and without markers."""
    return Counter(_MARKER.sub("", text).strip() for text in notes)


def truth(world):
    """Both systems as people see them."""
    return {
        "work orders": sorted(
            (w.get("correlation_id") or w.number, w.state, w.get("priority")) for w in world.work_orders
        ),
        "notes on the order": saying(world.notes_on("DO1")),
        "notes on work orders": {
            w.number: saying(note.text for note in world.fsm.journal.get(w.id, [])) for w in world.work_orders
        },
        "domain order": world.om.records[Kind.DOMAIN_ORDER, world.id("DO1")].state,
    }


@pytest.fixture
def closing_world(world):
    """One in which domain orders ask for closure, and a release is written."""
    from dataclasses import replace

    from mappings.closure import ClosureSettings

    settings = ClosureSettings(("closure_request", "requested"), "release", {"closure_request": "released"})
    world.policy = replace(world.policy, closure=settings)
    world.restart()
    world.settle_down(2)
    return world


@pytest.mark.parametrize("story", STORIES)
def test_any_earlier_backup_doubles_and_loses_nothing(closing_world, tmp_path, story):
    """Told once and settled, then each backup of it is put back into the world as it has become."""
    world = closing_world
    backups = tell(world, STORIES[story], tmp_path)
    settled = truth(world)
    assert len(backups) >= 30
    for backup in backups:
        put_back(world, backup)
        world.restart()
        world.settle_down(3)
        assert truth(world) == settled, f"after {backup.name}"
        assert not world.store.catching_up()


@pytest.mark.parametrize("story", STORIES)
def test_a_fresh_state_with_the_same_baseline_doubles_nothing(closing_world, tmp_path, story):
    world = closing_world
    tell(world, STORIES[story])
    settled = truth(world)
    fresh(world, tmp_path)
    world.restart()
    world.settle_down(5)
    assert truth(world) == settled
