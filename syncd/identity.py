"""Whether a remote system is the one that the state knows: its id, and records that must be there.

Asked once for each system and process, before its first page; until then nothing is sent to it. A URL may change while the
records stay. Called by `daemon` and `wiring`; `syncd state rebind` accepts another instance on a person's word.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.ports import RemoteSystem
from mappings.model import Kind, System
from state.store import Canary, Identity, StateError, Store
from syncd.logs import Log

NEXT = "syncd state rebind accepts the new instance; otherwise put the id or the url back"


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
        wrong = strange(self._systems[system], self._store.canaries(system))
        if wrong:
            self._log.event("identity.changed", system=system, found=wrong, next=NEXT)
            raise IdentityChanged(f"{system} is not the instance that the state knows: {wrong}; {NEXT}")
        known = self._store.identities().get(system)
        wanted = self._wanted[system]
        if known is not None and known.url != wanted.url:
            self._store.moved(wanted)
            self._log.event("identity.moved", system=system)
        self._strangers.discard(system)


def check_id(store: Store, wanted: Identity, log: Log) -> None:
    """Compares the id of the config with that of the state. Raises `IdentityChanged`."""
    known = store.identities().get(wanted.system)
    if known is None or known.id == wanted.id:
        return
    log.event("identity.changed", system=wanted.system, expected=known.id, found=wanted.id, next=NEXT)
    raise IdentityChanged(
        f'the state belongs to {wanted.system} "{known.id}", the config names "{wanted.id}"; {NEXT}'
    )


def strange(remote: RemoteSystem, canaries: tuple[Canary, ...]) -> str:
    """Why the records say that this is another instance, "" when they do not."""
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
            return f"{canary.kind.replace('_', ' ')} {record.number} was created at another time there"
    if canaries and not found:
        return f"none of {len(canaries)} records that must be there is"
    return ""
