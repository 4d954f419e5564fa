"""What the documents tell people to type is typed: in one shell, from top to bottom.

The tutorial makes its own world and shows what it prints: a block that is followed by expected output is executed until it
prints that, because people are told to look again and a machine is slower on some days than on others. The page for
operators is typed in a world that has what it talks about; each command must end as its help says it may.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from syncd.demo.processes import wait_for

LIMIT_S = 90.0
"""How long a block may take until it shows what the page says."""
NEVER = (1, 2, 78)
"""An unexpected failure, a wrong command line, a wrong config: nothing that a page may lead to."""


@pytest.fixture(scope="module")
def pages(helper: Any) -> ModuleType:
    return helper("pages")


@pytest.fixture
def curl() -> None:
    assert shutil.which("curl"), "the pages are written for people who have curl: install it"


# -- the tutorial ------------------------------------------------------------------------------------------------------


def test_the_tutorial_shows_what_it_says(tmp_path: Path, pages: Any, curl: None) -> None:
    page = pages.with_free_ports((pages.DOCS / "tutorial.md").read_text(encoding="utf-8"))
    found = list(pages.blocks(page))
    assert len(found) > 20
    shell = pages.Shell(tmp_path)
    try:
        for block in found:
            _follow(shell, block)
    finally:
        shell.close()


def _follow(shell: Any, block: Any) -> None:
    said = shell.run(block.commands)
    if not block.shown:
        assert "Traceback" not in said, said
        return
    until = time.monotonic() + LIMIT_S
    while not block.is_shown_by(said):
        assert time.monotonic() < until, f"{block.commands}\nmust print\n{block.shown}\nbut prints\n{said}"
        time.sleep(0.3)  # a person looks again
        said = shell.run(block.commands)


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nc\nb\n", False),
        ("a\n...\nb", "a\nc\nd\nb\n", True),
        ("a\n...\nb", "a\nb\n", True),
        ("...\nb", "a\nb\n", True),
        ("a\n...", "a\n", True),
        ("a\n...", "a\nb\nc\n", True),
        ("at ... sharp", "at six sharp\n", True),
        ("at ... sharp", "at six\nsharp\n", False),
        ("a", "b\na\n", False),
    ],
)
def test_dots_stand_for_anything(pages: Any, shown: str, printed: str, fits: bool) -> None:
    assert pages.Block("", shown).is_shown_by(printed) is fits


# -- operations --------------------------------------------------------------------------------------------------------

SERVICE = """
systemctl() {
    case "$1" in
        stop) kill "$SYNCD"; wait "$SYNCD" ;;
        start) syncd run 2>> daemon.log & SYNCD=$! ;;
        *) return 0 ;;
    esac
}
"""
"""A service manager for a machine that has none: what the page asks of the real one."""


@pytest.fixture
def night(make_site: Any, tmp_path: Path) -> Iterator[Any]:
    """A site with an order, a parked create, a record that cannot be read, and a work order that was cancelled.

    Its daemon is stopped; meanwhile three orders were approved, more than a feed may write for at once.
    """
    site = make_site(tmp_path, {}, more="[safety]\nfloor = 2\nshare = 0.0\n")
    site.approve("Berlin Mitte")
    site.wait_for("the work orders", lambda: len(site.truth().work_orders) == 4)
    rule = {"message": "Operation Failed", "detail": "was aborted by Business Rule 'No work on Sundays^1'."}
    site.fault(kind="status", status=403, system="fsm", method="POST", table="wm_order", count=1, **rule)
    site.approve("Hamburg Altona")
    site.wait_for("the parked create", lambda: site.events("effect.parked"))
    bad = site.truth().subjects[0]
    site.fault(kind="malformed_row", system="om", sys_id=bad.id, field="sys_mod_count", value="many")
    site.control("POST", f"domain-orders/{bad.id}/hold")
    site.wait_for("the quarantine", lambda: site.events("record.quarantined"))
    cancelled = site.truth().work_orders[0]
    site.control("POST", f"work-orders/{cancelled['sys_id']}/cancel", reason="by mistake")
    assert site.ground.stop(site.daemon) == 0
    for _ in range(3):
        site.approve("Munich Sendling")
    yield site, bad.number, cancelled


def test_every_command_for_operators_ends_as_its_help_says(night: Any, pages: Any, tmp_path: Path) -> None:
    site, number, cancelled = night
    rule, slot = cancelled["correlation_id"].split(":")[3:5]
    names = {
        "PO0001042": number,
        "WO0001042": cancelled["number"],
        "KEY": site.events("effect.parked")[0]["key"],
        "--rule fiber --slot 1": f"--rule {rule} --slot {slot}",
        "/backup/": f"{tmp_path}/",
    }
    page = (pages.DOCS / "operations.md").read_text(encoding="utf-8")
    for name, value in names.items():
        page = page.replace(name, value)
    shell = pages.Shell(tmp_path, {"SYNCD_SANDBOX_PASSWORD": site.sandbox.password})
    try:
        shell.run(f"{SERVICE}\nsystemctl start")
        wait_for("the stopped feed", lambda: site.events("mass_change.stopped"))
        lines = [line for block in pages.blocks(page) for line in block.commands.splitlines()]
        assert len(lines) > 15
        wrong = [trouble for line in lines if (trouble := _typed(shell, line))]
        assert not wrong, "\n".join(wrong)
        shell.run("systemctl stop")
    finally:
        shell.close()


def _typed(shell: Any, line: str) -> str:
    said = shell.run(line)
    allowed = {0} | (_codes(line.split()) - set(NEVER) if line.startswith("syncd ") else set())
    if "Traceback" in said or shell.code not in allowed:
        return f"{line}\n  ends with {shell.code}: {said}"
    return ""


def _codes(words: list[str]) -> set[int]:
    """Which exit codes the help of a command names."""
    plain = [word for word in words[1:3] if word.isalpha()]
    for names in (plain, plain[:1]):
        command = [sys.executable, "-m", "syncd", *names, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return {int(code) for code in re.findall(r"^ +(\d+)  ", done.stdout, re.MULTILINE)}
    raise AssertionError(f"no help for {words}")
