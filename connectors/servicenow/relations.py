"""Rows of a relation table of ServiceNow (`task_rel_task` on most instances): two records, and how they are related.

Called by `order_management`. A look is by the id that we choose and by both ends, so that a row counts whoever made it. Raises the
errors of reads and writes; what is refused, or not there, is `Refused`: nothing else depends on these rows.
"""

from __future__ import annotations

from connectors.errors import Doubtful, Misconfigured, Missing, Refused
from connectors.ports import Relation
from connectors.profile import RelationProfile
from connectors.retrying import Retries
from connectors.servicenow import wire
from connectors.servicenow.filters import Filter
from connectors.servicenow.search import every_row
from connectors.servicenow.table_api import Row, TableApi

_NO_RIGHT = frozenset({400, 403})
"""No such table, or access rules."""


class Relations:
    """The relation table of one profile. Safe to call from any thread."""

    def __init__(self, api: TableApi, retries: Retries, profile: RelationProfile) -> None:
        self._api = api
        self._retries = retries
        self._profile = profile
        self._types: dict[str, str] = {}

    def stands(self, relation: Relation) -> bool:
        """Whether a row relates these two in this way."""
        try:
            return self._stands_by_id(relation) or self._is_found(relation)
        except Misconfigured as error:
            raise self._refusal(error) from None

    def make(self, relation: Relation) -> None:
        """Makes the row, once; it comes back as it stands, because columns are dropped without a word."""
        try:
            wanted = self._wanted(relation)
            asked = {wire.ID: relation.row, **wanted}
            row = self._api.insert(self._profile.table, asked, columns=(wire.ID, *wanted)).row
        except Misconfigured as error:
            raise self._refusal(error) from None
        try:
            says = {column: wire.text_of(row, column, column) for column in wanted}
        except wire.FieldError as error:
            raise Doubtful(
                f"the answer to a write cannot be read ({error})", system=self._api.system
            ) from None
        if says != wanted:
            raise self._refused("accepted, but not written as asked: may our user write its columns?", 201)

    def _stands_by_id(self, relation: Relation) -> bool:
        wanted = self._wanted(relation)
        columns = (wire.ID, *wanted)
        try:
            row = self._retries.read(
                lambda: self._api.read(self._profile.table, relation.row, columns=columns)
            )
        except Missing:
            return False
        return _says(row, wanted)

    def _is_found(self, relation: Relation) -> bool:
        where = Filter({column: (value,) for column, value in self._wanted(relation).items()})
        return bool(every_row(self._api, self._retries, self._profile.table, where, ()))

    def _wanted(self, relation: Relation) -> dict[str, str]:
        wanted = {self._profile.parent: relation.parent, self._profile.child: relation.child}
        if self._profile.type and relation.type:
            wanted[self._profile.type] = self._type(relation.type)
        return wanted

    def _type(self, name: str) -> str:
        """The id of a type by its name, looked up once; the name itself where types are texts."""
        if not self._profile.type_table:
            return name
        if name not in self._types:
            rows = every_row(
                self._api,
                self._retries,
                self._profile.type_table,
                Filter({self._profile.type_name: (name,)}),
                (),
            )
            if not rows:
                raise self._refused(f"no type {name!r} in {self._profile.type_table}", None)
            self._types[name] = str(rows[0][wire.ID])
        return self._types[name]

    def _refusal(self, error: Misconfigured) -> Exception:
        """Rules of this table are no reason to leave the whole system alone; anything else is."""
        return self._refused(str(error), error.status) if error.status in _NO_RIGHT else error

    def _refused(self, reason: str, status: int | None) -> Refused:
        text = f"{self._profile.table}: {reason}"
        return Refused(text, reason=text, system=self._api.system, status=status)


def _says(row: Row, wanted: dict[str, str]) -> bool:
    return all(str(row.get(column, "")) == value for column, value in wanted.items())
