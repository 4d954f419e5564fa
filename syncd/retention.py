"""Retention: bodies and history of orders that ended long ago are given up, a few orders in each transaction.

Called by `daemon` once a day and by `syncd state prune`. Only touches the state, and only what no record that is read again
could make a difference with.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from mappings.decisions import Policy
from mappings.model import Kind
from state.store import Pruned, Store
from syncd.logs import Log

EVERY_S = 86_400.0
"""What is kept of a day's orders is written side by side: the more at once, the fewer pages hold a little of it."""
LOOK_EVERY_S = 3600.0
"""How often is looked whether a day has passed."""
AT_ONCE = 50
"""Orders in one transaction: nobody waits long behind it."""
ROOTS = (Kind.CUSTOMER_ORDER, Kind.DOMAIN_ORDER, Kind.WORK_ORDER)
"""What may stand above all others: an order, and what belongs to none."""


def prune(
    store: Store,
    policy: Policy,
    older_than: timedelta,
    now: datetime,
    stopping: Callable[[], bool] = lambda: False,
    *,
    rehearsal: bool = False,
) -> Pruned:
    """Everything that is due; what was cut short is done next time. In a `rehearsal` only what that would be."""
    ended = {kind: lifecycle.ended for kind, lifecycle in policy.lifecycles.items()}
    total = Pruned()
    for kind in ROOTS:
        ids = store.ended(kind, ended, now - older_than, limit=AT_ONCE)
        while ids and not stopping():
            total += store.prune(kind, ids, ended, now - older_than, rehearsal=rehearsal)
            ids = store.ended(kind, ended, now - older_than, after=ids[-1], limit=AT_ONCE)
    if total.records and not rehearsal:
        store.shrink()
    return total


def tell(log: Log, done: Pruned) -> None:
    if done.records:
        log.event(
            "state.pruned",
            orders=done.orders,
            alone=done.alone,
            records=done.records,
            effects=done.effects,
            rows=done.entries,
        )
