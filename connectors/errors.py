"""What can go wrong with a remote system, named by the caller's next move.

Raised by connectors, caught by the lanes. The text of an error is safe to log: it names the system, the path and what
happened, never a credential, a query value or a body.
"""

from __future__ import annotations


class RemoteError(Exception):
    """Something went wrong with a remote system. `system` is "order_management" or "field_service"."""

    def __init__(self, message: str, *, system: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.system = system
        self.status = status
        """The HTTP status code, None where no answer came."""


class Unreachable(RemoteError):
    """Surely not executed, or a read that did not succeed: try later."""


class Busy(RemoteError):
    """The system asks us to wait: `retry_after` seconds (None: it did not say)."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, system: str = "", status: int | None = None
    ) -> None:
        super().__init__(message, system=system, status=status)
        self.retry_after = retry_after


class Exhausted(Busy):
    """The request budget has no room, or the system has just asked another thread to wait: surely not sent."""


class Doubtful(RemoteError):
    """A write whose outcome is unknown: probe after settle, then class it; never send again blindly."""


class Conflict(RemoteError):
    """The record is not what we thought (409, 412, version moved): observe again, decide again."""


class Refused(RemoteError):
    """A rule of the remote system said no. `reason` is its own text, bounded and plain."""

    def __init__(self, message: str, *, reason: str, system: str = "", status: int | None = None) -> None:
        super().__init__(message, system=system, status=status)
        self.reason = reason


class Missing(RemoteError):
    """No record by that id, or one that access rules hide: the two cannot be told apart by one read."""


class Misconfigured(RemoteError):
    """Nothing will work until a person changes something: credentials, access rules, base path, TLS, a profile."""


class Unreadable(RemoteError):
    """One record that was read by id and does not parse: `field` says where ("" for its JSON), `reason` why."""

    def __init__(
        self, message: str, *, field: str, reason: str, system: str = "", status: int | None = None
    ) -> None:
        super().__init__(message, system=system, status=status)
        self.field = field
        self.reason = reason


class FilterIgnored(Misconfigured):
    """The server returned rows that do not match the query: it does not know a term, and would return everything."""


class Unsafe(Exception):
    """A connector that may only read was asked to write: a defect of ours, so no lane catches it as a remote failure."""
