"""When a request may leave: permits in hand, blocks from a keeper, and a server that asks to wait."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from connectors.budget import Grant, Keeper, Limiter, asked_wait_s, requests_for
from connectors.errors import Exhausted
from mappings.budget import Purpose

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Book:
    """A keeper with so many permits left."""

    def __init__(self, left: int, block: int = 8, retry_s: float = 30.0) -> None:
        self.left = left
        self.retry_s = retry_s
        self.asked: list[tuple[Purpose, int]] = []
        self.returned = 0
        self.keeper = Keeper(self.lease, self.give_back, block)

    def lease(self, purpose: Purpose, wanted: int) -> Grant:
        self.asked.append((purpose, wanted))
        count = min(wanted, self.left)
        self.left -= count
        return Grant(len(self.asked), count, 10.0, 0.0 if count else self.retry_s)

    def give_back(self, _id: int, unused: int) -> None:
        self.returned += unused


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def told() -> list[tuple[Purpose, float]]:
    return []


@pytest.fixture
def limiter(time, told):
    def made(book: Book | None = None) -> Limiter:
        keeper = None if book is None else book.keeper
        return Limiter("order_management", keeper, monotonic=time, exhausted=lambda *what: told.append(what))

    return made


def test_without_a_budget_every_request_leaves(limiter):
    free = limiter()
    for _ in range(100):
        free.take()


def test_blocks_grow_while_they_are_used_up(limiter):
    book = Book(100)
    some = limiter(book)
    for _ in range(20):
        some.take()
    assert [wanted for _, wanted in book.asked] == [1, 2, 4, 8, 8]
    some.close()
    assert (book.returned, 100 - book.left) == (3, 23)


def test_a_block_that_was_not_used_in_time_is_given_back(limiter, time):
    book = Book(100)
    some = limiter(book)
    for _ in range(4):
        some.take()
    time.now += 11
    some.take()
    assert book.returned == 3
    assert book.asked[-1] == (Purpose.LIVE, 1)


def test_without_room_a_request_does_not_leave_and_nobody_asks_again_in_vain(limiter, time, told):
    book = Book(1)
    some = limiter(book)
    some.take()
    for _ in range(3):
        with pytest.raises(Exhausted) as caught:
            some.take()
    assert caught.value.retry_after == 30
    assert len(book.asked) == 2
    assert told == [(Purpose.LIVE, 30.0)]
    assert some.wait_s(Purpose.LIVE) == 30
    assert some.wait_s(Purpose.URGENT) == 0
    book.left = 5
    time.now += 31
    some.take()


def test_a_purpose_has_permits_of_its_own(limiter):
    book = Book(100)
    some = limiter(book)
    with requests_for(Purpose.URGENT):
        some.take()
    some.take()
    assert [purpose for purpose, _ in book.asked] == [Purpose.URGENT, Purpose.LIVE]


def test_a_patient_request_waits_and_a_stop_ends_its_wait():
    some = Limiter("order_management", Book(0, retry_s=60).keeper)
    ended: list[BaseException] = []

    def wait() -> None:
        with requests_for(Purpose.BACKGROUND, patient=True):
            try:
                some.take()
            except Exhausted as error:
                ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    some.stop()
    thread.join(60)
    assert len(ended) == 1


def test_a_short_wait_is_borne():
    book = Book(0, retry_s=0.01)

    def refilled() -> None:
        book.left = 5

    some = Limiter("order_management", book.keeper, waiting=refilled)
    some.take()
    assert len(book.asked) == 2


def test_another_budget_takes_over_and_the_old_one_gets_its_rest_back(limiter):
    small, large = Book(2), Book(100)
    some = limiter(small)
    for _ in range(2):
        some.take()
    with pytest.raises(Exhausted):
        some.take()
    some.keep(large.keeper)
    for _ in range(4):
        some.take()
    assert [wanted for _, wanted in large.asked] == [1, 2, 4]
    some.keep(None)
    assert large.returned == 3
    some.take()
    assert len(large.asked) == 3


def test_a_429_stops_every_thread_of_the_process(limiter, time):
    some = limiter()
    some.saw(429, {"retry-after": "20"}, NOON)
    for purpose in Purpose:
        with requests_for(purpose), pytest.raises(Exhausted):
            some.take()
    time.now += 21
    some.take()


def test_other_answers_stop_nobody(limiter):
    some = limiter()
    some.saw(503, {"retry-after": "20"}, NOON)
    some.saw(200, {"x-ratelimit-reset": "99999999999"}, NOON)
    some.saw(429, {}, NOON)
    some.take()


def test_the_last_request_of_a_window_stops_every_thread_too(limiter, time):
    some = limiter()
    ends = str(int(NOON.timestamp()) + 30)
    some.saw(200, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": ends}, NOON)
    some.take()
    some.saw(200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": ends}, NOON)
    assert some.wait_s(Purpose.URGENT) == 30


def test_a_keeper_hears_what_the_server_grants(time):
    heard: list[tuple[int, float]] = []
    book = Book(9).keeper
    keeper = Keeper(book.lease, book.give_back, 1, lambda *said: heard.append(said))
    some = Limiter("order_management", keeper, monotonic=time)
    ends = str(int(NOON.timestamp()) + 3000)
    for limit in ("400", "0", "many", "9" * 30):
        some.saw(200, {"x-ratelimit-limit": limit, "x-ratelimit-reset": ends}, NOON)
    some.saw(200, {"x-ratelimit-limit": "300"}, NOON)
    assert heard == [(400, 2998.0), (300, 0.0)]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"retry-after": "7"}, 7, id="seconds"),
        pytest.param({"retry-after": "Mon, 01 Jun 2026 12:00:30 GMT"}, 30, id="a date"),
        pytest.param({"x-ratelimit-reset": str(int(NOON.timestamp()) + 40)}, 40, id="the reset of the rule"),
        pytest.param({"retry-after": "9" * 30}, 86_400, id="a day at most"),
        pytest.param({"retry-after": "soon"}, None, id="nothing that can be read"),
    ],
)
def test_what_a_server_asks_for(headers, expected):
    assert asked_wait_s(headers, NOON) == expected
