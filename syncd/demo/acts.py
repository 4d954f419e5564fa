"""The acts of the demo, in their order: what people do in the two systems, and what must then be true in both.

Called by `story`. Each act holds its claims against the servers before the next one begins.
"""

from __future__ import annotations

from syncd.demo.processes import wait_for
from syncd.demo.stage import DOMAIN_ORDERS, LINES, Stage, notes_with, status_labels
from syncd.demo.truth import Subject

BERLIN, HAMBURG, MUNICH = LOCATIONS = ("Berlin Mitte", "Hamburg Altona", "Munich Sendling")
STAGES = {
    "assigned": "Assigned",
    "accepted": "Accepted",
    "in_progress": "Work in Progress",
    "closed": "Closed Complete",
}
"""What field agents do, and the state that each step shows in FSM."""
SOON, SOONER, LATER = "2027-01-15 10:00:00", "2027-01-11 08:00:00", "2027-02-01 09:00:00"
CONTACT = "Miriam Schulte"


def placed(stage: Stage) -> None:
    """An order for three locations is only an order: nothing happens in field service."""
    stage.timeline.act("1. An agent places a customer order for three locations")
    order = stage.sandbox.control("POST", "orders", {"locations": list(LOCATIONS)})
    stage.order = order["order"]
    stage.tell("agent", f"placed {order['number']} for {', '.join(LOCATIONS)}")
    lines = stage.sandbox.rows("om", LINES, f"order={stage.order}")
    stage.check("three lines exist", [] if len(lines) == len(LOCATIONS) else [f"{len(lines)} lines exist"])
    stage.let_it_poll()
    found = [f"{row['number']} exists" for row in stage.work_orders()]
    made = stage.sandbox.writes()
    stage.check("nothing happened in field service", found + ([f"{made} writes were made"] if made else []))


def approved(stage: Stage) -> None:
    """Approval is decomposed, the tables prescribe work orders, and the daemon dies in the middle of it."""
    stage.timeline.act("2. The manager approves; the daemon is killed half-way")
    stage.sandbox.control("POST", f"orders/{stage.order}/approve")
    stage.tell("manager", "approved; decomposition begins")
    wait_for("the first work orders", lambda: len(stage.work_orders()) >= 3, every_s=0.02)
    stage.kill_and_start()
    stage.tell("chaos", "SIGKILL while work orders were being created; syncd run, again")
    wanted = "each prescribed work order stands exactly once, with template, location, customer and priority"
    stage.until(wanted, lambda: stage.truth().problems())
    stage.tell(
        "count",
        f"{len(stage.work_orders())} work orders for {len(stage.truth().subjects)} domain orders and tasks",
    )


def changed(stage: Stage) -> None:
    """An edit of a line reaches the work orders of its domain orders as one update each, and is noted."""
    stage.timeline.act("3. The customer changes contact, priority and date of one location")
    contacts = {row["name"]: row["sys_id"] for row in stage.sandbox.rows("om", "customer_contact")}
    line = stage.line_at(BERLIN)
    stage.edit_line(line, contact=contacts[CONTACT], priority="1", committed_due_date=SOON)
    stage.tell("agent", f"{line['number']} ({BERLIN}): contact {CONTACT}, priority 1, due {SOON}")
    names = {row["sys_id"]: row["name"] for row in stage.sandbox.rows("fsm", "customer_contact")}

    def problems() -> list[str]:
        found = []
        for subject in stage.subjects_at(BERLIN):
            for row in subject.work_orders:
                seen = (names.get(row["contact"]), row["priority"], row["requested_due_by"])
                if seen != (CONTACT, "1", SOON):
                    found.append(f"{row['number']} has {seen}")
            notes = notes_with(subject, "amended")
            if len(notes) != len(subject.work_orders) or any(SOON not in note for note in notes):
                found.append(f"{subject.number} has {len(notes)} notes about the change")
        return found

    stage.until("each work order there has it, each domain order a note with old and new values", problems)
    elsewhere = [
        s for place in (HAMBURG, MUNICH) for s in stage.subjects_at(place) if notes_with(s, "amended")
    ]
    stage.check("no other location was touched", [f"{s.number} has a note" for s in elsewhere])


