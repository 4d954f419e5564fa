"""Which domain order (or order task) a work order of FSM belongs to, by what it says itself.

Called by intake for each work order that it sees. Our own correlation counts first; the field by which people link
theirs comes after. Whether the subject exists is for the caller to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mappings.keys import parse_correlation
from mappings.model import Link, Origin, Record


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """The field of a work order in which people name its domain order, and how: by id or by number. "" for none."""

    field: str = "initiated_from"
    match: Literal["id", "number"] = "id"


@dataclass(frozen=True, slots=True)
class LinkClaim:
    """What a work order says about its subject: `value` is the subject's id or number, as `match` says."""

    match: Literal["id", "number"]
    value: str
    origin: Origin
    rule: str = ""
    slot: int = 0
    generation: int = 0

    def link(self, work_order: str, subject: str) -> Link:
        """The link, once the caller has found the subject's id."""
        return Link(subject, work_order, self.origin, self.rule, self.slot, self.generation)


def link_for(work_order: Record, links: LinkSettings) -> LinkClaim | None:
    """What the work order claims, None when it names nobody."""
    ours = parse_correlation(work_order.get("correlation_id"))
    if ours is not None:
        return LinkClaim("id", ours.domain_order, Origin.CREATED, ours.rule, ours.slot, ours.generation)
    value = work_order.get(links.field).strip()
    return LinkClaim(links.match, value, Origin.ADOPTED) if value else None
