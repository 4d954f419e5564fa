"""The configuration: one TOML file, read whole, checked whole, with every problem named by file, line and column.

`load_config` is the door; everything else here serves it or describes what it accepts.
"""

from __future__ import annotations

from syncd.config.load import Config, load_config
from syncd.config.systems import SystemSection
from syncd.config.values import Secret

__all__ = ["Config", "Secret", "SystemSection", "load_config"]
