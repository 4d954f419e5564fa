"""Whose turn it is, where several daemons share one state: one poller for each feed, one gate, one sweep at a time.

Made by `wiring`, asked by `daemon` before each page and each look. A turn only saves the remote systems from being asked
twice: two pollers of one feed harm nothing, and no write to a remote system ever trusts a turn (fences and keys do that).
A daemon that dies keeps its turns until their leases end; one that stops in order gives them back.
"""

from __future__ import annotations

from state.store import Store
from syncd.logs import Log


class Turns:
    """The turns of one process. On a state that nobody else can run on, it is always its turn."""

    def __init__(self, store: Store, owner: str, lease_s: float, log: Log, *, shared: bool) -> None:
        self._store = store
        self._owner = owner
        self._lease_s = lease_s
        self._log = log
        self._shared = shared
        self._mine: set[str] = set()

    def take(self, name: str) -> bool:
        """Whether `name` ("feed:work_order", "gate") is ours until the lease ends; asking again renews it."""
        if not self._shared:
            return True
        ours = self._store.take_lease(name, self._owner, self._lease_s)
        if ours and name not in self._mine:
            self._mine.add(name)
            self._log.event("lease.taken", lease=name)
        elif not ours and name in self._mine:
            self._mine.discard(name)
            self._log.event("lease.lost", lease=name, reason="it ended before it was renewed")
        return ours

    def give_back(self) -> None:
        """Another daemon need not wait until the leases end."""
        for name in sorted(self._mine):
            self._store.give_back(name, self._owner)
        self._mine.clear()
