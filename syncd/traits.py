"""The rows that describe lines and domain orders, read by whom they describe: characteristics, contacts, related items.

Called by `intake` for a domain order that nobody has seen before, and by `sweep` for those that are in play. Reads only, by
search; who misses a row that a search does not show yet gets it by its feed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from connectors.ports import RemoteSystem
from mappings.model import Kind, Record, System

OWNERS: Mapping[Kind, str] = {Kind.ORDER_LINE: "order_line", Kind.DOMAIN_ORDER: "domain_order"}
"""The field in which a row names whom it describes."""


def describing(
    systems: Mapping[System, RemoteSystem],
    traits: Mapping[Kind, Collection[str]],
    owners: Mapping[Kind, Collection[str]],
) -> list[Record]:
    """The rows of `owners` (ids by kind), each once; `traits` has the fields by which each kind of row names its owner."""
    found: dict[str, Record] = {}
    for kind, fields in traits.items():
        for owner, ids in owners.items():
            if ids and OWNERS[owner] in fields:
                rows = systems[kind.system].find_many(kind, OWNERS[owner], sorted(ids))
                found |= {row.id: row for row in rows}
    return list(found.values())
