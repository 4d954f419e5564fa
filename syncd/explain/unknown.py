"""A name that the state does not know: looked up in the two systems now, and why it has not come by a feed.

Called by the command line, only for names without a story. Talks to the remote systems, reads only, and stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.errors import RemoteError, Unreadable
from connectors.ports import RemoteSystem
from mappings.model import SUBJECT_KINDS, Kind, Record, System
from state.store import History, QuarantinedRecord, Store
from syncd.explain.story import instant, standing
from syncd.intake import FEEDS


@dataclass(frozen=True, slots=True)
class Asked:
    """What the look brought: lines for the reader, and the first system that could not be asked."""

    lines: tuple[str, ...]
    error: RemoteError | None = None


def look_up(
    name: str,
    systems: Mapping[System, RemoteSystem],
    store: Store,
    quarantined: tuple[QuarantinedRecord, ...] = (),
) -> Asked:
    """Asks both systems for a record with this number or id, and says why syncd does not know it."""
    lines: list[str] = []
    failed: RemoteError | None = None
    found: list[Record] = []
    hidden: list[Kind] = []
    unread = False
    for system, kinds in FEEDS.items():
        try:
            here = _found(name, systems[system], kinds)
            found += here
            hidden += () if here else _hidden(name, systems[system], kinds)
        except Unreadable as error:
            lines += () if quarantined else (f"{_words(system)} has it, and it does not parse: {error}",)
            unread = True
        except RemoteError as error:
            failed = failed or error
            lines.append(f"{_words(system)} cannot be asked now: {error}")
    with store.history() as history:
        lines += [line for record in found for line in _why_unknown(record, history)]
    for kind in hidden:
        lines.append(
            f"there is a {kind.replace('_', ' ')} of that name in {_words(kind.system)}, and access rules hide it from the"
            " user in the config: whoever administers that system can let the user read it"
        )
    if not (found or hidden or quarantined or unread):
        lines.append(_nowhere(name, failed))
    return Asked(tuple(lines), failed)


def _nowhere(name: str, failed: RemoteError | None) -> str:
    if failed is not None:
        return "so nobody can say whether it is there; try again when it answers"
    return f'neither system has a record with the number or id "{name}"'


def _hidden(name: str, remote: RemoteSystem, kinds: tuple[Kind, ...]) -> list[Kind]:
    return [kind for kind in kinds if any(remote.hides(kind, field, name) for field in ("number", "id"))]


def _found(name: str, remote: RemoteSystem, kinds: tuple[Kind, ...]) -> list[Record]:
    """By number, else by id; the first kind that has it."""
    for kind in kinds:
        for field in ("number", "id"):
            found = remote.find(kind, field, name)
            if found:
                return list(found)
    return []


def _why_unknown(record: Record, history: History) -> Iterator[str]:
    yield f"{standing(record)} (read live: id {record.id}, created {instant(record.created_at)})"
    baseline = history.baseline()
    if baseline is None:
        yield "the state has no baseline yet, so syncd knows nothing; begin with: syncd state init --from now"
        return
    if record.kind in SUBJECT_KINDS and record.created_at < baseline.at:
        yield (
            f"it is older than the baseline ({instant(baseline.at)}): syncd was not responsible for it yet,"
            " and creates nothing for it"
        )
    mark = history.watermark(record.kind.value)
    if mark is None or mark.passed_until is None or record.updated_at >= mark.stamp:
        until = f", which has been read up to {instant(mark.stamp)}" if mark else ""
        yield f"it has not been polled yet: it comes with the next pass of the {record.kind} feed{until}"
    else:
        yield (
            f"it changed last at {instant(record.updated_at)}, before the part of the {record.kind} feed that is read:"
            " any change of it brings it"
        )


def unreadable(record: QuarantinedRecord) -> str:
    where = f"{record.field}: " if record.field else ""
    return (
        f"the {record.kind.replace('_', ' ')} of that name was seen {instant(record.last_seen_at)} and could not be read"
        f" ({where}{record.reason}); it is in quarantine: syncd quarantine show {record.id or record.key}"
    )


def _words(system: System) -> str:
    return system.replace("_", " ")
