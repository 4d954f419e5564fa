"""What a state holds, read past the product: the invariants look at it with their own statements, on either database.

Made by `invariants.Watch`. Only reads, outside of every transaction of the product.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import psycopg


class Sight:
    """A connection of its own to a state."""

    def __init__(self, url: str) -> None:
        self._mark = "?"
        self._connection: Any
        if url.startswith("sqlite:///"):
            self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        else:
            self._mark = "%s"
            self._connection = psycopg.connect(url, autocommit=True)

    def rows(self, query: str, *values: str) -> Sequence[Any]:
        """Every row of a query; its values stand as question marks."""
        found: Sequence[Any] = self._connection.execute(query.replace("?", self._mark), values).fetchall()
        return found

    def close(self) -> None:
        self._connection.close()
