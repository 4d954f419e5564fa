"""One simulated instance: its tables, rows, rules, users and clock, and the only way to write a record.

Built by `world`, used by the Table API and by the business rules. Synchronous throughout: one request is done before the
next begins.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from syncd.sandbox import rules, values
from syncd.sandbox.audit import write_audit
from syncd.sandbox.choices import Choice, StateCodes
from syncd.sandbox.clock import SandboxClock
from syncd.sandbox.dialect import Dialect
from syncd.sandbox.dictionary import BOOLEAN, CLASS_NAME, JOURNAL, Dictionary, Field
from syncd.sandbox.errors import duplicate_key
from syncd.sandbox.moments import Moment
from syncd.sandbox.records import DuplicateId, Row, Store
from syncd.sandbox.rules import AFTER, BEFORE, Change, RuleBook

SYSTEM_USER = "system"
DEFAULT_ZONE = "America/Los_Angeles"


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks: a user of an instance."""

    instance: Instance
    user: str

    @property
    def row(self) -> Row | None:
        return self.instance.store.first("sys_user", user_name=self.user)

    def zone(self) -> ZoneInfo:
        row = self.row
        return ZoneInfo(
            (row["time_zone"] if row else "")
            or self.instance.property("glide.sys.default.tz")
            or DEFAULT_ZONE
        )

    def moment(self) -> Moment:
        row = self.row
        return Moment(self.instance.clock.now(), self.zone(), row.id if row else "", self.user)

    def has_role(self, role: str) -> bool:
        row, store = self.row, self.instance.store
        wanted = store.first("sys_user_role", name=role)
        return (
            row is not None
            and wanted is not None
            and bool(store.find("sys_user_has_role", user=row.id, role=wanted.id))
        )


@dataclass(slots=True)
class Write:
    """What a caller wants written: raw values, and how they are to be read."""

    values: Mapping[str, object]
    user: str = SYSTEM_USER
    display_input: bool = False


