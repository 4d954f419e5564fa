"""What of a config is in force: the policy of the rules and the numbers that the lanes run by, in one value.

Made by `wiring`; every lane asks `Live` anew each time, and a reload replaces what it holds by one assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from mappings.decisions import Policy
from mappings.model import Kind, System
from syncd.config import Config
from syncd.config.columns import traits_of

STEP_SPARE_S = 60.0
"""What a step of a lane may take beyond two whole exchanges: transactions, and waiting for those of others."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on something counts as stuck."""

    polls: int = 3
    oldest_s: float = 1800.0
    gate_s: float = 900.0
    retries: int = 100
    window_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a config that the lanes run by."""

    page_size: Mapping[System, int]
    poll_interval_s: Mapping[System, float]
    workers: int
    lease_s: float
    drain_timeout_s: float
    longest_pause_s: float
    sweep_every_s: float = 3600.0
    cancel_duplicates: bool = False
    safety_share: float = 0.2
    safety_floor: int = 50
    config_hash: str = ""
    creates: str = "own_id"
    """Of the profile of field service."""
    traits: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    """Kinds of rows that describe a line or a domain order, where the profile reads them, with the fields that name these."""
    retention_s: float | None = None
    """How long bodies and history of orders that ended are kept; None: for ever."""
    step_limit_s: float = 150.0
    """How long one step of a lane may take before it counts as hung: longer than any exchange and any transaction."""
    watch: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy and the figures that go with it."""

    policy: Policy
    figures: Figures


class Live:
    """What is in force now. `replace` swaps it whole: who asks sees all of the old or all of the new."""

    def __init__(self, policy: Policy, figures: Figures) -> None:
        self._now = InForce(policy, figures)

    def policy(self) -> Policy:
        return self._now.policy

    def figures(self) -> Figures:
        return self._now.figures

    def replace(self, policy: Policy, figures: Figures) -> None:
        self._now = InForce(policy, figures)


class PageSizes(Mapping[System, int]):
    """The page sizes in force, for who keeps a mapping."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def __getitem__(self, system: System) -> int:
        return self._figures().page_size[system]

    def __iter__(self) -> Iterator[System]:
        return iter(self._figures().page_size)

    def __len__(self) -> int:
        return len(self._figures().page_size)


def figures_of(config: Config) -> Figures:
    """The numbers of a config."""
    deadline = max(config.system(system).deadline.total_seconds() for system in System)
    return Figures(
        page_size={system: config.system(system).page_size for system in System},
        poll_interval_s={s: config.system(s).poll_interval.total_seconds() for s in System},
        workers=config.daemon.workers,
        lease_s=config.daemon.lease.total_seconds(),
        drain_timeout_s=config.daemon.drain_timeout.total_seconds(),
        longest_pause_s=config.daemon.longest_pause.total_seconds(),
        sweep_every_s=config.settings.sweep.every.total_seconds(),
        cancel_duplicates=config.settings.sweep.duplicates == "cancel",
        safety_share=config.settings.safety.share,
        safety_floor=config.settings.safety.floor,
        config_hash=config.hash,
        creates=config.profiles[System.FIELD_SERVICE].creates,
        traits=traits_of(config.profiles[System.ORDER_MANAGEMENT]),
        retention_s=config.state.retention.total_seconds() if config.state.retention else None,
        step_limit_s=2 * deadline + STEP_SPARE_S,
        watch=_thresholds(config),
    )


def _thresholds(config: Config) -> Thresholds:
    watch = config.settings.watch
    return Thresholds(
        polls=watch.polls,
        oldest_s=watch.oldest.total_seconds(),
        gate_s=watch.gate.total_seconds(),
        retries=watch.retries,
        window_s=watch.window.total_seconds(),
    )
