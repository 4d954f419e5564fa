"""An equality filter that is asked of the server and checked on our side, because servers ignore terms silently.

Called by `system` and `schema` for feeds, look-ups and searches. Builds encoded queries from checked values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.servicenow.wire import FieldError, may_be_queried, text_of


class QueryIgnored(Exception):
    """A row came back that the query excludes; the message names the column."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Columns and the values that each may have. Raises `ValueError` for a value that may not enter a query."""

    terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for values in self.terms.values():
            listed = len(values) > 1
            if not values or not all(
                may_be_queried(value) and not (listed and "," in value) for value in values
            ):
                raise ValueError("a value that may not enter a query")

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.terms)

    def query(self) -> str:
        """The encoded query, "" for no terms."""
        return "^".join(
            f"{column}={values[0]}" if len(values) == 1 else f"{column}IN{','.join(values)}"
            for column, values in self.terms.items()
        )

    def keeps(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is one of those asked for. False for one that the server's collation takes for equal (case,
        blanks at the end); raises `QueryIgnored` for any other."""
        exact = True
        for column, values in self.terms.items():
            try:
                found = text_of(row, column, column)
            except FieldError as error:
                raise QueryIgnored(f"{column} cannot be checked: {error.reason}") from None
            if found not in values:
                exact = False
                if _folded(found) not in {_folded(value) for value in values}:
                    raise QueryIgnored(
                        f"a row does not match the query on {column}, so the server ignores it"
                    )
        return exact


def _folded(text: str) -> str:
    return text.rstrip().casefold()
