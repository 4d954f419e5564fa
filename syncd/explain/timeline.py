"""The moments of a story drawn along their time, as one SVG inside the page.

Called by `page`. A row for each of what was seen, decided, sent and done by a person; a bar from each request to its answer.
Time is drawn short where nothing happens: a step grows with the logarithm of its length, and says how long it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from math import log10

from syncd.explain.story import Moment
from syncd.log_lines import printable

ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("seen", ("seen",)),
    ("decided", ("decided", "gate", "linked", "happened")),
    ("sent", ("sent", "tried", "answered")),
    ("person", ("person",)),
)
"""Each row and what stands on it; a row on which nothing stands is not drawn."""

LEFT, TOP, ROW, STEP, END = 84, 30, 46, 27, 40
LONG_S = 60.0
"""A pause of more than that is written on the axis."""
LABEL = 62
"""Width of a time on the axis."""
SIZE = 10


@dataclass(frozen=True, slots=True)
class _Placed:
    """A moment with its number in the list and its place."""

    moment: Moment
    number: int
    x: float
    y: float


def drawn(moments: Sequence[Moment], prefix: str) -> str:
    """The SVG; "" where nothing happened. `prefix` begins the anchors of the moments in the list below."""
    if not moments:
        return ""
    rows = [(name, words) for name, words in ROWS if any(m.word in words for m in moments)]
    places = _places(moments, rows)
    width, axis = places[-1].x + END, TOP + ROW * len(rows)
    parts = [
        *_rows(rows, width),
        *_axis(places, axis),
        *_bars(places),
        *(_marker(one, prefix) for one in places),
    ]
    return (
        f'<svg role="img" aria-label="timeline of {len(moments)} moments" width="{width:.0f}" height="{axis + 34}"'
        f' viewBox="0 0 {width:.0f} {axis + 34}">{"".join(parts)}</svg>'
    )


def legend() -> str:
    """What the colours of an answer mean."""
    meanings = (("done", "done"), ("indoubt", "not done yet, or unknown"), ("parked", "refused"))
    dot = '<svg width="10" height="10" aria-hidden="true"><circle class="answered {}" cx="5" cy="5" r="5"/></svg>'
    return "".join(f"<span>{dot.format(name)} {meaning}</span>" for name, meaning in meanings)


def _places(moments: Sequence[Moment], rows: Sequence[tuple[str, tuple[str, ...]]]) -> list[_Placed]:
    height = {word: TOP + ROW * row + ROW / 2 for row, (_, words) in enumerate(rows) for word in words}
    places: list[_Placed] = []
    # the list tells each attempt with its answer; here several may be under way at once
    ordered = sorted(enumerate(moments, 1), key=lambda one: one[1].at)
    x, before = float(LEFT + 24), ordered[0][1].at
    for number, moment in ordered:
        gap = max(0.0, (moment.at - before).total_seconds())
        if places:
            x += STEP + 22 * log10(1 + gap)
        places.append(_Placed(moment, number, x, height[moment.word]))
        before = max(before, moment.at)
    return places


def _rows(rows: Sequence[tuple[str, tuple[str, ...]]], width: float) -> Iterator[str]:
    for row, (name, _) in enumerate(rows):
        y = TOP + ROW * row + ROW / 2
        yield f'<line class="row" x1="{LEFT}" x2="{width - 12:.0f}" y1="{y}" y2="{y}"/>'
        yield f'<text class="name" x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{name}</text>'


def _axis(places: Sequence[_Placed], y: float) -> Iterator[str]:
    """The time below, where there is room for it, and above how long a pause was."""
    free, day, told = 0.0, None, ""
    for one, before in zip(places, [None, *places], strict=False):
        at = one.moment.at
        if one.x >= free and f"{at:%H:%M:%S}" != told:
            told = f"{at:%H:%M:%S}"
            yield f'<line class="tick" x1="{one.x:.1f}" x2="{one.x:.1f}" y1="{y - 6}" y2="{y}"/>'
            yield f'<text class="time" x="{one.x:.1f}" y="{y + 13}" text-anchor="middle">{told}</text>'
            if at.date() != day:
                day = at.date()
                yield f'<text class="time" x="{one.x:.1f}" y="{y + 27}" text-anchor="middle">{at:%Y-%m-%d}</text>'
            free = one.x + LABEL
        pause = at - before.moment.at if before else timedelta()
        if before is not None and pause.total_seconds() > LONG_S:
            middle = (one.x + before.x) / 2
            yield f'<line class="pause" x1="{middle:.1f}" x2="{middle:.1f}" y1="{TOP - 8}" y2="{y - 6}"/>'
            yield f'<text class="time" x="{middle:.1f}" y="{TOP - 13}" text-anchor="middle">{_length(pause)}</text>'


def _bars(places: Sequence[_Placed]) -> Iterator[str]:
    """From each request to its answer, in the colour of what came of it."""
    asked: dict[str, _Placed] = {}
    for one in places:
        if one.moment.word in {"sent", "tried"}:
            asked[one.moment.key] = one
        elif one.moment.word == "answered" and one.moment.key in asked:
            begun = asked.pop(one.moment.key)
            outcome = _class(one.moment)
            yield f'<line class="bar {outcome}" x1="{begun.x:.1f}" x2="{one.x:.1f}" y1="{one.y}" y2="{one.y}"/>'


def _marker(one: _Placed, prefix: str) -> str:
    told = escape(printable(f"{one.moment.at:%H:%M:%S} {one.moment.word}: {one.moment.text}"))
    return (
        f'<a href="#{prefix}{one.number}"><title>{told}</title>{_shape(one)}'
        f'<text class="number" x="{one.x:.1f}" y="{one.y + 3.5}" text-anchor="middle">{one.number}</text></a>'
    )


def _shape(one: _Placed) -> str:
    """Told apart by its form too: not everybody sees the colours."""
    x, y, name = one.x, one.y, _class(one.moment)
    if one.moment.word in {"sent", "tried"}:
        return f'<rect class="{name}" x="{x - SIZE:.1f}" y="{y - SIZE}" width="{2 * SIZE}" height="{2 * SIZE}" rx="2"/>'
    if one.moment.word in {"decided", "gate", "person"}:
        r = SIZE * 1.35
        points = f"{x:.1f},{y - r:.1f} {x + r:.1f},{y} {x:.1f},{y + r:.1f} {x - r:.1f},{y}"
        return f'<polygon class="{name}" points="{points}"/>'
    return f'<circle class="{name}" cx="{x:.1f}" cy="{y}" r="{SIZE}"/>'


def _class(moment: Moment) -> str:
    return f"answered {moment.outcome}" if moment.word == "answered" else moment.word


def _length(pause: timedelta) -> str:
    seconds = int(pause.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
