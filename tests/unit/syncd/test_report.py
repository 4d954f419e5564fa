"""`syncd status`: what is well in a few lines, what needs a person in full."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mappings.model import Kind, System
from mappings.requests import Request, RequestStatus
from state.store import Baseline, BudgetUse, Lane, Lease, Outage, SafetyStop, Summary, Watermark
from state.types import ParkedEffect
from syncd.report import Status, as_json, lag, outages, waiting, waits_for
from syncd.report_text import SHOWN_PARKED, as_line, as_text

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
        "oldest": {
            ("create_work_order", "pending"): NOW - timedelta(minutes=5),
            ("write_note", "in_doubt"): NOW - timedelta(seconds=20),
        },
    }
    return Summary(**(facts | changes))


def status(**changes) -> Status:
    return Status(summary(**changes), Baseline(NOW - timedelta(days=1), NOW), NOW)


def with_more(**more) -> Status:
    return replace(status(), **more)


def feed(*, stamp=70, passed=None, read=None, updated=30) -> Watermark:
    """A feed by how many seconds ago each was; `passed` and `read` by the server's clock, which is an hour ahead."""
    ahead = timedelta(hours=1)
    return Watermark(
        "domain_order",
        NOW + ahead - timedelta(seconds=stamp),
        "a1",
        None if passed is None else NOW + ahead - timedelta(seconds=passed),
        NOW - timedelta(seconds=updated),
        None if read is None else NOW + ahead - timedelta(seconds=read),
    )


OUTAGE = Outage(
    "intake of order_management",
    "field_service",
    NOW - timedelta(minutes=3),
    NOW + timedelta(seconds=20),
    7,
    "Unreachable",
    "GET /x: no connection",
)


def test_a_healthy_state_fits_on_a_screen():
    assert as_text(status()).splitlines() == [
        "responsible since 2026-05-31T12:00:00Z",
        "known: 5 domain orders, 7 work orders; 5 plans, 7 links",
        "waiting: 3 effects, the oldest pending for 5 min; in doubt: 1",
        "needs a person: 0 parked effects, 0 records in quarantine",
        "",
        "feed          read up to            lag   last read  waits for",
        "domain_order  2026-06-01T11:58:50Z  30 s  30 s ago   -",
        "",
        "effect             status    count  oldest",
        "create_work_order  done      7      -",
        "create_work_order  pending   2      5 min",
        "write_note         in_doubt  1      20 s",
    ]


def test_a_new_state_shows_no_empty_tables_and_no_instants_of_1970():
    beginning = Watermark("work_order", datetime(1970, 1, 1, tzinfo=UTC), "", None, NOW)
    text = as_text(
        Status(summary(feeds=(beginning,), effects={}, snapshots={}, oldest_pending=None), None, NOW)
    )
    assert "effect  " not in text
    assert text.splitlines()[-1] == "work_order  nothing there yet  0 s  never      -"


def test_a_state_without_baseline_says_how_to_begin():
    text = as_text(Status(summary(), None, NOW))
    assert text.startswith("no baseline yet; begin with: syncd state init --from now")


def test_parked_effects_are_named_with_their_reason_and_made_printable():
    parked = tuple(
        ParkedEffect(f"create:do{n}", f"do{n}", "no template \x1b[31m") for n in range(SHOWN_PARKED + 3)
    )
    text = as_text(replace(status(parked=parked), numbers={"do1": "SO0001001"}))
    assert "  do0 create:do0: no template \\x1b[31m" in text
    assert "  SO0001001 create:do1: no template" in text
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
    doubt = {"kind": "write_note", "status": "in_doubt", "count": 1, "oldest": "2026-06-01T11:59:40Z"}
    assert doubt in found["effects"]
    assert found["parked"] == [{"key": "k", "subject": "s", "number": "", "reason": "r"}]
    assert (found["waiting"], found["in_doubt"], found["records"]) == (
        3,
        1,
        {"domain_order": 5, "work_order": 7},
    )


