"""Effect keys, client-chosen ids and the correlation: how one intention is recognised in both systems.

Called by `decisions` when it intends, by the lanes when a record of FSM carries our correlation. Injective by
construction: parts are joined by ":" and none may contain one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

VERSION = "1"
RULE_ID = re.compile(r"[a-z0-9_-]{1,32}\Z")
CORRELATION_LIMIT = 100
"""Characters that `correlation_id` holds in FSM."""

_CORRELATION = re.compile(r"syncd:1:([^:\s]+):([a-z0-9_-]{1,32}):([1-9]\d{0,3}):([1-9]\d{0,3})\Z")


@dataclass(frozen=True, slots=True)
class Correlation:
    """Which intention a work order answers: slot `slot` of `rule` for one domain order, in one generation (both from 1)."""

    domain_order: str
    rule: str
    slot: int
    generation: int

    def __str__(self) -> str:
        return f"syncd:{VERSION}:{self.domain_order}:{self.rule}:{self.slot}:{self.generation}"

    @property
    def key(self) -> str:
        """The effect key of the create."""
        return f"create:{self.domain_order}:{self.rule}:{self.slot}:{self.generation}"

    def own_id(self, om_id: str) -> str:
        """The id we choose for the work order: 128 bits as 32 hex digits. `om_id` is the immutable id of the config."""
        parts = ("syncd", VERSION, om_id, self.domain_order, self.rule, str(self.slot), str(self.generation))
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def parse_correlation(text: str) -> Correlation | None:
    """The correlation that `text` carries, or None when it is not ours."""
    match = _CORRELATION.match(text)
    if match is None:
        return None
    domain_order, rule, slot, generation = match.groups()
    return Correlation(domain_order, rule, int(slot), int(generation))


def digest(*parts: str) -> str:
    """Eight hex digits that stand for `parts`, in keys and markers."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:8]


def marker(key: str) -> str:
    """What a note carries so that it is found again: `[syncd:1:<effect key>]`."""
    return f"[syncd:{VERSION}:{key}]"


def request_name(key: str, attempt: int) -> str:
    """What the ids of the requests of one attempt at an effect begin with: sent along, and found again from the ledger."""
    return f"syncd-{digest(key)}.{attempt}"
