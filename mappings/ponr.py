"""The point of no return: which amendments of a line still reach its work orders.

Called by `amendment` and `cancellation`, and by delivery in the step that sends. Amendments of existing work orders
only: creation, status notes and closing go on behind the point.

| before | now | strict | om-enforced |
|---|---|---|---|
| not reached | not reached | carried | carried |
| not reached | reached | refused: an edit may have come before or after the flag | carried: OM refuses later edits itself |
| reached | reached | refused | refused |
| reached | not reached | released: the current content goes out as one update | the same |
"""

from __future__ import annotations

from enum import StrEnum

from mappings.model import Record


class Mode(StrEnum):
    STRICT = "strict"
    OM_ENFORCED = "om-enforced"


class Verdict(StrEnum):
    CARRIED = "carried"
    REFUSED = "refused"
    """Noted once, to be checked by a person."""
    FROZEN = "frozen"
    """Behind the point, and nothing to refuse."""
    RELEASED = "released"


def reached(order: Record | None, line: Record | None) -> bool:
    """Whether the flag stands on the line, or on its order (one line at the point blocks the whole order)."""
    return any(record is not None and record.is_true("ponr") for record in (order, line))


def verdict(before: bool, now: bool, mode: Mode, differs: bool) -> Verdict:
    """What becomes of the difference between two snapshots; `before` and `now` say whether PONR was reached in each."""
    if not now:
        return Verdict.RELEASED if before else Verdict.CARRIED
    if mode is Mode.OM_ENFORCED and not before:
        return Verdict.CARRIED
    return Verdict.REFUSED if differs else Verdict.FROZEN
