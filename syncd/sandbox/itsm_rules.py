"""Business rules of the base platform: priorities, closed tasks, deletions, and rules that people wrote as records.

Registered by `world` on every instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.sandbox.errors import aborted
from syncd.sandbox.instance import Session
from syncd.sandbox.records import Row
from syncd.sandbox.rules import AFTER, BEFORE, DELETE, INSERT, UPDATE, Change
from syncd.sandbox.search import Search

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance

_PRIORITY = {("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3", ("3", "1"): "3",
             ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5"}  # fmt: skip
_CLOSED = {"incident": {"7", "8"}, "problem": {"107"}, "change_request": {"3", "4"}}


def register_platform_rules(instance: Instance) -> None:
    """Hangs the rules into an instance."""
    book = instance.rules
    for table in _CLOSED:
        book.add("Task Opened", table, BEFORE, (INSERT,), _opened)
        book.add("Priority Lookup", table, BEFORE, (INSERT, UPDATE), _priority)
        book.add("Task Active State Management", table, BEFORE, (INSERT, UPDATE), _activity)
    for root in [table.name for table in instance.dictionary if not table.extends]:
        book.add("Written Rules", root, BEFORE, (INSERT, UPDATE, DELETE), _written_rules)
        book.add("Clean Up", root, AFTER, (DELETE,), _clean_up)


def _opened(change: Change) -> None:
    opener = change.instance.store.first("sys_user", user_name=change.user)
    change.values["opened_by"] = change.new("opened_by") or (opener.id if opener else "")
    change.values["opened_at"] = change.new("opened_at") or change.instance.clock.stamp()


def _priority(change: Change) -> None:
    if change.changed("impact", "urgency"):
        change.values["priority"] = _PRIORITY.get(
            (change.new("impact"), change.new("urgency")), change.new("priority")
        )


def _activity(change: Change) -> None:
    closed = (
        change.new("state")
        in _CLOSED[next(t for t in change.instance.dictionary.chain(change.table) if t in _CLOSED)]
    )
    if change.changed("state"):
        change.values["active"] = "false" if closed else "true"
        if closed:
            change.values["closed_at"] = change.instance.clock.stamp()


def _written_rules(change: Change) -> None:
    """Rules stored in `sys_script` that abort on a condition; scripts are not run."""
    for table in change.instance.dictionary.chain(change.table):
        for rule in change.instance.store.find(
            "sys_script", collection=table, active="true", abort_action="true"
        ):
            if (
                rule["when"] == BEFORE
                and rule[f"action_{change.operation}"] == "true"
                and _holds(change, rule)
            ):
                raise aborted(change.table, rule["name"], rule.id)


def _holds(change: Change, rule: Row) -> bool:
    condition = rule["filter_condition"]
    candidate = Row(change.table, change.row.id, change.values)
    return Search(change.instance, Session(change.instance, change.user), change.table, condition).matches(
        candidate
    )


def _clean_up(change: Change) -> None:
    """Attachments and journal entries go with their record."""
    store = change.instance.store
    for row in store.find("sys_attachment", table_sys_id=change.row.id):
        change.instance.delete(row, change.user)
    if change.table == "sys_attachment":
        change.instance.blobs.pop(change.row.id, None)
    if change.table != "sys_journal_field":
        for row in store.find("sys_journal_field", element_id=change.row.id):
            store.remove(row)
