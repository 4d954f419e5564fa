"""Virtual time and the tasks that live in it: one event at a time, the same order for the same seed.

A task is a greenlet; it gives way only where it waits (`sleep`, `wait`), that is at calls of the two remote systems and
between two turns of a lane. Code that runs outside of any task may wait too: then the events of the time between are
performed on the spot, so that a test can drive a lane by hand.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet

START = datetime(2026, 6, 1, 8, 0, 0, tzinfo=UTC)


class Died(BaseException):
    """The process ends here. No `except Exception` of the product may see it."""


class Task:
    """One thread of one process. `group` is the process: it may be frozen, and it dies as a whole."""

    def __init__(self, hub: Hub, run: Callable[[], None], group: Group) -> None:
        self._hub = hub
        self.serial = hub.next_serial()
        self._turn = 0
        self.group = group
        self.greenlet = greenlet(lambda: self._live(run), hub.home)
        self.greenlet.task = self  # type: ignore[attr-defined] - a greenlet has room for attributes

    def _live(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Died:
            self.group.end()

    def wake_at(self, when: float) -> None:
        """Goes on then, unless somebody wakes it before."""
        turn = self._turn
        self._hub.at(when, lambda: self._wake(turn))

    def wake(self) -> None:
        self.wake_at(self._hub.now)

    def _wake(self, turn: int) -> None:
        if turn != self._turn or self.greenlet.dead:
            return
        if self.group.frozen_until > self._hub.now:
            self._hub.at(self.group.frozen_until, lambda: self._wake(turn))
            return
        self._turn += 1
        self.greenlet.switch()

    def kill(self) -> None:
        self._turn += 1
        if self.greenlet.dead or self.greenlet is getcurrent():
            return
        if self.greenlet:
            self.greenlet.parent = getcurrent()
            self.greenlet.throw(Died)


class Group:
    """A process: its tasks, whether it is stopped for a while, and what is to be done when it has died."""

    def __init__(self, hub: Hub, died: Callable[[], None] = lambda: None) -> None:
        self._hub = hub
        self._died = died
        self.tasks: list[Task] = []
        self.frozen_until = 0.0
        self.alive = True

    def spawn(self, run: Callable[[], None]) -> Task:
        task = Task(self._hub, run, self)
        self.tasks = [one for one in self.tasks if not one.greenlet.dead]
        self.tasks.append(task)
        task.wake()
        return task

    def has_current(self) -> bool:
        """Whether the code that asks runs in a task of this process."""
        return any(task.greenlet is getcurrent() for task in self.tasks)

    def end(self) -> None:
        """Every task ends where it stands. Safe to call from one of them, which then ends by itself."""
        if not self.alive:
            return
        self.alive = False
        for task in self.tasks:
            task.kill()
        self._died()


class Hub:
    """The one clock and the events that wait for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.home = getcurrent()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._serial = 0

    def next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def instant(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def at(self, when: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now + seconds, act)

    def run_until(self, when: float, done: Callable[[], bool] = lambda: False) -> None:
        """Performs what is due until then, or until `done`."""
        while not done():
            if not self._events or self._events[0][0] > when:
                self.now = max(self.now, when)
                return
            due, _, act = heapq.heappop(self._events)
            self.now = due
            act()

    def sleep(self, seconds: float) -> None:
        self.wait(lambda: False, seconds, lambda _: None)

    def wait(
        self, done: Callable[[], bool], seconds: float, call_me: Callable[[Callable[[], None]], None]
    ) -> bool:
        """Waits until `done`, `seconds` at most. `call_me` is told what to call when it may be done."""
        task: Task | None = getattr(getcurrent(), "task", None)
        until = self.now + seconds
        if task is None:
            self.run_until(until, done)
            return done()
        call_me(task.wake)
        while not done() and self.now < until:
            task.wake_at(until)
            self.home.switch()
        return done()


class Workers(Executor):
    """The threads of one process, as tasks. `wait` is what the delivery lane waits with."""

    def __init__(self, hub: Hub, group: Group) -> None:
        self._hub = hub
        self._group = group
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - an executor hands whatever was raised to the future
                future.set_exception(error)
            waiting, self._waiting = self._waiting, []
            for wake in waiting:
                wake()

        self._group.spawn(run)
        return future

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> object:
        found = self._hub.wait(lambda: any(one.done() for one in futures), seconds, self._waiting.append)
        if not self._group.alive:
            raise Died  # one of the workers took the process with it
        return found

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Workers end with their process."""
