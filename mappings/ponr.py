"""The point of no return: which amendments of a line still reach its work orders.

Called by `amendment` and `cancellation`, and by delivery in the step that sends. Amendments of existing work orders
only: creation, status notes and closing go on behind the point. One line at the point locks its whole order, or only
itself (`Scope`); the flag of the order itself always locks all of it.

| before | now | strict | om-enforced |
|---|---|---|---|
| not reached | not reached | carried | carried |
| not reached | reached | refused: an edit may have come before or after the flag | carried: OM refuses later edits itself |
| reached | reached | refused | refused |
| reached | not reached | released: the current content goes out as one update | the same |
"""

from __future__ import annotations

from enum import StrEnum

from mappings.model import Facts, Kind, Record


class Mode(StrEnum):
    STRICT = "strict"
    OM_ENFORCED = "om-enforced"


class Scope(StrEnum):
    """What one line at the point of no return locks."""

    ORDER = "order"
    LINE = "line"


class Verdict(StrEnum):
    CARRIED = "carried"
    REFUSED = "refused"
    """Noted once, to be checked by a person."""
    FROZEN = "frozen"
    """Behind the point, and nothing to refuse."""
    RELEASED = "released"


def reached_by(facts: Facts, scope: Scope) -> Record | None:
    """The line or order whose flag locks the work orders of a subject, its own line first; None where none does."""
    others = facts.other_lines if scope is Scope.ORDER else ()
    return next((r for r in (facts.line, facts.order, *others) if r is not None and r.is_true("ponr")), None)


def concerns_whole_order(record: Record, scope: Scope) -> bool:
    """Whether a flag that moved on this record locks or frees the other lines of its order too."""
    return record.kind is Kind.ORDER_LINE and scope is Scope.ORDER and bool(record.get("order"))


def verdict(before: bool, now: bool, mode: Mode, differs: bool) -> Verdict:
    """What becomes of the difference between two snapshots; `before` and `now` say whether PONR was reached in each."""
    if not now:
        return Verdict.RELEASED if before else Verdict.CARRIED
    if mode is Mode.OM_ENFORCED and not before:
        return Verdict.CARRIED
    return Verdict.REFUSED if differs else Verdict.FROZEN
