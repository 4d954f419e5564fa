"""A lane that shows no sign of life within a step hangs; its traffic is counted by lane, on whatever thread."""

from __future__ import annotations

import threading

import pytest

from connectors.http import RequestSeen
from syncd.pulse import Pulse, Traffic

LIMIT_S = 150.0


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pulse(time: Time) -> Pulse:
    return Pulse(lambda: LIMIT_S, time, time.sleep)


def request(received: int = 10) -> RequestSeen:
    return RequestSeen("order_management", "GET", "/x", 200, 0.5, received)


def test_a_lane_hangs_when_a_step_outlasts_the_limit(pulse, time):
    with pulse.busy("intake"):
        time.now += LIMIT_S
        assert pulse.hung() == {}
        time.now += 1
        assert pulse.hung() == {"intake": LIMIT_S + 1}
    assert pulse.hung() == {}


@pytest.mark.parametrize("sign", ["beat", "request", "retry"])
def test_signs_of_life(pulse, time, sign):
    signs = {"beat": pulse.beat, "request": lambda: pulse.seen(request()), "retry": lambda: pulse.pause(1)}
    with pulse.busy("intake"):
        time.now += LIMIT_S
        signs[sign]()
        time.now += LIMIT_S
        assert pulse.hung() == {}


def test_a_step_inside_another_is_a_sign_of_both(pulse, time):
    """A drain under load goes on for hours; what it does inside shows that it is alive."""
    with pulse.busy("delivery"), pulse.busy("delivery"):
        for _ in range(5):
            time.now += LIMIT_S
            pulse.beat()
        assert pulse.hung() == {}


def test_a_sign_of_one_thread_is_none_of_another(pulse, time):
    """A worker that hangs is not hidden by the loop that waits for it."""
    begun, over = threading.Event(), threading.Event()

    def work():
        with pulse.busy("delivery"):
            begun.set()
            over.wait(60)

    worker = threading.Thread(target=work)
    worker.start()
    begun.wait(60)
    with pulse.busy("delivery"):
        time.now += LIMIT_S + 5
        pulse.beat()
        assert pulse.hung() == {"delivery": LIMIT_S + 5}
    over.set()
    worker.join()


def test_traffic_is_counted_by_lane(pulse):
    with pulse.busy("sweep"):
        pulse.seen(request(7))
    before = pulse.traffic("intake")
    with pulse.busy("intake"):
        pulse.seen(request(100))
        pulse.pause(2)
        pulse.seen(request(20))
    assert pulse.traffic("intake").since(before) == Traffic(requests=2, received=120, retries=1, seconds=1.0)
    pulse.seen(request())  # of nobody: a verb that asks once
    assert pulse.traffic("intake").requests == 2