def outage(stage: Stage) -> None:
    """Field service is away while an order changes; the daemon lives and catches up."""
    stage.timeline.act("4. Field service is away for a while")
    stage.sandbox.control("POST", "faults", {"system": "fsm", "kind": "outage", "mode": "503"})
    stage.tell("chaos", "field service answers 503 to everything")
    line = stage.line_at(HAMBURG)
    stage.edit_line(line, committed_due_date=SOONER)
    stage.tell("agent", f"{line['number']} ({HAMBURG}): due {SOONER}")
    before = stage.sandbox.reads().get(LINES, 0)
    wait_for("OM polled during the outage", lambda: stage.sandbox.reads().get(LINES, 0) >= before + 3)
    stage.sandbox.control("DELETE", "faults")
    stage.tell("chaos", "field service is back")

    def problems() -> list[str]:
        rows = [row for subject in stage.subjects_at(HAMBURG) for row in subject.work_orders]
        return [
            f"{row['number']} is due {row['requested_due_by']}"
            for row in rows
            if row["requested_due_by"] != SOONER
        ]

    stage.until("the change arrived after the outage", problems)
    alive = stage.daemon.poll() is None
    stage.check("the daemon lived through it", [] if alive else ["it ended"])


def worked(stage: Stage) -> None:
    """Field agents work; one job is cancelled; every status that a poll saw becomes a note."""
    stage.timeline.act("5. Field agents work; one work order is cancelled in field service")
    (survey,) = [s for s in stage.subjects_at(MUNICH) if s.what == "site_survey"]
    cancelled = survey.work_orders[0]
    body = {"reason": "Site is known from last year"}
    stage.sandbox.control("POST", f"work-orders/{cancelled['sys_id']}/cancel", body)
    stage.tell("dispatch", f"cancelled {cancelled['number']}")
    at_work = [row for row in stage.work_orders() if row["number"] != cancelled["number"]]
    for step in list(STAGES)[:2]:
        stage.advance(at_work, step)
        stage.tell("agents", f"{len(at_work)} work orders: {STAGES[step]}")
        _noted(stage, STAGES[step], {row["number"] for row in at_work})
    (after,) = [s for s in stage.subjects_at(MUNICH) if s.id == survey.id]
    labels = status_labels(after, cancelled["number"], ["Canceled"])
    stage.check(
        "the cancellation is noted on its order task", [] if labels == ["Canceled"] else [str(labels)]
    )


def _noted(stage: Stage, label: str, numbers: set[str]) -> None:
    def problems() -> list[str]:
        pairs = [(s, row["number"]) for s in stage.truth().subjects for row in s.work_orders]
        return [n for s, n in pairs if n in numbers and label not in status_labels(s, n, [label])]

    stage.until(f'each domain order says "{label}"', problems)


def locked(stage: Stage) -> None:
    """After the point of no return an edit is refused, and one note says so."""
    stage.timeline.act("6. A line reaches its point of no return")
    line = stage.line_at(HAMBURG)
    stage.sandbox.control("POST", f"ponr/{LINES}/{line['sys_id']}", {"value": True})
    stage.tell("flow", f"{line['number']} ({HAMBURG}) has reached its point of no return")
    stage.let_it_poll()
    stage.sandbox.control("POST", "settings", {"enforcing": False})
    stage.edit_line(line, committed_due_date=LATER)
    stage.sandbox.control("POST", "settings", {"enforcing": True})
    stage.tell("script", f"moves {line['number']} to {LATER} all the same, past the rules of OM")

    def problems() -> list[str]:
        found = []
        for subject in stage.subjects_at(HAMBURG):
            notes = notes_with(subject, "refused")
            found += [] if len(notes) == 1 else [f"{subject.number} has {len(notes)} notes about the refusal"]
            rows = subject.work_orders
            found += [f"{row['number']} was changed" for row in rows if row["requested_due_by"] != SOONER]
        return found

    stage.until("the edit is not carried over, and one note on each domain order says so", problems)


