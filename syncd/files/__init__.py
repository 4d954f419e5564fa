"""What syncd hands out besides itself: units for systemd, the example config, the schema of configs.

Read by `syncd files`. Units are package data; the example and the schema are made from the code, so that they never lag.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

PROGRAM = "@SYNCD@"
"""In units: the path of the command."""

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "syncd.service": "the hardened unit: copy to /etc/systemd/system",
        "syncd@.service": "the same for several on one machine: syncd@NAME reads /etc/syncd/NAME.toml",
        "syncd.service.d/address-filter.conf": "a drop-in that lets the service reach named addresses only; edit it first",
        "syncd.rules.yml": "alert rules for Prometheus",
        "config.example.toml": "a complete config, commented",
        "config.schema.json": "the schema of configs, for editors",
    }
)
"""The files by name, in the order in which they are listed."""


def content(name: str, program: str) -> str:
    """The text of a file; `program` is where the command is installed."""
    if name == "config.example.toml":
        from syncd.config.document import example

        return example()
    if name == "config.schema.json":
        from syncd.config.document import json_schema

        return json.dumps(json_schema(), indent=2) + "\n"
    return (resources.files(__name__) / name).read_text(encoding="utf-8").replace(PROGRAM, program)
