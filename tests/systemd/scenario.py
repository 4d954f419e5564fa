"""An operator's day on a booted systemd: start, ready, reload, kill -9, hang and watchdog, journal, ctl, stop.

Runs as root inside the container that tests/systemd/run.sh boots, with the installed wheel. Prints one line a step; ends with 1 at
the first that is not so.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from syncd.demo.world import Sandbox

SYNCD = "/opt/syncd/bin/syncd"
CONFIG = Path("/etc/syncd/config.toml")
STATE = Path("/var/lib/private/syncd/syncd.db")
WATCHDOG = """\
[Service]
WatchdogSec=5
RestartSec=1
"""
RULE = {
    "message": "Operation Failed",
    "detail": "Operation against file 'wm_order' was aborted by Business Rule 'No work on Sundays^1'.",
}


def run(*command: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if code is not None and done.returncode != code:
        fail(f"{' '.join(command)} ended with {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
    return done


def fail(why: str) -> None:
    print(f"FAILED  {why}", flush=True)
    print(run("journalctl", "--no-pager", "-o", "cat", "-n", "40", "-u", "syncd", code=None).stdout)
    print(run("systemctl", "--no-pager", "status", "syncd", code=None).stdout)
    print(run(SYNCD, "ctl", "--dry-run", "status", code=None).stdout)
    print(
        run("systemctl", "show", "syncd", "-p", "LoadCredential,SetCredential,Environment", code=None).stdout
    )
    sys.exit(1)


def ok(what: str) -> None:
    print(f"ok      {what}", flush=True)


def until(what: str, look: Callable[[], Any], limit_s: float = 40) -> Any:
    end = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > end:
            fail(f"waited {limit_s:.0f} s in vain: {what}")
        time.sleep(0.2)
    return found


def shown(name: str) -> str:
    return run("systemctl", "show", "--value", f"--property={name}", "syncd").stdout.strip()


def journal(*options: str) -> list[str]:
    return run("journalctl", "--no-pager", "-q", "-o", "cat", "-u", "syncd", *options).stdout.splitlines()


def events(name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in journal() if line.startswith("{")]
    return [line for line in lines if line.get("event") == name]


def start_sandbox() -> Sandbox:
    ready = Path("/run/sandbox.json")
    run(
        "systemd-run",
        "--quiet",
        "--unit=sandbox",
        SYNCD,
        "sandbox",
        "--ready-file",
        str(ready),
        "--password",
        "s3cret",
    )
    said = until("the sandbox", lambda: ready.exists() and ready.read_text())
    told = json.loads(said)
    return Sandbox(
        **{name: told[name] for name in ("om_url", "fsm_url", "control_url", "username", "password")}
    )


def install(sandbox: Sandbox) -> None:
    run(SYNCD, "files", "write", "/etc/systemd/system", "syncd.service")
    credentials = CONFIG.parent / "credentials"
    credentials.mkdir(parents=True, mode=0o700)
    sections = ""
    for side, name, url in (
        ("om", "order_management", sandbox.om_url),
        ("fsm", "field_service", sandbox.fsm_url),
    ):
        (credentials / f"{side}-password").write_text(sandbox.password + "\n")
        sections += f"""
