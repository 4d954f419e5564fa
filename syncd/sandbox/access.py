"""Access rules: who may write, and which rows a reader does not see.

Asked by the Table API after the window was cut. Deliberately small: an administrator may everything, a read-only user may
not write, and rows can be hidden by a fault of the control API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox.errors import acl_refused

if TYPE_CHECKING:
    from syncd.sandbox.instance import Session

READ_ONLY_ROLE = "snc_read_only"
_OPERATIONS = {"POST": "Insert", "PUT": "Update", "PATCH": "Update", "DELETE": "Delete"}


def check_write(session: Session, method: str) -> None:
    """Raises the 403 of the platform when the user may only read."""
    if session.has_role(READ_ONLY_ROLE):
        raise acl_refused(_OPERATIONS[method])
