"""JSON as we accept it: one meaning per text, nothing that a database or a later reader would choke on.

Called by `http` for every body. Refuses NaN, duplicate keys, lone surrogates, and nesting without end; never raises
`RecursionError`. `salvage` reads a list whose rows are not all acceptable, so that one bad row does not hide the others.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"(\s*+:)?', re.DOTALL)
"""A string of valid JSON, and whether it is a key. Strings are matched whole, so a colon inside one does not count."""


class BadJson(ValueError):
    """The text is not JSON that we accept; the message says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Stands in a salvaged tree where an object or a value was not acceptable."""

    reason: str
    raw: Any = None


def decode(body: bytes) -> Any:
    """The tree of a JSON text. Raises `BadJson`."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadJson(f"not strict JSON ({error.msg})") from None
    keys = sum(1 for match in _STRING.finditer(body) if match.group(1))
    if keys != _count_keys(tree):
        raise BadJson("duplicate keys")
    return tree


def salvage(body: bytes) -> Any:
    """The tree of a well-formed text whose unacceptable objects are replaced by a `Flaw`. Raises `BadJson`."""
    try:
        return json.loads(
            body, object_pairs_hook=_object, parse_constant=lambda name: Flaw(f"{name} as a number")
        )
    except (ValueError, RecursionError):
        raise BadJson("not JSON at all") from None


def _count_keys(tree: Any) -> int:
    """Without recursion; the parser has bounded the depth, but not to what Python's stack holds."""
    count = 0
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            count += len(node)
            todo.extend(value for value in node.values() if isinstance(value, dict | list))
        elif isinstance(node, list):
            todo.extend(value for value in node if isinstance(value, dict | list))
    return count


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Flaw:
    found = dict(pairs)
    if len(found) != len(pairs):
        return Flaw("duplicate keys", found)
    for key, value in pairs:
        if isinstance(value, Flaw):
            return Flaw(value.reason, found)
        if _has_lone_surrogate(key) or (isinstance(value, str) and _has_lone_surrogate(value)):
            return Flaw("half of a surrogate pair", found)
    return found


def _has_lone_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
