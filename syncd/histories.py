"""What work orders and their tasks were between two looks at them, read before the transaction that decides on it.

A record whose modification count jumped was changed several times since it was seen last. Where the config says so
([notes] history), its versions are read from the history of field service and kept for the transaction that follows:
lanes call `look` before it, `observe` asks `between` inside it. An answer belongs to two versions of one record, so it
never grows old. What cannot be read holds nothing up: one note then tells the whole way.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from connectors.errors import Busy, RemoteError
from connectors.ports import FieldService
from mappings.changes import status
from mappings.decisions import Policy
from mappings.model import Kind, Record
from mappings.status import noted_fields
from state.store import Store
from syncd.logs import Log

KEPT = 2000
"""Answers that are kept; a page has some hundred records at most."""
REST_S = 900.0
"""How long a history that cannot be read is not asked again."""

Look = Callable[[Iterable[Record]], None]
Between = Callable[[Record, Record], tuple[Record, ...]]
Jump = tuple[Record, Record]


def look_nowhere(_: Iterable[Record]) -> None:
    """For a lane that reads no history."""


def nothing_between(_: Record, __: Record) -> tuple[Record, ...]:
    """For one whose lanes read none."""
    return ()


class Histories:
    """Safe on any number of threads."""

    def __init__(
        self,
        fsm: FieldService,
        store: Store,
        policy: Callable[[], Policy],
        log: Log,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fsm = fsm
        self._store = store
        self._policy = policy
        self._log = log
        self._monotonic = monotonic
        self._lock = Lock()
        self._found: OrderedDict[tuple[Kind, str, int, int], tuple[Record, ...]] = OrderedDict()
        self._rests_until: dict[Kind, float] = {}
        """Tables are audited each by itself: what one lacks says nothing about the other."""
        self._told: set[Kind] = set()

    def look(self, records: Iterable[Record]) -> None:
        """Reads what these were since they were seen last. Raises `Busy` only: then the caller is to wait anyway."""
        if not self._policy().history_limit:
            return
        new = [one for one in records if one.kind in (Kind.WORK_ORDER, Kind.WORK_TASK)]
        jumps = self._jumps(new) if new else []
        for kind in (Kind.WORK_ORDER, Kind.WORK_TASK):
            fields = noted_fields(kind, self._policy())
            some = [jump for jump in jumps if jump[1].kind is kind]
            if some and fields and self._monotonic() >= self._rests_until.get(kind, 0.0):
                self._read(kind, some, fields)

    def between(self, before: Record, after: Record) -> tuple[Record, ...]:
        """The versions between two sightings that `look` has found, oldest first."""
        with self._lock:
            return self._found.get(_name(before, after), ())

    def _jumps(self, records: Sequence[Record]) -> list[Jump]:
        with self._store.history() as history:
            earlier = history.linked_sightings(records)
        known = ((earlier.get((one.kind, one.id)), one) for one in records)
        return [(before, now) for before, now in known if before and now.version > before.version + 1]

    def _read(self, kind: Kind, jumps: Sequence[Jump], fields: Sequence[str]) -> None:
        try:
            told = self._fsm.history(kind, jumps, fields)
        except Busy:
            raise
        except RemoteError as error:
            self._fails(kind, "", str(error))
            return
        silent = [now for before, now in jumps if now.id not in told and status(before) != status(now)]
        with self._lock:
            for before, now in jumps:
                self._found[_name(before, now)] = tuple(
                    one for one in told.get(now.id, ()) if before.version < one.version < now.version
                )
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
            if told:
                self._told.discard(kind)
        if silent and not told:
            self._fails(kind, silent[0].number, "it is empty where the state has changed")

    def _fails(self, kind: Kind, number: str, reason: str) -> None:
        """Told once. It is asked again later: a right may be given, and an audit may lag."""
        self._rests_until[kind] = self._monotonic() + REST_S
        with self._lock:
            first = kind not in self._told
            self._told.add(kind)
        if first:
            self._log.event(
                "history.unreadable",
                kind=kind,
                number=number,
                reason=reason,
                next="may our user read the history of field service, and is it kept for these tables?",
            )


def _name(before: Record, after: Record) -> tuple[Kind, str, int, int]:
    return after.kind, after.id, before.version, after.version
