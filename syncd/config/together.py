"""What several keys of a config say together: credentials that go with the way to authenticate, bounds that must fit.

Called by `syncd.config.load` with the parsed tree, so that a typing mistake elsewhere hides none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from mappings.model import System
from syncd.config.explain import Finding
from syncd.config.values import REFERENCE_FORMS, parse_duration

Tree = Mapping[str, object]

_EXAMPLES = {"username": '"syncd"', "client_id": '"0123456789abcdef"'}


def together(tree: Tree) -> Iterator[Finding]:
    """Every contradiction between keys."""
    for system in System:
        section = tree.get(system.value)
        if isinstance(section, Mapping):
            yield from _credentials(system.value, section)
        yield from _deadline(tree, system.value)


def _credentials(name: str, section: Tree) -> Iterator[Finding]:
    way, needed = _needed(section)
    for key in needed:
        if key not in section:
            example = _EXAMPLES.get(key, REFERENCE_FORMS)
            yield (name,), f'"{key}" is missing in [{name}]; {way} needs it: write {key} = {example}'


def _needed(section: Tree) -> tuple[str, tuple[str, ...]]:
    auth = section.get("auth", "basic")
    if auth == "basic":
        return 'auth = "basic"', ("username", "password")
    if auth != "oauth":
        return "", ()  # said by the sections
    if section.get("grant") == "password":
        return 'grant = "password"', ("client_id", "client_secret", "username", "password")
    return 'auth = "oauth"', ("client_id", "client_secret")


def _deadline(tree: Tree, name: str) -> Iterator[Finding]:
    """An exchange must have been given up before another worker may take its effect over."""
    deadline, place = _duration(tree, name, "deadline", "45s")
    lease, lease_place = _duration(tree, "daemon", "lease", "60s")
    if deadline is not None and lease is not None and deadline >= lease:
        message = f'"deadline" in [{name}] must be shorter than "lease" in [daemon]'
        yield place or lease_place or (name,), message


def _duration(
    tree: Tree, section: str, key: str, default: str
) -> tuple[timedelta | None, tuple[str, str] | None]:
    """A duration and its place; no duration where it is written wrong, no place where it is left out."""
    table = tree.get(section)
    if not isinstance(table, Mapping) or key not in table:
        return parse_duration(default), None
    written = table[key]
    return (parse_duration(written) if isinstance(written, str) else None), (section, key)
