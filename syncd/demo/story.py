"""The demo from curtain to curtain: the acts on one stage, a first start on systems full of history, the outcome.

Called by `syncd demo`.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from syncd.demo import acts
from syncd.demo.processes import Playground, ProcessError
from syncd.demo.stage import DOMAIN_ORDERS, Stage
from syncd.demo.timeline import Timeline
from syncd.demo.truth import Truth
from syncd.demo.world import Sandbox, SandboxError

HISTORY = 500
LATENCY_MS = "10"
ACTS = (
    acts.placed,
    acts.approved,
    acts.changed,
    acts.outage,
    acts.worked,
    acts.locked,
    acts.closed,
    acts.called_off,
    acts.finished,
)


def main(*, as_json: bool, keep: bool) -> int:
    """Plays the scenario; 0 when every claim held."""
    timeline = Timeline(as_json=as_json)
    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    playground = Playground(folder)
    sandbox = None
    try:
        _history(folder, timeline)
        sandbox = _play(playground, timeline)
    except (ProcessError, SandboxError) as error:
        timeline.check("the story could be told to its end", [str(error)])
    if keep and sandbox is not None:
        _keep(playground, sandbox, timeline)
    playground.close()
    if timeline.failed:
        timeline.end(f"{len(timeline.failed)} claims did not hold; logs and state are in {folder}")
        return 1
    timeline.end(f"Everything held, in {timeline.elapsed_s:.0f} s.")
    return 0


def _play(playground: Playground, timeline: Timeline) -> Sandbox:
    sandbox = playground.start_sandbox("--latency-ms", LATENCY_MS)
    timeline.act("The story: two systems, one daemon")
    timeline.tell("sandbox", f"order management at {sandbox.om_url}, field service at {sandbox.fsm_url}")
    _initialise(playground, timeline)
    stage = Stage(playground, sandbox, timeline, playground.start_daemon())
    timeline.tell("ops", "syncd run")
    for act in ACTS:
        act(stage)
    _outcome(stage.truth(), timeline)
    return sandbox


def _history(folder: Path, timeline: Timeline) -> None:
    """A first start on systems full of history: refused without a baseline, and silent with one."""
    timeline.act("Before: a first start on systems full of history")
    inner = folder / "history"
    inner.mkdir()
    playground = Playground(inner)
    try:
        sandbox = playground.start_sandbox("--history", str(HISTORY))
        old = len(sandbox.rows("om", DOMAIN_ORDERS))
        by_hand = len(sandbox.rows("fsm", "wm_order"))
        timeline.tell("sandbox", f"{old} old domain orders, {by_hand} work orders made by hand")
        before = sandbox.writes()
        refused = playground.verb("run")
        timeline.check("run refuses without a baseline and names the command", _refusal(refused))
        _initialise(playground, timeline)
        stage = Stage(playground, sandbox, timeline, playground.start_daemon())
        stage.let_it_poll()
        made = sandbox.writes() - before
        timeline.check("no write at all", [f"{made} writes"] if made else [])
        stage.stop()
    finally:
        playground.close()


def _initialise(playground: Playground, timeline: Timeline) -> None:
    done = playground.verb("state", "init", "--from", "now")
    if done.returncode:
        raise ProcessError(f"state init exited {done.returncode}: {done.stderr.strip()}")
    timeline.tell("ops", "syncd state init --from now")


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
    timeline.tell("kept", f"control          {sandbox.control_url} (user {sandbox.username})")
    timeline.tell("kept", f"config           {playground.config}")
    timeline.tell("kept", f"export SYNCD_SANDBOX_PASSWORD={sandbox.password}")
    try:
        for process in playground.processes:
            process.wait()
    except KeyboardInterrupt:
        timeline.tell("you", "Ctrl-C")
