"""People at work in both systems: they place, change, hold, cancel and close orders, and move work orders along.

Each act is drawn at random and skipped where the world does not allow it. What they do is stamped when they begin and
may commit late. They never look at the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

from mappings.keys import parse_correlation
from mappings.model import Kind, Record, System
from mappings.notes import markers
from tests.simulation import enriching
from tests.simulation import field_service as fs
from tests.simulation.engine import Hub
from tests.simulation.faults import Faults
from tests.simulation.network import COMMIT_S, DEADLINE_S, LATEST_S
from tests.simulation.rules import ASKED, MARKER
from tests.simulation.server import Edit, Key, Server, new, to

RUNNING = frozenset({"qualified", "in_progress", "scheduled"})
ENDED = frozenset({"closed_complete", "canceled"})
PLACES = ("North", "South", "East", "West", "Harbour", fs.UNKNOWN_PLACE)
SPECIFICATIONS = ("Fiber Access", "Managed Router", "Voice")
PERSON = "person"


class Users:
    """`acts` says which acts are drawn; leaving some out makes a story shorter."""

    def __init__(
        self,
        hub: Hub,
        om: Server,
        fsm: Server,
        faults: Faults,
        random: Random,
        tell: Callable[[str], None],
        *,
        orders: int,
        without: frozenset[str] = frozenset(),
        notes: bool = False,
        rich: bool = False,
    ) -> None:
        self.weights = ACTS | (NOTE_ACTS if notes else {}) | (enriching.ACTS if rich else {})
        self.hub = hub
        self.om = om
        self.fsm = fsm
        self.faults = faults
        self.random = random
        self.tell = tell
        self.orders = orders
        self.without = without
        self.placed = 0
        self.done: dict[str, int] = {}
        self._count = 0

    # -- drawing ---------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """One act, if the world allows what was drawn."""
        names = [name for name, weight in self.weights.items() for _ in range(weight)]
        name = self.random.choice(names)
        if self.placed < self.orders and self.random.random() < 0.35:
            name = "place"
        stream = Random(self.random.getrandbits(64))
        if name in self.without:
            return
        before, self.random = self.random, stream
        try:
            acted = (
                enriching.BY_NAME[name](self) if name in enriching.BY_NAME else getattr(self, f"_{name}")()
            )
        finally:
            self.random = before
        if acted:
            self.done[name] = self.done.get(name, 0) + 1

    def act_now(self, name: str) -> None:
        """One act by name, outside of the draw."""
        getattr(self, f"_{name}")()

    def approve_now(self, order: str) -> None:
        self._approve(order)

    def _pick(self, kind: Kind, allowed: Callable[[Record], bool]) -> Record | None:
        server = self.om if kind.system == "order_management" else self.fsm
        rows = [
            row
            for row in server.rows(kind)
            if (kind, row.id) not in server.hidden and self._free(server, [(kind, row.id)]) and allowed(row)
        ]
        return self.random.choice(rows) if rows else None

    def _free(self, server: Server, keys: Sequence[Key]) -> bool:
        return server.free_at(keys) <= self.hub.now

    def _takes(self) -> float:
        """How long the transaction of an act stays open."""
        if self.faults.hit("late_commit"):
            return self.random.uniform(1, COMMIT_S)
        return 0.0

    def _write(self, server: Server, what: str, edits: dict[Key, Edit]) -> bool:
        if not edits or not self._free(server, list(edits)):
            return False
        takes = self._takes()
        self.tell(f"{what}{f', committed {takes:.0f} s later' if takes else ''}")
        server.write(edits, PERSON, takes=takes)
        return True

    def _id(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    def _value(self, name: str) -> str:
        """A value that was never used before."""
        self._count += 1
        return f"{name}-{self._count}"

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self) -> bool:
        if self.placed >= self.orders:
            return False
        self.placed += 1
        order = self._id()
        edits: dict[Key, Edit] = {
            (Kind.CUSTOMER_ORDER, order): new("new", contact_name=self._value("contact"), ponr="false")
        }
        for _ in range(self.random.choice((1, 1, 1, 2))):
            edits[Kind.ORDER_LINE, self._id()] = new(
                "new",
                order=order,
                location_name=self.random.choice(PLACES),
                priority=self._value("priority"),
                due=self._value("due"),
                ponr="false",
            )
        self._write(self.om, f"order {order[:6]} placed", edits)
        self.hub.after(self.random.uniform(20, 250), lambda: self._approve(order))
        return True

    def _approve(self, order: str) -> None:
        found = self.om.get(Kind.CUSTOMER_ORDER, order)
        if found is None or found.state != "new":
            return
        lines = self._lines(order)
        keys: list[Key] = [(Kind.CUSTOMER_ORDER, order), *((Kind.ORDER_LINE, line.id) for line in lines)]
        if self._write(self.om, f"{found.number} approved", {key: to("in_progress") for key in keys}):
            self.hub.after(self.random.uniform(20, 100), lambda: self._decompose(order))
        else:
            self.hub.after(30, lambda: self._approve(order))

    def _decompose(self, order: str) -> None:
        found = self.om.get(Kind.CUSTOMER_ORDER, order)
        if found is None or found.state != "in_progress":
            return
        edits: dict[Key, Edit] = {}
        for line in self._lines(order):
            parent = ""
            for _ in range(self.random.choice((1, 1, 2))):
                id = self._id()
                edits |= self._domain_order(id, order, line.id, parent)
                parent = id if self.random.random() < 0.3 else ""
        self._write(self.om, f"{found.number} decomposed into {len(edits)}", edits)

    def _domain_order(self, id: str, order: str, line: str, parent: str) -> dict[Key, Edit]:
        state = self.random.choice(("in_progress", "in_progress", "scheduled", "draft"))
        edits: dict[Key, Edit] = {
            (Kind.DOMAIN_ORDER, id): new(
                state,
                order=order,
                order_line=line,
                parent=parent,
                specification=self.random.choice(SPECIFICATIONS),
                action="add",
            )
        }
        if self.random.random() < 0.3:
            kind = self.random.choice(("site_survey", "paperwork"))
            edits[Kind.ORDER_TASK, self._id()] = new("open", domain_order=id, request_type=kind)
        return edits

    def _stagger(self) -> bool:
        """A domain order comes later than its siblings."""
        line = self._pick(Kind.ORDER_LINE, lambda r: r.state == "in_progress")
        if line is None:
            return False
        edits = self._domain_order(self._id(), line.get("order"), line.id, "")
        return self._write(self.om, f"{line.number} decomposed further", edits)

    def _lines(self, order: str) -> list[Record]:
        return [line for line in self.om.rows(Kind.ORDER_LINE) if line.get("order") == order]

    def _subjects(self, order: str) -> list[Record]:
        return [one for one in self.om.rows(Kind.DOMAIN_ORDER) if one.get("order") == order]

    def _tasks(self, domain_order: str) -> list[Record]:
        return [t for t in self.om.rows(Kind.ORDER_TASK) if t.get("domain_order") == domain_order]

    def _edit_line(self) -> bool:
        line = self._pick(Kind.ORDER_LINE, lambda r: r.state in ("in_progress", "new"))
        if line is None:
            return False
        field = self.random.choice(("location_name", "priority", "due"))
        value = self.random.choice(PLACES) if field == "location_name" else self._value(field)
        return self._write(
            self.om, f"{line.number} {field}={value}", {(Kind.ORDER_LINE, line.id): to(**{field: value})}
        )

    def _edit_order(self) -> bool:
        order = self._pick(Kind.CUSTOMER_ORDER, lambda r: r.state in ("in_progress", "new"))
        if order is None:
            return False
        value = self._value("contact")
        return self._write(
            self.om,
            f"{order.number} contact_name={value}",
            {(Kind.CUSTOMER_ORDER, order.id): to(contact_name=value)},
        )

    def _respecify(self) -> bool:
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.state in RUNNING)
        if one is None:
            return False
        value = self.random.choice(SPECIFICATIONS)
        return self._write(
            self.om,
            f"{one.number} specification={value}",
            {(Kind.DOMAIN_ORDER, one.id): to(specification=value)},
        )

    def _hold(self) -> bool:
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.state in RUNNING)
        return one is not None and self._write(
            self.om, f"{one.number} held", {(Kind.DOMAIN_ORDER, one.id): to("on_hold")}
        )

    def _resume(self) -> bool:
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.state in ("on_hold", "draft"))
        state = self.random.choice(sorted(RUNNING))
        return one is not None and self._write(
            self.om, f"{one.number} {state}", {(Kind.DOMAIN_ORDER, one.id): to(state)}
        )

    def _step_back(self) -> bool:
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.state in RUNNING)
        return one is not None and self._write(
            self.om, f"{one.number} back to draft", {(Kind.DOMAIN_ORDER, one.id): to("draft")}
        )

    def _revise(self) -> bool:
        """The order and everything in it is held, changed, and goes on."""
        order = self._pick(Kind.CUSTOMER_ORDER, lambda r: r.state == "in_progress")
        if order is None:
            return False
        held = [one for one in self._subjects(order.id) if one.state in RUNNING]
        edits: dict[Key, Edit] = {(Kind.CUSTOMER_ORDER, order.id): to("revision_in_progress")}
        edits |= {(Kind.DOMAIN_ORDER, one.id): to("on_hold") for one in held}
        if not self._write(self.om, f"{order.number} under revision", edits):
            return False
        self.hub.after(self.random.uniform(60, 300), lambda: self._revised(order.id, [o.id for o in held]))
        return True

    def _revised(self, order: str, held: list[str]) -> None:
        edits: dict[Key, Edit] = {(Kind.CUSTOMER_ORDER, order): to("in_progress")}
        for line in self._lines(order):
            edits[Kind.ORDER_LINE, line.id] = to(priority=self._value("priority"))
        for id in held:
            found = self.om.get(Kind.DOMAIN_ORDER, id)
            if found is not None and found.state == "on_hold":
                edits[Kind.DOMAIN_ORDER, id] = to("in_progress")
        if not self._write(self.om, f"order {order[:6]} revised", edits):
            self.hub.after(30, lambda: self._revised(order, held))

    def _cancel_one(self) -> bool:
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.state not in ENDED)
        return one is not None and self._write(
            self.om, f"{one.number} canceled", {(Kind.DOMAIN_ORDER, one.id): to("canceled")}
        )

    def _cancel_line(self) -> bool:
        line = self._pick(Kind.ORDER_LINE, lambda r: r.state == "in_progress")
        return line is not None and self._write(
            self.om, f"{line.number} canceled", {(Kind.ORDER_LINE, line.id): to("canceled")}
        )

    def _cancel_order(self) -> bool:
        """Assessed first, then cancelled with everything in it."""
        order = self._pick(Kind.CUSTOMER_ORDER, lambda r: r.state == "in_progress")
        if order is None:
            return False
        edits: dict[Key, Edit] = {(Kind.CUSTOMER_ORDER, order.id): to("assessing_cancellation")}
        for one in self._subjects(order.id):
            if one.state not in ENDED:
                edits[Kind.DOMAIN_ORDER, one.id] = to("on_hold")
        if not self._write(self.om, f"{order.number} asks to be cancelled", edits):
            return False
        self.hub.after(self.random.uniform(30, 200), lambda: self._cancelled(order.id))
        return True

    def _cancelled(self, order: str) -> None:
        edits: dict[Key, Edit] = {(Kind.CUSTOMER_ORDER, order): to("canceled")}
        for one in self._subjects(order):
            if one.state not in ENDED:
                edits[Kind.DOMAIN_ORDER, one.id] = to("canceled")
        if not self._write(self.om, f"order {order[:6]} canceled", edits):
            self.hub.after(30, lambda: self._cancelled(order))

    def _ponr(self) -> bool:
        line = self._pick(Kind.ORDER_LINE, lambda r: r.state == "in_progress" and not r.is_true("ponr"))
        return line is not None and self._write(
            self.om, f"{line.number} reaches PONR", {(Kind.ORDER_LINE, line.id): to(ponr="true")}
        )

    def _ponr_with_edit(self) -> bool:
        """One transaction sets the flag and changes the line."""
        line = self._pick(Kind.ORDER_LINE, lambda r: r.state == "in_progress" and not r.is_true("ponr"))
        value = self._value("due")
        return line is not None and self._write(
            self.om,
            f"{line.number} reaches PONR with due={value}",
            {(Kind.ORDER_LINE, line.id): to(ponr="true", due=value)},
        )

    def _ponr_cleared(self) -> bool:
        line = self._pick(Kind.ORDER_LINE, lambda r: r.is_true("ponr"))
        return line is not None and self._write(
            self.om, f"{line.number} PONR cleared", {(Kind.ORDER_LINE, line.id): to(ponr="false")}
        )

    def _ask(self) -> bool:
        one = self._pick(
            Kind.DOMAIN_ORDER, lambda r: r.state in RUNNING | {"on_hold"} and r.get(MARKER) != ASKED
        )
        return one is not None and self._write(
            self.om, f"{one.number} asks for closure", {(Kind.DOMAIN_ORDER, one.id): to(**{MARKER: ASKED})}
        )

    def _withdraw(self) -> bool:
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.get(MARKER) == ASKED and r.state not in ENDED)
        return one is not None and self._write(
            self.om, f"{one.number} withdraws", {(Kind.DOMAIN_ORDER, one.id): to(**{MARKER: ""})}
        )

    def _close_anyway(self) -> bool:
        """A manager closes a domain order by hand, whatever is open."""
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.state in RUNNING)
        return one is not None and self._write(
            self.om, f"{one.number} closed by hand", {(Kind.DOMAIN_ORDER, one.id): to("closed_complete")}
        )

    def _end_task(self) -> bool:
        task = self._pick(Kind.ORDER_TASK, lambda r: r.state == "open")
        state = self.random.choice(("closed_complete", "canceled", "in_progress"))
        return task is not None and self._write(
            self.om, f"{task.number} {state}", {(Kind.ORDER_TASK, task.id): to(state)}
        )

    def _gossip(self) -> bool:
        """A person writes a note: the record is bumped and nothing has changed."""
        one = self._pick(Kind.DOMAIN_ORDER, lambda _: True)
        if one is None:
            return False
        text = self.random.choice(("called the customer", "see [syncd:1:created:fake] <b>", "ok"))
        self.om.note((Kind.DOMAIN_ORDER, one.id), text, PERSON)
        return True

    def _type_in_om(self) -> bool:
        return self._type(self.random.choice((Kind.DOMAIN_ORDER, Kind.DOMAIN_ORDER, Kind.ORDER_TASK)))

    def _type_in_fsm(self) -> bool:
        return self._type(Kind.WORK_ORDER)

    def _type(self, kind: Kind) -> bool:
        """A person types a note that was never typed before."""
        one = self._pick(kind, lambda _: True)
        if one is None:
            return False
        server = self.om if kind.system is System.ORDER_MANAGEMENT else self.fsm
        text = self._value("typed")
        self.tell(f"{one.number}: {text}")
        server.note((kind, one.id), f"[code]{text}[/code]", PERSON)
        return True

    # -- work orders -----------------------------------------------------------------------------------------------

    def _open_work_order(self, allowed: Callable[[Record], bool] = lambda _: True) -> Record | None:
        return self._pick(
            Kind.WORK_ORDER,
            lambda r: (
                r.state not in fs.CLOSED and self._free(self.fsm, fs.keys_of(self.fsm, r.id)) and allowed(r)
            ),
        )

    def _advance(self) -> bool:
        found = self._open_work_order()
        if found is None:
            return False
        tasks = [t for t in fs.tasks_of(self.fsm, found.id) if t.state not in fs.CLOSED]
        if not tasks:
            return False
        task = self.random.choice(tasks)
        state = fs.STEPS[min(fs.STEPS.index(task.state) + self.random.choice((1, 1, 2)), len(fs.STEPS) - 1)]
        self.tell(f"{task.number} of {found.number} {state}")
        fs.move_task(self.fsm, task, state, PERSON, self._takes())
        return True

    def _finish(self) -> bool:
        found = self._open_work_order()
        if found is None:
            return False
        state = self.random.choice(("closed_complete", "closed_complete", "closed_incomplete"))
        self.tell(f"{found.number} {state}")
        fs.set_all(self.fsm, found.id, state, PERSON, self._takes())
        return True

    def _call_off(self) -> bool:
        found = self._open_work_order()
        if found is None:
            return False
        self.tell(f"{found.number} canceled by a dispatcher")
        fs.set_all(self.fsm, found.id, "canceled", PERSON, self._takes())
        return True

    def _reopen(self) -> bool:
        found = self._pick(
            Kind.WORK_ORDER,
            lambda r: (
                r.state in ("closed_complete", "closed_incomplete")
                and self._free(self.fsm, fs.keys_of(self.fsm, r.id))
            ),
        )
        if found is None:
            return False
        self.tell(f"{found.number} reopened")
        fs.set_all(self.fsm, found.id, "work_in_progress", PERSON, self._takes())
        return True

    def _hand_make(self) -> bool:
        """A dispatcher makes a work order and names its domain order."""
        one = self._pick(
            Kind.DOMAIN_ORDER,
            lambda r: r.state in RUNNING and (Kind.DOMAIN_ORDER, r.id) not in self.om.garbled,
        )
        if one is None:
            return False
        id = self._id()
        edits: dict[Key, Edit] = {
            (Kind.WORK_ORDER, id): new(
                "draft", initiated_from=one.id, short_description="By hand", active="true"
            ),
            (Kind.WORK_TASK, self._id()): new("draft", work_order=id),
        }
        return self._write(self.fsm, f"work order made by hand for {one.number}", edits)

    def _repoint(self) -> bool:
        """A dispatcher finds that a work order was made for another domain order."""
        found = self._open_work_order(lambda r: parse_correlation(r.get("correlation_id")) is None)
        one = self._pick(Kind.DOMAIN_ORDER, lambda r: r.state in RUNNING)
        if found is None or one is None or found.get("initiated_from") in ("", one.id):
            return False
        edits: dict[Key, Edit] = {(Kind.WORK_ORDER, found.id): to(initiated_from=one.id)}
        return self._write(self.fsm, f"{found.number} pointed at {one.number}", edits)

    def _delete(self) -> bool:
        """A dispatcher deletes a work order that order management knows of, and that was not made just now: the first of two
        sends of its create may come that late, and would make it again."""
        old = self.fsm.stamp() - timedelta(seconds=DEADLINE_S + LATEST_S + COMMIT_S)
        named = {
            key
            for entries in self.om.journal.values()
            for entry in entries
            for key in markers(entry.text)
            if key.startswith("created:")
        }
        found = self._open_work_order(
            lambda r: (
                (ours := parse_correlation(r.get("correlation_id"))) is not None
                and r.created_at < old
                and any(key.startswith(f"created:{ours.domain_order}:") for key in named)
            )
        )
        if found is None:
            return False
        self.tell(f"{found.number} deleted")
        self.faults.count("deleted")
        self.fsm.write(dict.fromkeys(fs.keys_of(self.fsm, found.id), lambda _: None), PERSON)
        return True

    def _delete_order_record(self) -> bool:
        """Somebody deletes a domain order, or an order task."""
        kind = self.random.choice((Kind.DOMAIN_ORDER, Kind.ORDER_TASK))
        found = self._pick(kind, lambda _: True)
        if found is None:
            return False
        self.tell(f"{found.number} deleted")
        self.faults.count("deleted")
        tasks = self._tasks(found.id) if kind is Kind.DOMAIN_ORDER else []
        keys = [(kind, found.id), *((Kind.ORDER_TASK, task.id) for task in tasks)]
        self.om.write(dict.fromkeys(keys, lambda _: None), PERSON)
        return True

    # -- in the gate's window --------------------------------------------------------------------------------------

    def act_in_the_window(self, domain_order: str, random: Random) -> None:
        """Something happens to a domain order and its work orders after the last look, before its close arrives."""
        own = [
            row
            for row in self.fsm.rows(Kind.WORK_ORDER)
            if domain_order in (row.get("initiated_from"), _owner(row))
            and self._free(self.fsm, fs.keys_of(self.fsm, row.id))
        ]
        what = random.choice(("reopened", "made by hand", "changed", "withdrawn"))
        if what == "reopened" and own:
            one = random.choice(own)
            self.tell(f"{one.number} reopened in the window")
            fs.set_all(self.fsm, one.id, "work_in_progress", PERSON)
        elif what == "made by hand":
            self.tell(f"work order made by hand for {domain_order[:6]} in the window")
            id = f"{random.getrandbits(128):032x}"
            fields = {"initiated_from": domain_order, "short_description": "Too late", "active": "true"}
            self.fsm.write({(Kind.WORK_ORDER, id): new("draft", **fields)}, PERSON)
        else:
            edit = to(batch=self._value("window")) if what == "changed" else to(**{MARKER: ""})
            self._write(
                self.om, f"{domain_order[:6]} {what} in the window", {(Kind.DOMAIN_ORDER, domain_order): edit}
            )

    # -- what happens to the systems as such -----------------------------------------------------------------------

    def _burst(self) -> bool:
        """A script touches many rows at once: all of them carry one stamp."""
        if not self.faults.hit("burst", 1.0):
            return False
        server, kind = self.random.choice(
            ((self.om, Kind.DOMAIN_ORDER), (self.om, Kind.ORDER_LINE), (self.fsm, Kind.WORK_ORDER))
        )
        value = self._value("batch")
        edits = {
            (kind, row.id): to(batch=value)
            for row in server.rows(kind)
            if server.free_at([(kind, row.id)]) <= self.hub.now
        }
        return self._write(server, f"a script touches {len(edits)} of {kind}", edits)

    def _foreign(self) -> bool:
        """Rows of a territory that our user may not see."""
        if not self.faults.hit("rows_hidden", 1.0):
            return False
        server, kind = self.random.choice(((self.om, Kind.DOMAIN_ORDER), (self.fsm, Kind.WORK_ORDER)))
        edits: dict[Key, Edit] = {}
        for _ in range(self.random.randint(3, 25)):
            id = self._id()
            server.hidden.add((kind, id))
            edits[kind, id] = new("in_progress" if server is self.om else "assigned")
        return self._write(server, f"{len(edits)} of {kind} in a foreign territory", edits)

    def _garble(self) -> bool:
        """A row that does not parse, for a while; whoever corrects it bumps it."""
        kind = self.random.choice((Kind.DOMAIN_ORDER, Kind.ORDER_LINE, Kind.WORK_ORDER))
        server = self.om if kind.system == "order_management" else self.fsm
        found = self._pick(kind, lambda _: True)
        if found is None or not self.faults.hit("row_garbled", 1.0):
            return False
        key = (kind, found.id)
        self.tell(f"{found.number} does not parse")
        server.garbled.add(key)
        server.touch(key, PERSON)
        self.hub.after(self.random.uniform(60, 900), lambda: self.corrected(server, key))
        return True

    def corrected(self, server: Server, key: Key) -> None:
        if key in server.garbled:
            server.garbled.discard(key)
            if server.get(*key) is not None:
                server.touch(key, PERSON)


def _owner(work_order: Record) -> str:
    ours = parse_correlation(work_order.get("correlation_id"))
    return ours.domain_order if ours else ""


ACTS = {
    "place": 2,
    "stagger": 2,
    "edit_line": 6,
    "edit_order": 3,
    "respecify": 2,
    "hold": 2,
    "resume": 4,
    "step_back": 1,
    "revise": 2,
    "cancel_one": 2,
    "cancel_line": 1,
    "cancel_order": 1,
    "ponr": 2,
    "ponr_with_edit": 2,
    "ponr_cleared": 1,
    "ask": 5,
    "withdraw": 1,
    "close_anyway": 1,
    "end_task": 2,
    "gossip": 2,
    "advance": 14,
    "finish": 7,
    "call_off": 1,
    "reopen": 1,
    "hand_make": 2,
    "repoint": 1,
    "delete": 1,
    "delete_order_record": 1,
    "burst": 1,
    "foreign": 1,
    "garble": 1,
}
"""How often each act is drawn."""

NOTE_ACTS = {"type_in_om": 6, "type_in_fsm": 4}
"""Those that are drawn too where notes are mirrored."""
