"""Values as TOML text: for `config show`, for the example, and for messages that say what to write.

Writes only what a config holds: texts, numbers, booleans, lists, and tables on one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")


def toml(value: object) -> str:
    """One value as it stands behind a `=`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{toml_key(str(key))} = {toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(name: str) -> str:
    """A key, in quotes where it needs them."""
    return name if _BARE_KEY.match(name) else toml(name)
