"""The Aggregate API: counts, sums, minima and the like, whole or by group.

Called by `api`. Counts are strings, as everything is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from syncd.sandbox.dictionary import words
from syncd.sandbox.errors import invalid_table, not_allowed
from syncd.sandbox.messages import Reply, Request
from syncd.sandbox.operators import COMPARISONS, sort_key
from syncd.sandbox.search import Search

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance, Session
    from syncd.sandbox.records import Row

_AGGREGATES = ("min", "max", "sum", "avg")


def serve_stats(instance: Instance, request: Request, session: Session, table: str) -> Reply:
    """`GET /stats/{table}`."""
    if table not in instance.dictionary:
        raise invalid_table(table)
    if request.method not in {"GET", "HEAD"}:
        raise not_allowed()
    rows = Search(instance, session, table, request.params.get("sysparm_query", "")).rows()
    by = [
        f for f in words(request.params.get("sysparm_group_by", "")) if instance.dictionary.resolve(table, f)
    ]
    if not by:
        return Reply(200, {"result": {"stats": _measure(instance, request, table, rows)}})
    groups: dict[tuple[str, ...], list[Row]] = {}
    readers = [reader for field in by if (reader := instance.reader(table, field)) is not None]
    for row in rows:
        groups.setdefault(tuple(read(row) for read in readers), []).append(row)
    result: list[dict[str, object]] = [
        {
            "stats": _measure(instance, request, table, members),
            "groupby_fields": [
                _group_field(instance, request, table, f, v) for f, v in zip(by, key, strict=True)
            ],
        }
        for key, members in sorted(groups.items())
    ]
    return Reply(200, {"result": _ordered(request, [g for g in result if _kept(request, g["stats"])])})


def _measure(instance: Instance, request: Request, table: str, rows: list[Row]) -> dict[str, object]:
    stats: dict[str, object] = {}
    if request.flag("sysparm_count"):
        stats["count"] = str(len(rows))
    for kind in _AGGREGATES:
        names = [
            f for f in words(request.params.get(f"sysparm_{kind}_fields", "")) if instance.reader(table, f)
        ]
        if names:
            stats[kind] = {name: _aggregate(instance, table, kind, name, rows) for name in names}
    return stats


def _aggregate(instance: Instance, table: str, kind: str, name: str, rows: list[Row]) -> str:
    fields, read = instance.dictionary.resolve(table, name), instance.reader(table, name)
    assert fields is not None and read is not None
    found = [value for row in rows if (value := read(row))]
    if not found:
        return ""
    if kind in {"min", "max"}:
        choose = min if kind == "min" else max
        return choose(found, key=lambda value: sort_key(fields[-1], value))
    numbers = list(_numbers(found))
    total = sum(numbers)
    if kind == "sum":
        return f"{total:g}"
    return f"{total / len(numbers):.4f}" if numbers else ""


def _numbers(values: Iterable[str]) -> Iterable[float]:
    for value in values:
        try:
            yield float(value)
        except ValueError:
            continue


def _group_field(instance: Instance, request: Request, table: str, name: str, value: str) -> dict[str, str]:
    fields = instance.dictionary.resolve(table, name)
    assert fields is not None
    labels = dict(instance.choices(table, fields[-1].name)) if fields[-1].choice else {}
    shown = labels.get(value) or instance.display(fields[-1], value)
    mode = request.params.get("sysparm_display_value", "false")
    if mode == "all":
        return {"field": name, "display_value": shown, "value": value}
    return {"field": name, "value": shown if mode == "true" else value}


def _kept(request: Request, stats: object) -> bool:
    """`sysparm_having`: `aggregate^field^operator^value`; one that is not understood keeps everything."""
    parts = request.params.get("sysparm_having", "").split("^")
    if len(parts) != 4 or parts[2] not in COMPARISONS or not isinstance(stats, dict):
        return True
    measured = _value_of(stats, parts[0], parts[1])
    try:
        return COMPARISONS[parts[2]](float(measured), float(parts[3]))
    except ValueError:
        return True


def _value_of(stats: dict[str, object], kind: str, field: str) -> str:
    if kind == "count":
        return str(stats.get("count", ""))
    inner = stats.get(kind)
    return str(inner.get(field, "")) if isinstance(inner, dict) else ""


def _ordered(request: Request, groups: list[dict[str, object]]) -> list[dict[str, object]]:
    """`sysparm_order_by`: a group field or `AGGREGATE^field`, `DESC` in front for descending."""
    text = request.params.get("sysparm_order_by", "")
    if not text:
        return groups
    descending, name = text.startswith("DESC"), text.removeprefix("DESC")
    kind, _, field = name.partition("^")

    def key(group: dict[str, object]) -> tuple[float, str]:
        stats, fields = group["stats"], group["groupby_fields"]
        if kind.lower() in {"count", *_AGGREGATES} and isinstance(stats, dict):
            return (next(iter(_numbers([_value_of(stats, kind.lower(), field)])), 0.0), "")
        assert isinstance(fields, list)
        return (0.0, next((f["value"] for f in fields if f["field"] == name), ""))

    return sorted(groups, key=key, reverse=descending)
