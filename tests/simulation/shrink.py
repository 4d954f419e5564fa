"""The shortest plan that still breaks the same promise: fewer faults, fewer acts, fewer orders, fewer lives, less time.

Greedy and bounded: each step leaves something out and keeps the shorter plan if the promise still breaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.lives import Variant, as_built
from tests.simulation.run import Plan, Result, simulate
from tests.simulation.users import ACTS

RUNS = 40


def shorter(found: Result, variant: Variant = as_built, *, runs: int = RUNS) -> Result:
    """The shortest story that was found within so many runs."""
    promise = found.violations[0].promise
    best = found
    for _ in range(3):
        before = best.plan
        for plan in _steps(best):
            if runs <= 0:
                return best
            runs -= 1
            again = simulate(plan, variant)
            if again.violations and again.violations[0].promise == promise:
                best = again
                break
        if best.plan == before:
            return best
        while runs > 0 and (further := _one_more(best, promise, variant)) is not None:
            best = further
            runs -= 1
    return best


def _one_more(best: Result, promise: str, variant: Variant) -> Result | None:
    for plan in list(_steps(best))[:6]:
        again = simulate(plan, variant)
        if again.violations and again.violations[0].promise == promise:
            return again
    return None


def _steps(best: Result) -> Iterator[Plan]:
    """Shorter plans, the boldest first."""
    plan = best.plan
    fired = frozenset(best.fired)
    if plan.faults - fired:
        yield replace(plan, faults=plan.faults & fired)
    if plan.faults:
        yield replace(plan, faults=frozenset())
    unused = ACTS.keys() - best.acts.keys() - plan.without
    if unused:
        yield replace(plan, without=plan.without | unused)
    until = best.violations[0].at - 100
    if until < plan.active_s * 0.9:
        yield replace(plan, active_s=until)
    if plan.lives > 1:
        yield replace(plan, lives=plan.lives - 1)
    if plan.orders > 2:
        yield replace(plan, orders=plan.orders // 2)
    faults = sorted(plan.faults)
    if len(faults) > 1:
        half = len(faults) // 2
        yield replace(plan, faults=frozenset(faults[:half]))
        yield replace(plan, faults=frozenset(faults[half:]))
    acts = sorted(ACTS.keys() - plan.without - {"place"})
    if len(acts) > 1:
        half = len(acts) // 2
        yield replace(plan, without=plan.without | frozenset(acts[:half]))
        yield replace(plan, without=plan.without | frozenset(acts[half:]))
    yield from (replace(plan, faults=plan.faults - {name}) for name in faults)
    yield from (replace(plan, without=plan.without | {name}) for name in acts)
