"""Date expressions of encoded queries: `javascript:gs.…()` values and the relative operators' arithmetic.

Called by `operators`. A user's expressions count in that user's time zone, literals are UTC, as on the real system.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from syncd.sandbox.clock import STAMP_FORMAT, parse_stamp

_CALL = re.compile(r"javascript:\s*gs\.(\w+)\((.*)\)\s*;?\s*\Z", re.DOTALL)
UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "dayofweek": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "quarter": timedelta(days=91),
    "year": timedelta(days=365),
}
_PERIOD = re.compile(r"(beginningOf|endOf)(?:(This|Last|Next)(Week|Month|Year)|(Today|Yesterday|Tomorrow))\Z")
_AGO = re.compile(r"(seconds|minutes|hours|days|months)Ago(Start|End)?\Z")


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, for one user."""

    now: datetime
    zone: tzinfo
    user_id: str
    user_name: str

    def local(self) -> datetime:
        return self.now.astimezone(self.zone)

    def stamp(self, at: datetime) -> str:
        return at.astimezone(UTC).strftime(STAMP_FORMAT)


def evaluate(text: str, moment: Moment) -> str | None:
    """The value of an expression, the text itself when it is none, None when it cannot be evaluated."""
    if not text.startswith("javascript:"):
        return text
    match = _CALL.match(text)
    if match is None:
        return None
    name = match[1]
    arguments = [a.strip().strip("'\"") for a in match[2].split(",")] if match[2].strip() else []
    simple: dict[str, Callable[[], str]] = {
        "getUserID": lambda: moment.user_id,
        "getUserName": lambda: moment.user_name,
        "now": lambda: moment.local().strftime("%Y-%m-%d"),
        "nowDateTime": lambda: moment.stamp(moment.now),
        "nowNoTZ": lambda: moment.stamp(moment.now),
    }
    if name in simple:
        return simple[name]()
    return _evaluate_date(name, arguments, moment)


def _evaluate_date(name: str, arguments: list[str], moment: Moment) -> str | None:
    if name == "dateGenerate" and len(arguments) == 2:
        return _generate(arguments[0], arguments[1], moment)
    if match := _PERIOD.match(name):
        return moment.stamp(_period(match, moment.local()))
    match = _AGO.match(name)
    if match is None or len(arguments) != 1 or not arguments[0].lstrip("-").isdigit():
        return None
    unit = match[1].removesuffix("s")
    at = moment.local() - UNITS[unit] * int(arguments[0])
    if match[2]:
        at = _edge(at, unit, start=match[2] == "Start")
    return moment.stamp(at)


def _generate(day: str, time: str, moment: Moment) -> str | None:
    time = {"start": "00:00:00", "end": "23:59:59"}.get(time, time)
    at = parse_stamp(f"{day} {time}")
    return None if at is None else moment.stamp(at.replace(tzinfo=moment.zone))


def _edge(at: datetime, unit: str, *, start: bool) -> datetime:
    floor = {
        "second": at.replace(microsecond=0),
        "minute": at.replace(second=0, microsecond=0),
        "hour": at.replace(minute=0, second=0, microsecond=0),
        "month": at.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
    }.get(unit, at.replace(hour=0, minute=0, second=0, microsecond=0))
    return floor if start else floor + UNITS[unit] - timedelta(seconds=1)


def _period(match: re.Match[str], local: datetime) -> datetime:
    today = local.replace(hour=0, minute=0, second=0, microsecond=0)
    shift = {"Last": -1, "Next": 1, "Yesterday": -1, "Tomorrow": 1}.get(match[2] or match[4], 0)
    begin = _begin(match[3] or "Day", today, shift)
    if match[1] == "beginningOf":
        return begin
    return _begin(match[3] or "Day", today, shift + 1) - timedelta(seconds=1)


def _begin(unit: str, today: datetime, shift: int) -> datetime:
    if unit == "Day":
        return today + timedelta(days=shift)
    if unit == "Week":
        return today - timedelta(days=today.weekday()) + timedelta(weeks=shift)
    if unit == "Year":
        return today.replace(year=today.year + shift, month=1, day=1)
    months = today.year * 12 + today.month - 1 + shift
    return today.replace(year=months // 12, month=months % 12 + 1, day=1)


def relative(text: str, moment: Moment) -> datetime | None:
    """The instant that `@unit@ago|ahead@n` names."""
    parts = [p for p in text.split("@") if p]
    if len(parts) != 3 or parts[0] not in UNITS or not parts[2].isdigit():
        return None
    step = UNITS[parts[0]] * int(parts[2])
    return moment.now - step if parts[1] == "ago" else moment.now + step
