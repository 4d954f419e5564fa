"""The servers that the port contracts run against: a small fake behind respx, and the sandbox in three shapes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import respx

from mappings.model import System
from syncd.sandbox.server import Sandbox, SandboxOptions, running_sandbox

HERE = Path(__file__).parent
OTHER_STATES = {
    "wm_order": {"canceled": "-7", "assigned": "501", "closed_complete": "zu"},
    "sn_ind_tmt_orm_domain_order": {"in_progress": "2", "on_hold": "-5", "canceled": "7"},
}


def _load(path: Path) -> ModuleType:
    """A helper module; test folders are no packages."""
    if path.stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[path.stem])
    return sys.modules[path.stem]


worlds = _load(HERE / "port_worlds.py")
fake = _load(HERE.parent.parent / "unit" / "connectors" / "fake_servicenow.py")

SHAPES = {
    "two-instances": SandboxOptions(decomposition_delay_ms=0),
    "shared-instance": SandboxOptions(decomposition_delay_ms=0, shared=True, qualification=True),
    "other-stored-states": SandboxOptions(decomposition_delay_ms=0, states=OTHER_STATES),
}


@pytest.fixture(scope="module", params=["respx", *SHAPES])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox | None]:
    """A running sandbox of each shape, None for the run behind respx."""
    if request.param == "respx":
        yield None
        return
    with running_sandbox(SHAPES[request.param]) as running:
        yield running


@pytest.fixture(scope="module")
def kept() -> Iterator[Callable[[System, Sandbox], Any]]:
    """Sandbox worlds of one module: their connectors start once."""
    made: dict[tuple[System, int], Any] = {}

    def get(system: System, running: Sandbox) -> Any:
        key = system, id(running)
        if key not in made:
            made[key] = worlds.SandboxWorld(system, running)
        return made[key]

    yield get
    for world in made.values():
        world.close()


@pytest.fixture
def om(sandbox: Sandbox | None, kept: Callable[[System, Sandbox], Any]) -> Iterator[Any]:
    """A world around a connector of Order Management."""
    yield from _world(System.ORDER_MANAGEMENT, sandbox, kept)


@pytest.fixture
def fsm(sandbox: Sandbox | None, kept: Callable[[System, Sandbox], Any]) -> Iterator[Any]:
    """A world around a connector of Field Service."""
    yield from _world(System.FIELD_SERVICE, sandbox, kept)


def _world(system: System, sandbox: Sandbox | None, kept: Callable[[System, Sandbox], Any]) -> Iterator[Any]:
    if sandbox is not None:
        found = kept(system, sandbox)
        yield found
        found.calm()
        return
    with respx.mock(assert_all_called=False) as router:
        found = worlds.RespxWorld(system, router, fake)
        yield found
        found.close()
