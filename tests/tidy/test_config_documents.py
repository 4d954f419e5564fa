"""The example config and the reference page against the sections that they describe."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from syncd.config import load_config
from syncd.config.document import example, reference
from syncd.config.explain import keys_at, sample
from syncd.config.sections import DEFAULT_FIELDS, Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.toml"


def test_the_example_is_made_from_the_sections():
    assert EXAMPLE.read_text(encoding="utf-8") == example(), "run: syncd config example > config.example.toml"


def test_the_reference_page_is_made_from_the_sections():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m syncd.config.document reference > docs/configuration.md"


def test_the_example_has_every_key_and_its_defaults():
    shown = re.sub(r"^# (?=[a-z_]+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    tree = tomllib.loads(shown)
    assert set(tree) == set(Settings.model_fields)
    for section in Settings.model_fields:
        for key, field in keys_at((section,)).items():
            assert key in tree[section], f"{section}.{key}"
            if not field.is_required() and not field.examples and key != "lifecycles":
                assert _listed(tree[section][key]) == _listed(sample(field)), f"{section}.{key}"
    written = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert written["work_order_fields"] == DEFAULT_FIELDS


def test_the_example_is_right():
    config, problems = load_config(EXAMPLE, {"SYNCD_OM_PASSWORD": "x", "SYNCD_FSM_PASSWORD": "y"})
    assert problems == ()
    assert config is not None


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