class Instance:
    """The tables of one instance and the operations on them."""

    def __init__(
        self,
        name: str,
        dictionary: Dictionary,
        clock: SandboxClock,
        seed: int,
        codes: Mapping[str, StateCodes],
        *,
        dialect: Dialect | None = None,
    ) -> None:
        self.name = name
        self.dialect = dialect or Dialect(dictionary)
        self.dictionary = dictionary
        self.clock = clock
        self.codes = codes
        self.random = random.Random(f"{name}:{seed}")
        self.store = Store(dictionary)
        self.rules = RuleBook()
        self.blobs: dict[str, bytes] = {}
        self.passwords: dict[str, str] = {}
        self.honours_ids: Callable[[str], bool] = lambda _: True
        self.backdate: Callable[[str], float] = lambda _: 0.0
        self._numbers: dict[str, int] = {}
        self._fresh: dict[str, dict[str, str]] = {}
        self._choices: dict[tuple[str, str], list[Choice]] = {}
        self._choices_version = -1
        self._readers: dict[tuple[str, str], Callable[[Row], str] | None] = {}

    # --- reading -----------------------------------------------------------------------------------------------

    def property(self, name: str) -> str:
        row = self.store.first("sys_properties", name=name)
        return row["value"] if row else ""

    def flag(self, name: str) -> bool:
        return self.property(name) == "true"

    def choices(self, table: str, element: str) -> list[Choice]:
        """The active choices of a field: those of the nearest table of the hierarchy that has any."""
        version = self.store.version.get("sys_choice", 0)
        if version != self._choices_version:
            self._choices, self._choices_version = self._read_choices(), version
        for name in self.dictionary.chain(table):
            if found := self._choices.get((name, element)):
                return found
        return []

    def display(self, field: Field, value: str) -> str:
        """What people see of a reference, the value itself where there is nothing behind it."""
        if not value or not field.target or field.target not in self.dictionary:
            return value
        row = self.store.get(field.target, value)
        return self.title(row) if row else value

    def title(self, row: Row) -> str:
        """The display value of a record."""
        name = self.dictionary.display_field(row.table)
        value = row.id if name == "sys_id" else row[name]
        return self.display(self.dictionary.fields(row.table)[name], value)

    def reader(self, table: str, path: str) -> Callable[[Row], str] | None:
        """A function that reads a dot-walked path from a row, None when the path does not exist."""
        key = (table, path)
        if key not in self._readers:
            self._readers[key] = self._make_reader(table, path)
        return self._readers[key]

    def notes(self, row: Row, element: str = "work_notes") -> list[Row]:
        """The journal entries of a record, oldest first."""
        entries = self.store.find("sys_journal_field", element_id=row.id)
        return [entry for entry in entries if entry["element"] == element]

    # --- writing -----------------------------------------------------------------------------------------------

    def insert(
        self, table: str, given: Mapping[str, object], user: str = SYSTEM_USER, *, display_input: bool = False
    ) -> Row:
        """Creates a record, with everything that rules make of it."""
        table = self._class_for(table, given)
        write = Write(given, user, display_input)
        understood, notes = self._understand(table, write)
        id = self._id_for(table, given)
        row = Row(table, id, {})
        fresh = {**self._defaults(table), **understood}
        change = Change(
            self, table, rules.INSERT, row, fresh, {}, user, notes, frozenset({*understood, *notes})
        )
        self.rules.run(BEFORE, change)
        stamp = self._stamp(table)
        system = {"sys_id": id, "sys_created_on": stamp, "sys_created_by": user, "sys_mod_count": "0"}
        row.values = _compact({**change.values, **system, "sys_updated_on": stamp, "sys_updated_by": user})
        self._number(row)
        try:
            self.store.add(row)
        except DuplicateId:
            raise duplicate_key(table, id) from None
        change.values = row.values
        self._write_notes(change)
        self.rules.run(AFTER, change)
        return row

    def update(
        self, row: Row, given: Mapping[str, object], user: str = SYSTEM_USER, *, display_input: bool = False
    ) -> bool:
        """Changes a record; False when nothing is different, and then nothing is stamped."""
        understood, notes = self._understand(row.table, Write(given, user, display_input))
        old = row.values
        sent = frozenset({*understood, *notes})
        change = Change(self, row.table, rules.UPDATE, row, {**old, **understood}, old, user, notes, sent)
        if change.values == old and not notes:
            return False
        self.rules.run(BEFORE, change)
        new = _compact(change.values)
        if new == old and not change.notes:
            return False
        new["sys_mod_count"] = str(int(old.get("sys_mod_count", "0")) + 1)
        new["sys_updated_on"], new["sys_updated_by"] = self._stamp(row.table), user
        self.store.replace(row, new)
        change.values = new
        self._write_notes(change)
        write_audit(change)
        self.rules.run(AFTER, change)
        return True

    def delete(self, row: Row, user: str = SYSTEM_USER) -> None:
        """Removes a record; what remains is a line in `sys_audit_delete`."""
        change = Change(self, row.table, rules.DELETE, row, dict(row.values), row.values, user)
        self.rules.run(BEFORE, change)
        self.store.remove(row)
        if row.table not in {"sys_audit_delete", "sys_journal_field", "syslog"}:
            audit = {"tablename": row.table, "documentkey": row.id, "display_value": self.title(row)}
            self.insert("sys_audit_delete", audit, user)
        self.rules.run(AFTER, change)

    def put(self, table: str, given: Mapping[str, str]) -> Row:
        """Creates a record without rules or conversions: for seeds and journals."""
        stamp = self._stamp(table)
        base = {
            "sys_created_on": stamp,
            "sys_created_by": SYSTEM_USER,
            "sys_mod_count": "0",
            "sys_updated_on": stamp,
        }
        merged = _compact({**self._defaults(table), **base, "sys_updated_by": SYSTEM_USER, **given})
        merged["sys_id"] = given.get("sys_id") or self.new_id()
        row = Row(table, merged["sys_id"], merged)
        self._number(row)
        self.store.add(row)
        return row

    def new_id(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    # --- inside ------------------------------------------------------------------------------------------------

    def _stamp(self, table: str) -> str:
        back = self.backdate(table)
        if not back:
            return self.clock.stamp()
        return values.stamp_before(self.clock.now(), back)

    def _class_for(self, table: str, given: Mapping[str, object]) -> str:
        wanted = given.get("sys_class_name")
        known = isinstance(wanted, str) and wanted in self.dictionary.family(table)
        return str(wanted) if known else table

    def _id_for(self, table: str, given: Mapping[str, object]) -> str:
        wanted = given.get("sys_id")
        if isinstance(wanted, str) and values.SYS_ID.match(wanted) and self.honours_ids(table):
            return wanted
        return self.new_id()

    def _understand(self, table: str, write: Write) -> tuple[dict[str, str], dict[str, str]]:
        """The values that the platform keeps, and the journal input. Everything else is dropped without a word."""
        fields, kept, notes = self.dictionary.fields(table), {}, {}
        for name, raw in write.values.items():
            field = fields.get(name)
            if field is None or not values.writable(field):
                continue
            if field.type == JOURNAL:
                if text := values.as_text(raw):
                    notes[name] = text
                continue
            value = values.to_stored(self, table, field, raw, display_input=write.display_input)
            if value is not None:
                kept[name] = value
        return kept, notes

    def _defaults(self, table: str) -> dict[str, str]:
        """What a new record holds before anybody says anything; empty values left out."""
        if table not in self._fresh:
            fields = self.dictionary.fields(table)
            fresh = {f.name: f.default or ("false" if f.type == BOOLEAN else "") for f in fields.values()}
            fresh.update({f.name: table for f in fields.values() if f.type == CLASS_NAME})
            if "state" in fields and (codes := self._codes_of(table)):
                fresh["state"] = codes.value("draft")
            self._fresh[table] = _compact(fresh)
        return self._fresh[table]

    def _codes_of(self, table: str) -> StateCodes | None:
        return next((self.codes[name] for name in self.dictionary.chain(table) if name in self.codes), None)

    def _number(self, row: Row) -> None:
        prefix = self.dictionary.prefix(row.table)
        if prefix and "number" in self.dictionary.fields(row.table) and not row["number"]:
            count = self._numbers.get(prefix, 1000) + 1
            self._numbers[prefix] = count
            row.values["number"] = f"{prefix}{count:07d}"

    def _write_notes(self, change: Change) -> None:
        for element, text in change.notes.items():
            entry = {"name": change.table, "element": element, "element_id": change.row.id, "value": text}
            row = self.put(
                "sys_journal_field", {**entry, "sys_created_by": change.user, "sys_updated_by": change.user}
            )
            row.values["sys_created_on"] = change.new("sys_updated_on") or row["sys_created_on"]

    def _make_reader(self, table: str, path: str) -> Callable[[Row], str] | None:
        fields = self.dictionary.resolve(table, path)
        if fields is None:
            return None
        head = fields[0].name
        if len(fields) == 1:
            return lambda row: row.values.get(head, "")
        target, rest = fields[0].target, self.reader(fields[0].target, path.partition(".")[2])

        def walk(row: Row) -> str:
            value = row.values.get(head, "")
            further = self.store.get(target, value) if value else None
            return rest(further) if further is not None and rest is not None else ""

        return walk

    def _read_choices(self) -> dict[tuple[str, str], list[Choice]]:
        found: dict[tuple[str, str], list[Choice]] = {}
        for row in self.store.rows("sys_choice"):
            if row["inactive"] != "true":
                key = self.dialect.inner_pair(row["name"], row["element"])
                found.setdefault(key, []).append((row["value"], row["label"]))
        return found


def _compact(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if value != ""}
