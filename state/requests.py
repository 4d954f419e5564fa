"""Requests for closure and where each stands. One row for each domain order: a new request replaces an old one.

Called by `state.transaction` and `state.store`; decides nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from mappings.model import Kind
from mappings.requests import Request, RequestStatus
from state import schema
from state.prepared import Prepared

_T = schema.requests
_HERE = _T.c.subject == bindparam("of")
_ONE = Prepared(select(_T).where(_HERE))
_BEGIN = insert(_T)
_REPLACE = update(_T).where(_HERE)
_MOVE = _REPLACE.where(_T.c.stamp == bindparam("asked_at"))
_OPEN = Prepared(
    select(_T).where(_T.c.status != RequestStatus.OVER.value).order_by(_T.c.opened_at, _T.c.subject)
)


def open_request(
    connection: Connection,
    kind: Kind,
    subject: str,
    stamp: datetime,
    now: datetime,
    *,
    unremembered: bool = False,
) -> None:
    """A request made at server instant `stamp`. The same one seen again changes nothing."""
    before = get(connection, subject)
    if before is not None and before.stamp == stamp:
        return
    row = _row(Request(kind, subject, stamp, unremembered=unremembered), now) | {"opened_at": now}
    if before is None:
        connection.execute(_BEGIN, row)
    else:
        connection.execute(_REPLACE, row | {"of": subject})


def get(connection: Connection, subject: str) -> Request | None:
    row = _ONE.first(connection, {"of": subject})
    return None if row is None else _request(row)


def put(connection: Connection, request: Request, now: datetime) -> bool:
    """Stores where a request stands; False when it was replaced by a newer one meanwhile."""
    values = _row(request, now) | {"of": request.subject, "asked_at": request.stamp}
    return connection.execute(_MOVE, values).rowcount == 1


def end(connection: Connection, subject: str, reason: str, now: datetime) -> bool:
    """Withdrawn, or overtaken; False when none was open."""
    before = get(connection, subject)
    if before is None or before.status is RequestStatus.OVER:
        return False
    return put(connection, replace(before, status=RequestStatus.OVER, reasons=(reason,)), now)


def every_open(connection: Connection) -> tuple[Request, ...]:
    """Those that are not over, oldest first."""
    return tuple(_request(row) for row in _OPEN.all(connection))


def _row(request: Request, now: datetime) -> dict[str, object]:
    return {
        "subject": request.subject,
        "subject_kind": request.subject_kind.value,
        "stamp": request.stamp,
        "status": request.status.value,
        "reasons": list(request.reasons),
        "search_from": request.search_from,
        "retry_after": request.retry_after,
        "overridden_by": request.overridden_by,
        "override_reason": request.override_reason,
        "unremembered": request.unremembered,
        "hold_notes": request.hold_notes,
        "noted_reasons": list(request.noted_reasons),
        "noted_at": request.noted_at,
        "moved_at": now,
    }


def _request(row: Any) -> Request:
    return Request(
        subject_kind=Kind(row.subject_kind),
        subject=row.subject,
        stamp=row.stamp,
        status=RequestStatus(row.status),
        reasons=tuple(row.reasons),
        search_from=row.search_from,
        retry_after=row.retry_after,
        overridden_by=row.overridden_by,
        override_reason=row.override_reason,
        unremembered=row.unremembered,
        hold_notes=row.hold_notes,
        noted_reasons=tuple(row.noted_reasons),
        noted_at=row.noted_at,
    )
