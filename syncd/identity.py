"""Whether a remote system is the one that the state knows: its id, and records that must be there.

Asked once for each system and process, before its first page; until then nothing is sent to it. A URL may change while the
records stay. Called by `daemon` and `wiring`; `syncd state rebind` accepts another instance on a person's word.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.ports import RemoteSystem
from mappings.model import Kind, System
from state.store import Canary, Identity, StateError, Store
from syncd.logs import Log

NEXT = "syncd state rebind accepts the new instance; otherwise put the id or the url back"
FEW = 3
"""People delete a first work order or two that were made to try syncd; so few that are gone do not make a stranger."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the canaries says: why this is another instance, or why nothing says that it is the one."""

    wrong: str = ""
    unproven: str = ""


class IdentityChanged(StateError):
    """The system is not the one that the state belongs to. Nothing may be sent."""


class Identities:
    """Recognises both systems. `wanted` is what the config says about them."""

    def __init__(
        self,
        store: Store,
        systems: Mapping[System, RemoteSystem],
        wanted: Mapping[System, Identity],
        log: Log,
    ) -> None:
        self._store = store
        self._systems = systems
        self._wanted = wanted
        self._log = log
        self._strangers = set(systems)
        self._lock = threading.Lock()

    def strangers(self) -> frozenset[System]:
        """Systems that nothing may be sent to yet. What goes to field service is looked up in order management first."""
        if System.ORDER_MANAGEMENT in self._strangers:
            return frozenset(self._systems)
        return frozenset(self._strangers)

    def recognise(self, system: System) -> None:
        """Raises `IdentityChanged`, or the connectors' errors when the system could not be asked."""
        if system not in self._strangers:
            return
        check_id(self._store, self._wanted[system], self._log)
        moved = self._is_moved(system)
        found = self._look(system, moved=moved)
        if found.wrong:
            self._log.event("identity.changed", system=system, found=found.wrong, next=NEXT)
            raise IdentityChanged(_stranger(system, found.wrong))
        if moved:
            self._store.moved(self._wanted[system])
        with self._lock:
            first = system in self._strangers
            self._strangers.discard(system)
        if not first:
            return  # another lane met it meanwhile, and has told
        if found.unproven:
            self._log.event("identity.unproven", system=system, found=found.unproven)
        if moved:
            self._log.event("identity.moved", system=system)

    def check(self, system: System) -> None:
        """As `recognise`, and stores and tells nothing: for plans."""
        wrong = self.wrong(system)
        if wrong:
            raise IdentityChanged(_stranger(system, wrong))

    def wrong(self, system: System) -> str:
        """Why this is another instance than the one that the state knows, "" when it is not."""
        return self._look(system, moved=self._is_moved(system)).wrong

    def _look(self, system: System, *, moved: bool) -> Found:
        return compared(self._systems[system], self._store.canaries(system), moved=moved)

    def _is_moved(self, system: System) -> bool:
        known = self._store.identities().get(system)
        return known is not None and known.url != self._wanted[system].url


def check_id(store: Store, wanted: Identity, log: Log) -> None:
    """Compares the id of the config with that of the state. Raises `IdentityChanged`."""
    known = store.identities().get(wanted.system)
    if known is None or known.id == wanted.id:
        return
    log.event("identity.changed", system=wanted.system, expected=known.id, found=wanted.id, next=NEXT)
    raise IdentityChanged(
        f'the state belongs to {wanted.system} "{known.id}", the config names "{wanted.id}"; {NEXT}'
    )


def _stranger(system: System, wrong: str) -> str:
    return f"{system} is not the instance that the state knows: {wrong}; {NEXT}"


def compared(remote: RemoteSystem, canaries: tuple[Canary, ...], *, moved: bool) -> Found:
    """What the records say. Fewer than `FEW` that are all gone, under the URL that the state knows, prove nothing."""
    by_kind: dict[Kind, list[Canary]] = {}
    for canary in canaries:
        by_kind.setdefault(canary.kind, []).append(canary)
    found = {
        (record.kind, record.id): record
        for kind, some in sorted(by_kind.items())
        for record in remote.read_many(kind, [canary.id for canary in some])
    }
    for canary in canaries:
        record = found.get((canary.kind, canary.id))
        if record is not None and record.created_at != canary.created_at:
            kind = canary.kind.replace("_", " ")
            return Found(wrong=f"{kind} {record.number} was created at another time there")
    if found or not canaries:
        return Found()
    gone = f"none of {len(canaries)} records that must be there is"
    return Found(unproven=gone) if len(canaries) < FEW and not moved else Found(wrong=gone)
