"""docs/features.md has every feature of the integration, and the tests that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| F(\d+) \|.*\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
TEXT = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")


def test_every_feature_has_one_row() -> None:
    assert [int(number) for number in _ROW.findall(TEXT)] == list(range(1, 23))


@pytest.mark.parametrize(("file", "name"), sorted(set(_TEST.findall(TEXT))))
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file()
    assert not name or re.search(rf"^\s*def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE)
