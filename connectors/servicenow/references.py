"""Records that others refer to, found by a property: templates, places, accounts. What was found is kept for a while.

Called by `system`. Only reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from connectors.errors import Misconfigured, Refused
from connectors.profile import Profile
from connectors.retrying import Retries
from connectors.servicenow import wire
from connectors.servicenow.filters import Filter
from connectors.servicenow.search import every_row
from connectors.servicenow.table_api import TableApi

RESOLVED_FOR_S = 600.0


class References:
    """The look-ups of one instance; safe from any thread."""

    def __init__(
        self, profile: Profile, api: TableApi, retries: Retries, monotonic: Callable[[], float]
    ) -> None:
        self._profile = profile
        self._api = api
        self._retries = retries
        self._monotonic = monotonic
        self._resolved: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._resolving = threading.Lock()

    def resolve(self, entity: str, match: str, value: str) -> str | None:
        """See `RemoteSystem.resolve`. What was not found is asked for again each time."""
        key = (entity, match, value)
        with self._resolving:
            known = self._resolved.get(key)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        found = self._look_up(entity, match, value)
        if found is not None:
            with self._resolving:
                self._resolved[key] = (found, self._monotonic() + RESOLVED_FOR_S)
        return found

    def _look_up(self, entity: str, match: str, value: str) -> str | None:
        reference = self._profile.references.get(entity)
        column = wire.ID if match == "id" else reference.match.get(match) if reference else None
        if reference is None or column is None:
            message = f"profile {self._profile.name} has no reference {entity!r} by {match!r}"
            raise Misconfigured(message, system=self._api.system)
        try:
            where = Filter({column: (value,)})
        except ValueError:
            return None  # what may not enter a query cannot be found by one
        rows = every_row(self._api, self._retries, reference.table, where, (column,))
        if len(rows) > 1:
            reason = f"{len(rows)} records of {reference.table} have the same {match}"
            raise Refused(f"looking up {entity} by {match}: {reason}", reason=reason, system=self._api.system)
        return str(rows[0][wire.ID]) if rows else None
