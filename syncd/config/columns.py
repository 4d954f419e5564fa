"""Which columns decision tables, field maps and texts may name, as far as the profile of order management tells.

Called by `named`. Names of characteristics are data of an instance, so behind "characteristic." any name goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from connectors.profile_model import Profile
from mappings.model import TRAIT_KINDS, Kind


class Columns(frozenset[str]):
    """Columns that are known; behind one of `heads` any name goes, because such names are data of the instance."""

    heads: tuple[str, ...]

    def __new__(cls, names: Iterable[str], heads: tuple[str, ...] = ()) -> Columns:
        made = super().__new__(cls, names)
        made.heads = heads
        return made

    def __contains__(self, column: object) -> bool:
        if super().__contains__(column):
            return True
        return isinstance(column, str) and any(column.startswith(h) and column != h for h in self.heads)

    def __or__(self, other: AbstractSet[str]) -> Columns:  # type: ignore[override] # names are texts
        return Columns(super().__or__(other), self.heads)

    @classmethod
    def union_of(cls, parts: Sequence[Columns]) -> Columns:
        heads = tuple(dict.fromkeys(head for part in parts for head in part.heads))
        return cls(frozenset().union(*parts), heads)


def known_columns(profile: Profile, kind: Kind) -> Columns:
    """The columns that facts about a subject of this kind have."""
    above = {
        "order.": Kind.CUSTOMER_ORDER,
        "line.": Kind.ORDER_LINE,
        "domain_order.": Kind.DOMAIN_ORDER,
        "parent.": Kind.DOMAIN_ORDER,
    }
    prefixed = {prefix + name for prefix, upper in above.items() for name in profile.logical_fields(upper)}
    return Columns(profile.logical_fields(kind) | prefixed | _described(profile), _open_heads(profile))


def _described(profile: Profile) -> frozenset[str]:
    """Columns of rows that describe a line or a domain order and have no name of their own."""
    kinds = [
        kind for kind in TRAIT_KINDS if kind in profile.kinds and "name" not in profile.kinds[kind].fields
    ]
    return frozenset(f"{kind}.{name}" for kind in kinds for name in profile.kinds[kind].fields)


def _open_heads(profile: Profile) -> tuple[str, ...]:
    return tuple(
        f"{kind}." for kind in TRAIT_KINDS if kind in profile.kinds and "name" in profile.kinds[kind].fields
    )


def traits_of(profile: Profile) -> dict[Kind, tuple[str, ...]]:
    """The rows of a profile that describe lines or domain orders, with the fields that name these."""
    owners = ("order_line", "domain_order")
    read = [kind for kind in TRAIT_KINDS if kind in profile.kinds]
    return {kind: tuple(name for name in owners if name in profile.kinds[kind].fields) for kind in read}
