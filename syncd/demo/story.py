"""The scenario of the demo, act by act: placed, approved and killed half-way, worked to the end, and a first start on
systems full of history.

Called by `syncd demo`; the e2e tests assert the same acts one by one.
"""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from syncd.demo.processes import Playground, ProcessError, wait_for
from syncd.demo.timeline import Timeline
from syncd.demo.truth import Truth, read_truth
from syncd.demo.world import Row, Sandbox, SandboxError

LOCATIONS = ("Berlin Mitte", "Hamburg Altona", "Munich Sendling")
STAGES = (
    ("assigned", "Assigned"),
    ("accepted", "Accepted"),
    ("in_progress", "Work in Progress"),
    ("closed", "Closed Complete"),
)
"""What the field agents do, and the state that each step shows in FSM."""
HISTORY = 500
LATENCY_MS = "15"
CONVERGE_LIMIT_S = 40.0
IDLE_POLLS_S = 2.0


def main(*, as_json: bool, keep: bool) -> int:
    """Plays the scenario; 0 when every claim held."""
    timeline = Timeline(as_json=as_json)
    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    playground = Playground(folder)
    try:
        sandbox = _play(playground, timeline)
        _history(folder, timeline)
    except (ProcessError, SandboxError) as error:
        timeline.failed.append(str(error))
        timeline.check("the story could be told to its end", [str(error)])
        sandbox = None
    if keep and sandbox is not None:
        _keep(playground, sandbox, timeline)
    playground.close()
    if timeline.failed:
        timeline.end(f"{len(timeline.failed)} claims did not hold; logs and state are in {folder}")
        return 1
    timeline.end(f"Everything held, in {timeline.elapsed_s:.0f} s.")
    return 0


def _play(playground: Playground, timeline: Timeline) -> Sandbox:
    timeline.act("Before: two systems, one daemon")
    sandbox = playground.start_sandbox("--latency-ms", LATENCY_MS)
    timeline.tell("sandbox", f"order management at {sandbox.om_url}, field service at {sandbox.fsm_url}")
    _initialise(playground, timeline)
    daemon = playground.start_daemon()
    timeline.tell("ops", "syncd run")

    timeline.act("1. An agent places a customer order for three locations")
    order = sandbox.control("POST", "orders", {"locations": list(LOCATIONS)})
    timeline.tell("agent", f"placed {order['number']} for {', '.join(LOCATIONS)}")
    lines = sandbox.rows("om", "sn_ind_tmt_orm_order_line_item", f"order={order['order']}")
    timeline.check("three lines exist", [] if len(lines) == len(LOCATIONS) else [f"{len(lines)} lines exist"])
    _let_it_poll(sandbox)
    timeline.check("nothing happened in field service", _nothing(sandbox))

    timeline.act("2. The manager approves; the daemon is killed half-way")
    sandbox.control("POST", f"orders/{order['order']}/approve")
    timeline.tell("manager", f"approved {order['number']}; decomposition begins")
    wait_for("the first work orders", lambda: len(_work_orders(sandbox)) >= 3, every_s=0.02)
    playground.kill(daemon)
    timeline.tell("chaos", f"SIGKILL with {len(_work_orders(sandbox))} work orders created")
    daemon = playground.start_daemon()
    timeline.tell("ops", "syncd run, again")
    truth = _converged(sandbox)
    timeline.check(
        f"{len(truth.work_orders)} work orders, each exactly once, with template, location, customer and priority",
        truth.problems(),
    )

    timeline.act("3. Field agents work; every status becomes a note")
    for step, label in STAGES:
        for work_order in truth.work_orders:
            sandbox.control("POST", f"work-orders/{work_order['sys_id']}/advance", {"to": step})
        timeline.tell("agents", f"{len(truth.work_orders)} work orders: {label}")
        _noted(sandbox, label)
    truth = read_truth(sandbox)
    timeline.check("every status that a poll saw stands once, in order", _status_problems(truth))
    timeline.check("nothing doubled on the way", truth.problems())
    _stop(playground, daemon, timeline)
    _outcome(truth, timeline)
    return sandbox


def _history(folder: Path, timeline: Timeline) -> None:
    """A first start on systems full of history: refused without a baseline, and silent with one."""
    timeline.act("4. A first start on systems full of history")
    inner = folder / "history"
    inner.mkdir()
    playground = Playground(inner)
    try:
        sandbox = playground.start_sandbox("--history", str(HISTORY))
        old = len(sandbox.rows("om", "sn_ind_tmt_orm_domain_order"))
        by_hand = len(sandbox.rows("fsm", "wm_order"))
        timeline.tell("sandbox", f"{old} old domain orders, {by_hand} work orders made by hand")
        before = sandbox.writes()
        refused = playground.verb("run")
        timeline.check("run refuses without a baseline and names the command", _refusal(refused))
        _initialise(playground, timeline)
        daemon = playground.start_daemon()
        _let_it_poll(sandbox)
        made = sandbox.writes() - before
        timeline.check("no write at all", [f"{made} writes"] if made else [])
        _stop(playground, daemon, timeline)
    finally:
        playground.close()


