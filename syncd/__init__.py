"""The shell around the rules: clock, schedule, lanes, command line, logs. The only home of click, structlog and rich.

Nothing imports this package from below; it wires `connectors`, `state` and `mappings` together and runs them.
"""

from __future__ import annotations


def __getattr__(name: str) -> str:
    """Looks the version up when somebody asks: reading package metadata takes longer than the rest of a start."""
    if name == "__version__":
        from importlib.metadata import version

        return version("syncd")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
