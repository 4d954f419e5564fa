"""The effects of orders that ended long ago: of each the digest of its key, whose it was, and how it ended.

`state.prune` moves them here out of the outbox. For `state.outbox` they answer as if they were there still: a key that is done
is never born again, one that was given up may be, with what is known of its sends. Some 100 bytes are kept of an effect.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from mappings.effects import Effect, EffectKind
from mappings.model import EffectStatus, System
from state import schema
from state.prepared import Prepared
from state.snapshots import chunks

_T = schema.concluded
_O = schema.outbox
KEY_BYTES = 16
"""Of a key's SHA-256: among a billion keys two are alike with a chance of 10^-21."""
SHORT_BYTES = 8

_ROWS = (
    select(
        _O.c.id,
        _O.c.key,
        _O.c.kind,
        _O.c.subject,
        _O.c.system,
        _O.c.status,
        _O.c.effect,
        _O.c.attempts,
        _O.c.first_sent_at,
        _O.c.last_sent_at,
    )
    .where(
        _O.c.subject.in_(bindparam("subjects", expanding=True)),
        _O.c.status.in_([EffectStatus.DONE.value, EffectStatus.SUPERSEDED.value]),
        _O.c.id != bindparam("but"),
    )
    .order_by(_O.c.id)
)
_KEEP = insert(_T)
_LEAVE = delete(_O).where(_O.c.id == bindparam("row"))
_STORED = Prepared(select(_T).where(_T.c.key.in_(bindparam("keys", expanding=True))))
_FORGET = delete(_T).where(_T.c.key.in_(bindparam("keys", expanding=True)))
_MARKERS = Prepared(
    select(_T.c.marker).where(
        _T.c.subject == bindparam("subject"), _T.c.marker.is_not(None), _T.c.done.is_(True)
    )
)
_ENDED = (
    select(_T.c.what, _T.c.done, func.count().label("n"))
    .where(_T.c.subject.in_(bindparam("subjects", expanding=True)))
    .group_by(_T.c.what, _T.c.done)
)
_NEWEST_CREATE = (
    select(_O.c.id)
    .where(_O.c.kind == EffectKind.CREATE_WORK_ORDER.value, _O.c.status == EffectStatus.DONE.value)
    .order_by(_O.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Known:
    """What an effect that is intended again needs to know of the one that has its key."""

    status: EffectStatus
    attempts: int
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    is_another: bool
    """Of another kind, subject or system: not this effect at all."""


@dataclass(frozen=True, slots=True)
class Remembered(Container[str]):
    """The markers of everything that is known to have been written for a subject; of what is old, their digests."""

    subject: str
    markers: frozenset[str]
    digests: frozenset[bytes]

    def __contains__(self, marker: object) -> bool:
        return marker in self.markers or _short(self.subject, str(marker)) in self.digests


def conclude(connection: Connection, subjects: Iterable[str]) -> int:
    """Moves the effects of these subjects here that are at rest; how many those are.

    The newest create that was done stays: it tells whether field service keeps the ids that we choose.
    """
    but = connection.scalar(_NEWEST_CREATE) or 0
    moved = 0
    for part in chunks(subjects):
        rows = connection.execute(_ROWS, {"subjects": part, "but": but}).all()
        if rows:
            connection.execute(_KEEP, [_kept(row) for row in rows])
            connection.execute(_LEAVE, [{"row": row.id} for row in rows])
        moved += len(rows)
    return moved


def stored(connection: Connection, effects: Iterable[Effect]) -> dict[str, Known]:
    """What is known here of the keys of these effects."""
    by_digest = {_digest(effect.key): effect for effect in effects}
    if not by_digest:
        return {}
    rows = _STORED.all(connection, {"keys": list(by_digest)})
    return {by_digest[key].key: _known(row, by_digest[key]) for row in rows if (key := bytes(row.key))}


def forget(connection: Connection, keys: Iterable[str]) -> None:
    """These effects are born again."""
    connection.execute(_FORGET, {"keys": [_digest(key) for key in keys]})


def remembered(connection: Connection, subject: str, markers: frozenset[str]) -> Remembered:
    """`markers`, and those that are known here of the subject."""
    found = _MARKERS.all(connection, {"subject": _short(subject)})
    return Remembered(subject, markers, frozenset(bytes(marker) for (marker,) in found))


def ended(connection: Connection, subjects: Iterable[str]) -> Counter[tuple[EffectKind, EffectStatus]]:
    """How many effects of these subjects are here, by kind and how they ended. Reads all that is here: for people only."""
    found: Counter[tuple[EffectKind, EffectStatus]] = Counter()
    for part in chunks(subjects):
        for row in connection.execute(_ENDED, {"subjects": [_short(one) for one in part]}):
            found[_KINDS[bytes(row.what)], _status(row)] += row.n
    return found


def count(connection: Connection) -> int:
    """How many effects are here."""
    return connection.scalar(select(func.count()).select_from(_T)) or 0


def _kept(row: Any) -> Mapping[str, object]:
    done = row.status == EffectStatus.DONE.value
    marker = row.effect.get("marker", "")
    return {
        "key": _digest(row.key),
        "subject": _short(row.subject),
        "what": _short(row.kind, row.system),
        "marker": _short(row.subject, marker) if marker else None,
        "done": done,
        # what is done is never sent again: nobody will ask how often it was
        "attempts": 0 if done else row.attempts,
        "first_sent_at": None if done else row.first_sent_at,
        "last_sent_at": None if done else row.last_sent_at,
    }


def _known(row: Any, effect: Effect) -> Known:
    mine = (_short(effect.subject), _short(effect.kind.value, effect.system.value))
    return Known(
        status=_status(row),
        attempts=row.attempts,
        first_sent_at=row.first_sent_at,
        last_sent_at=row.last_sent_at,
        is_another=(bytes(row.subject), bytes(row.what)) != mine,
    )


def _status(row: Any) -> EffectStatus:
    return EffectStatus.DONE if row.done else EffectStatus.SUPERSEDED


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()[:KEY_BYTES]


def _short(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode()).digest()[:SHORT_BYTES]


_KINDS = {_short(kind.value, system.value): kind for kind in EffectKind for system in System}
"""What stands in `what`, by its digest."""
