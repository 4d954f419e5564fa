"""Retention: bodies and history of orders that ended long ago are given up, a few orders in each transaction.

Called by `daemon` once an hour and by `syncd state prune`. Only touches the state, and only what no record that is read again
could make a difference with.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from mappings.decisions import Policy
from state.store import Pruned, Store
from syncd.logs import Log

EVERY_S = 3600.0
AT_ONCE = 50
"""Orders in one transaction: nobody waits long behind it."""


def prune(
    store: Store,
    policy: Policy,
    older_than: timedelta,
    now: datetime,
    stopping: Callable[[], bool] = lambda: False,
) -> Pruned:
    """Everything that is due; what was cut short is done next time."""
    ended = {kind: lifecycle.ended for kind, lifecycle in policy.lifecycles.items()}
    total, after = Pruned(""), ""
    while not stopping():
        some = store.prune(ended, now - older_than, after=after, limit=AT_ONCE)
        total += some
        if not some.last:
            break
        after = some.last
    if total.orders:
        store.shrink()
    return total


def tell(log: Log, done: Pruned) -> None:
    if done.orders:
        log.event(
            "state.pruned", orders=done.orders, records=done.records, effects=done.effects, rows=done.entries
        )
