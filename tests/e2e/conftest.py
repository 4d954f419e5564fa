"""A playground per test: a sandbox, a config and a state in a temporary folder, every process ended at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.demo.processes import Playground


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    ground = Playground(tmp_path, poll="300ms")
    yield ground
    ground.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.e2e)
