"""Names the customer order on every line that is about a record of it, so that one `grep` tells what happened to an order.

Made by `wiring` for the log that the lanes write to. Reads the state, remembers what it found; a state that does not answer
costs a line its order and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from mappings.model import Kind
from state.store import StateError, Store

REMEMBERED = 10_000
"""Records whose order is remembered; then it begins anew."""
_KINDS = frozenset(kind.value for kind in Kind)


class OrderNames:
    """What `logs.Log` asks for each line. Safe from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """`order` and `order_number` of a line with these fields; nothing where it is about none."""
        for name in ("domain_order", "work_order", "id"):
            id = fields.get(name)
            if isinstance(id, str) and id and (name != "id" or str(fields.get("kind")) in _KINDS):
                found = self._order_of(id)
                if found is not None:
                    return {"order": found[0], "order_number": found[1]}
        return {}

    def _order_of(self, id: str) -> tuple[str, str] | None:
        with self._lock:
            known = self._known.get(id)
        if known is not None:
            return known
        try:
            with self._store.history() as history:
                found = history.order_of(id)
        except StateError:
            return None
        if found is not None:
            with self._lock:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[id] = found
        return found
