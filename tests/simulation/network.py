"""The way to a server and back: time passes, requests get lost, come late, run twice as long, and answers lie.

A request that has left executes on its own, whether or not its client still waits or lives. Called by `ports`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from connectors.errors import Busy, Doubtful, Misconfigured, Refused, RemoteError, Unreachable
from mappings.model import System
from tests.simulation.engine import Hub
from tests.simulation.faults import Faults
from tests.simulation.server import Key, Server

DEADLINE_S = 45.0
LATEST_S = 130.0
"""How long after its client gave up a request may still execute."""
PAUSE_S = 80.0
"""How long a process may stand still between its last check and its request."""
LAG_S = 30.0
"""How late an index may be."""
COMMIT_S = 55.0
"""How long a transaction of the server may take; the overlap is a little more."""
SETTLE_S = 300.0
"""LATEST + PAUSE + COMMIT + LAG, and a little more: when a look after a doubtful write is believed."""
OVERLAP_S = 56.0


@dataclass(eq=False, slots=True)
class Request:
    """One request on its way. `what` names the write that it asks for, () for a read."""

    method: str
    keys: Sequence[Key]
    what: tuple[str, ...]
    sent_at: float
    executed_at: float | None = None
    result: Any = None
    error: RemoteError | None = None
    replied: bool = False
    lost: bool = False
    wakes: list[Callable[[], None]] = field(default_factory=list)


class Network:
    """Between one server and all processes. `writes` are the requests that may still execute."""

    def __init__(self, hub: Hub, server: Server, system: System, faults: Faults, random: Random) -> None:
        self.hub = hub
        self.server = server
        self.system = system
        self.faults = faults
        self.random = random
        self.writes: list[Request] = []
        self.down_until = 0.0
        self.expired_until = 0.0
        self.requests = 0
        self.failed_while_down = 0
        self.sending: list[Callable[[Network, Request], None]] = []

    # -- reads -----------------------------------------------------------------------------------------------------

    def read(self, method: str, act: Callable[[], Any], *, seconds: float = 0.0) -> Any:
        """A read, with whatever retries a connector makes behind it. Takes `seconds` more than usual."""
        self.requests += 1
        self._gates()
        for fault, wait_s in _READ_BUSY.items():
            if self.faults.hit(fault):
                self.hub.sleep(0.1)
                raise Busy(f"{method}: asked to wait", retry_after=wait_s, system=self.system, status=429)
        if self.faults.hit("read_refused"):
            self.hub.sleep(0.01)
            raise Unreachable(f"{method}: connection refused", system=self.system)
        self.hub.sleep(self._latency())
        result = act()
        self.hub.sleep(self._latency() + seconds)
        if self.faults.hit("read_broken"):
            raise Unreachable(f"{method}: the answer does not parse", system=self.system)
        if self.faults.hit("read_html"):
            raise Unreachable(f"{method}: the answer is a page of HTML", system=self.system, status=200)
        if self.faults.hit("read_redirected"):
            raise Misconfigured(f"{method}: redirected to a login page", system=self.system, status=302)
        return result

    # -- writes ----------------------------------------------------------------------------------------------------

    def write(self, method: str, keys: Sequence[Key], what: tuple[str, ...], act: Callable[[], Any]) -> Any:
        """A write, sent once. Raises what a connector would make of the answer."""
        self.requests += 1
        self._gates()
        request = Request(method, keys, what, self.hub.now)
        self._before_it_runs(method)
        for tell in self.sending:
            tell(self, request)
        on_the_way = self._latency()
        if self.faults.hit("late_execution"):
            on_the_way = DEADLINE_S + self.faults.random("late_execution").uniform(1, LATEST_S)
        accepted = self.faults.hit("accepted")
        if accepted:
            on_the_way = self.faults.random("accepted").uniform(1, LATEST_S)
        request.lost = self.faults.hit("reset_before_commit")
        if not request.lost:
            self.writes.append(request)
            self.hub.after(on_the_way, lambda: self._arrive(request, act))
        if accepted:
            self.hub.sleep(self._latency())
            raise Doubtful(f"{method}: accepted, to be done later", system=self.system, status=202)
        self._await(request)
        return self._answer(request)

    def _arrive(self, request: Request, act: Callable[[], Any]) -> None:
        self.server.when_free(request.keys, lambda: self._execute(request, act))

    def _execute(self, request: Request, act: Callable[[], Any]) -> None:
        self.writes.remove(request)
        request.executed_at = self.hub.now
        try:
            request.result = act()
        except RemoteError as error:
            request.error = error
        self.hub.after(self._latency(), lambda: self._reply(request))

    def _reply(self, request: Request) -> None:
        request.replied = True
        for wake in request.wakes:
            wake()

    def _await(self, request: Request) -> None:
        if request.lost:
            self.hub.sleep(self._latency())
            raise Doubtful(f"{request.method}: connection reset", system=self.system)
        self.hub.wait(lambda: request.replied, DEADLINE_S, request.wakes.append)
        if not request.replied:
            raise Doubtful(f"{request.method}: no answer in time", system=self.system)

    def _answer(self, request: Request) -> Any:
        for fault, status in _AFTER.items():
            if self.faults.hit(fault):
                raise Doubtful(f"{request.method}: {fault}", system=self.system, status=status)
        if request.error is not None:
            raise request.error
        return request.result

    def _before_it_runs(self, method: str) -> None:
        """Answers of a server that has not done what was asked."""
        if self.faults.hit("refused"):
            self.hub.sleep(0.01)
            raise Unreachable(f"{method}: connection refused", system=self.system)
        for fault, wait_s in _BUSY.items():
            if self.faults.hit(fault):
                self.hub.sleep(0.05)
                raise Busy(f"{method}: asked to wait", retry_after=wait_s, system=self.system, status=429)
        for fault, status in _INSTEAD.items():
            if self.faults.hit(fault):
                self.hub.sleep(self._latency())
                raise Doubtful(f"{method}: {fault}", system=self.system, status=status)
        if self.faults.hit("business_rule"):
            self.hub.sleep(self._latency())
            reason = "Operation was aborted by Business Rule 'not today'"
            raise Refused(f"{method}: refused", reason=reason, system=self.system, status=403)

    # -- both ------------------------------------------------------------------------------------------------------

    def _gates(self) -> None:
        if self.hub.now < self.down_until:
            self.failed_while_down += 1
            self.hub.sleep(0.01)
            raise Unreachable("connection refused", system=self.system)
        if self.faults.hit("token_expired"):
            self.expired_until = self.hub.now + 90
        if self.hub.now < self.expired_until:
            self.hub.sleep(0.01)
            raise Misconfigured("our credentials are refused (401)", system=self.system, status=401)

    def _latency(self) -> float:
        return self.random.uniform(0.01, 0.4)


_BUSY = {"busy": 3.0, "busy_without_time": None}
_READ_BUSY = {"read_busy": 5.0, "read_busy_without_time": None}
_INSTEAD = {"failed_before_commit": 503, "error_in_success": 200, "redirected": 302}
_AFTER = {
    "reset_after_commit": None,
    "failed_after_commit": 500,
    "truncated_after_commit": 200,
    "html_after_commit": 200,
}
"""What the server answers although the write was done, and with which status."""
