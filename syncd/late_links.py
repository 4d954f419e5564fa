"""Work orders that named a domain order before it was known here, linked by the sweep.

A work order that people made is linked when it is seen, by what it names. When it names a record that no feed has brought
yet, or that did not parse, and is closed before that one can be read, no feed shows it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mappings.decisions import LinkSettings
from mappings.model import Kind
from state.store import Store, Transaction
from syncd.observe import Observer, Sightings

AT_ONCE = 200

InTransaction = Callable[[Callable[[Transaction, Sightings], None]], None]


def link_late(
    store: Store,
    observer: Observer,
    links: LinkSettings,
    in_transaction: InTransaction,
    stopping: Callable[[], bool],
) -> bool:
    """Links every known work order to the subjects that it names by hand; False when it was cut short."""
    after = ""
    while links.field:
        if stopping():
            return False
        with store.history() as history:
            ids = history.naming(links.field, after, AT_ONCE)
        if not ids:
            break
        in_transaction(partial(_link, observer, ids))
        after = ids[-1]
    return True


def _link(observer: Observer, ids: Sequence[str], tx: Transaction, sightings: Sightings) -> None:
    tx.preload(Kind.WORK_ORDER, ids)
    for id in ids:
        work_order = tx.snapshot(Kind.WORK_ORDER, id)
        if work_order is not None:
            observer.relink(tx, work_order, sightings)
