"""Requests for closure, opened and ended by what a sighting of a domain order shows.

Called by `observe` inside its transaction. Answers none: that is the gate's.
"""

from __future__ import annotations

from mappings import decisions
from mappings.model import Kind, Record
from mappings.requests import Request, RequestStatus, asks
from state.store import Transaction


def keep_request(tx: Transaction, before: Record | None, record: Record, policy: decisions.Policy) -> None:
    """Opens or ends the request for closure that a sighting of a domain order shows.

    A marker that stands on after its request was answered asks nothing new, unless the domain order was opened again.
    """
    marker = policy.closure_marker
    if marker is None or record.kind is not Kind.DOMAIN_ORDER:
        return
    request = tx.request_of(record.id)
    is_open = request is not None and request.status is not RequestStatus.OVER
    answered = request is not None and request.status in (RequestStatus.RELEASING, RequestStatus.RELEASED)
    reopened = answered and _was_ended(before, policy)  # before the gate has looked back
    if record.state in policy.lifecycles[record.kind].ended:
        if is_open and not answered:  # an answered one is looked at once more by the gate
            tx.end_request(record.id, f"the domain order is {record.state_label or record.state}")
    elif not asks(record, marker):
        if is_open and not answered:
            tx.end_request(record.id, _gone(request, policy))
    elif reopened or (not is_open and (request is None or _asks_anew(before, marker, policy))):
        tx.open_request(record.kind, record.id, record.updated_at)


def _asks_anew(before: Record | None, marker: tuple[str, str], policy: decisions.Policy) -> bool:
    return before is None or not asks(before, marker) or _was_ended(before, policy)


def _was_ended(before: Record | None, policy: decisions.Policy) -> bool:
    return before is not None and before.state in policy.lifecycles[before.kind].ended


def _gone(request: Request | None, policy: decisions.Policy) -> str:
    """Why a request ends whose marker is gone."""
    held = request is not None and request.status is RequestStatus.HELD
    return "held, and so taken away" if held and policy.closure.on_hold == "clear" else "withdrawn"
