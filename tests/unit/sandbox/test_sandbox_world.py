"""How a world is made: seeds, other stored values, size."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

from syncd.sandbox.choices import DEFAULT_STATES
from syncd.sandbox.clock import SandboxClock
from syncd.sandbox.history import write_history
from syncd.sandbox.order_management import Placement
from syncd.sandbox.tables_domain import DOMAIN_ORDER, ORDER, ORDER_TASK, WORK_ORDER, WORK_TASK
from syncd.sandbox.world import World, WorldOptions

NOW = datetime(2026, 6, 1, 10, 0, 0, tzinfo=UTC)


def world(**options: object) -> World:
    return World(WorldOptions(**options), SandboxClock(lambda: NOW))


def ids(made: World) -> list[str]:
    return [row.id for row in made.order_instance.store.rows("cmn_location")]


def test_the_same_seed_gives_the_same_world():
    assert ids(world(seed=7)) == ids(world(seed=7))
    assert ids(world(seed=7)) != ids(world(seed=8))


def other_values() -> dict[str, dict[str, str]]:
    """Every stored value is another one than by default."""
    return {
        table: {name: f"{number + 500}" for number, name in enumerate(names)}
        for table, names in DEFAULT_STATES.items()
    }


def test_with_other_stored_values_the_whole_life_of_an_order_goes_on():
    made = world(states=other_values(), decomposition_delay_ms=0)
    om, fsm, orders, work = made.order_instance, made.field_instance, made.orders, made.work
    place = om.store.first("cmn_location", name="Berlin Mitte").id
    order = orders.place(Placement([place], om.store.first("customer_account", name="Nordwind Logistics").id))
    assert order["state"] == other_values()[ORDER]["new"]
    orders.approve(order)
    made.agenda.run_due()
    (line,) = orders.lines(order)
    domain_orders = orders.domain_orders(line)
    assert {d["state"] for d in domain_orders} == {other_values()[DOMAIN_ORDER]["in_progress"]}
    (task,) = om.store.rows(ORDER_TASK)
    assert task["state"] == other_values()[ORDER_TASK]["open"]
    job = fsm.insert(WORK_ORDER, {"template": "Site Survey", "initiated_from": domain_orders[0].id})
    assert job["state"] == other_values()[WORK_ORDER]["ready_for_dispatch"]
    work.advance(job, "closed")
    assert job["state"] == other_values()[WORK_ORDER]["closed_complete"]
    assert {t["state"] for t in fsm.store.rows(WORK_TASK)} == {other_values()[WORK_TASK]["closed_complete"]}
    for domain_order in domain_orders:
        orders.move(domain_order, "closed_complete")
    assert orders.state_of(order) == "completed"


def test_every_state_has_its_choice_row():
    made = world(states=other_values(), shared=True).order_instance
    for table, names in other_values().items():
        rows = made.store.find("sys_choice", name=table, element="state")
        assert {row["value"] for row in rows} == set(names.values())
        assert {row["label"] for row in rows} == {label for _, label in DEFAULT_STATES[table].values()}


def test_history_of_ten_thousand_keeps_its_size():
    made = world()
    assert write_history(made, 10_000) == {"domain_orders": 10_000, "work_orders": 5_000}
    assert made.order_instance.store.count(DOMAIN_ORDER) == 10_000


def test_history_has_no_open_work_under_what_is_closed():
    made = world()
    write_history(made, 200)
    orders, work = made.order_instance.store, made.field_instance.store
    ended = {row.id for row in orders.rows(DOMAIN_ORDER) if row["active"] == "false"}
    found = [row["active"] for row in work.rows(WORK_ORDER) if row["initiated_from"] in ended]
    assert len(found) >= 40
    assert set(found) == {"false"}


def test_the_process_announces_itself_serves_and_stops_on_request(tmp_path, client):
    ready = tmp_path / "ready.json"
    command = [
        sys.executable,
        "-m",
        "syncd",
        "sandbox",
        "--json",
        "--ready-file",
        str(ready),
        "--history",
        "8",
        "--shared",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        announced = json.loads(process.stdout.readline())
        try:
            assert json.loads(ready.read_text()) == announced
            auth = (announced["username"], announced["password"])
            for key in ("om_url", "fsm_url"):
                reply = client.get(f"{announced[key]}/api/now/table/{DOMAIN_ORDER}", auth=auth)
                assert len(reply.json()["result"]) == 8
            assert client.get(f"{announced['control_url']}/requests").json()["writes"] == 0
        finally:
            os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=60) == 0
