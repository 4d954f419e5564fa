"""What is printed of a config: the example and the values in force are configs themselves."""

from __future__ import annotations

import json
import re
import tomllib

from syncd.config.document import example, in_force, json_schema, reference, values_in_force
from syncd.config.explain import keys_at
from syncd.config.sections import Settings
from syncd.config.toml_text import toml


def test_the_values_in_force_are_a_config_that_says_the_same(folder):
    folder.add('[rules.lifecycles.order_task]\ntrigger = ["open"]\n')
    config = folder.load()
    folder.write("config.toml", in_force(config))
    assert values_in_force(folder.load()) == values_in_force(config)


def test_the_values_in_force_name_secrets_by_their_source(folder):
    text = in_force(folder.load())
    assert 'password = { env = "OM_PASSWORD" }' in text
    assert "geheim" not in text


def test_the_schema_knows_every_section_and_demands_what_has_no_default():
    schema = json_schema()
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["required"] == ["order_management", "field_service"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["SystemSection"]["required"] == ["id", "url", "profile"]
    assert schema["$defs"]["DaemonSection"]["properties"]["lease"]["default"] == "1m"
    json.dumps(schema)


def test_every_key_says_what_it_means():
    for section in Settings.model_fields:
        for key, field in keys_at((section,)).items():
            assert field.description, f"{section}.{key}"


def test_the_example_and_the_reference_page_name_every_key():
    tree, page = tomllib.loads(uncommented(example())), reference()
    for section in Settings.model_fields:
        for key in keys_at((section,)):
            assert key in tree[section], f"{section}.{key}"
            assert f"`{key}`" in page or f"[{section}.{key}" in page, f"{section}.{key}"


def test_values_are_written_as_toml_reads_them():
    value = {"text": 'a "b" \\ \x7f \n ä', "list": [1, True, "x"], "table": {"odd key": "y"}, "empty": {}}
    assert tomllib.loads(f"value = {toml(value)}") == {"value": value}


def uncommented(text: str) -> str:
    """The example with the keys that it only shows."""
    return re.sub(r"^# (?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)
