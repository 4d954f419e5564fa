"""Which keys of a config a reload puts in force at once. Every other key needs a restart: the lanes were built with it.

Asked by `syncd.reload` and by the reference page.
"""

from __future__ import annotations

WHOLE = frozenset(
    {
        "tables",
        "work_order_fields",
        "schedule",
        "links",
        "rules",
        "closure",
        "notes",
        "details",
        "sweep",
        "safety",
        "watch",
        "log",
    }
)
"""Sections of which every key may change."""

OF_A_SYSTEM = frozenset(
    {
        "auth",
        "username",
        "password",
        "client_id",
        "client_secret",
        "grant",
        "timeout",
        "page_size",
        "poll_interval",
        "budget",
    }
)
"""Keys of both systems' sections. Not the deadline: it must stay below the lease, which the lanes were built with."""

SINGLE = frozenset(
    {
        ("state", "retention"),
        ("daemon", "drain_timeout"),
        ("daemon", "longest_pause"),
    }
)


def is_live(section: str, key: str) -> bool:
    """Whether a reload puts this key in force."""
    of_a_system = section in ("order_management", "field_service") and key in OF_A_SYSTEM
    return section in WHOLE or of_a_system or (section, key) in SINGLE
