"""Records as the REST API shows them: raw, display or both, with or without reference links, dot-walked fields.

Called by the Table API. Every value is a string, what is empty is "", a journal shows its history only in display mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from syncd.sandbox.dictionary import BOOLEAN, CLASS_NAME, DATETIME, JOURNAL, PASSWORD, Field, words
from syncd.sandbox.values import shown_date

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance, Session
    from syncd.sandbox.messages import Request
    from syncd.sandbox.records import Row

MASK = "********"
Shower = Callable[["Row"], object]


class Renderer:
    """Renders rows of one table the way one request asked for."""

    def __init__(self, instance: Instance, session: Session, table: str, request: Request) -> None:
        self._instance = instance
        self._zone = session.zone()
        self._mode = {"true": "true", "all": "all"}.get(
            request.params.get("sysparm_display_value", ""), "false"
        )
        self._bare = request.flag("sysparm_exclude_reference_link")
        self._link_base = f"{request.base}/api/now/table"
        self._table = table
        paths = self._paths(request.params.get("sysparm_fields", ""))
        simple = self._mode == "false" and self._bare and all("." not in path for path in paths)
        self._simple = paths if simple else None
        self._plan = [] if simple else [(path, self._shower(path)) for path in paths]

    def row(self, row: Row) -> dict[str, object]:
        if self._simple is not None:
            get = row.values.get
            return {name: get(name, "") for name in self._simple}
        return {path: show(row) for path, show in self._plan}

    def _paths(self, wanted: str) -> list[str]:
        if not wanted.strip():
            return list(self._instance.dictionary.fields(self._table))
        return [path for path in words(wanted) if self._instance.dictionary.resolve(self._table, path)]

    def _shower(self, path: str) -> Shower:
        fields = self._instance.dictionary.resolve(self._table, path)
        raw = self._instance.reader(self._table, path)
        assert fields is not None and raw is not None
        field = fields[-1]
        if self._mode == "false":
            return raw if self._bare or not field.is_reference else self._reference(field, raw)
        if self._mode == "all":
            return self._both(field, raw)
        if field.is_reference and not self._bare:
            return self._reference_shown(field, raw)
        return lambda row: self._shown(field, raw(row), row)

    def _link(self, field: Field, value: str) -> str:
        return f"{self._link_base}/{field.target}/{value}"

    def _reference(self, field: Field, raw: Callable[[Row], str]) -> Shower:
        def show(row: Row) -> object:
            value = raw(row)
            return {"link": self._link(field, value), "value": value} if value else ""

        return show

    def _reference_shown(self, field: Field, raw: Callable[[Row], str]) -> Shower:
        def show(row: Row) -> object:
            value = raw(row)
            return (
                {"display_value": self._shown(field, value, row), "link": self._link(field, value)}
                if value
                else ""
            )

        return show

    def _both(self, field: Field, raw: Callable[[Row], str]) -> Shower:
        def show(row: Row) -> object:
            value = raw(row)
            pair = {"display_value": self._shown(field, value, row), "value": value}
            if field.is_reference and value and not self._bare:
                pair["link"] = self._link(field, value)
            return pair

        return show

    def _shown(self, field: Field, value: str, row: Row) -> str:
        if field.type == JOURNAL:
            return self._history(field, row)
        if field.type == PASSWORD:
            return MASK
        if not value or field.type == BOOLEAN:
            return value
        if field.type == DATETIME:
            return shown_date(value, self._zone)
        if field.type == CLASS_NAME:
            return (
                self._instance.dictionary.table(value).label if value in self._instance.dictionary else value
            )
        if field.choice:
            choices = self._instance.choices(row.table, field.name)
            return next((label for known, label in choices if known == value), value)
        return self._instance.display(field, value)

    def _history(self, field: Field, row: Row) -> str:
        entries = []
        for entry in reversed(self._instance.notes(row, field.name)):
            author = self._instance.store.first("sys_user", user_name=entry["sys_created_by"])
            name = author["name"] if author else entry["sys_created_by"]
            at = shown_date(entry["sys_created_on"], self._zone)
            entries.append(f"{at} - {name} ({field.label})\n{entry['value']}\n\n")
        return "".join(entries)
