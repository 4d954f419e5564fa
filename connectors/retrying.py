"""Trying a read again: bounded attempts, growing jittered pauses, and the server's own wish where it states one.

The only module that imports tenacity. Called by adapters around reads and whole reading steps, never around a write: a
write that failed is the outbox's business.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import tenacity

from connectors.errors import Busy, Unreachable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a read is tried, and how long we pause: `first_s` doubled per attempt up to `cap_s`, half of it random.

    A `Busy` that asks for more than `cap_s` is passed on at once: the lane slows down as a whole.
    """

    attempts: int = 4
    first_s: float = 0.25
    cap_s: float = 8.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default=random.random)

    def read(self, step: Callable[[], T]) -> T:
        """What `step` returns, at the latest after `attempts`; then its last error."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_waiting),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._pause,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(step)

    def _is_worth_waiting(self, error: BaseException) -> bool:
        if isinstance(error, Busy):
            return error.retry_after is None or error.retry_after <= self.cap_s
        return isinstance(error, Unreachable)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Busy) and error.retry_after is not None:
            return error.retry_after + self.first_s * self.jitter()
        full = min(self.cap_s, self.first_s * 2.0 ** (state.attempt_number - 1))
        return full / 2 + full / 2 * self.jitter()
