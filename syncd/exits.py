"""Exit codes: what a service manager, a script and a person learn from how `syncd` ended.

Returned by every verb of `syncd.cli` and by the daemon; help texts and documentation print the meanings from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OK = 0
FAILED = 1
USAGE = 2
QUARANTINE = 3
DIFFERENT = 4
UNAVAILABLE = 69
LOCKED = 75
REFUSED = 77
CONFIG = 78
INTERRUPTED = 130
TERMINATED = 143

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        OK: "done",
        FAILED: "unexpected failure",
        USAGE: "usage: the command line was not understood",
        QUARANTINE: "finished, and some records are in quarantine",
        DIFFERENT: "a plan or a sweep found a difference",
        UNAVAILABLE: "a remote system is unavailable (one-shot verbs)",
        LOCKED: "the state is locked, or a lease is held elsewhere",
        REFUSED: "a remote system refused our credentials",
        CONFIG: "configuration error; a restart will not help",
        INTERRUPTED: "interrupted before completion (one-shot verbs)",
        TERMINATED: "terminated before completion (one-shot verbs)",
    }
)
