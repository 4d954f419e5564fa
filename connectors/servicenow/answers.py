"""What a reply of the Table API means for the caller: one function for reads, one for writes.

Called by `table_api` with replies that are not a clean success. Classes by status, and by text where ServiceNow uses one
status for different things (403 for access rules and for business rules, 404 for a record and for a path).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connectors.budget import asked_wait_s
from connectors.errors import (
    Busy,
    Conflict,
    Doubtful,
    Misconfigured,
    Missing,
    Refused,
    RemoteError,
    Unreachable,
)
from connectors.http import Reply
from connectors.strict_json import BadJson

REASON_LIMIT = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DOMAIN_RULE = re.compile(r"aborted by business rule|data policy", re.IGNORECASE)
_ACCESS_RULE = re.compile(
    r"acl exception|security constraint|insufficient rights|not authorized", re.IGNORECASE
)
_NO_RECORD = re.compile(r"no record found|record doesn't exist|acl restricts the record", re.IGNORECASE)
_NO_TABLE = re.compile(r"invalid table|does not represent any resource", re.IGNORECASE)
_DUPLICATE = re.compile(r"unique key violation|duplicate (key|entry|record)|unique constraint", re.IGNORECASE)
_CANCELLED = re.compile(r"transaction cancelled|maximum execution time", re.IGNORECASE)


def error_text(reply: Reply) -> str:
    """Message and detail of an error body as one bounded plain line without our credentials, "" where there is none."""
    try:
        tree = reply.json()
    except BadJson:
        return ""
    error = tree.get("error") if isinstance(tree, dict) else None
    if isinstance(error, dict):
        error = ": ".join(
            part for part in (error.get("message"), error.get("detail")) if isinstance(part, str) and part
        )
    if not isinstance(error, str):
        return ""
    return _CONTROL.sub(" ", reply.unechoed(error)).strip()[:REASON_LIMIT]


def was_cancelled(reply: Reply) -> bool:
    """Whether the server gave up a read for its length: half a page may pass."""
    return reply.status >= 500 and _CANCELLED.search(error_text(reply)) is not None


def read_error(reply: Reply, what: str, system: str) -> RemoteError:
    """The error of a read that was answered with anything but a clean 200."""
    status = reply.status
    if status in {429, 503}:
        return _busy(reply, what, system)
    if status == 408 or status >= 500 or status < 300:
        return Unreachable(f"{what}: answered {status}", system=system, status=status)
    if status == 404 and _NO_RECORD.search(error_text(reply)):
        return Missing(f"{what}: no such record, or hidden by access rules", system=system, status=status)
    return _misconfigured(reply, what, system)


def write_error(reply: Reply, what: str, system: str) -> RemoteError:
    """The error of a write that was answered with anything but a clean success. When in doubt, doubt."""
    status, text = reply.status, error_text(reply)
    if status == 429:
        return _busy(reply, what, system)
    if status == 401:
        return _misconfigured(reply, what, system)
    if status in (409, 412) or (status >= 400 and _DUPLICATE.search(text)):
        return Conflict(f"{what}: the record is not as expected ({status})", system=system, status=status)
    if status < 400 or status >= 500 or status == 408 or not text:
        return Doubtful(f"{what}: answered {status}", system=system, status=status)
    return _denial(status)(reply, text, what, system)


_Denial = Callable[[Reply, str, str, str], RemoteError]


def _denial(status: int) -> _Denial:
    return {403: _forbidden, 404: _not_found, 405: _not_allowed}.get(status, _bad_request)


def _forbidden(reply: Reply, text: str, what: str, system: str) -> RemoteError:
    if _ACCESS_RULE.search(text) and not _DOMAIN_RULE.search(text):
        return _misconfigured(reply, what, system)
    return _refused(reply, text, what, system)


def _not_found(reply: Reply, text: str, what: str, system: str) -> RemoteError:
    if _NO_RECORD.search(text):
        return Missing(
            f"{what}: no such record, or hidden by access rules", system=system, status=reply.status
        )
    return _misconfigured(reply, what, system)


def _not_allowed(reply: Reply, text: str, what: str, system: str) -> RemoteError:  # noqa: ARG001 - same signature as its siblings
    return _misconfigured(reply, what, system)


def _bad_request(reply: Reply, text: str, what: str, system: str) -> RemoteError:
    if _NO_TABLE.search(text):
        return _misconfigured(reply, what, system)
    return _refused(reply, text, what, system)


def _refused(reply: Reply, text: str, what: str, system: str) -> Refused:
    return Refused(
        f"{what}: refused by a rule of the system", reason=text, system=system, status=reply.status
    )


_WHY = {
    401: "our credentials are refused",
    403: "access rules refuse it to our user",
    404: "there is no such table or path",
    400: "the request is not understood; is the table name right?",
}


def _misconfigured(reply: Reply, what: str, system: str) -> Misconfigured:
    status = reply.status
    why = (
        "answered with a redirect; is the URL right?"
        if 300 <= status < 400
        else _WHY.get(status, "not accepted")
    )
    return Misconfigured(f"{what}: {why} ({status})", system=system, status=status)


def _busy(reply: Reply, what: str, system: str) -> Busy:
    return Busy(
        f"{what}: asked to wait ({reply.status})",
        retry_after=asked_wait_s(reply.headers, reply.date),
        system=system,
        status=reply.status,
    )
