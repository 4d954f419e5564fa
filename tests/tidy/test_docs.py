"""What the documents tell people to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from syncd.cli import VERBS, cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_BLOCK = re.compile(r"^```(?:console|sh|bash)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(syncd [a-z][^`]*)`")
_TARGET = re.compile(r"^([a-z0-9-]+):", re.MULTILINE)


def command_lines(page: Path) -> list[str]:
    """Every command of a page: in blocks for a shell, and in running text."""
    text = page.read_text(encoding="utf-8")
    blocks = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    lines = [line.removeprefix("$ ").partition(" #")[0].strip() for line in blocks]
    inline = _INLINE.findall(_BLOCK.sub("", text))
    return [line for line in [*lines, *inline] if line]


def cases() -> list[pytest.ParameterSet]:
    return [pytest.param(line, id=f"{page.name}: {line}") for page in PAGES for line in command_lines(page)]


@pytest.mark.parametrize("verb", [verb for verbs in VERBS.values() for verb in verbs])
def test_a_verb_is_played_by_a_real_process(verb: str) -> None:
    """By an end-to-end test, by the demo, on a booted systemd, or by a page whose commands are executed."""
    code = [*(ROOT / "tests" / "e2e").glob("*.py"), *(ROOT / "syncd" / "demo").glob("*.py")]
    code += [one for one in (ROOT / "tests" / "systemd").iterdir() if one.is_file()]
    pages = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("tutorial.md", "operations.md")]
    played = [one.read_text(encoding="utf-8") for one in code] + [
        "".join(_BLOCK.findall(one)) for one in pages
    ]
    said = re.compile(rf'"{verb}"|\bsyncd {verb}\b')
    assert any(said.search(text) for text in played)


@pytest.mark.parametrize("line", cases())
def test_a_command_in_a_document_exists(line: str) -> None:
    words = line.split()
    if words[0] == "make":
        targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
        assert set(words[1:]) <= targets
    elif words[0].rpartition("/")[2] == "syncd":
        _follow(words[1:])


def _follow(words: list[str]) -> None:
    """Walks down the commands and compares each option with those that its command has."""
    command: click.Command = cli
    context = click.Context(cli)
    for word in words:
        if word in ("|", ">", "...") or word.isupper():
            return
        if command is cli.get_command(context, "ctl") and not word.startswith(("-", "syncd@")):
            command = cli  # what follows is a verb like any other
        if word.startswith("-"):
            known = {
                name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
            }
            assert word.partition("=")[0] in known | {"--help", "-h"}, f"{command.name} has no option {word}"
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            assert found is not None, f"there is no command {word}"
            command = found


def test_every_verb_can_be_imported_and_explains_itself() -> None:
    context = click.Context(cli)
    for verbs in VERBS.values():
        for name in verbs:
            command = cli.get_command(context, name)
            assert command is not None, name
            assert command.help, name
            assert "Exit codes:" in (command.epilog or ""), name


def test_every_verb_tells_the_codes_that_each_may_end_with() -> None:
    """Any command line may be misunderstood; a daemon that is refused waits, so only one-shot verbs end with 77."""
    context = click.Context(cli)
    for verbs in VERBS.values():
        for name in verbs:
            told = (cli.get_command(context, name) or cli).epilog or ""
            assert {"    1  ", "    2  "} <= {line[:7] for line in told.splitlines()}, name
            assert "   77  " not in told or name != "run"


def test_every_command_below_a_verb_explains_itself() -> None:
    context = click.Context(cli)
    for name in ("state", "config", "gate", "quarantine"):
        group = cli.get_command(context, name)
        assert isinstance(group, click.Group)
        for inner in group.commands.values():
            assert inner.help, f"{name} {inner.name}"
            assert "Exit codes:" in (inner.epilog or ""), f"{name} {inner.name}"


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
