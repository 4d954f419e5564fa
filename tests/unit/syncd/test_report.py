"""`syncd status`: what is well in a few lines, what needs a person in full."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from state.store import Baseline, Summary, Watermark
from state.types import ParkedEffect
from syncd.report import SHOWN_PARKED, Status, as_json, as_text, waiting

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


def summary(**changes) -> Summary:
    facts = {
        "feeds": (
            Watermark("domain_order", NOW - timedelta(seconds=70), "a1", None, NOW - timedelta(seconds=30)),
        ),
        "effects": {
            ("create_work_order", "done"): 7,
            ("create_work_order", "pending"): 2,
            ("write_note", "in_doubt"): 1,
        },
        "oldest_pending": NOW - timedelta(minutes=5),
        "in_doubt": 1,
        "quarantine": 0,
        "links": 7,
        "plans": 5,
        "snapshots": {"domain_order": 5, "work_order": 7},
        "parked": (),
    }
    return Summary(**(facts | changes))


def status(**changes) -> Status:
    return Status(summary(**changes), Baseline(NOW - timedelta(days=1), NOW), NOW)


def test_a_healthy_state_fits_on_a_screen():
    assert as_text(status()).splitlines() == [
        "responsible since 2026-05-31T12:00:00Z",
        "known: 5 domain orders, 7 work orders; 5 plans, 7 links",
        "waiting: 3 effects, the oldest pending for 5 min; in doubt: 1",
        "needs a person: 0 parked effects, 0 records in quarantine",
        "",
        "feed          read up to            last moved",
        "domain_order  2026-06-01T11:58:50Z  30 s ago",
        "",
        "effect             status    count",
        "create_work_order  done      7",
        "create_work_order  pending   2",
        "write_note         in_doubt  1",
    ]


def test_a_new_state_shows_no_empty_tables_and_no_instants_of_1970():
    beginning = Watermark("work_order", datetime(1970, 1, 1, tzinfo=UTC), "", None, NOW)
    text = as_text(
        Status(summary(feeds=(beginning,), effects={}, snapshots={}, oldest_pending=None), None, NOW)
    )
    assert "effect  " not in text
    assert text.splitlines()[-1] == "work_order  nothing there yet  0 s ago"


def test_a_state_without_baseline_says_how_to_begin():
    text = as_text(Status(summary(), None, NOW))
    assert text.startswith("no baseline yet; begin with: syncd state init --from now")


def test_parked_effects_are_named_with_their_reason_and_made_printable():
    parked = tuple(
        ParkedEffect(f"create:do{n}", f"do{n}", "no template \x1b[31m") for n in range(SHOWN_PARKED + 3)
    )
    text = as_text(status(parked=parked))
    assert "create:do0: no template \\x1b[31m" in text
    assert "\x1b" not in text
    assert "... and 3 more" in text


def test_done_and_parked_effects_do_not_wait():
    assert waiting(summary()) == 3


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
        (-5, "0 s"),
    ],
)
def test_ages_are_told_in_the_largest_unit_that_says_something(ago, shown):
    text = as_text(status(oldest_pending=NOW - timedelta(seconds=ago)))
    assert f"the oldest pending for {shown};" in text


def test_json_has_all_of_it_in_types_of_json():
    found = json.loads(json.dumps(as_json(status(parked=(ParkedEffect("k", "s", "r"),)))))
    assert found["baseline"] == "2026-05-31T12:00:00Z"
    assert found["feeds"][0]["watermark"] == "2026-06-01T11:58:50Z"
    assert {"kind": "write_note", "status": "in_doubt", "count": 1} in found["effects"]
    assert found["parked"] == [{"key": "k", "subject": "s", "reason": "r"}]
    assert (found["waiting"], found["in_doubt"], found["records"]) == (
        3,
        1,
        {"domain_order": 5, "work_order": 7},
    )
