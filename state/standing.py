"""How a state stands as a whole: what almost every deciding transaction needs to know, in one question.

Asked by `state.transaction` once for each transaction, when it is needed first.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, exists, select

from state import schema
from state.catch_up import CatchUp
from state.prepared import Prepared
from state.snapshots import IS_TRAIT
from state.types import Baseline

_B = schema.baseline
_C = schema.catch_up
_ONE = Prepared(
    select(
        *(
            select(column).scalar_subquery()
            for column in (_B.c.at, _B.c.created_at, _C.c.since, _C.c.probe_from)
        ),
        exists(select(schema.snapshots.c.id).where(IS_TRAIT)).label("described"),
        exists(select(schema.quarantine.c.key)).label("quarantined"),
    )
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one instant."""

    baseline: Baseline | None
    catch_up: CatchUp | None
    described: bool
    """Whether any row is kept that describes orders."""
    quarantined: bool
    """Whether any record is in quarantine."""


def standing(connection: Connection) -> Standing:
    ((at, created_at, since, probe_from, described, quarantined),) = _ONE.all(connection)
    return Standing(
        baseline=None if at is None else Baseline(at, created_at),
        catch_up=None if since is None else CatchUp(since, probe_from),
        described=described,
        quarantined=quarantined,
    )