def _initialise(playground: Playground, timeline: Timeline) -> None:
    done = playground.verb("state", "init", "--from", "now")
    if done.returncode:
        raise ProcessError(f"state init exited {done.returncode}: {done.stderr.strip()}")
    timeline.tell("ops", "syncd state init --from now")


def _stop(playground: Playground, daemon: subprocess.Popen[bytes], timeline: Timeline) -> None:
    code = playground.stop(daemon)
    timeline.check("the daemon stops cleanly on SIGTERM", [] if code == 0 else [f"it exited {code}"])


def _work_orders(sandbox: Sandbox) -> list[Row]:
    return sandbox.rows("fsm", "wm_order", "ORDERBYnumber")


def _nothing(sandbox: Sandbox) -> list[str]:
    found = [row["number"] for row in _work_orders(sandbox)]
    made = sandbox.writes()
    return [f"{n} exists" for n in found] + ([f"{made} writes were made"] if made else [])


def _let_it_poll(sandbox: Sandbox) -> None:
    """Waits for three more passes of the feed that each system's cycle ends with."""
    feeds = ("sn_ind_tmt_orm_order_task", "wm_task")

    def asked() -> list[int]:
        counts = sandbox.reads()
        return [counts.get(feed, 0) for feed in feeds]

    wanted = [count + 3 for count in asked()]
    wait_for(
        "three more passes of each feed",
        lambda: all(count >= least for count, least in zip(asked(), wanted, strict=True)),
        limit_s=CONVERGE_LIMIT_S,
    )


def _converged(sandbox: Sandbox) -> Truth:
    """The truth once nothing is wrong with it any more, or as it stands when the time is up."""

    def settled() -> bool:
        truth = read_truth(sandbox)
        return bool(truth.work_orders) and not truth.problems()

    with suppress(ProcessError):
        wait_for("all work orders and their notes", settled, limit_s=CONVERGE_LIMIT_S, every_s=0.3)
    return read_truth(sandbox)


def _noted(sandbox: Sandbox, label: str) -> None:
    def all_noted() -> bool:
        truth = read_truth(sandbox)
        return all(
            any(_is_status(note, row["number"], label) for note in subject.notes)
            for subject in truth.subjects
            for row in subject.work_orders
        )

    wait_for(f'a note "{label}" for each work order', all_noted, limit_s=CONVERGE_LIMIT_S, every_s=0.3)


def _is_status(note: str, number: str, label: str) -> bool:
    return "[syncd:1:status:" in note and number in note and f"-> {label}" in note


def _status_problems(truth: Truth) -> list[str]:
    """The status notes of each work order must be the stages, once each and in their order."""
    problems: list[str] = []
    for subject in truth.subjects:
        for row in subject.work_orders:
            mine = [n for n in subject.notes if "[syncd:1:status:" in n and row["number"] in n]
            seen = [label for note in mine for _, label in STAGES if f"-> {label}" in note]
            wanted = [label for _, label in STAGES]
            if seen != wanted or len(mine) != len(wanted):
                problems.append(f"{row['number']}: {seen}")
    return problems


def _refusal(refused: subprocess.CompletedProcess[str]) -> list[str]:
    problems = [] if refused.returncode == 78 else [f"it exited {refused.returncode}"]
    if "syncd state init" not in refused.stderr:
        problems.append("it does not name the command")
    return problems


def _outcome(truth: Truth, timeline: Timeline) -> None:
    rows = [
        (
            subject.number,
            subject.what,
            subject.location or "-",
            "\n".join(w["number"] for w in subject.work_orders) or "-",
            "\n".join(subject.templates) or "no rule matched",
            str(len(subject.notes)),
        )
        for subject in truth.subjects
    ]
    columns = ("domain order", "for", "location", "work orders", "templates", "notes")
    timeline.table("What stands in the two systems", columns, rows)


def _keep(playground: Playground, sandbox: Sandbox, timeline: Timeline) -> None:
    """Leaves sandbox and daemon running until the person has played enough."""
    playground.start_daemon()
    timeline.act("Everything goes on running; press Ctrl-C to end it")
    timeline.tell("kept", f"order management {sandbox.om_url}")
    timeline.tell("kept", f"field service    {sandbox.fsm_url}")
    timeline.tell("kept", f"control          {sandbox.control_url}/sandbox (user {sandbox.username})")
    timeline.tell("kept", f"config           {playground.config}")
    timeline.tell("kept", f"export SYNCD_SANDBOX_PASSWORD={sandbox.password}")
    try:
        for process in playground.processes:
            process.wait()
    except KeyboardInterrupt:
        timeline.tell("you", "Ctrl-C")
