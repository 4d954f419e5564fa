"""Delivery: takes effects from the outbox, has them performed, settles what came of it.

One thread claims and settles (the database), an executor's threads perform (HTTP): nothing talks HTTP inside a
transaction. Called by `daemon`; the executor comes in through the door, so that tests run it inline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from datetime import datetime

from mappings import decisions
from mappings.effects import EffectKind
from mappings.model import System
from state.store import (
    Claim,
    Done,
    InDoubt,
    LedgerEntry,
    Outcome,
    Overtaken,
    Parked,
    Store,
    Transaction,
)
from syncd.dispatch import RETRY_BASE_S, Dispatch, Performed
from syncd.gate import request_settled
from syncd.logs import Log
from syncd.observe import Observer, Sightings

_DONE_EVENTS = {
    EffectKind.CREATE_WORK_ORDER: "work_order.created",
    EffectKind.UPDATE_WORK_ORDER: "work_order.updated",
    EffectKind.CANCEL_WORK_ORDER: "work_order.cancelled",
    EffectKind.WRITE_NOTE: "note.written",
    EffectKind.CLOSE_DOMAIN_ORDER: "closure.released",
}


@dataclass(slots=True)
class Drained:
    """What one drain came to."""

    by_kind: dict[str, int] = field(default_factory=dict)
    doubtful: int = 0
    parked: int = 0
    deferred: int = 0


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
    ) -> None:
        self._store = store
        self._dispatch = dispatch
        self._observer = observer
        self._policy = policy
        self._log = log
        self._executor = executor
        self._now = now
        self._owner = owner
        self._slots = slots
        self._lease_s = lease_s
        self._settle_s = settle_s
        self._doubted: set[str] = set()
        """Effects whose doubt has been told, so that each is told once."""

    def drain(self, stopping: Callable[[], bool]) -> Drained:
        """Performs what is due until nothing is, or until `stopping`; what is in flight then is still settled."""
        drained = Drained()
        running: dict[Future[Performed], Claim] = {}
        while True:
            free = self._slots - len(running)
            if free and not stopping():
                paused = self._dispatch.paused()
                for claim in self._store.claim(self._owner, free, self._lease_s, self._settle_s, paused):
                    running[self._executor.submit(self._dispatch.perform, claim)] = claim
            if not running:
                return drained
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            self._settle([_performed(future, running.pop(future), self._log) for future in finished], drained)

    def _settle(self, performed: list[Performed], drained: Drained) -> None:
        """One transaction for all that finished together."""
        sightings = Sightings()
        settled: list[Performed] = []
        with self._store.deciding() as tx:
            for one in performed:
                if tx.settle(one.claim, one.outcome):
                    settled.append(one)
                    self._consequences(tx, one, sightings)
        sightings.tell(self._log)
        for one in performed:
            if one not in settled:
                self._log.event("effect.fenced", key=one.claim.effect.key, attempt=one.claim.attempt)
        for one in settled:
            self._tell(one, drained)

    def _consequences(self, tx: Transaction, one: Performed, sightings: Sightings) -> None:
        """What an outcome means: the record it showed is a sighting like any other, and notes may follow."""
        effect = one.claim.effect
        outcome = one.outcome
        tx.remember(
            LedgerEntry(
                event=type(outcome).__name__.lower(),
                subject=effect.subject,
                work_order=effect.target if effect.kind is not EffectKind.WRITE_NOTE else "",
                effect_key=effect.key,
                data={
                    "kind": effect.kind.value,
                    "attempt": one.claim.attempt,
                    "number": _number(outcome),
                    "detail": _detail(outcome),
                },
            )
        )
        if isinstance(outcome, Done) and outcome.record is not None:
            self._observer.observe(tx, outcome.record, sightings)
        if effect.kind is EffectKind.CLOSE_DOMAIN_ORDER:
            request_settled(tx, effect, outcome, one.refusal, self._now())
        facts = tx.facts_for(effect.subject_kind, effect.subject)
        if facts is None:
            return
        if isinstance(outcome, Done):
            decision = decisions.settled(effect, outcome.record, facts, self._policy())
            self._observer.apply(tx, decision, sightings)
        elif one.refusal or isinstance(outcome, Parked):
            reason = one.refusal or _detail(outcome)
            self._observer.apply(tx, decisions.refused(effect, reason, facts, self._policy()), sightings)

    def _tell(self, one: Performed, drained: Drained) -> None:
        effect, outcome = one.claim.effect, one.outcome
        log = self._log.bind(key=effect.key, domain_order=effect.subject, attempt=one.claim.attempt)
        if not isinstance(outcome, InDoubt):
            self._doubted.discard(effect.key)
        if isinstance(outcome, Done):
            drained.by_kind[effect.kind] = drained.by_kind.get(effect.kind, 0) + 1
            number = outcome.record.number if outcome.record else ""
            log.event(_DONE_EVENTS[effect.kind], target=effect.target, number=number, because=effect.because)
        elif isinstance(outcome, InDoubt):
            drained.doubtful += 1
            if effect.key in self._doubted:
                return
            self._doubted.add(effect.key)
            log.event("effect.doubtful", reason=outcome.reason, probe_in_s=outcome.probe_in_s)
        elif isinstance(outcome, Parked):
            drained.parked += 1
            log.event("effect.parked", reason=outcome.reason)
        elif isinstance(outcome, Overtaken):
            log.event("effect.overtaken", reason=outcome.reason)
        else:
            drained.deferred += 1
            log.event("effect.deferred", reason=outcome.reason, retry_in_s=outcome.retry_in_s)


def _performed(future: Future[Performed], claim: Claim, log: Log) -> Performed:
    """The result of a worker; a defect of ours becomes doubt, because nobody knows how far it got."""
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - the one broad except of this lane: no defect may lose an effect
        log.event("delivery.failed", key=claim.effect.key, error=type(error).__name__, exc_info=error)
        return Performed(claim, InDoubt(f"performing it failed: {type(error).__name__}", 60 * RETRY_BASE_S))


def _number(outcome: Outcome) -> str:
    return outcome.record.number if isinstance(outcome, Done) and outcome.record else ""


def _detail(outcome: Outcome) -> str:
    return outcome.detail if isinstance(outcome, Done) else outcome.reason
