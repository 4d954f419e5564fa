"""A running sandbox for the tests of this folder, at a time that only moves when a test moves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from syncd.sandbox.clock import SandboxClock
from syncd.sandbox.server import Sandbox, SandboxOptions, running_sandbox
from syncd.sandbox.world import PASSWORD, USERNAME

START = datetime(2026, 6, 1, 10, 0, 0, tzinfo=UTC)
DECOMPOSITION_S = 5


@dataclass
class Remote:
    """One system as a client sees it."""

    url: str
    http: httpx.Client

    def call(self, method: str, path: str, **kwargs: object) -> httpx.Response:
        return self.http.request(method, f"{self.url}/api/now/{path}", **kwargs)

    def list(self, table: str, query: str = "", **params: object) -> list[dict]:
        """Raw rows with plain references."""
        given = {"sysparm_query": query, "sysparm_exclude_reference_link": "true", **params}
        reply = self.call("GET", f"table/{table}", params=given)
        assert reply.status_code == 200, reply.text
        return reply.json()["result"]

    def one(self, table: str, query: str = "", **params: object) -> dict:
        (row,) = self.list(table, query, **params)
        return row

    def create(self, table: str, **values: object) -> dict:
        reply = self.call(
            "POST", f"table/{table}", json=values, params={"sysparm_exclude_reference_link": "true"}
        )
        assert reply.status_code == 201, reply.text
        return reply.json()["result"]

    def change(self, table: str, id: str, **values: object) -> dict:
        reply = self.try_change(table, id, **values)
        assert reply.status_code == 200, reply.text
        return reply.json()["result"]

    def try_change(self, table: str, id: str, **values: object) -> httpx.Response:
        path = f"table/{table}/{id}"
        return self.call("PATCH", path, json=values, params={"sysparm_exclude_reference_link": "true"})

    def notes(self, id: str) -> list[str]:
        query = f"element_id={id}^element=work_notes^ORDERBYsys_created_on"
        return [row["value"] for row in self.list("sys_journal_field", query)]


@dataclass
class People:
    """Agents, managers and technicians: the control API."""

    url: str
    http: httpx.Client

    def do(self, path: str, verb: str = "POST", **body: object) -> dict:
        reply = self.ask(path, verb, **body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def ask(self, path: str, verb: str = "POST", **body: object) -> httpx.Response:
        return self.http.request(verb, f"{self.url}/{path}", json=body)

    def wait(self, seconds: float) -> None:
        """Lets time pass in the sandbox."""
        self.do("clock", advance_s=seconds)

    def approved_order(self, *locations: str, **more: object) -> dict:
        order = self.do("orders", locations=list(locations) or ["Berlin Mitte"], **more)
        self.do(f"orders/{order['order']}/approve")
        self.wait(DECOMPOSITION_S)
        return order

    def report(self) -> dict:
        return self.do("report", "GET")


def _run(shared: bool) -> Iterator[Sandbox]:
    options = SandboxOptions(shared=shared, decomposition_delay_ms=DECOMPOSITION_S * 1000)
    with running_sandbox(options, SandboxClock(lambda: START)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Two instances."""
    yield from _run(shared=False)


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[Sandbox]:
    """One instance behind both ports."""
    yield from _run(shared=True)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(auth=(USERNAME, PASSWORD), timeout=10) as client:
        yield client


@pytest.fixture
def om(sandbox: Sandbox, client: httpx.Client) -> Remote:
    return Remote(sandbox.om_url, client)


@pytest.fixture
def fsm(sandbox: Sandbox, client: httpx.Client) -> Remote:
    return Remote(sandbox.fsm_url, client)


@pytest.fixture
def people(sandbox: Sandbox, client: httpx.Client) -> Iterator[People]:
    people = People(f"{sandbox.om_url}/sandbox", client)
    yield people
    people.do("faults", "DELETE")
