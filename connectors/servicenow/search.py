"""All rows of a small result: choices, dictionary entries, notes, records found by a field.

Called by `schema` and `system`. Walks by id in bounded pages, follows the server's word on what comes next, checks every
row against the filter, and leaves out what does not match exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import Misconfigured, Unreachable, Unreadable
from connectors.paging import follows, shrinking
from connectors.ports import UnreadableRecord
from connectors.retrying import Retries
from connectors.servicenow.filters import Filter, QueryIgnored
from connectors.servicenow.table_api import Row, Rows, TableApi
from connectors.servicenow.wire import ID, is_id
from connectors.strict_json import Flaw
from mappings.model import Record

PAGE = 500
MAX_PAGES = 200


def every_row(
    api: TableApi,
    retries: Retries,
    table: str,
    where: Filter,
    columns: Sequence[str],
    *,
    extra: str = "",
    complete: bool = False,
) -> list[Row]:
    """The rows of `table` that match `where`, by id. `extra` is one more term of checked values that only narrows.

    Raises `Misconfigured` when a row comes that the filter excludes. Rows that are no acceptable JSON are left out;
    `complete` raises `Unreadable` for them.
    """
    asked = tuple(dict.fromkeys((ID, *columns, *where.columns)))
    base = "^".join(part for part in (where.query(), extra) if part)
    found: list[Row] = []
    last, skip = "", 0
    for _ in range(MAX_PAGES):
        page, size = _page(api, retries, table, query=_query(base, last), columns=asked, skip=skip)
        flaw = next((row for row in page.rows if isinstance(row, Flaw)), None)
        if complete and flaw is not None:
            what = f"GET {table}: a row that matches is not acceptable JSON: {flaw.reason}"
            raise Unreadable(what, field="", reason=flaw.reason, system=api.system)
        rows = [row for row in page.rows if not isinstance(row, Flaw)]
        found += [row for row in rows if _matches(row, where, last, table=table, system=api.system)]
        if not follows(page.reply, skip=skip, limit=size, shown=len(page.rows)):
            return found
        if rows:
            last, skip = rows[-1][ID], 0
        else:
            skip += size
    raise Unreachable(f"GET {table}: more than {MAX_PAGES} pages", system=api.system)


def parsed(found: Record | UnreadableRecord, system: str) -> Record:
    """A row that was found, as a record. Raises `Unreadable`."""
    if isinstance(found, Record):
        return found
    message = f"{found.kind} {found.id}: {found.field}: {found.reason}"
    raise Unreadable(message, field=found.field, reason=found.reason, system=system)


def _page(
    api: TableApi, retries: Retries, table: str, *, query: str, columns: Sequence[str], skip: int
) -> tuple[Rows, int]:
    def fetch(limit: int) -> tuple[Rows, int]:
        return api.list(table, query=query, columns=columns, limit=limit, offset=skip), limit

    return retries.read(lambda: shrinking(fetch, PAGE, system=api.system))


def _query(base: str, last: str) -> str:
    behind = f"{ID}>{last}" if last else ""
    return "^".join(part for part in (base, behind, f"ORDERBY{ID}") if part)


def _matches(row: object, where: Filter, last: str, *, table: str, system: str) -> bool:
    if not isinstance(row, dict) or not is_id(str(row.get(ID, ""))):
        raise Misconfigured(f"GET {table}: rows come without the id that was asked for", system=system)
    if last and row[ID] <= last:
        raise Misconfigured(f"GET {table}: the server ignores the order of ids", system=system)
    try:
        return where.keeps(row)
    except QueryIgnored as error:
        raise Misconfigured(f"GET {table}: {error}", system=system) from None
