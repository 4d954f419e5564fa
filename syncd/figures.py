"""What of a config is in force: the policy of the rules and the numbers that the lanes run by, in one value.

Made by `wiring`; every lane asks `Live` anew each time, and a reload replaces what it holds by one assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mappings.decisions import Policy
from mappings.model import System


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
    step_limit_s: float = 150.0
    """How long one step of a lane may take before it counts as hung: longer than any exchange and any transaction."""


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
