"""`syncd once`: one cycle of every lane."""

from __future__ import annotations

from pathlib import Path

from syncd import exits
from syncd.cli.common import config_option, load, verb


@verb(
    "syncd once --config config.toml",
    exits.OK,
    exits.QUARANTINE,
    exits.UNAVAILABLE,
    exits.LOCKED,
    exits.REFUSED,
    exits.CONFIG,
    exits.INTERRUPTED,
)
@config_option
def command(config_path: Path) -> int:
    """Runs one cycle of every lane and ends: reads what changed, decides, delivers what is due.

    Safe to run again at any time, and to be interrupted: nothing is sent twice, what was not sent is sent next time.
    """
    config = load(config_path)
    from syncd.daemon import once

    return once(config)
