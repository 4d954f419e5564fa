"""A protocol that is known to be bad, and what finds it: whole seeds, or one scene where a seed never gets there.

A variant is planted into the composition of each life (`plant`), or for the length of a run in place of one function of the
product (`swap`). Its seeds are short worlds in which what it gets wrong happens often. A seed counts only when the product
itself keeps every promise in the same world. The variants are in `known_bad`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from syncd import logs
from tests.simulation import faults, users
from tests.simulation.lives import Variant, as_built
from tests.simulation.run import Plan, Simulation, simulate
from tests.simulation.shelf import place

SEEDS = range(1, 61)
"""The first that finds a variant counts; the median over all variants is to be within 20."""

Swap = tuple[Any, str, Any]
Trap = Callable[[Variant], str]
"""Plays a scene: what a person would see go wrong, "" if nothing."""


@dataclass(frozen=True, slots=True)
class Bad:
    """One variant. `because` says what it gets wrong, `model` which variants of the exhaustive models it stands for."""

    name: str
    because: str
    plant: Variant = as_built
    swap: tuple[Swap, ...] = ()
    model: str = ""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """What its plans have that others have not."""
    often: Mapping[str, float] = field(default_factory=dict)
    """Rates of faults that come more often than usual."""
    acts: Mapping[str, int] = field(default_factory=dict)
    """How often some acts of users are drawn, where they matter."""
    trap: Trap | None = None
    """The scene that finds it, instead of seeds."""

    @contextmanager
    def planted(self) -> Iterator[Variant]:
        """In place while the block runs."""
        with _in_place(self.swap):
            yield self.plant

    @contextmanager
    def world(self) -> Iterator[None]:
        """Its faults and acts, with whatever protocol."""
        rates: Swap = (faults, "RATES", faults.RATES | dict(self.often))
        acts: Swap = (users, "ACTS", users.ACTS | dict(self.acts))
        with _in_place((rates, acts)):
            yield


@contextmanager
def _in_place(swap: Iterable[Swap]) -> Iterator[None]:
    kept = [(owner, name, owner.__dict__[name]) for owner, name, _ in swap]
    try:
        for owner, name, value in swap:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in kept:
            setattr(owner, name, value)


@dataclass(frozen=True, slots=True)
class Found:
    """How a variant was found. `tries` 0: it was not."""

    bad: Bad
    tries: int
    said: str
    seconds: float
    broken_as_built: tuple[int, ...] = ()
    """Seeds that broke a promise with the product as it is too: they prove nothing."""


def look_for(bad: Bad, seeds: Iterable[int] = SEEDS) -> Found:
    """Tries one seed after the other, or plays its scene."""
    began = time.perf_counter()
    if bad.trap is not None:
        with bad.planted() as variant:
            said = bad.trap(variant)
        return Found(bad, 1 if said else 0, said, time.perf_counter() - began)
    doubtful: list[int] = []
    for tries, seed in enumerate(seeds, start=1):
        plan = Plan(seed, **bad.plan)
        with bad.world():
            with bad.planted() as variant:
                result = simulate(plan, variant)
            if result.ok:
                continue
            if not _is_kept(plan, result.violations[0].at):
                doubtful.append(seed)
                continue
        said = str(result.violations[0])
        assert "fails with" not in said, f"{bad.name} does not fit the code any more: {said}"
        return Found(bad, tries, said, time.perf_counter() - began, tuple(doubtful))
    return Found(bad, 0, "", time.perf_counter() - began, tuple(doubtful))


def _is_kept(plan: Plan, until: float) -> bool:
    """Whether the product as it is keeps its promises in the same world, up to that moment."""
    with logs.captured() as events:
        return _UpTo(until, plan, place(), as_built, events).run().ok


class _UpTo(Simulation):
    """A run that ends at a moment of its choosing."""

    def __init__(self, until: float, *world: Any) -> None:
        super().__init__(*world)
        self._until = until

    def _stopped(self) -> bool:
        return super()._stopped() or self.hub.now > self._until


def table(found: Iterable[Found]) -> str:
    """As Markdown: the variants, how many seeds each took, and what broke."""
    rows = [_row(one) for one in found]
    lines = [
        "| variant | model | what it gets wrong | seeds | what the simulation says |",
        "|---|---|---|---|---|",
    ]
    return "\n".join((*lines, *rows))


def _row(one: Found) -> str:
    bad = one.bad
    tries = "not found" if not one.tries else "a scene" if bad.trap else str(one.tries)
    said = one.said.replace("\n", " ").replace("|", "/")[:110]
    return f"| {bad.name} | {bad.model} | {bad.because} | {tries} | {said} |"


def middle(found: Iterable[Found]) -> float:
    """The median of seeds to detection, over those that seeds find."""
    return median([one.tries for one in found if one.tries and one.bad.trap is None])
