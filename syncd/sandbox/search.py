"""Searching: an encoded query against a table becomes the matching rows, in order.

Called by the Table API, stats and attachments. What the platform ignores silently is ignored here: a term with an
unknown field, operator or value drops out of the query, unless the property `glide.invalid_query.returns_no_rows` is set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from syncd.sandbox import operators
from syncd.sandbox.dictionary import Field
from syncd.sandbox.operators import Getter, Operand, Predicate
from syncd.sandbox.query import Join, Query, Related, Term, parse_query
from syncd.sandbox.records import Row

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance, Session


class Search:
    """One query against one table, by one user."""

    def __init__(self, instance: Instance, session: Session, table: str, text: str) -> None:
        self._instance = instance
        self._session = session
        self._table = table
        self._query: Query = parse_query(text)
        self._moment = session.moment()
        self.dropped: list[str] = []
        """The terms that were ignored."""
        self._tests = self._compile()

    def rows(self) -> list[Row]:
        """The matching rows in the order that the query asks for; equals in an arbitrary one."""
        if self.dropped and self._instance.flag("glide.invalid_query.returns_no_rows"):
            return []
        tests = self._tests
        found = [row for row in self._candidates() if all(test(row) for test in tests)]
        return self._sorted(found)

    def matches(self, row: Row) -> bool:
        return all(test(row) for test in self._tests)

    def _candidates(self) -> Iterable[Row]:
        store, groups = self._instance.store, self._query.groups
        if len(groups) == 1:
            for chain in groups[0]:
                if len(chain) == 1 and chain[0].operator == "=" and chain[0].value.isascii():
                    rows = self._looked_up(chain[0])
                    if rows is not None:
                        return rows
        return store.rows(self._table)

    def _looked_up(self, term: Term) -> list[Row] | None:
        """An index only helps where letter case cannot matter."""
        if not term.value or term.value != term.value.lower() or term.value.startswith("javascript:"):
            return None
        if term.field not in {
            "sys_id",
            "element_id",
            "initiated_from",
            "parent",
            "order",
            "order_line_item",
            "table_sys_id",
        }:
            return None
        known = self._instance.dictionary.fields(self._table)
        return (
            self._instance.store.lookup(self._table, term.field, term.value) if term.field in known else None
        )

    def _compile(self) -> list[Predicate]:
        groups: list[list[Predicate]] = []
        for group in self._query.groups:
            chains = [test for chain in group if (test := self._chain(chain)) is not None]
            groups.append(chains)
        tests: list[Predicate] = []
        if len(groups) == 1:
            tests.extend(groups[0])
        elif all(groups):
            tests.append(lambda row: any(all(test(row) for test in group) for group in groups))
        tests.extend(self._join(join) for join in self._query.joins if self._known_join(join))
        tests.extend(
            self._related(item) for item in self._query.related if item.table in self._instance.dictionary
        )
        return tests

    def _chain(self, chain: list[Term]) -> Predicate | None:
        tests = [test for term in chain if (test := self._term(term)) is not None]
        if not tests:
            return None
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _term(self, term: Term) -> Predicate | None:
        test = self._test(term)
        if test is None:
            self.dropped.append(f"{term.field}{term.operator}{term.value}")
        return test

    def _test(self, term: Term) -> Predicate | None:
        dictionary = self._instance.dictionary
        fields = dictionary.resolve(self._table, term.field) if term.operator else None
        if fields is None:
            return None
        raw = self._instance.reader(self._table, term.field)
        if raw is None:
            return None
        if term.operator == "INSTANCEOF":
            family = set(dictionary.family(term.value)) if term.value in dictionary else set()
            return lambda row: raw(row) in family
        field = fields[-1]
        shown: Getter = lambda row: self._instance.display(field, raw(row))  # noqa: E731 - a reader beside `raw`
        operand = Operand(field, raw, shown, lambda name: self._instance.reader(self._table, name))
        return operators.predicate(operand, term.operator, term.value, self._moment)

    def _known_join(self, join: Join) -> bool:
        dictionary = self._instance.dictionary
        return (
            join.other_table in dictionary
            and join.other_field in dictionary.fields(join.other_table)
            and join.field in dictionary.fields(self._table)
        )

    def _join(self, join: Join) -> Predicate:
        others = Search(self._instance, self._session, join.other_table, join.query).rows()
        values = {row[join.other_field] for row in others} - {""}
        return lambda row: (row.id if join.field == "sys_id" else row[join.field]) in values

    def _related(self, item: Related) -> Predicate:
        counts: dict[str, int] = {}
        for row in Search(self._instance, self._session, item.table, item.query).rows():
            counts[row[item.field]] = counts.get(row[item.field], 0) + 1
        compare: Callable[[object, object], bool] = operators.COMPARISONS[item.comparison]
        return lambda row: compare(counts.get(row.id, 0), item.number)

    def _sorted(self, rows: list[Row]) -> list[Row]:
        rows.sort(key=lambda row: row.tie)
        for path, descending in reversed(self._query.order):
            fields = self._instance.dictionary.resolve(self._table, path)
            raw = self._instance.reader(self._table, path)
            if fields is None or raw is None:
                continue
            rows.sort(key=self._order_key(fields[-1], raw), reverse=descending)
        return rows

    def _order_key(self, field: Field, raw: Getter) -> Callable[[Row], Any]:
        """References are ordered by what people see of them."""
        if field.is_reference:
            return lambda row: self._instance.display(field, raw(row)).casefold()
        if field.type in {"glide_date_time", "glide_date", "GUID"}:
            return raw
        return lambda row: operators.sort_key(field, raw(row))
