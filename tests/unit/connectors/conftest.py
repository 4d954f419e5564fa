"""What the connector tests share: two small instances behind respx, and connectors to them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import respx

from connectors.auth import Basic
from connectors.registry import ConnectionSettings, build_field_service, build_order_management
from connectors.retrying import Retries
from connectors.servicenow.field_service import ServiceNowFieldService
from connectors.servicenow.order_management import ServiceNowOrderManagement


def _load(name: str) -> ModuleType:
    """A helper beside this file; test folders are no packages."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


fake = _load("fake_servicenow")


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that retries slept."""
    return []


@pytest.fixture
def retries(pauses: list[float]) -> Retries:
    return Retries(attempts=3, sleep=pauses.append, jitter=lambda: 0.0)


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as found:
        yield found


@pytest.fixture
def om_server(router: respx.MockRouter) -> fake.FakeServiceNow:
    server = fake.FakeServiceNow(fake.profile("servicenow-om"))
    router.route(host="127.0.0.1").mock(side_effect=server.answer)
    return server


@pytest.fixture
def fsm_server(router: respx.MockRouter) -> fake.FakeServiceNow:
    server = fake.FakeServiceNow(fake.profile("servicenow-fsm"))
    router.route(host="127.0.0.2").mock(side_effect=server.answer)
    return server


@pytest.fixture
def om(om_server: fake.FakeServiceNow, retries: Retries) -> Iterator[ServiceNowOrderManagement]:
    settings = ConnectionSettings("om-test", fake.OM_URL, Basic("syncd", "secret"), retries=retries)
    found = build_order_management(om_server.profile, settings, monotonic=lambda: 0.0)
    yield found
    found.close()


@pytest.fixture
def fsm(fsm_server: fake.FakeServiceNow, retries: Retries) -> Iterator[ServiceNowFieldService]:
    settings = ConnectionSettings("fsm-test", fake.FSM_URL, Basic("syncd", "secret"), retries=retries)
    found = build_field_service(fsm_server.profile, settings, monotonic=lambda: 0.0)
    yield found
    found.close()
