"""`syncd status` as a person reads it: sections of lines and small tables, printed plainly or drawn in colours.

Called by the command line with what `report.look` gathered. Everything that a remote system wrote is made printable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from syncd.log_lines import printable
from syncd.report import (
    Status,
    age,
    instant,
    lag,
    outages,
    reached,
    waiting,
    waits_for,
    waits_for_a_person,
    was_read,
)

SHOWN_PARKED = 20
SHOWN_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Block:
    """Lines, or a table with a head; `loud` where it tells of something that is not well."""

    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    loud: bool = False


def as_text(status: Status) -> str:
    """What is well in a few lines, what needs a person in full."""
    return "\n\n".join("\n".join(_plain(block)) for block in blocks(status))


def as_line(status: Status) -> str:
    """One line for a log: `--watch` where there is no terminal."""
    summary = status.summary
    behind = max((lag(feed, status.now) for feed in summary.feeds), default=None)
    oldest = min(summary.oldest.values(), default=None)
    parts = [
        f"{instant(status.now)}",
        f"lag {age(behind) if behind is not None else 'unknown'}",
        f"waiting {waiting(summary)}" + (f" (oldest {age(status.now - oldest)})" if oldest else ""),
        f"in doubt {summary.in_doubt}",
        f"parked {len(summary.parked)}",
        f"quarantine {summary.quarantine}",
        *([f"parked orders {len(status.halts)}"] if status.halts else []),
        f"closures {len(status.requests)}",
        *(f"{one.lane} kept from {one.system}: {one.error}" for one in outages(status)),
        *(f"{stop.lane} stopped before a mass change" for stop in waits_for_a_person(status)),
        *(["catching up"] if status.catching_up else []),
    ]
    return printable("  ".join(parts))


def blocks(status: Status) -> list[Block]:
    """The page, from what is most asked for to what is rarely there."""
    found = (
        Block(tuple(_head(status))),
        _feeds(status),
        _outages(status),
        _effects(status),
        _doubts(status),
        _parked(status),
        _unresolved(status),
        _closures(status),
        _budgets(status),
        _leases(status),
    )
    return [block for block in found if block.lines or block.rows]


def _head(status: Status) -> Iterator[str]:
    summary = status.summary
    if status.baseline is None:
        yield "no baseline yet; begin with: syncd state init --from now"
    else:
        yield f"responsible since {instant(status.baseline.at)}"
    if status.catching_up:
        yield "catching up: nothing is sent until every feed has passed the start of the daemon"
    known = ", ".join(
        f"{count} {kind.replace('_', ' ')}s" for kind, count in sorted(summary.snapshots.items())
    )
    yield f"known: {known or 'nothing yet'}; {summary.plans} plans, {summary.links} links"
    if status.given_up:
        yield f"given up by the retention: the details of {status.given_up} effects, of which digests are left"
    pending = summary.oldest_pending
    old = f", the oldest pending for {age(status.now - pending)}" if pending else ""
    yield f"waiting: {waiting(summary)} effects{old}; in doubt: {summary.in_doubt}"
    gone = f", {status.vanished} vanished work orders (syncd link list)" if status.vanished else ""
    yield f"needs a person: {len(summary.parked)} parked effects, {summary.quarantine} records in quarantine{gone}"
    if status.halts:
        yield f"{len(status.halts)} orders are parked: a promise is broken for them (syncd quarantine list)"
    if status.swept is not None and status.swept.finished_at is not None:
        yield f"last sweep: {age(status.now - status.swept.finished_at)} ago"
    worked = max((lane.worked_at for lane in status.lanes if lane.worked_at), default=None)
    if worked is not None:
        yield f"last write: {age(status.now - worked)} ago"
    for stop in waits_for_a_person(status):
        counts = ", ".join(f"{what.replace('_', ' ')} for {n} orders" for what, n in stop.counts.items())
        yield f"{stop.lane} stopped before a mass change ({counts}): syncd safety list"


def _feeds(status: Status) -> Block:
    rows = tuple(
        (
            feed.feed,
            reached(feed),
            age(lag(feed, status.now)),
            f"{age(status.now - feed.updated_at)} ago" if was_read(feed) else "never",
            waits_for(feed, status) or "-",
        )
        for feed in status.summary.feeds
    )
    return Block(head=("feed", "read up to", "lag", "last read", "waits for"), rows=rows)


def _outages(status: Status) -> Block:
    rows = tuple(
        (
            one.lane,
            one.system.replace("_", " "),
            age(status.now - one.since),
            instant(one.until) or "",
            f"{one.error}: {one.detail}",
        )
        for one in outages(status)
    )
    return Block(head=("kept from working", "by", "for", "tries again", "because"), rows=rows, loud=True)


def number(subject: str, status: Status) -> str:
    """What people call it; its id where it was never seen."""
    return status.numbers.get(subject) or subject


def _effects(status: Status) -> Block:
    summary = status.summary
    rows = tuple(
        (
            kind,
            state,
            str(count),
            age(status.now - summary.oldest[kind, state]) if (kind, state) in summary.oldest else "-",
        )
        for (kind, state), count in sorted(summary.effects.items())
    )
    return Block(head=("effect", "status", "count", "oldest"), rows=rows)


def _doubts(status: Status) -> Block:
    rows = tuple(
        (
            number(one.effect.subject, status),
            one.effect.key,
            instant(one.not_before) or "at once",
            one.reason or "-",
        )
        for one in status.doubts
    )
    return Block(head=("in doubt for", "effect", "looked for", "because"), rows=rows)


def _unresolved(status: Status) -> Block:
    """What field service does not know: the sweep asks again."""
    rows = tuple(
        (one.reference.entity, one.reference.value, one.target, one.work_order)
        for one in status.unresolved[:SHOWN_PARKED]
    )
    more = len(status.unresolved) - len(rows)
    head = ("not known to field service", f"{more} more not shown" if more > 0 else "", "field", "work order")
    return Block(head=head if rows else (), rows=rows)


def _parked(status: Status) -> Block:
    parked = status.summary.parked
    if not parked:
        return Block()
    lines = [
        "parked, waiting for a person:",
        *(f"  {number(one.subject, status)} {one.key}: {one.reason}" for one in parked[:SHOWN_PARKED]),
    ]
    if len(parked) > SHOWN_PARKED:
        lines.append(f"  ... and {len(parked) - SHOWN_PARKED} more (--json shows all)")
    return Block(tuple(lines), loud=True)


def _closures(status: Status) -> Block:
    rows = tuple(
        (
            number(one.subject, status),
            one.status.value,
            age(status.now - one.stamp),
            "; ".join(one.reasons) or "-",
        )
        for one in status.requests[:SHOWN_REQUESTS]
    )
    more = len(status.requests) - SHOWN_REQUESTS
    if more > 0:
        rows = (*rows, (f"... {more} more", "", "", "syncd gate list shows all"))
    return Block(head=("asks to be closed", "status", "for", "held by"), rows=rows)


def _budgets(status: Status) -> Block:
    rows = tuple(
        (
            one.system.replace("_", " "),
            f"{one.used} of {one.requests}",
            f"{100 * one.used // one.requests} %",
            str(one.background),
        )
        for one in status.budgets
    )
    return Block(head=("request budget", "used", "share", "of it in the background"), rows=rows)


def _leases(status: Status) -> Block:
    rows = tuple((one.name, one.owner, instant(one.until) or "") for one in status.leases)
    return Block(head=("lease", "has it", "until"), rows=rows)


def _plain(block: Block) -> Iterator[str]:
    yield from (printable(line) for line in block.lines)
    if block.rows:
        yield from _columns(block.head, block.rows)


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    table = [head, *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[n]) for row in table) for n in range(len(head))]
    for row in table:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
