"""Every key of a TOML text has its place, however it is written."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.toml_places import Place, Problem, did_you_mean, place_of, places, syntax_problem

PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)

TEXT = '''\
# a comment with [brackets]
top = 1
dotted."quoted.key".'literal key' = true
many = [ 1, [2,  # "]"
   3], { x = 1, y.z = "}" } ]

[table.inner]
text = """a
] " b"""""
path = \'\'\'
[c]\'\'\'
when = 1979-05-27 07:32:00 # noon
empty = {}
[[row]]
id = "\\"]"
[row.sub]
k = 'v'
[[row]]
[[row.nested]]
[[row.nested]]
last = []
[table]
'''


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("top",), 2, 1),
        (("dotted",), 3, 1),
        (("dotted", "quoted.key"), 3, 8),
        (("dotted", "quoted.key", "literal key"), 3, 21),
        (("many", 0), 4, 10),
        (("many", 1), 4, 13),
        (("many", 1, 1), 5, 4),
        (("many", 2, "x"), 5, 10),
        (("many", 2, "y", "z"), 5, 19),
        (("table", "inner"), 7, 8),
        (("table", "inner", "text"), 8, 1),
        (("table", "inner", "path"), 10, 1),
        (("table", "inner", "when"), 12, 1),
        (("table", "inner", "empty"), 13, 1),
        (("row",), 14, 3),
        (("row", 0), 14, 3),
        (("row", 0, "id"), 15, 1),
        (("row", 0, "sub", "k"), 17, 1),
        (("row", 1), 18, 3),
        (("row", 1, "nested", 1, "last"), 21, 1),
        (("table",), 22, 2),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_a_key_is_found_where_it_stands(path, line, column):
    assert places(TEXT)[path] == Place(line, column)


def test_windows_line_ends_do_not_move_anything():
    assert places(TEXT.replace("\n", "\r\n")) == places(TEXT)


def test_an_unknown_path_stands_where_the_nearest_thing_around_it_does():
    found = places(TEXT)
    assert place_of(found, ("row", 0, "id", "x", "y")) == Place(15, 1)
    assert place_of(found, ("nowhere",)) == Place(1, 1)
    assert place_of(found, ()) == Place(1, 1)


def _paths(value, path=()):
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from _paths(child, (*path, key))


_KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=6),
)
_VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**60), 2**60),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12),
        st.sampled_from(['"', "'", "]", "}", "#", "\\", "=", "\n"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)


def _inline(value, newline):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_inline(v, '')}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return (
            "["
            + "".join(
                f"{newline} {_inline(v, newline)}, # ]\n" if newline else f"{_inline(v, '')}, " for v in value
            )
            + "]"
        )
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _key(key):
    return json.dumps(key, ensure_ascii=False)


@PROPERTY
@given(
    st.dictionaries(_KEYS, _VALUES, max_size=4),
    st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=3), max_size=3),
    st.lists(st.dictionaries(_KEYS, _VALUES, max_size=3), max_size=3),
    st.sampled_from(["", "\n"]),
)
def test_every_key_of_a_generated_document_has_a_place(top, tables, rows, newline):
    taken = {key: value for key, value in top.items() if key not in tables and key != "row"}
    lines = [f"{_key(key)} = {_inline(value, newline)}" for key, value in taken.items()]
    for name, table in tables.items():
        if name != "row":
            lines += [f"[{_key(name)}]", *(f" {_key(k)} = {_inline(v, newline)}" for k, v in table.items())]
    for row in rows:
        lines += ["[[row]] # next", *(f"{_key(k)} = {_inline(v, newline)}" for k, v in row.items())]
    text = "\n".join(lines)
    found = places(text)
    assert set(found) == set(_paths(tomllib.loads(text)))
    split = text.split("\n")
    for path, place in found.items():
        rest = split[place.line - 1][place.column - 1 :]
        if isinstance(path[-1], str):
            assert rest.startswith((_key(path[-1]), path[-1]))


def test_a_problem_reads_as_editors_understand_it_and_sorts_by_place():
    problem = Problem("t.toml", 3, 7, "no")
    assert str(problem) == "t.toml:3:7: no"
    assert sorted([problem, Problem("t.toml", 2, 9, "z")])[0].line == 2


@pytest.mark.parametrize(
    ("word", "hint"),
    [("timout", '; did you mean "timeout"?'), ("zzz", "")],
    ids=["near miss", "nothing like it"],
)
def test_only_a_near_miss_is_suggested(word, hint):
    assert did_you_mean(word, {"timeout", "url"}) == hint


def _error(text):
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a = 1\nb 2", 2, 3), ("a = 1\nb =", 2, 4), ('a = "x', 1, 7)],
    ids=["in the middle", "at the end", "unfinished text"],
)
def test_a_syntax_error_names_its_place(text, line, column):
    problem = syntax_problem("t.toml", _error(text), text)
    assert (problem.file, problem.line, problem.column) == ("t.toml", line, column)
    assert problem.message.startswith("not valid TOML: ")
    assert "(at" not in problem.message


def test_a_syntax_error_without_a_place_stands_at_the_beginning():
    assert syntax_problem("t.toml", tomllib.TOMLDecodeError("odd")) == Problem(
        "t.toml", 1, 1, "not valid TOML: odd"
    )
