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

SINGLE = frozenset(
    {
        ("order_management", "page_size"),
        ("order_management", "poll_interval"),
        ("field_service", "page_size"),
        ("field_service", "poll_interval"),
        ("state", "retention"),
        ("daemon", "drain_timeout"),
        ("daemon", "longest_pause"),
    }
)


def is_live(section: str, key: str) -> bool:
    """Whether a reload puts this key in force."""
    return section in WHOLE or (section, key) in SINGLE
