"""Delivery: takes effects from the outbox, has them performed, settles what came of it.

One thread claims and settles (the database), an executor's threads perform (HTTP): nothing talks HTTP inside a
transaction. Called by `daemon`; the executor comes in through the door, so that tests run it inline.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from connectors.errors import RemoteError
from connectors.exchanges import recorded
from mappings import decisions
from mappings.budget import Purpose
from mappings.keys import request_name
from mappings.model import System
from mappings.recall import RECALLED
from state.store import (
    Claim,
    Done,
    InDoubt,
    NotSent,
    Overtaken,
    Parked,
    StateError,
    Store,
)
from syncd import logs
from syncd.attempts import DONE_EVENTS, entry_of, ids_of, is_news, kept
from syncd.budgets import Budgets
from syncd.consequences import Consequences
from syncd.dispatch import LANE, Dispatch
from syncd.histories import Look, look_nowhere
from syncd.logs import Log
from syncd.observe import Observer, Sightings
from syncd.performed import RETRY_BASE_S, Performed, shown
from syncd.pulse import Pulse
from syncd.timing import Spent, deciding

LOOK_AGAIN_S = 1.0
"""How long a free slot stays unused while others wait for their servers."""

Wait = Callable[[Collection[Future[Performed]], float], object]
"""Blocks until one of some workers has finished, or so many seconds have passed."""


def wait_for_workers(workers: Collection[Future[Performed]], seconds: float) -> object:
    return wait_for(workers, seconds, FIRST_COMPLETED)


@dataclass(slots=True)
class Drained:
    """What one drain came to."""

    by_kind: dict[str, int] = field(default_factory=dict)
    doubtful: int = 0
    parked: int = 0
    deferred: int = 0
    over: bool = True
    """Whether nothing was due any more; else the next drain goes on with what the workers have in hand."""
    spent: Spent = field(default_factory=Spent)

    @property
    def outcomes(self) -> int:
        return sum(self.by_kind.values()) + self.doubtful + self.parked + self.deferred


class Delivery:
    """Drains the outbox. `owner` names this process in its claims; `slots` bounds what is in flight."""

    def __init__(
        self,
        store: Store,
        dispatch: Dispatch,
        observer: Observer,
        policy: Callable[[], decisions.Policy],
        log: Log,
        *,
        executor: Executor,
        now: Callable[[], datetime],
        owner: str,
        slots: int,
        lease_s: float,
        settle_s: Mapping[System, float],
        monotonic: Callable[[], float] = time.monotonic,
        look_again_s: float = LOOK_AGAIN_S,
        wait: Wait = wait_for_workers,
        strangers: Callable[[], Collection[System]] = frozenset,
        pulse: Pulse | None = None,
        budgets: Budgets | None = None,
        look_between: Look = look_nowhere,
    ) -> None:
        """`strangers` are systems that nothing may be sent to, because nobody has recognised them yet. `pulse` hears what
        the workers do."""
        self._store = store
        self._look_between = look_between
        self._dispatch = dispatch
        self._consequences = Consequences(observer, policy, now)
        self._log = log
        self._executor = executor
        self._owner = owner
        self._slots = slots
        self._lease_s = lease_s
        self._settle_s = settle_s
        self._monotonic = monotonic
        self._look_again_s = look_again_s
        self._wait = wait
        self._strangers = strangers
        self._pulse = pulse or Pulse(monotonic=monotonic)
        self._budgets = budgets or Budgets()
        # Outlives a drain that failed: what workers have in hand is settled by the next one, and counts as in flight.
        self._running: dict[Future[Performed], Claim] = {}
        self._began: dict[int, float] = {}
        """When the work on each claim began."""
        self.relieved: Callable[[], bool] = lambda: False
        """Whether another process counts the time now: see `wiring.App`."""
        self.fruitless = 0
        """Tries that came to nothing, since this process began."""
        self._doubted: set[str] = set()
        """Effects whose doubt has been told, so that each is told once."""

    def drain(
        self,
        stopping: Callable[[], bool],
        turned: Callable[[], None] = lambda: None,
        *,
        longest_s: float = math.inf,
        most: float = math.inf,
    ) -> Drained:
        """Performs what is due until nothing is, or until `stopping`; what is in flight then is still settled.

        `turned` is called once in every turn, at least once a second: a sign of life. After `longest_s`, or so many outcomes,
        it returns to be told of, and is not `over`.
        """
        drained, began = Drained(), self._monotonic()
        while True:
            turned()
            free = self._slots - len(self._running)
            if free and not stopping():
                self._begin(free)
            if not self._running:
                return drained
            self._wait(self._running, self._look_again_s)
            finished = {future: claim for future, claim in self._running.items() if future.done()}
            if finished:
                self._settle([self._performed(*one) for one in finished.items()], drained)
                for future in finished:
                    del self._running[future]
                if drained.outcomes >= most or self._monotonic() - began >= longest_s:
                    drained.over = False
                    return drained

    def _begin(self, free: int) -> None:
        until = self._monotonic() + self._lease_s

        def may_send() -> bool:
            return self._monotonic() < until

        out_of = self._budgets.out_of
        without = self._dispatch.paused() | frozenset(self._strangers()) | out_of(Purpose.URGENT)
        claims = self._store.claim(
            self._owner,
            free,
            self._lease_s,
            self._settle_s,
            without,
            scarce=out_of(Purpose.LIVE),
            idle=out_of(Purpose.BACKGROUND),
        )
        for claim in self._with_memory(claims):
            self._began[claim.id] = self._monotonic()
            self._running[self._executor.submit(self._perform, claim, may_send)] = claim

    def _perform(self, claim: Claim, may_send: Callable[[], bool]) -> Performed:
        """On a worker: the claim, with the requests that it took. What is told there carries the claim's ids."""
        name = request_name(claim.effect.key, claim.attempt)
        with logs.bound(**ids_of(claim)), self._pulse.busy(LANE), recorded(name) as exchanges:
            performed = self._dispatch.perform(claim, may_send)
            self._look_back(performed)
        return replace(performed, exchanges=tuple(exchanges.sent))

    def _look_back(self, performed: Performed) -> None:
        """Our write may follow changes of people that nobody has seen yet."""
        seen = shown(performed)
        if seen:
            with suppress(RemoteError):
                self._look_between(seen)

    def _with_memory(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """What another life may have served is compared with the notes that stand and that this state does not know."""
        recalled = [one for one in claims if one.unremembered and one.effect.kind in RECALLED]
        if not recalled:
            return claims
        known = {
            one.subject: one for one in self._store.remembered(*(one.effect.subject for one in recalled))
        }
        return [replace(one, remembered=known.get(one.effect.subject, frozenset())) for one in claims]

    def _performed(self, future: Future[Performed], claim: Claim) -> Performed:
        """The result of a worker; a defect of ours becomes doubt, because nobody knows how far it got."""
        try:
            performed = future.result()
        except Exception as error:  # noqa: BLE001 - the one broad except around workers: no defect may lose an effect
            self._log.event(
                "delivery.failed", key=claim.effect.key, error=type(error).__name__, exc_info=error
            )
            wait_s = max(60 * RETRY_BASE_S, self._settle_s[claim.effect.system])
            return Performed(claim, InDoubt(f"performing it failed: {type(error).__name__}", wait_s))
        # one whose send nobody remembers is claimed only when a look may be believed
        believed = claim.last_sent_at is None or claim.silence_s >= self._settle_s[claim.effect.system]
        return replace(performed, absent=performed.absent and believed)

    def _settle(self, performed: list[Performed], drained: Drained) -> None:
        """Settles all that finished together; where what follows one of them fails, each by itself, and that one parked."""
        try:
            self._commit(performed, drained)
        except StateError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect in a rule must not undo other outcomes, nor come back for ever
            if len(performed) > 1:
                for one in performed:
                    self._settle([one], drained)
                return
            claim = performed[0].claim
            self._log.event(
                "delivery.failed", key=claim.effect.key, error=type(error).__name__, exc_info=error
            )
            parked = Parked(f"what follows from it failed: {type(error).__name__}; a retry looks again")
            self._commit([Performed(claim, parked)], drained, follow=False)

    def _commit(self, performed: list[Performed], drained: Drained, *, follow: bool = True) -> None:
        """One transaction: the outcomes, and what they mean."""
        sightings = Sightings()
        settled: list[Performed] = []
        with deciding(self._store, drained.spent, self._monotonic) as tx:
            for one in (self._consequences.overtaken(tx, one) for one in performed):
                # a doubt that is counted by a clock of the past is left to its lease, and settles anew from its end
                if (isinstance(one.outcome, InDoubt) and self.relieved()) or not tx.settle(
                    one.claim, kept(one)
                ):
                    sightings.add("effect.fenced", key=one.claim.effect.key, attempt=one.claim.attempt)
                    continue
                settled.append(one)
                if is_news(one):
                    tx.remember(entry_of(one, self._took_ms(one.claim)))
                if follow:
                    with tx.unremembered(so=one.claim.unremembered):
                        self._consequences.follow(tx, one, sightings)
            tx.worked(LANE, {one.claim.effect.system for one in settled if isinstance(one.outcome, Done)})
        sightings.tell(self._log)
        for one in performed:
            self._began.pop(one.claim.id, None)
        for one in settled:
            self._tell(one, drained)

    def _took_ms(self, claim: Claim) -> int:
        now = self._monotonic()
        return round((now - self._began.get(claim.id, now)) * 1000)

    def _tell(self, one: Performed, drained: Drained) -> None:
        effect, outcome = one.claim.effect, one.outcome
        log = self._log.bind(**ids_of(one.claim))
        self.fruitless += isinstance(outcome, NotSent | InDoubt)
        if not isinstance(outcome, InDoubt):
            self._doubted.discard(effect.key)
        if isinstance(outcome, Done):
            drained.by_kind[effect.kind] = drained.by_kind.get(effect.kind, 0) + 1
            number = outcome.record.number if outcome.record else ""
            log.event(DONE_EVENTS[effect.kind], target=effect.target, number=number, because=effect.because)
        elif isinstance(outcome, InDoubt):
            drained.doubtful += 1
            if effect.key in self._doubted:
                return
            self._doubted.add(effect.key)
            log.event(
                "effect.doubtful", kind=effect.kind, reason=outcome.reason, probe_in_s=outcome.probe_in_s
            )
        elif isinstance(outcome, Parked):
            drained.parked += 1
            retry = f"remove what the reason names, then: syncd quarantine retry {effect.key}"
            log.event("effect.parked", kind=effect.kind, reason=outcome.reason, next=retry)
        elif isinstance(outcome, Overtaken):
            log.event("effect.overtaken", kind=effect.kind, reason=outcome.reason)
        else:
            drained.deferred += 1
            log.event(
                "effect.deferred", kind=effect.kind, reason=outcome.reason, retry_in_s=outcome.retry_in_s
            )
