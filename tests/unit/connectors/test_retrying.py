"""Trying a read again."""

from __future__ import annotations

import pytest

from connectors.errors import Busy, Doubtful, Misconfigured, Missing, RemoteError, Unreachable
from connectors.retrying import Retries


class Step:
    """Raises each error in turn, then returns."""

    def __init__(self, *errors: RemoteError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def patient(pauses):
    return Retries(attempts=4, first_s=1.0, cap_s=3.0, sleep=pauses.append, jitter=lambda: 1.0)


def test_pauses_grow_and_are_capped(patient, pauses):
    assert patient.read(Step(*(Unreachable("x") for _ in range(3)))) == "done"
    assert pauses == [1.0, 2.0, 3.0]


def test_half_of_a_pause_is_random(pauses):
    Retries(first_s=1.0, sleep=pauses.append, jitter=lambda: 0.0).read(Step(Unreachable("x")))
    assert pauses == [0.5]


def test_the_last_error_is_raised_after_all_attempts(patient):
    step = Step(*(Unreachable(str(n)) for n in range(9)))
    with pytest.raises(Unreachable, match="3"):
        patient.read(step)
    assert step.calls == 4


def test_the_servers_wish_is_waited_for(patient, pauses):
    patient.read(Step(Busy("x", retry_after=2.0)))
    assert pauses == [3.0]


def test_a_wish_beyond_the_cap_is_passed_on(patient, pauses):
    with pytest.raises(Busy):
        patient.read(Step(Busy("x", retry_after=60.0)))
    assert pauses == []


def test_busy_without_a_time_waits_like_any_failure(patient, pauses):
    patient.read(Step(Busy("x")))
    assert pauses == [1.0]


@pytest.mark.parametrize("error", [Missing, Misconfigured, Doubtful])
def test_what_waiting_does_not_mend_is_raised_at_once(patient, pauses, error):
    step = Step(error("x"))
    with pytest.raises(error):
        patient.read(step)
    assert (step.calls, pauses) == (1, [])