def closed(stage: Stage) -> None:
    """A request for closure waits for the last work order, then the domain order is closed."""
    stage.timeline.act("7. A domain order asks to be closed")
    (subject,) = [s for s in stage.subjects_at(BERLIN) if s.what == "Managed Router"]
    stage.sandbox.control("POST", f"domain-orders/{subject.id}/request-closure")
    stage.tell("manager", f"asks for closure of {subject.number}; its work orders are open")

    def held() -> list[str]:
        notes = notes_with(_again(stage, subject.id), "held")
        named = [row["number"] for row in subject.work_orders if notes and row["number"] not in notes[0]]
        return [f"{n} is not named" for n in named] if len(notes) == 1 else [f"{len(notes)} notes of a hold"]

    stage.until("held, with one note that names each open work order", held)
    still_open = _state(stage, subject.id)
    stage.check("the domain order is still open", [] if still_open == "in_progress" else [still_open])
    for step in list(STAGES)[2:]:
        stage.advance(subject.work_orders, step)
    stage.tell("agents", f"closed {' and '.join(row['number'] for row in subject.work_orders)}")

    def released() -> list[str]:
        state = _state(stage, subject.id)
        notes = notes_with(_again(stage, subject.id), "released")
        found = [] if state == "closed_complete" else [f"{subject.number} is {state}"]
        return found + ([] if len(notes) == 1 else [f"{len(notes)} notes of the release"])

    stage.until("the last close releases it: the domain order is closed, and a note says why", released)


def _again(stage: Stage, id: str) -> Subject:
    return next(s for s in stage.truth().subjects if s.id == id)


def _state(stage: Stage, id: str) -> str:
    (row,) = stage.sandbox.rows("om", DOMAIN_ORDERS, f"sys_id={id}")
    return row["state"]


def called_off(stage: Stage) -> None:
    """A cancelled order takes its open work orders with it, with the mandatory reason."""
    stage.timeline.act("8. Another order is called off")
    known = {row["sys_id"] for row in stage.work_orders()}
    order = stage.sandbox.control("POST", "orders", {"locations": [MUNICH]})
    stage.sandbox.control("POST", f"orders/{order['order']}/approve")

    def created() -> list[str]:
        count = sum(row["sys_id"] not in known for row in stage.work_orders())
        return [] if count == 4 and not stage.truth().problems() else [f"{count} new work orders"]

    stage.until("its four work orders stand", created)
    stage.sandbox.control("POST", f"orders/{order['order']}/cancel")
    stage.tell("manager", f"cancelled {order['number']}")
    fresh = {row["number"]: row["sys_id"] for row in stage.work_orders() if row["sys_id"] not in known}

    def problems() -> list[str]:
        rows = [row for row in stage.work_orders() if row["number"] in fresh]
        found = [f"{row['number']} is in state {row['state']}" for row in rows if row["state"] != "7"]
        return found + [n for n, id in fresh.items() if not stage.sandbox.notes(id)]

    stage.until("its work orders are cancelled in field service, each with the reason", problems)


def finished(stage: Stage) -> None:
    """Nothing was lost and nothing was doubled on the way, status by status."""
    stage.timeline.act("9. In the end")
    truth = stage.truth()
    problems = []
    for subject in truth.subjects:
        for row in subject.work_orders:
            seen = status_labels(subject, row["number"], STAGES.values())
            if seen != [label for label in STAGES.values() if label in seen]:
                problems.append(f"{row['number']}: {seen}")
    stage.check("every status that a poll saw stands once, in order", problems)
    stage.check("no work order stands twice, none is missing", truth.doubled_or_missing())
    stage.stop()
