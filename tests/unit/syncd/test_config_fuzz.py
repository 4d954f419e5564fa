"""Whatever a file says in place of a value, the answer is problems with places, never an exception."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config import load_config
from syncd.config.explain import keys_at
from syncd.config.sections import Settings
from syncd.config.toml_text import toml, toml_key

TEXTS = st.sampled_from(
    [
        "",
        "x",
        "id",
        "name",
        "account",
        "domain_order",
        "30s",
        "../x.toml",
        "\x00",
        "sqlite:///a",
        "http://[",
        "{",
        "{}",
    ]
)
LEAVES = TEXTS | st.integers(-1, 10**12) | st.booleans() | st.floats(0, 10)
KEYS = st.sampled_from(
    [
        "from",
        "text",
        "reference",
        "match",
        "map",
        "env",
        "file",
        "credential",
        "domain_order",
        "trigger",
        "account",
        "ö",
    ]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
PLACES = [
    (section, key) for section in Settings.model_fields for key in (*keys_at((section,)), "account", None)
]


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.dictionaries(st.sampled_from(PLACES), VALUES, min_size=1, max_size=4))
def test_any_value_in_any_place_is_answered_with_problems(folder, changes):
    tree = tomllib.loads(folder.config.read_text(encoding="utf-8"))
    for (section, key), value in changes.items():
        if key is None:
            tree[section] = value
        elif isinstance(tree.setdefault(section, {}), dict):
            tree[section][key] = value
    text = "\n".join(f"{toml_key(name)} = {toml(value)}" for name, value in tree.items())
    config, problems = load_config(folder.write("fuzzed.toml", text), folder.environ)
    assert (config is None) == bool(problems)
    lines = text.count("\n") + 1
    assert all(1 <= p.line <= lines for p in problems if p.file.endswith("fuzzed.toml"))


@pytest.mark.parametrize(
    "text",
    [
        'work_order_fields = { account = { from = ["x"], reference = "account", match = ["a"] } }',
        "work_order_fields = { account = { from = {}, reference = [], match = 3 } }",
        'tables = { domain_order = ["\\u0000"] }',
        "tables = { domain_order = [[1]] }",
        "rules = { lifecycles = { domain_order = { trigger = [[1]] } } }",
        "rules = { lifecycles = 3 }",
        'state = { url = "sqlite:///\\u0000" }',
        'state = { url = "postgresql://[::1" }',
        'state = { password = { file = "\\u0000" } }',
    ],
)
def test_odd_values_are_answered_with_problems(folder, text):
    if text.startswith("tables"):
        folder.change("[tables]", "[unused]")
    folder.write("config.toml", f"{text}\n{folder.config.read_text(encoding='utf-8')}")
    assert any(line.startswith("config.toml:1:") for line in folder.problems())
