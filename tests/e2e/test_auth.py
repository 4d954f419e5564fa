"""Authentication on its way: refused credentials, tokens that run out, one refresh for all threads, and no secret anywhere.

Each test has a daemon of its own; the sandbox hands out tokens and counts who asks for them.
"""

from __future__ import annotations

import base64
import json
import signal
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "correct-horse-battery"
PROOF = base64.b64encode(f"syncd.integration:{PASSWORD}".encode())
CLIENT_SECRET = "sandbox-secret"
OAUTH = {
    "auth": '"oauth"',
    "client_id": '"sandbox-client"',
    "client_secret": '{ env = "SYNCD_SANDBOX_SECRET" }',
    "grant": '"client_credentials"',
    "username": "",
    "password": "",
}
GRANTS = {
    "client credentials": OAUTH,
    "password": OAUTH
    | {
        "grant": '"password"',
        "username": '"syncd.integration"',
        "password": '{ env = "SYNCD_SANDBOX_PASSWORD" }',
    },
}
SYSTEMS = ("order_management", "field_service")


@pytest.fixture
def start(tmp_path: Path, make_site: Any) -> Iterator[Any]:
    """Starts a site whose systems are authenticated to as the given keys say."""
    # A token request that is given up on a busy machine would be counted twice.
    patient = {"timeout": '"10s"'}
    yield lambda keys, *options: make_site(tmp_path, patient | keys, "--password", PASSWORD, *options)


def converged(site: Any, work_orders: int, *, but: str = "") -> None:
    """Waits until all is right, but for one problem."""

    def settled() -> bool:
        truth = site.truth()
        return len(truth.work_orders) == work_orders and set(truth.problems()) <= {but}

    site.wait_for(f"{work_orders} work orders", settled)


def counts(site: Any, what: str) -> dict[str, int]:
    found = site.control("GET", "requests")[what]
    return {system: found.get(system, 0) for system in SYSTEMS}


def test_a_wrong_password_is_one_loud_event_for_each_system_and_the_daemon_lives(start: Any) -> None:
    site = start({})
    site.ground.stop(site.daemon)
    site.mark()
    site.ground.set("SYNCD_SANDBOX_PASSWORD", "wrong")
    site.restart()
    site.wait_for("both systems told", lambda: len(site.fresh("remote.misconfigured")) >= 2)
    before = counts(site, "unauthenticated")
    site.wait_for(
        "more attempts",
        lambda: all(n >= before[s] + 2 for s, n in counts(site, "unauthenticated").items()),
    )
    told = site.fresh("remote.misconfigured")
    assert sorted(line["system"] for line in told) == sorted(SYSTEMS)
    assert {line["level"] for line in told} == {"error"}
    assert len(site.fresh()) <= 6
    assert site.ground.stop(site.daemon) == 0
    assert site.ground.verb("once").returncode == 77
    swept = site.ground.verb("sweep")
    assert swept.returncode == 77
    for text in (told[0]["detail"], swept.stderr):
        assert "order_management: " in text or "field_service: " in text
        assert "with the password of env:SYNCD_SANDBOX_PASSWORD; put right" in text
        assert "`syncd check --remote`" in text
    assert site.control("GET", "requests")["writes"] == 0


