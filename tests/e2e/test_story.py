"""The demo is a test: every claim that it holds against the two servers holds, as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys

from syncd.demo.acts import LOCATIONS

CLAIMS = {
    "three lines exist",
    "nothing happened in field service",
    "each prescribed work order stands exactly once, with template, location, customer and priority",
    "each work order there has it, each domain order a note with old and new values",
    "the change arrived after the outage",
    "the cancellation is noted on its order task",
    "the edit is not carried over, and one note on each domain order says so",
    "held, with one note that names each open work order",
    "the last close releases it: the domain order is closed, and a note says why",
    "its work orders are cancelled in field service, each with the reason",
    "every status that a poll saw stands once, in order",
    "run refuses without a baseline and names the command",
    "no write at all",
}


def test_every_claim_of_the_demo_holds():
    """`syncd demo --json`: one object per line, exit code 0, and each claim checked."""
    command = [sys.executable, "-m", "syncd", "demo", "--json"]
    played = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    lines = [json.loads(line) for line in played.stdout.splitlines()]
    checked = {line["text"]: line["problems"] for line in lines if line["event"] == "checked"}
    assert {what: problems for what, problems in checked.items() if problems} == {}
    assert checked.keys() >= CLAIMS
    assert played.returncode == 0
    assert len([line for line in lines if line["event"] == "outcome"]) >= 5 * len(LOCATIONS)
