"""The grammar of encoded queries: text in, groups of terms, order and joins out.

    query := group ('^NQ' group)*            groups are alternatives
    group := term ('^' term | '^OR' term)*   ^OR binds to the term before it
    term  := field operator value

Called by `search`, which knows tables and gives the terms a meaning. A term whose operator is unknown is kept with the
operator "": whether the field exists is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

OPERATORS = (
    "GT_OR_EQUALS_FIELD", "LT_OR_EQUALS_FIELD", "GT_FIELD", "LT_FIELD", "NSAMEAS", "SAMEAS",
    "DOES NOT CONTAIN", "NOT LIKE", "NOT IN", "NOTLIKE", "NOTON", "STARTSWITH", "ENDSWITH", "CONTAINS", "ISNOTEMPTY", "ISEMPTY",
    "EMPTYSTRING", "ANYTHING", "INSTANCEOF", "BETWEEN", "RELATIVEGT", "RELATIVELT", "RELATIVEGE", "RELATIVELE", "RELATIVEEE",
    "MORETHAN", "LESSTHAN", "DATEPART", "DYNAMIC", "LIKE", "IN", "ON",
    "!=", ">=", "<=", "!*", "=", ">", "<", "*", "%",
)  # fmt: skip
_ALIASES = {
    "*": "LIKE",
    "CONTAINS": "LIKE",
    "!*": "NOT LIKE",
    "DOES NOT CONTAIN": "NOT LIKE",
    "NOTLIKE": "NOT LIKE",
    "%": "ENDSWITH",
}
_FIELD = re.compile(r"[a-z0-9_.]+")
_JOIN = re.compile(r"JOIN(\w+)\.(\w+)=(\w+)\.(\w+)!(.*)\Z", re.DOTALL)
_RELATED = re.compile(
    r"RLQUERY(\w+)\.(\w+),(>=|<=|!=|=|>|<)(\d+)(?:,m2m)?(?:\^(.*?))?\^ENDRLQUERY", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition as written. `operator` is "" when the text has none."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Join:
    """Keeps rows whose `field` is among the `other_field` values of rows of another table."""

    field: str
    other_table: str
    other_field: str
    query: str


@dataclass(frozen=True, slots=True)
class Related:
    """Keeps rows by how many rows of another table refer to them."""

    table: str
    field: str
    comparison: str
    number: int
    query: str


@dataclass(slots=True)
class Query:
    """A parsed query. Each group is a list of chains, each chain a list of alternatives."""

    groups: list[list[list[Term]]] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    related: list[Related] = field(default_factory=list)


def parse_query(text: str) -> Query:
    """Never fails: what it does not understand becomes a term without operator."""
    query = Query()
    text = _take_related(text, query)
    text = _take_join(text, query)
    for part in re.split(r"\^NQ", text):
        group: list[list[Term]] = []
        for piece in part.split("^"):
            _add_piece(piece, group, query)
        query.groups.append(group)
    return query


def _add_piece(piece: str, group: list[list[Term]], query: Query) -> None:
    if piece in {"", "EQ"} or piece.startswith(("GROUPBY", "TRENDBY")):
        return
    if piece.startswith("ORDERBYDESC"):
        query.order.append((piece[11:], True))
    elif piece.startswith("ORDERBY"):
        query.order.append((piece[7:], False))
    elif piece.startswith("OR") and group:
        group[-1].append(parse_term(piece[2:]))
    else:
        group.append([parse_term(piece)])


def parse_term(text: str) -> Term:
    """Field names are lower-case and keyword operators upper-case, which is how the two are told apart."""
    text = text.removeprefix("GOTO")
    match = _FIELD.match(text)
    if match is None:
        return Term(text, "", "")
    rest = text[match.end() :]
    for operator in OPERATORS:
        if rest.startswith(operator):
            return Term(match[0], _ALIASES.get(operator, operator), rest[len(operator) :])
    return Term(text, "", "")


def _take_related(text: str, query: Query) -> str:
    for match in _RELATED.finditer(text):
        table, field_name, comparison, number, inner = match.groups()
        query.related.append(Related(table, field_name, comparison, int(number), inner or ""))
    return _RELATED.sub("", text)


def _take_join(text: str, query: Query) -> str:
    start = text.find("JOIN")
    if (start > 0 and text[start - 1] != "^") or start < 0:
        return text
    match = _JOIN.match(text[start:])
    if match is None:
        return text
    _, own_field, other_table, other_field, inner = match.groups()
    query.joins.append(Join(own_field, other_table, other_field, inner))
    return text[:start]
