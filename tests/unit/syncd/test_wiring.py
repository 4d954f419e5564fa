"""A daemon is only put together on a state that has a baseline and belongs to the instances of the config."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mappings.model import System
from state.store import Baseline, Identity, StateMissing, Store, create_or_migrate
from syncd import logs
from syncd.identity import IdentityChanged
from syncd.wiring import NotReady, build

NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def config(folder):
    folder.add(f'\n[state]\nurl = "sqlite:///{folder.path}/syncd.db"\n')
    return folder.load()


@pytest.fixture
def begin(config):
    """Begins the state of the config for the instances of these ids."""

    def begun(om="om-test", fsm="fsm-test"):
        url = config.state.connect_url()
        create_or_migrate(url)
        store = Store(url, lambda: NOON)
        ids = {System.ORDER_MANAGEMENT: om, System.FIELD_SERVICE: fsm}
        store.initialise(
            Baseline(NOON, NOON), {s: Identity(s, id, config.system(s).url) for s, id in ids.items()}, {}
        )
        store.close()

    return begun


def assembled(config):
    return build(config, logs.get(), run="r1", owner_prefix="run:")


def test_a_state_that_is_not_there_is_named_with_the_next_step(config):
    with pytest.raises(StateMissing, match="syncd state init"):
        assembled(config)


def test_a_state_without_a_baseline_names_the_verb_that_gives_it_one(config):
    create_or_migrate(config.state.connect_url())
    with pytest.raises(NotReady, match="syncd state init --from now"):
        assembled(config)


@pytest.mark.parametrize(
    ("other", "system"),
    [
        pytest.param({"om": "om-prod"}, System.ORDER_MANAGEMENT, id="order management"),
        pytest.param({"fsm": "fsm-prod"}, System.FIELD_SERVICE, id="field service"),
    ],
)
def test_a_state_of_another_instance_is_refused_and_told(config, begin, other, system):
    begin(**other)
    with logs.captured() as events, pytest.raises(IdentityChanged, match=next(iter(other.values()))):
        assembled(config)
    assert [(e["event"], e["system"]) for e in events] == [("identity.changed", system)]


def test_what_is_assembled_fits_the_config_and_closes(config, begin):
    begin()
    app = assembled(config)
    try:
        assert app.figures().workers == config.daemon.workers
        assert set(app.systems) == set(System)
        assert app.systems[System.FIELD_SERVICE].id == "fsm-test"
        assert app.recover() == 0
    finally:
        app.close()
    with pytest.raises(RuntimeError):
        app.executor.submit(print)
