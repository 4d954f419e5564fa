"""The work orders of a domain order as rows of a relation table, which its Details tab lists.

Called by `decisions` wherever the field that shows work orders is. One row for each link, named by its two ends, so deciding
twice intends once. A row is never taken away: nothing is ever deleted in either system, and what was related once is
history. Where rows cannot be written the notes say the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from mappings.changes import Change, What
from mappings.effects import Decision, Effect, EffectKind
from mappings.model import Facts, Kind, System
from mappings.note_effects import nothing
from mappings.policy import Policy
from mappings.targets import UNSENT, unsettled

ROW, PARENT, CHILD, TYPE = "row", "parent", "child", "type"
"""What the values of the effect are called: the id that we choose for the row, both ends, and the name of its type."""


def relations(changes: Sequence[Change], facts: Facts, policy: Policy) -> Decision:
    """The rows that links of a subject need. What is older than the baseline is left alone until something happens to it."""
    if policy.relation_type is None:
        return nothing(facts)
    linked = [link.work_order for link in facts.links]
    gone = tuple(
        one.key
        for one in unsettled(facts, EffectKind.RELATE)
        if one.target not in linked and one.status in UNSENT
    )
    decision = replace(nothing(facts), supersede=gone)
    if facts.historic and all(change.what is What.FIRST_SEEN for change in changes):
        return decision
    wanted = [id for id in linked if id not in facts.vanished and facts.work_order(id) is not None]
    return replace(decision, effects=tuple(_row(id, policy.relation_type, facts, policy) for id in wanted))


def row_id(om_id: str, subject: str, work_order: str) -> str:
    """The id that we choose for the row of a link: 128 bits as 32 hex digits."""
    parts = ("syncd", "relation", om_id, subject, work_order)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _row(work_order: str, type_: str, facts: Facts, policy: Policy) -> Effect:
    subject = facts.subject
    return Effect(
        key=f"relate:{subject.id}:{work_order}",
        kind=EffectKind.RELATE,
        system=System.ORDER_MANAGEMENT,
        subject_kind=subject.kind,
        subject=subject.id,
        target_kind=Kind.WORK_ORDER,
        target=work_order,
        because="its work order is linked and not related to it yet",
        values={
            ROW: row_id(policy.om_id, subject.id, work_order),
            PARENT: subject.id,
            CHILD: work_order,
            TYPE: type_,
        },
    )
