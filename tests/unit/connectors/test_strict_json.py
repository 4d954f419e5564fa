"""JSON as we accept it."""

from __future__ import annotations

import pytest

from connectors.strict_json import BadJson, Flaw, decode, salvage


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1,"a":2}',
        b'[{"b":{"a":1,"a":1}}]',
        b'{"a":"\\ud83d"}',
        b'{"a":"\xed\xa0\xbd"}',
        b'{"a":"caf\xe9"}',
        b'{"a":',
        b"",
        b"<html>",
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=[
        "NaN",
        "infinity",
        "duplicate key",
        "duplicate key below",
        "half a surrogate",
        "encoded surrogate",
        "latin-1",
        "truncated",
        "empty",
        "html",
        "deep array",
        "deep object",
    ],
)
def test_what_has_no_single_meaning_is_refused(body):
    with pytest.raises(BadJson):
        decode(body)


@pytest.mark.parametrize(
    ("body", "tree"),
    [
        (b'{"a":"b: c","d":["\\":\\"",{"e" : 1}]}', {"a": "b: c", "d": ['":"', {"e": 1}]}),
        (b'{"a\\\\":1,"\\u00e9":"\\ud83d\\ude00"}', {"a\\": 1, "é": "\U0001f600"}),
        (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    ],
    ids=["colons inside strings", "escapes", "one key in two objects"],
)
def test_honest_json_is_read_whatever_its_strings_hold(body, tree):
    assert decode(body) == tree


def test_the_reason_quotes_nothing_of_the_text():
    with pytest.raises(BadJson) as caught:
        decode(b'{"password":"hunter2",}')
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    ['{"a":1,"a":2}', '{"a":"\\ud83d"}', '{"a":NaN}', '{"\\ud83d":"x"}', '{"a":{"b":1,"b":1}}'],
    ids=["duplicate", "surrogate", "NaN", "surrogate in a key", "nested"],
)
def test_salvage_sets_the_bad_object_aside_and_keeps_its_neighbours(bad):
    tree = salvage(f'{{"result":[{{"a":"good"}},{bad}]}}'.encode())
    good, flaw = tree["result"]
    assert good == {"a": "good"}
    assert isinstance(flaw, Flaw)


@pytest.mark.parametrize("body", [b'{"a":', b"[" * 100_000, b"\xff"], ids=["truncated", "deep", "no text"])
def test_salvage_refuses_what_is_no_json(body):
    with pytest.raises(BadJson):
        salvage(body)