[{name}]
id = "{side}-sandbox"
url = "{url}"
profile = "servicenow-{side}"
username = "{sandbox.username}"
password = {{ credential = "{side}-password" }}
poll_interval = "500ms"
settle = "1s"
overlap = "2s"
search_lag = "1s"
"""
    CONFIG.write_text(f'[state]\nurl = "sqlite:////var/lib/syncd/syncd.db"\n{sections}')
    dropin = Path("/etc/systemd/system/syncd.service.d")
    dropin.mkdir()
    (dropin / "test.conf").write_text(WATCHDOG)
    run("systemctl", "daemon-reload")


def work_orders(sandbox: Sandbox) -> int:
    return len(sandbox.report()["work_orders"])


def approve(sandbox: Sandbox) -> None:
    order = sandbox.control("POST", "orders", {"locations": ["Berlin Mitte"]})
    sandbox.control("POST", f"orders/{order['order']}/approve")


def main() -> None:
    sandbox = start_sandbox()
    install(sandbox)

    done = run("systemctl", "start", "syncd", code=None)
    if done.returncode == 0 or shown("ExecMainStatus") != "78":
        fail("a start without a baseline has to end with 78")
    time.sleep(2)
    if shown("NRestarts") != "0":
        fail("78 must not be tried again")
    ok("a start without a baseline ends with 78 and is not tried again")
    run("systemctl", "reset-failed", "syncd")
    run(SYNCD, "ctl", "state", "init", "--from", "now")
    ok("ctl state init, as the user of the service and with its credentials")

    run("systemctl", "start", "syncd")
    if shown("ActiveState") != "active" or "read" not in shown("StatusText"):
        fail(f"not ready: {shown('ActiveState')}, {shown('StatusText')}")
    ok(f"start waits until it is ready; status: {shown('StatusText')}")
    if STATE.stat().st_mode & 0o777 != 0o600 or STATE.stat().st_uid == 0:
        fail("the state belongs to the service alone")
    approve(sandbox)
    until("four work orders", lambda: work_orders(sandbox) == 4)
    ok("an approved order has its work orders")

    reload_twice(sandbox)
    kill_and_hang(sandbox)
    priorities()
    operator(sandbox)

    run("systemctl", "stop", "syncd")
    if shown("ExecMainStatus") != "0" or events("daemon.stopped")[-1]["outcome"] != "drained":
        fail("a stop has to end in order")
    ok("stop: drained, exit code 0")
    run(SYNCD, "ctl", "state", "verify")
    ok("state verify without the daemon: a stopped service lends its state too")


def reload_twice(sandbox: Sandbox) -> None:
    pid = shown("MainPID")
    right = CONFIG.read_text()
    CONFIG.write_text(right + "\n[safety]\nfloor = 60\n")
    run("systemctl", "reload", "syncd")
    told = until("the reload", lambda: events("config.reloaded"))[-1]
    if told["fields"] != ["safety.floor"] or shown("MainPID") != pid:
        fail(f"reloaded: {told}")
    until("active again", lambda: shown("ActiveState") == "active")
    ok("reload: the new config is in force, the process is the same")
    CONFIG.write_text(right + "\n[safety]\nflor = 60\n")
    if run("systemctl", "reload", "syncd", code=None).returncode == 0:
        fail("a reload of a config with a problem has to fail")
    if not any('unknown key "flor" in [safety]' in line for line in journal()):
        fail("the journal has to name the problem")
    if events("config.rejected") or shown("ActiveState") != "active" or shown("MainPID") != pid:
        fail("the check before a reload keeps it from the daemon")
    CONFIG.write_text(right)
    ok("a reload of a config with a problem fails, says where, and the daemon goes on")


def kill_and_hang(sandbox: Sandbox) -> None:
    pid = shown("MainPID")
    run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "syncd")
    until("another process", lambda: shown("ActiveState") == "active" and shown("MainPID") not in (pid, "0"))
    approve(sandbox)
    until("eight work orders", lambda: work_orders(sandbox) == 8)
    ok(f"kill -9: started again ({shown('NRestarts')} restart), and nothing is doubled")

    pid = shown("MainPID")
    with closing(sqlite3.connect(STATE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        until("the watchdog", lambda: shown("MainPID") != pid)
        other.execute("ROLLBACK")
    until("another process", lambda: shown("ActiveState") == "active" and shown("MainPID") not in (pid, "0"))
    lines = "\n".join(journal())
    if "Fatal Python error: Aborted" not in lines or "in _deliver" not in lines:
        fail("what the watchdog ended has to say where it stood")
    ok("a hang: the watchdog ends it, the journal has the stack, it is started again")


def priorities() -> None:
    pid = shown("MainPID")
    run("systemctl", "kill", "--signal=USR1", "--kill-whom=main", "syncd")
    until("the status", lambda: events("daemon.reported"))
    mine = [json.loads(line) for line in journal(f"_PID={pid}", "-p", "warning") if line.startswith("{")]
    if any(line["level"] not in ("warning", "error") for line in mine):
        fail(f"journalctl -p warning shows {mine}")
    everything = [json.loads(line) for line in journal(f"_PID={pid}", "-p", "info") if line.startswith("{")]
    if not any(line["event"] == "daemon.reported" for line in everything):
        fail("journalctl -p info has to show the status")
    ok("journal: -p warning leaves out what is well, and USR1 told the status")


def operator(sandbox: Sandbox) -> None:
    status = json.loads(run(SYNCD, "ctl", "status", "--json").stdout)
    ok(f"ctl status: {len(status['feeds'])} feeds")
    fault = {
        "kind": "status",
        "status": 403,
        "system": "fsm",
        "method": "POST",
        "table": "wm_order",
        "count": 1,
        **RULE,
    }
    sandbox.control("POST", "faults", fault)
    approve(sandbox)
    parked = until("a parked effect", lambda: events("effect.parked"))[-1]
    if not any("effect.parked" in line for line in journal("-p", "err")):
        fail("journalctl -p err has to show what needs a person")
    sandbox.control("DELETE", "faults")
    run(SYNCD, "ctl", "quarantine", "retry", parked["key"])
    until("twelve work orders", lambda: work_orders(sandbox) == 12)
    ok("a refused work order: told with -p err, let go on by ctl quarantine retry")
    period = ("--since", "2020-01-01", "--until", time.strftime("%Y-%m-%d", time.gmtime()))
    plan = run(SYNCD, "ctl", "backfill", *period, "--plan", "--json", code=None)
    if plan.returncode not in (0, 4):
        fail(f"backfill --plan ended with {plan.returncode}: {plan.stderr}")
    run(SYNCD, "ctl", "backfill", *period)
    ok(f"ctl backfill beside the daemon: plan ({plan.returncode}), then the run")
    if work_orders(sandbox) != 12:
        fail("a backfill of what is there doubles nothing")
    gone = signal.Signals(9).name
    ok(f"after all that ({gone}, watchdog, backfill): 12 work orders for 3 orders")


if __name__ == "__main__":
    main()
