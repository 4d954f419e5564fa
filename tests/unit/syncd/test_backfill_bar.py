"""The bar of `syncd backfill`, as a terminal shows it."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from syncd.backfill_report import Progress
from syncd.cli.backfill_bar import bar

COUNTS = {"create_work_order": 1200, "linked": 800, "update_work_order": 30, "cancel_work_order": 4}


@pytest.mark.parametrize("width", [72, 80, 120])
def test_bar_rate_rest_and_counts_all_have_room(width):
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=width, color_system=None)
    with bar("20250101..20260101", console) as told:
        for read in (100, 2100):
            told(Progress(read, read, 3000 - read, COUNTS, datetime(2025, 3, 1, tzinfo=UTC)))
    shown = drawn.getvalue()
    (line, *below) = shown[shown.rindex("20250101") :].splitlines()
    assert line.count("━") >= 10
    assert "2100/3000" in line
    assert "/s" in line
    assert "0:00:" in line
    assert "1200 work orders to create, 800 work orders linked" in " ".join(one.strip() for one in below)
