"""The stage of the demo: who plays on it, and the ways an act looks at the two servers and waits for them.

Used by `acts`. Every look goes to the servers; nothing here asks the daemon.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from syncd.demo.processes import Playground, ProcessError, wait_for
from syncd.demo.timeline import Timeline
from syncd.demo.truth import Subject, Truth, read_truth
from syncd.demo.world import Row, Sandbox

LINES = "sn_ind_tmt_orm_order_line_item"
DOMAIN_ORDERS = "sn_ind_tmt_orm_domain_order"
CONVERGE_LIMIT_S = 40.0
LOOK_EVERY_S = 0.2


@dataclass(slots=True)
class Stage:
    """One sandbox, one daemon, one timeline."""

    playground: Playground
    sandbox: Sandbox
    timeline: Timeline
    daemon: subprocess.Popen[bytes]
    order: str = ""
    """The customer order that the story is about."""

    def tell(self, who: str, what: str) -> None:
        self.timeline.tell(who, what)

    def check(self, what: str, problems: Iterable[str]) -> None:
        self.timeline.check(what, list(problems))

    def until(self, what: str, problems: Callable[[], list[str]]) -> None:
        """Waits until a look finds no problem any more, and holds the claim against the last look."""
        with suppress(ProcessError):
            wait_for(what, lambda: not problems(), limit_s=CONVERGE_LIMIT_S, every_s=LOOK_EVERY_S)
        self.check(what, problems())

    def truth(self) -> Truth:
        return read_truth(self.sandbox)

    def subjects_at(self, location: str) -> list[Subject]:
        """The domain orders and order tasks of a location that have work orders."""
        return [s for s in self.truth().subjects if s.location == location and s.work_orders]

    def line_at(self, location: str) -> Row:
        names = {row["sys_id"]: row["name"] for row in self.sandbox.rows("om", "cmn_location")}
        rows = self.sandbox.rows("om", LINES, f"order={self.order}")
        return next(row for row in rows if names.get(row["location"]) == location)

    def edit_line(self, line: Row, **values: str) -> None:
        """An agent edits an order line."""
        body = {"values": values, "user": "order.agent"}
        self.sandbox.control("POST", f"records/{LINES}/{line['sys_id']}", body)

    def work_orders(self) -> list[Row]:
        return self.sandbox.rows("fsm", "wm_order", "ORDERBYnumber")

    def advance(self, work_orders: Iterable[Row], step: str) -> None:
        """Field agents take one step on each of these."""
        for row in work_orders:
            self.sandbox.control("POST", f"work-orders/{row['sys_id']}/advance", {"to": step})

    def let_it_poll(self) -> None:
        """Waits for three more passes of the feed that each system's cycle ends with."""
        feeds = ("sn_ind_tmt_orm_order_task", "wm_task")

        def asked() -> list[int]:
            counts = self.sandbox.reads()
            return [counts.get(feed, 0) for feed in feeds]

        wanted = [count + 3 for count in asked()]
        wait_for(
            "three more passes of each feed",
            lambda: all(count >= least for count, least in zip(asked(), wanted, strict=True)),
            limit_s=CONVERGE_LIMIT_S,
        )

    def kill_and_start(self) -> None:
        self.playground.kill(self.daemon)
        self.daemon = self.playground.start_daemon()

    def stop(self) -> None:
        code = self.playground.stop(self.daemon)
        self.check("the daemon stops cleanly on SIGTERM", [] if code == 0 else [f"it exited {code}"])


def notes_with(subject: Subject, kind: str) -> list[str]:
    """The notes of a subject that carry a marker of this kind, oldest first."""
    return [note for note in subject.notes if f"[syncd:1:{kind}:" in note]


def status_labels(subject: Subject, number: str, labels: Iterable[str]) -> list[str]:
    """Which of these labels the status notes about one work order say, in their order."""
    mine = [note for note in notes_with(subject, "status") if number in note]
    return [label for note in mine for label in labels if f"-> {label}" in note]
