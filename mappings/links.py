"""Which domain orders (or order tasks) a work order of FSM belongs to, by what it says itself.

Called by intake for each work order that it sees. Our own correlation counts first; what stands in the field by which
people link theirs comes after, and may name several. Whether a subject exists is for the caller to find out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mappings.keys import parse_correlation
from mappings.model import Link, Origin, Record


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """The field of a work order in which people name its domain order, and how: by id or by number. "" for none.

    `merged` is the field in which a work order that was closed because another does its work names that one, "" for none.
    """

    field: str = "initiated_from"
    match: Literal["id", "number"] = "id"
    merged: str = ""


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


_BETWEEN = re.compile(r"[,;\s]+")
"""What stands between the names in a field that lists several."""


def claims(work_order: Record, links: LinkSettings) -> tuple[LinkClaim, ...]:
    """Whom the work order names: the subject that it was made for first, then those that people added."""
    return _claims(work_order.get("correlation_id"), work_order.get(links.field), links.match)


@lru_cache(maxsize=4096)
def _claims(correlation: str, names: str, match: Literal["id", "number"]) -> tuple[LinkClaim, ...]:
    ours = parse_correlation(correlation)
    named = [name for name in _BETWEEN.split(names) if name]
    found = [LinkClaim(match, name, Origin.ADOPTED) for name in dict.fromkeys(named)]
    if ours is None:
        return tuple(found)
    made_for = LinkClaim("id", ours.domain_order, Origin.CREATED, ours.rule, ours.slot, ours.generation)
    return (made_for, *(claim for claim in found if (claim.match, claim.value) != ("id", made_for.value)))


def taken_away(before: Record, now: Record, links: LinkSettings) -> tuple[LinkClaim, ...]:
    """Whom a work order named by hand and does not name any more: somebody pointed it elsewhere."""
    kept = {(claim.match, claim.value) for claim in claims(now, links)}
    return tuple(
        claim
        for claim in claims(before, links)
        if claim.origin is Origin.ADOPTED and (claim.match, claim.value) not in kept
    )


def merged_into(work_order: Record, links: LinkSettings) -> str:
    """The id of the work order that does its work now, "" for none."""
    into = work_order.get(links.merged) if links.merged else ""
    return into if into != work_order.id else ""