class TestLag:
    def test_after_a_whole_pass_it_is_what_passed_since_then(self):
        assert lag(feed(passed=31, read=30), NOW) == timedelta(seconds=31)

    def test_within_a_pass_it_is_what_the_server_has_and_we_have_not_read(self):
        assert lag(feed(stamp=7200, read=30), NOW) == timedelta(seconds=7200)

    def test_a_server_whose_clock_is_ahead_of_ours_makes_no_lag(self):
        assert lag(feed(stamp=9000, passed=30, read=30), NOW) == timedelta(seconds=30)


class TestWaitsFor:
    def test_a_feed_that_is_well_waits_for_nothing(self):
        assert waits_for(feed(), status()) == ""

    def test_a_failed_system_with_the_next_try(self):
        failing = with_more(lanes=(Lane(OUTAGE.lane, OUTAGE.system, None, OUTAGE),))
        assert (
            waits_for(feed(updated=900), failing)
            == "field service: Unreachable since 2026-06-01T11:57:00Z, tried again 2026-06-01T12:00:20Z"
        )
        assert "kept from working" in as_text(failing)
        assert "Unreachable: GET /x: no connection" in as_text(failing)

    def test_a_journal_waits_for_its_own_system_and_lane(self):
        mark = Watermark("notes:field_service", NOW, "", NOW, NOW)
        lanes = (Lane("notes", "field_service", None, replace(OUTAGE, lane="notes")),)
        assert waits_for(mark, with_more(lanes=lanes)).startswith("field service: Unreachable since")
        assert waits_for(replace(mark, feed="notes:order_management"), with_more(lanes=lanes)) == ""

    def test_a_person_after_a_safety_stop(self):
        stopped = with_more(stops=(SafetyStop("domain_order", {"create_work_order": 90}, 100, NOW),))
        assert waits_for(feed(), stopped).startswith("a person: it stopped before a mass change")

    def test_somebody_to_read_it(self):
        assert "does syncd run?" in waits_for(feed(updated=900), status())

    def test_an_outage_that_no_daemon_has_renewed_for_long_is_forgotten(self):
        old = replace(OUTAGE, until=NOW - timedelta(hours=1))
        assert outages(with_more(lanes=(Lane(old.lane, old.system, None, old),))) == []


class TestTheRest:
    def test_a_closure_is_shown_with_what_holds_it(self):
        request = Request(
            Kind.DOMAIN_ORDER,
            "d1",
            NOW - timedelta(hours=3),
            RequestStatus.HELD,
            ("WO1 is Assigned", "WO2 is Draft"),
        )
        text = as_text(with_more(requests=(request,), numbers={"d1": "DO0001"}))
        assert "DO0001             held    3 h  WO1 is Assigned; WO2 is Draft" in text
        (found,) = as_json(with_more(requests=(request,), numbers={"d1": "DO0001"}))["closures"]
        assert (found["number"], found["because"]) == ("DO0001", ["WO1 is Assigned", "WO2 is Draft"])

    def test_leases_are_shown_with_who_has_them(self):
        lease = Lease("feed:work_order", "run:ab12", NOW, NOW + timedelta(seconds=60))
        assert "feed:work_order  run:ab12  2026-06-01T12:01:00Z" in as_text(with_more(leases=(lease,)))

    def test_a_request_budget_is_shown_with_what_is_used_of_it(self):
        used = BudgetUse(System.FIELD_SERVICE, 5000, 1250, 200)
        assert "field service   1250 of 5000  25 %   200" in as_text(with_more(budgets=(used,)))

    def test_a_catch_up_is_told(self):
        assert "catching up: nothing is sent until" in as_text(with_more(catching_up=True))

    def test_a_line_for_a_log_has_the_figures_and_what_is_not_well(self):
        line = as_line(with_more(lanes=(Lane(OUTAGE.lane, OUTAGE.system, None, OUTAGE),), catching_up=True))
        assert line == (
            "2026-06-01T12:00:00Z  lag 30 s  waiting 3 (oldest 5 min)  in doubt 1  parked 0  quarantine 0  closures 0"
            "  intake of order_management kept from field_service: Unreachable  catching up"
        )


def test_what_the_retention_gave_up_is_counted():
    assert "given up" not in as_text(status())
    told = with_more(given_up=47)
    assert "given up by the retention: the details of 47 effects, of which digests are left" in as_text(told)
    assert as_json(told)["given_up"] == 47
