"""The data dictionary: which tables exist, what they extend, which fields they have and what a field holds.

Filled by the `tables_*` modules, asked by the store, the query engine and the Table API. Holds no rows; the rows of
`sys_db_object` and `sys_dictionary` are made from it by `seed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

STRING, INTEGER, DECIMAL, BOOLEAN = "string", "integer", "decimal", "boolean"
DATETIME, DATE, REFERENCE, JOURNAL = "glide_date_time", "glide_date", "reference", "journal_input"
GUID, CLASS_NAME, PASSWORD, GLIDE_LIST = "GUID", "sys_class_name", "password", "glide_list"

_SHORT = {
    "str": STRING,
    "int": INTEGER,
    "dec": DECIMAL,
    "bool": BOOLEAN,
    "dt": DATETIME,
    "date": DATE,
    "journal": JOURNAL,
    "password": PASSWORD,
    "list": GLIDE_LIST,
    "class": CLASS_NAME,
    "guid": GUID,
}
_SPEC = re.compile(
    r"(?P<name>\w+)(?::(?P<type>\w+))?(?:\((?P<arg>\w+)\))?(?:=(?P<default>[^\s?]+))?(?P<choice>\?)?\Z"
)
_LENGTHS = {STRING: 255, REFERENCE: 32, GUID: 32, CLASS_NAME: 80, GLIDE_LIST: 4000}


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `target` is the referenced table, `choice` says that only listed values are kept."""

    name: str
    type: str = STRING
    target: str = ""
    default: str = ""
    choice: bool = False
    max_length: int = 255

    @property
    def label(self) -> str:
        return self.name.removeprefix("u_").replace("_", " ").capitalize()

    @property
    def is_reference(self) -> bool:
        return self.type == REFERENCE


def parse_field(spec: str) -> Field:
    """A field from `name[:type][(arg)][=default][?]`: the argument is a length or the referenced table, ? a choice list."""
    match = _SPEC.match(spec)
    if match is None:
        raise ValueError(f"not a field: {spec!r}")
    kind, arg = match["type"] or "str", match["arg"] or ""
    type_ = REFERENCE if kind == "ref" else _SHORT[kind]
    length = int(arg) if arg.isdigit() else _LENGTHS.get(type_, 40)
    target = "" if arg.isdigit() else arg
    return Field(match["name"], type_, target, match["default"] or "", bool(match["choice"]), length)


@dataclass(slots=True)
class Table:
    """One table. `own` are the fields it adds or redefines; inherited ones are found through `Dictionary.fields`."""

    name: str
    label: str
    extends: str = ""
    prefix: str = ""
    display: str = ""
    own: dict[str, Field] = field(default_factory=dict)


SYSTEM_FIELDS = tuple(
    parse_field(spec)
    for spec in (
        "sys_id:guid",
        "sys_created_on:dt",
        "sys_created_by(40)",
        "sys_updated_on:dt",
        "sys_updated_by(40)",
        "sys_mod_count:int",
        "sys_tags",
    )
)
UNWRITABLE = frozenset(f.name for f in SYSTEM_FIELDS) | {"sys_class_name"}


class Dictionary:
    """All tables of an instance."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._fields: dict[str, dict[str, Field]] = {}

    def define(
        self,
        name: str,
        fields: str = "",
        *,
        label: str = "",
        extends: str = "",
        prefix: str = "",
        display: str = "",
    ) -> None:
        """Adds a table; `fields` are field specs, blank separated. A parent must have been defined before its child."""
        table = Table(name, label or name.replace("_", " ").title(), extends, prefix, display)
        specs = [parse_field(text) for text in fields.split()]
        table.own = {f.name: f for f in (*(() if extends else SYSTEM_FIELDS), *specs)}
        self._tables[name] = table
        self._fields[name] = {**(self._fields[extends] if extends else {}), **table.own}
        self.__dict__.pop("_children", None)

    def __contains__(self, name: str) -> bool:
        return name in self._tables

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def table(self, name: str) -> Table:
        return self._tables[name]

    def fields(self, name: str) -> dict[str, Field]:
        """All fields of a table by name, inherited ones included."""
        return self._fields[name]

    def chain(self, name: str) -> list[str]:
        """The table and what it extends, nearest first."""
        names = [name]
        while parent := self._tables[names[-1]].extends:
            names.append(parent)
        return names

    def root(self, name: str) -> str:
        return self.chain(name)[-1]

    def family(self, name: str) -> list[str]:
        """The table and everything that extends it."""
        names = [name]
        for known in names:
            names.extend(self._children.get(known, ()))
        return names

    def display_field(self, name: str) -> str:
        """The field that stands for a record of this table wherever it is referenced."""
        for known in self.chain(name):
            if display := self._tables[known].display:
                return display
        fields = self._fields[name]
        return next((f for f in ("name", "number", "label") if f in fields), "sys_id")

    def prefix(self, name: str) -> str:
        """The number prefix, "" for tables without numbers of their own."""
        return next((p for known in self.chain(name) if (p := self._tables[known].prefix)), "")

    def resolve(self, table: str, path: str) -> list[Field] | None:
        """The fields along a dot-walked path, None when some step does not exist."""
        found: list[Field] = []
        for step in path.split("."):
            known = self._fields.get(table)
            if known is None or step not in known:
                return None
            found.append(known[step])
            table = known[step].target
        return found

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for table in self._tables.values():
            if table.extends:
                children.setdefault(table.extends, []).append(table.name)
        return children


def words(text: str) -> Iterable[str]:
    """The entries of a comma separated value, blanks trimmed."""
    return [word.strip() for word in text.split(",") if word.strip()]
