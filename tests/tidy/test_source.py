"""Sentences about the source as a whole: every module says what it is for, and the import contracts hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[2]
PACKAGES = ("syncd", "connectors", "mappings", "state")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST = 400
_EXCEPTION = re.compile(r"#\s*(?:noqa(?!:)|noqa:[^#-]*$|type:\s*ignore(?!\[)|type:\s*ignore\[[^\]]*\]\s*$)")
"""A suppressed warning without its code, or without a reason behind it."""


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in MODULES])
def test_a_module_says_what_it_is_for_and_stays_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert text.count("\n") <= LONGEST, f"more than {LONGEST} lines"
    bare = [line.strip() for line in text.splitlines() if _EXCEPTION.search(line)]
    assert not bare, "an exception without its reason"


def test_no_example_of_a_property_is_late() -> None:
    """A busy machine breaks no promise, and what fails once fails again."""
    usual = settings()
    assert (usual.deadline, usual.derandomize) == (None, True)
    assert HealthCheck.too_slow in usual.suppress_health_check


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
