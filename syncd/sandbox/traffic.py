"""Counts requests, so that a test can say "no writes at all".

Filled by `api`, read through the control API.
"""

from __future__ import annotations

from collections import Counter

from syncd.sandbox.faults import WRITES


class Traffic:
    """Requests under /api/now by system, method and table; requests for tokens, and those turned away, by system."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._tokens: Counter[str] = Counter()
        self._strangers: Counter[str] = Counter()

    def asked_for_token(self, system: str) -> None:
        self._tokens[system] += 1

    def turned_away(self, system: str) -> None:
        """A request without valid credentials."""
        self._strangers[system] += 1

    def record(self, system: str, method: str, table: str) -> None:
        self._counts[system, method, table] += 1

    def clear(self) -> None:
        for counts in (self._counts, self._tokens, self._strangers):
            counts.clear()

    def report(self) -> dict[str, object]:
        rows = [
            {"system": system, "method": method, "table": table, "count": count}
            for (system, method, table), count in sorted(self._counts.items())
        ]
        writes = sum(
            count
            for (_, method, table), count in self._counts.items()
            if method in WRITES and table != "batch"
        )
        return {
            "requests": rows,
            "writes": writes,
            "total": sum(self._counts.values()),
            "tokens": dict(self._tokens),
            "unauthenticated": dict(self._strangers),
        }
