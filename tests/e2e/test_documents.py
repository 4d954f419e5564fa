"""What the documents tell people to type is typed, in one shell from top to bottom, and shows what they say it shows.

A block of commands is executed once. A block that is followed by expected output is executed until it prints that: people
are told to look again, and a machine is slower on some days than on others. Ports are exchanged for free ones.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
LIMIT_S = 40.0
"""How long a block may take until it shows what the page says."""
_BLOCK = re.compile(
    r"(?P<mark><!-- not executed[^\n]*\n)?^```sh\n(?P<commands>.*?)^```\n(?:\s*?^```text\n(?P<shown>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
_PORT = re.compile(r"\b86\d\d\b")
DONE = "--- done ---"


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of a page, and the output that stands below them ("" for none)."""

    commands: str
    shown: str

    def is_shown_by(self, printed: str) -> bool:
        """Dots stand for anything; alone on a line, for any number of lines."""
        patterns = [
            "(?:[^\n]*\n)*?"
            if line.strip() == "..."
            else re.escape(line).replace(re.escape("..."), "[^\n]*?") + "\n"
            for line in self.shown.splitlines()
        ]
        return re.fullmatch("".join(patterns), printed.strip("\n") + "\n") is not None


def blocks(page: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(page):
        if not match["mark"]:
            yield Block(match["commands"], match["shown"] or "")


class Shell:
    """One bash that lives as long as the page; the processes that it left behind end with it."""

    def __init__(self, folder: Path) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**os.environ, "PATH": path, "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, commands: str) -> str:
        """What the commands print, on both streams."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{commands}\necho; echo '{DONE}'\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.strip() == DONE:
                return "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"the shell has ended: {''.join(lines)}")

    def close(self) -> None:
        if self._bash.poll() is None:
            self.run("kill $(jobs -p) 2>/dev/null; wait")
        self._bash.kill()
        self._bash.communicate()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("name", ["tutorial.md"])
def test_a_page_does_what_it_says(shell: Shell, name: str) -> None:
    assert shutil.which("curl"), "the pages are written for people who have curl: install it"
    page = with_free_ports((DOCS / name).read_text(encoding="utf-8"))
    found = list(blocks(page))
    assert len(found) > 3
    for block in found:
        _follow(shell, block)


def _follow(shell: Shell, block: Block) -> None:
    said = shell.run(block.commands)
    if not block.shown:
        assert "Traceback" not in said, said
        return
    until = time.monotonic() + LIMIT_S
    while not block.is_shown_by(said):
        assert time.monotonic() < until, f"{block.commands}\nmust print\n{block.shown}\nbut prints\n{said}"
        time.sleep(0.3)  # a person looks again
        said = shell.run(block.commands)


def with_free_ports(page: str) -> str:
    """Each port that a page names is exchanged for one that is free."""
    found = dict.fromkeys(_PORT.findall(page))
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in found]
    free = {name: str(one.getsockname()[1]) for name, one in zip(found, listening, strict=True)}
    for one in listening:
        one.close()
    return _PORT.sub(lambda match: free[match[0]], page)


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
def test_dots_stand_for_anything(shown: str, printed: str, fits: bool) -> None:
    assert Block("", shown).is_shown_by(printed) is fits
