"""Runs the sandbox: two servers on loopback in one process, one event loop, one world.

Called by the command `syncd sandbox`. `running_sandbox` runs it in a thread, for tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import uvicorn

from syncd.sandbox.clock import SandboxClock
from syncd.sandbox.dialect import Names
from syncd.sandbox.history import write_history
from syncd.sandbox.http import Port
from syncd.sandbox.seed import CLIENT_ID, CLIENT_SECRET
from syncd.sandbox.world import FSM, OM, PASSWORD, USERNAME, World, WorldOptions

Announce = Callable[[dict[str, str]], None]
HOST = "127.0.0.1"
_TICK_S = 0.02


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How to run it. Port 0 takes a free one; `history` is the number of old domain orders.

    `states` maps table -> canonical state -> stored value, `names` say what else is called differently. With a certificate and
    key both ports speak TLS, for clients that accept nothing else.
    """

    om_port: int = 0
    fsm_port: int = 0
    shared: bool = False
    seed: int = 1
    history: int = 0
    latency_ms: int = 0
    decomposition_delay_ms: int = 300
    qualification: bool = False
    enforcing: bool = True
    password: str = PASSWORD
    ready_file: Path | None = None
    states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def world(self) -> WorldOptions:
        return WorldOptions(
            shared=self.shared,
            seed=self.seed,
            decomposition_delay_ms=self.decomposition_delay_ms,
            qualification=self.qualification,
            enforcing=self.enforcing,
            password=self.password,
            states=self.states,
            names=self.names,
        )


class _Server(uvicorn.Server):
    """A server that leaves signals to `Sandbox`, which stops both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @property
    def listening(self) -> bool:
        return any(server.is_serving() for server in self.servers)

    def close_port(self) -> None:
        """Refuses connections and ends those that are idle."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def open_port(self, port: int) -> None:
        await self.startup(sockets=[_listen(port)])


class Sandbox:
    """A world behind two ports. `world` may be touched from other threads only while no request is served."""

    def __init__(self, options: SandboxOptions, clock: SandboxClock | None = None) -> None:
        self.options = options
        self.world = World(options.world(), clock)
        if options.history:
            write_history(self.world, options.history)
        self._sockets = {OM: _listen(options.om_port), FSM: _listen(options.fsm_port)}
        self._ports: dict[str, int] = {s: sock.getsockname()[1] for s, sock in self._sockets.items()}
        self._servers = {system: self._server(system) for system in (OM, FSM)}
        self._stopping = False

    @property
    def om_url(self) -> str:
        return self._url(OM)

    @property
    def fsm_url(self) -> str:
        return self._url(FSM)

    def description(self) -> dict[str, str]:
        """What a client needs to know; the line that is announced."""
        return {
            "om_url": self.om_url,
            "fsm_url": self.fsm_url,
            "control_url": f"{self.om_url}/sandbox",
            "username": USERNAME,
            "password": self.options.password,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    async def serve(self, announce: Announce) -> None:
        """Serves until `stop`; calls `announce` once both ports answer."""
        tasks = [
            asyncio.create_task(server.serve(sockets=[self._sockets[system]]))
            for system, server in self._servers.items()
        ]
        ticker = asyncio.create_task(self._tick())
        while not self._stopping and not all(server.started for server in self._servers.values()):
            await asyncio.sleep(_TICK_S)
        if not self._stopping:
            announce(self.description())
        await asyncio.gather(*tasks)
        ticker.cancel()

    def stop(self) -> None:
        """Lets running requests end, then stops both servers."""
        self._stopping = True
        for server in self._servers.values():
            server.should_exit = True

    async def _tick(self) -> None:
        """What the systems do by themselves happens without anybody asking."""
        while True:
            self.world.agenda.run_due()
            for system, server in self._servers.items():
                await self._keep_port(system, server)
            await asyncio.sleep(_TICK_S)

    async def _keep_port(self, system: str, server: _Server) -> None:
        """Closes and opens a port as the fault book says."""
        refuse = self.world.faults.refuses(system)
        if not server.started or server.should_exit or refuse is not server.listening:
            return
        if refuse:
            server.close_port()
        else:
            with contextlib.suppress(OSError):  # somebody has the port for a moment: the next tick asks again
                await server.open_port(self._ports[system])

    def _server(self, system: str) -> _Server:
        options = self.options
        config = uvicorn.Config(
            Port(self.world, system, options.latency_ms / 1000),
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            date_header=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            ssl_certfile=options.tls_cert,
            ssl_keyfile=options.tls_key,
        )
        return _Server(config)

    def _url(self, system: str) -> str:
        scheme = "https" if self.options.tls_cert else "http"
        return f"{scheme}://{HOST}:{self._ports[system]}"


def run_sandbox(options: SandboxOptions, announce: Announce) -> None:
    """Runs until SIGTERM or SIGINT."""
    sandbox = Sandbox(options)

    def ready(description: dict[str, str]) -> None:
        if options.ready_file is not None:
            options.ready_file.write_bytes(orjson.dumps(description) + b"\n")
        announce(description)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, sandbox.stop)
        await sandbox.serve(ready)

    asyncio.run(run())


@contextlib.contextmanager
def running_sandbox(
    options: SandboxOptions | None = None, clock: SandboxClock | None = None
) -> Iterator[Sandbox]:
    """The sandbox in a thread of its own, stopped at the end of the block."""
    sandbox = Sandbox(options or SandboxOptions(), clock)
    ready = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(sandbox.serve(lambda _: ready.set())), name="sandbox", daemon=True
    )
    thread.start()
    if not ready.wait(timeout=20):
        raise TimeoutError("the sandbox did not start")
    try:
        yield sandbox
    finally:
        sandbox.stop()
        thread.join(timeout=10)


def _listen(port: int) -> socket.socket:
    """A listening socket. Its connections inherit TCP_NODELAY, without which each answer waits 40 ms for an acknowledgement:
    the event loop sets it only on sockets that name their protocol."""
    listener = socket.create_server((HOST, port), backlog=256)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
