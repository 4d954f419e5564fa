"""The records above those that were read, and the rows that describe them: what a decision needs and the state does not know.

Called by the lanes that read before their transaction; reads by id and by search, stores nothing. What the state knows of a
whole page, and of all that stands above it, is asked once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from connectors.ports import RemoteSystem
from mappings.decisions import LinkSettings, claims
from mappings.links import merged_into
from mappings.model import SUBJECT_KINDS, TRAIT_KINDS, Kind, Record, System
from state.store import Store
from syncd.traits import OWNERS, describing

PARENT_DEPTH = 6
"""How far above a record its parents are fetched: task, resource, service, product order, line, order."""

_Name = tuple[Kind, str]


class Above:
    """Knows nothing between two calls."""

    def __init__(
        self,
        systems: Mapping[System, RemoteSystem],
        store: Store,
        *,
        links: Callable[[], LinkSettings],
        traits: Mapping[Kind, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self._systems = systems
        self._store = store
        self._links = links
        self._traits = traits

    def missing(self, records: Iterable[Record]) -> list[Record]:
        """Records above these that the state does not know, read by id now, topmost first; before them the rows that
        describe domain orders which it does not know.

        A decision about a domain order needs its line and order, however old they are; a hand-made work order may
        point at a domain order that no feed will bring any more. A row that describes something unknown needs nothing: it is
        found when that is seen. Nor does anything follow from a record that says what it said when its body was given up.
        """
        below = [record for record in records if record.kind not in TRAIT_KINDS]
        if not below:
            return []
        bodies, wanted = self._look(below, below)
        reduced = [record for record in below if bodies.get(_name(record)) is False]
        if reduced:
            resting = self._store.at_rest(reduced)
            below = [record for record in below if _name(record) not in resting]
            wanted = _without(*self._named(below), bodies)
        layers: list[Record] = []
        asked = set(map(_name, below))
        for _ in range(PARENT_DEPTH):
            wanted -= asked
            if not wanted:
                break
            found: list[Record] = []
            for kind, ids in sorted(_by_kind(wanted).items()):
                found += self._systems[kind.system].read_many(kind, sorted(ids))
            asked |= wanted
            layers = found + layers
            bodies, wanted = self._look(found, (*layers, *below))
        return [*self._rows_of(one for one in (*layers, *below) if not bodies.get(_name(one))), *layers]

    def describing(self, kind: Kind, ids: Collection[str]) -> list[Record]:
        """The rows that describe lines or domain orders, of the kinds whose feed has been read once: what the first pass
        brings was so before anybody asked."""
        if kind not in OWNERS or not self._traits:
            return []
        with self._store.history() as history:
            read = {one: fields for one, fields in self._traits.items() if history.watermark(one.value)}
        return describing(self._systems, read, {kind: ids})

    def _rows_of(self, unknown: Iterable[Record]) -> list[Record]:
        """The rows that describe domain orders which nobody has seen before: a rule must not miss them."""
        if not self._traits:
            return []
        new = [record for record in unknown if record.kind is Kind.DOMAIN_ORDER]
        lines = {record.get("order_line") for record in new} - {""}
        owners = {Kind.DOMAIN_ORDER: {record.id for record in new}, Kind.ORDER_LINE: lines}
        return describing(self._systems, self._traits, owners)

    def _look(
        self, records: Sequence[Record], and_themselves: Sequence[Record]
    ) -> tuple[Mapping[_Name, bool], set[_Name]]:
        """What is known of these and of what is above them, as `Store.bodies` says it, and what of that is to be read."""
        above, claimed = self._named(records)
        bodies = self._store.bodies(_by_kind({*above, *claimed, *map(_name, and_themselves)}))
        return bodies, _without(above, claimed, bodies)

    def _named(self, records: Iterable[Record]) -> tuple[set[_Name], set[_Name]]:
        """Whom records stand below, and the subjects that work orders claim by id. Of those the kind is not told: each is
        looked for."""
        above: set[_Name] = set()
        claimed: set[_Name] = set()
        for record in records:
            above.update(record.parents().values())
            if record.kind is Kind.WORK_ORDER:
                links = self._links()
                into = merged_into(record, links)
                if into:
                    above.add((Kind.WORK_ORDER, into))
                ids = [claim.value for claim in claims(record, links) if claim.match == "id"]
                claimed.update((kind, id) for kind in SUBJECT_KINDS for id in ids)
        return above, claimed


def _without(above: set[_Name], claimed: set[_Name], bodies: Mapping[_Name, bool]) -> set[_Name]:
    """What of these has no body here; of what is claimed, if no kind has one."""
    known = {id for kind, id in claimed if bodies.get((kind, id))}
    lacking = {name for name in above if not bodies.get(name)}
    return lacking | {(kind, id) for kind, id in claimed if id not in known}


def _name(record: Record) -> _Name:
    return record.kind, record.id


def _by_kind(names: Iterable[_Name]) -> dict[Kind, set[str]]:
    found: dict[Kind, set[str]] = defaultdict(set)
    for kind, id in names:
        found[kind].add(id)
    return found