def test_a_rotated_password_comes_into_force_by_a_reload(start: Any, tmp_path: Path) -> None:
    """A file that the config names: nothing is restarted, and what was refused meanwhile is done."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    site = start({"password": '{ file = "password" }'})
    secret.write_text("wrong", encoding="utf-8")
    site.daemon.send_signal(signal.SIGHUP)
    site.wait_for("both systems told", lambda: len(site.events("remote.misconfigured")) >= 2)
    site.approve()
    secret.write_text(PASSWORD, encoding="utf-8")
    site.daemon.send_signal(signal.SIGHUP)
    converged(site, 4)
    reloads = site.events("config.reloaded")
    assert {field for line in reloads for field in line["fields"]} == {f"{s}.password" for s in SYSTEMS}
    assert [line["restart"] for line in reloads] == [[], []]
    site.rest()
    assert {line["system"] for line in site.events("remote.recovered")} == set(SYSTEMS)


def test_a_wrong_client_secret_ends_a_cycle_with_77(start: Any) -> None:
    site = start(OAUTH)
    site.ground.stop(site.daemon)
    site.ground.set("SYNCD_SANDBOX_SECRET", "wrong")
    done = site.ground.verb("once")
    assert done.returncode == 77
    assert "wrong" not in done.stderr
    assert "with the secret of env:SYNCD_SANDBOX_SECRET; put right" in done.stderr


@pytest.mark.parametrize("grant", GRANTS)
def test_tokens_are_renewed_ahead_of_their_end(start: Any, grant: str) -> None:
    """Tokens live six seconds and are renewed in three; work goes on for several lives, and no request is ever turned away."""
    site = start(GRANTS[grant])
    site.control("POST", "settings", token_life_s=6)
    site.control("POST", "tokens/expire")
    site.control("DELETE", "requests")
    for order in (1, 2, 3):
        site.approve()
        converged(site, 4 * order)
    expired_by_us = 8
    """Threads that were sending with the token that we took away at the beginning."""
    assert all(n <= expired_by_us for n in counts(site, "unauthenticated").values())
    site.control("DELETE", "requests")
    site.wait_for("another life", lambda: all(n >= 2 for n in counts(site, "tokens").values()))
    assert set(counts(site, "unauthenticated").values()) == {0}
    assert site.events("remote.misconfigured") == []


def test_a_token_that_dies_in_the_middle_is_renewed_once_for_all_threads(start: Any) -> None:
    """Eight workers and the pollers hold the same token; after a 401 one of them asks for the next."""
    site = start(OAUTH, "--latency-ms", "30")
    asked = counts(site, "tokens")
    site.approve("Berlin Mitte", "Hamburg Altona", "Munich Sendling")
    site.wait_for("the middle", lambda: len(site.truth().work_orders) >= 2)
    site.control("POST", "tokens/expire")
    converged(site, 12)
    site.wait_for("both turned us away", lambda: all(counts(site, "unauthenticated").values()))
    site.rest()
    assert {s: n - asked[s] for s, n in counts(site, "tokens").items()} == dict.fromkeys(SYSTEMS, 1)
    assert site.events("remote.misconfigured") == site.events("remote.unavailable") == []


@pytest.mark.parametrize("keys", [{}, GRANTS["password"]], ids=["basic", "oauth"])
def test_no_secret_is_ever_written_down(start: Any, keys: dict[str, str]) -> None:
    """Also not while credentials are refused, answers break off, and a refusal quotes the request that it refuses."""
    site = start(keys)
    proof = f"Bearer {token(site.sandbox.fsm_url)}" if keys else f"Basic {PROOF.decode()}"
    quoted = f"Operation was aborted by Business Rule: Authorization: {proof}"
    site.fault(kind="status", status=403, method="POST", table="wm_order", message=quoted, count=1)
    site.approve()
    parked = site.wait_for("a refusal", lambda: site.events("effect.parked"))[0]
    assert (
        "Authorization: " + proof.split(maxsplit=1)[0] + " ***"
        in site.ground.verb("quarantine", "list").stdout
    )
    assert site.ground.verb("quarantine", "retry", parked["key"]).returncode == 0
    # a second work order of that domain order was named while this one was refused, which has a note of its own then
    (number,) = [one.number for one in site.truth().subjects if one.id == parked["domain_order"]]
    own = f"{number} has 2 notes that name its work orders"
    converged(site, 4, but=own)
    site.control("POST", "faults", kind="status", status=401, count=6)
    site.control("POST", "faults", kind="truncated_200", count=6)
    site.approve()
    converged(site, 8, but=own)
    site.ground.stop(site.daemon)
    secrets = [PASSWORD.encode(), PROOF]
    secrets += (
        [
            CLIENT_SECRET.encode(),
            *(token(url).encode() for url in (site.sandbox.om_url, site.sandbox.fsm_url)),
        ]
        if keys
        else []
    )
    folder = site.ground.folder
    written = [folder / "daemon.log", *folder.glob("syncd.db*")]
    assert len(written) >= 2
    for file in written:
        content = file.read_bytes()
        assert [secret for secret in secrets if secret in content] == [], file.name


def token(url: str) -> str:
    """The token in use: asked for again during its life, the server gives the same one."""
    form = {
        "grant_type": "password",
        "client_id": "sandbox-client",
        "client_secret": CLIENT_SECRET,
        "username": "syncd.integration",
        "password": PASSWORD,
    }
    request = urllib.request.Request(
        f"{url}/oauth_token.do",
        urllib.parse.urlencode(form).encode(),
        {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        return str(json.load(reply)["access_token"])
