"""The same small set of events on every kind of server that a connector is held against.

Loaded by the conftest beside it. A world has one connector, can make records of one kind behind it, and can misbehave.
"""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import httpx

from connectors.auth import Auth, Basic, OAuth
from connectors.profile import load_profile
from connectors.registry import ConnectionSettings, build_field_service, build_order_management
from connectors.retrying import Retries
from mappings.model import Kind, System
from syncd.sandbox.server import Sandbox

RETRIES = Retries(attempts=3, sleep=lambda _: None)
MAIN_KIND = {System.ORDER_MANAGEMENT: Kind.DOMAIN_ORDER, System.FIELD_SERVICE: Kind.WORK_ORDER}
TABLE = {System.ORDER_MANAGEMENT: "sn_ind_tmt_orm_domain_order", System.FIELD_SERVICE: "wm_order"}


def connect(system: System, url: str, auth: Auth) -> Any:
    name = "servicenow-om" if system is System.ORDER_MANAGEMENT else "servicenow-fsm"
    profile, problems = load_profile(name)
    assert profile is not None, problems
    build = build_order_management if system is System.ORDER_MANAGEMENT else build_field_service
    return build(profile, ConnectionSettings(f"{system}-test", url, auth, retries=RETRIES))


class RespxWorld:
    """The small fake behind respx."""

    def __init__(self, system: System, router: Any, fake: ModuleType) -> None:
        self.kind = MAIN_KIND[system]
        name = "servicenow-om" if system is System.ORDER_MANAGEMENT else "servicenow-fsm"
        self._server = fake.FakeServiceNow(fake.profile(name))
        router.route(host="127.0.0.1").mock(side_effect=self._server.answer)
        self.remote = connect(system, "http://127.0.0.1", Basic("ann", "x"))

    def make(self, count: int) -> list[str]:
        return [self._server.add(self.kind) for _ in range(count)]

    def make_location(self, name: str) -> str:
        return self._server.add("cmn_location", name=name)

    def hide(self, ids: list[str]) -> None:
        self._server.hidden = set(ids)

    def spoil(self, id: str) -> None:
        self._server.row(self.kind, id)["sys_mod_count"] = "many"

    def ignore_queries(self) -> None:
        def everything(request: httpx.Request) -> httpx.Response | None:
            table = self._server.tables.get(request.url.path.rsplit("/", 1)[-1])
            query = request.url.params.get("sysparm_query", "")
            asked = ("sys_updated_on>", "sys_created_on>", "sys_id>")
            if not any(term in query for term in asked) or not table:
                return None
            return self._server.reply(200, {"result": list(table.values())})

        self._server.faults.append(everything)

    def spoil_note(self, id: str) -> None:
        self._server.tables["sys_journal_field"][id]["element_id"] = "nowhere"

    def drop_notes(self) -> None:
        self._server.ignored_columns = {"work_notes"}

    def refuse(self, table: str) -> None:
        refusal = self._server.error(403, "Insufficient rights to query records")
        self._server.fail_once(refusal, path=table)

    def lose_answers(self, method: str) -> None:
        def commit_and_reset(request: httpx.Request) -> httpx.Response | None:
            if request.method != method:
                return None
            self._server.answer(request)
            raise httpx.ReadError("reset")

        self._server.faults.append(commit_and_reset)

    def be_busy_once(self) -> None:
        self._server.fail_once(self._server.error(429, "Rate limit exceeded"))

    def choose_ids(self) -> None:
        def choosing(request: httpx.Request) -> httpx.Response | None:
            if request.method != "POST":
                return None
            values = {k: v for k, v in json.loads(request.content).items() if k != "sys_id"}
            return self._server.answer(httpx.Request("POST", request.url, json=values))

        self._server.faults.append(choosing)

    def tick(self, seconds: int) -> None:
        self._server.tick(seconds)

    def calm(self) -> None:
        """Nothing to do: each test has a server of its own."""

    def close(self) -> None:
        self.remote.close()


class SandboxWorld:
    """One side of a running sandbox, over loopback, steered by its control API."""

    def __init__(self, system: System, sandbox: Sandbox) -> None:
        self.kind = MAIN_KIND[system]
        self._system = system
        self._told = sandbox.description()
        self._names = itertools.count(1)
        om = system is System.ORDER_MANAGEMENT
        url = self._told["om_url" if om else "fsm_url"]
        basic = Basic(self._told["username"], self._told["password"])
        oauth = OAuth(self._told["client_id"], self._told["client_secret"])
        self.remote = connect(system, url, basic if om else oauth)

    def control(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self._told['control_url']}/{path}",
            json.dumps(body or {}).encode() if method != "GET" else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def make(self, count: int) -> list[str]:
        if self.kind is Kind.WORK_ORDER:
            return [self._make_work_order() for _ in range(count)]
        order = self.control("POST", "orders", {"locations": count})["order"]
        self.control("POST", f"orders/{order}/approve")
        self.control("POST", "clock", {"advance_s": 1})
        found = self.remote.find(Kind.DOMAIN_ORDER, "order", order)
        assert len(found) >= count
        return [record.id for record in found[:count]]

    def _make_work_order(self) -> str:
        id = f"{next(self._names):08x}".rjust(32, "c")
        return self.remote.create_work_order(id, {"short_description": "visit"}).id

    def make_location(self, name: str) -> str:
        request = urllib.request.Request(
            f"{self._told['om_url' if self._system is System.ORDER_MANAGEMENT else 'fsm_url']}/api/now/table/cmn_location",
            json.dumps({"name": name}).encode(),
            {
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Authorization": Basic(self._told["username"], self._told["password"]).current(None).header,
            },
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)["result"]["sys_id"]

    def _fault(self, kind: str, **options: object) -> None:
        self.control("POST", "faults", {"kind": kind, **options})

    def hide(self, ids: list[str]) -> None:
        self._fault("hidden", sys_ids=ids)

    def spoil(self, id: str) -> None:
        self._fault("malformed_row", sys_id=id, field="sys_mod_count", value="many")

    def ignore_queries(self) -> None:
        for table in (TABLE[self._system], "sys_journal_field"):
            self._fault("ignore_query", table=table)

    def spoil_note(self, id: str) -> None:
        self._fault("malformed_row", sys_id=id, field="element_id", value="nowhere")

    def drop_notes(self) -> None:
        self._fault("drop_fields", fields=["work_notes"])

    def refuse(self, table: str) -> None:
        self._fault("status", status=403, table=table, message="Insufficient rights to query records")

    def lose_answers(self, method: str) -> None:
        self._fault("reset_after_commit", method=method, count=1)

    def be_busy_once(self) -> None:
        self._fault("rate_limit", count=1, retry_after=1)

    def choose_ids(self) -> None:
        self._fault("server_ids")

    def tick(self, seconds: int) -> None:
        self.control("POST", "clock", {"advance_s": seconds})

    def calm(self) -> None:
        self.control("DELETE", "faults")

    def close(self) -> None:
        self.remote.close()
