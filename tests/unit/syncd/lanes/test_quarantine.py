"""What waits for a person, and what each answer does."""

from __future__ import annotations

import json

import pytest

from connectors.errors import Missing, Refused, Unreachable, Unreadable
from mappings.field_map import FieldMap
from mappings.model import Kind
from syncd.quarantine import (
    HeldRecord,
    Person,
    StillUnreadable,
    called,
    can_be_read,
    everything,
    give_up,
    held_record,
    let_go_on,
    next_step,
    read_again,
)
from syncd.quarantine_report import list_as_json, list_as_text, show_as_json, show_as_text

SOMEBODY = Person("A. Meier", "corrected by hand")
CREATE = "create:{}:fiber:1:1"


@pytest.fixture
def held(world):
    """Everything in quarantine now."""

    def gathered():
        with world.store.history() as history:
            return everything(history, dict.fromkeys(Kind, "number"))

    return gathered


@pytest.fixture
def unreadable(world, held):
    """A domain order that could not be read when its feed brought it; the server has corrected it since."""
    world.order("Fiber Access")
    world.om.unreadable.add(world.id("DO1"))
    world.take_in()
    world.om.unreadable.clear()
    (one,) = held()
    return one


@pytest.fixture
def parked(world, held):
    """A create that was refused."""
    world.order("Fiber Access")
    world.fsm.fail("create_work_order", Refused("403", reason="No work here"))
    world.settle_down(2)
    (one,) = held()
    return one


class Broken(FieldMap):
    """A defect in a rule."""

    @property
    def rules(self):
        raise LookupError("a defect")


class TestRetryOfARecord:
    def test_it_is_taken_in_and_what_it_means_is_decided(self, world, held, unreadable, events):
        read_again(world.store, world.intake, unreadable, SOMEBODY)
        assert held() == ()
        assert any(e["event"] == "record.released" for e in events)
        world.settle_down(2)
        assert len(world.work_orders) == 1

    def test_it_moves_no_watermark(self, world, unreadable):
        before = world.store.watermark("domain_order")
        read_again(world.store, world.intake, unreadable, SOMEBODY)
        assert world.store.watermark("domain_order") == before

    def test_the_person_is_kept_in_the_ledger(self, world, unreadable):
        read_again(world.store, world.intake, unreadable, SOMEBODY)
        entry = next(e for e in world.store.ledger_of(world.id("DO1")) if e.event == "quarantine.retried")
        assert (entry.data["by"], entry.data["reason"]) == ("A. Meier", "corrected by hand")

    @pytest.mark.parametrize(
        ("error", "why"),
        [
            pytest.param(Unreadable("x", field="state", reason="garbled"), "state: garbled", id="garbled"),
            pytest.param(Missing("404"), "it is gone, or access rules hide it", id="gone"),
        ],
    )
    def test_one_that_still_cannot_be_read_stays(self, world, held, unreadable, error, why):
        world.om.fail("read", error)
        with pytest.raises(StillUnreadable, match=why):
            read_again(world.store, world.intake, unreadable, SOMEBODY)
        assert held() == (unreadable,)

    def test_a_system_that_does_not_answer_is_not_the_records_fault(self, world, held, unreadable):
        world.om.fail("read", Unreachable("connection refused"))
        with pytest.raises(Unreachable):
            read_again(world.store, world.intake, unreadable, SOMEBODY)
        assert held() == (unreadable,)

    def test_one_without_an_id_cannot_be_asked_for(self, world, held):
        with world.store.deciding() as tx:
            tx.quarantine(Kind.DOMAIN_ORDER.system, Kind.DOMAIN_ORDER, "", None, "id", "not an id", "{}")
        (one,) = held()
        assert one.name.startswith("body:")
        with pytest.raises(StillUnreadable, match="not even its id"):
            read_again(world.store, world.intake, one, SOMEBODY)

    def test_one_that_a_rule_failed_on_is_decided_about_though_nothing_changed(self, world, held):
        right = world.policy
        world.policy = right.__class__(om_id="om", tables=right.tables, field_map=Broken.__new__(Broken))
        world.order("Fiber Access")
        world.take_in()
        (one,) = held()
        assert "defect of syncd" in next_step(one)
        with pytest.raises(StillUnreadable, match="deciding on it failed: LookupError"):
            read_again(world.store, world.intake, one, SOMEBODY)
        world.policy = right
        read_again(world.store, world.intake, one, SOMEBODY)
        assert held() == ()
        world.settle_down(2)
        assert len(world.work_orders) == 1

    def test_asking_whether_it_can_be_read_stores_nothing(self, world, held, unreadable):
        can_be_read(unreadable, lambda: world.om.read(Kind.DOMAIN_ORDER, world.id("DO1")))
        assert held() == (unreadable,)
        world.om.hidden.add(world.id("DO1"))
        with pytest.raises(StillUnreadable):
            can_be_read(unreadable, lambda: world.om.read(Kind.DOMAIN_ORDER, world.id("DO1")))


class TestRetryOfAnEffect:
    def test_it_is_looked_for_before_it_is_sent(self, world, held, parked):
        looked = []
        read = world.fsm.read
        world.fsm.read = lambda kind, id: looked.append(id) or read(kind, id)
        assert let_go_on(world.store, parked, SOMEBODY)
        assert held() == ()
        world.deliver()
        assert len(world.work_orders) == 1
        assert looked[0] == world.work_orders[0].id

    def test_one_that_is_not_parked_any_more_is_left_alone(self, world, parked):
        assert let_go_on(world.store, parked, SOMEBODY)
        assert not let_go_on(world.store, parked, SOMEBODY)
        told = [e.event for e in world.store.ledger_of(world.id("DO1"))]
        assert told.count("quarantine.retried") == 1


class TestDrop:
    def test_an_effect_is_given_up_and_the_person_kept(self, world, held, parked):
        assert give_up(world.store, parked, SOMEBODY)
        assert not give_up(world.store, parked, SOMEBODY)
        assert held() == ()
        world.settle_down(2)
        assert world.work_orders == []
        entry = next(e for e in world.store.ledger_of(world.id("DO1")) if e.event == "quarantine.dropped")
        assert (entry.effect_key, entry.data["by"]) == (CREATE.format(world.id("DO1")), "A. Meier")

    def test_a_record_is_put_away_and_its_reason_kept(self, world, held, unreadable):
        assert give_up(world.store, unreadable, SOMEBODY)
        assert not give_up(world.store, unreadable, SOMEBODY)
        assert held() == ()
        entry = next(e for e in world.store.ledger_of(world.id("DO1")) if e.event == "quarantine.dropped")
        assert entry.data["why"] == "state: garbled"


class TestNames:
    def test_a_record_is_called_by_id_by_number_and_with_its_kind_in_front(self, world, held):
        for kind in (Kind.DOMAIN_ORDER, Kind.ORDER_TASK):
            with world.store.deciding() as tx:
                body = '{"number": "N1"}'
                tx.quarantine(kind.system, kind, f"id of {kind}", None, "state", "garbled", body)
        assert len(called("N1", held())) == 2
        (one,) = called("order_task:N1", held())
        assert (one.name, one.number) == ("id of order_task", "N1")
        assert called("id of order_task", held()) == (one,)
        assert called("N2", held()) == ()

    def test_an_effect_is_called_by_its_key(self, world, held, parked):
        assert called(CREATE.format(world.id("DO1")), held()) == (parked,)
        assert parked.number == "DO1"

    @pytest.mark.parametrize("body", ["", "[1]", "{", '{"number": 7}', '{"other": "x"}'])
    def test_a_body_without_a_number_has_none(self, unreadable, body):
        record = unreadable.record.__class__(
            **{n: getattr(unreadable.record, n) for n in RECORD} | {"body": body}
        )
        assert held_record(record, "number").number == ""


RECORD = (
    *("system", "kind", "id", "stamp", "field", "reason"),
    *("first_seen_at", "last_seen_at", "times", "key"),
)


class TestOnPaper:
    def test_an_empty_quarantine_says_so(self):
        assert list_as_text(()) == "nothing is in quarantine"
        assert list_as_json(()) == {"orders": [], "records": [], "effects": []}

    def test_the_list_has_reason_times_and_next_step_and_no_body(self, world, held, parked):
        with world.store.deciding() as tx:
            body = json.dumps({"number": "DO7", "contact": "secret person"})
            tx.quarantine(Kind.DOMAIN_ORDER.system, Kind.DOMAIN_ORDER, "d7", None, "state", "garbled", body)
        text = list_as_text(held())
        assert "domain_order DO7 (d7) could not be read" in text
        assert "why: state: garbled" in text
        assert "syncd quarantine retry d7" in text
        assert "create_work_order for DO1 waits for a person" in text
        assert "why: 403: No work here" in text
        assert "secret person" not in text + json.dumps(list_as_json(held()))

    def test_showing_a_record_shows_its_body_escaped(self, world, held):
        with world.store.deciding() as tx:
            body = json.dumps({"number": "DO7", "contact": "\x1b[2J"})
            tx.quarantine(Kind.DOMAIN_ORDER.system, Kind.DOMAIN_ORDER, "d7", None, "state", "garbled", body)
            raw = "not json \x1b[2J"
            tx.quarantine(Kind.DOMAIN_ORDER.system, Kind.DOMAIN_ORDER, "", None, "", "not an object", raw)
        nameless, named = sorted(held(), key=lambda one: one.record.id)
        assert '  "contact": "\\u001b[2J"' in show_as_text(named)
        assert "not json \\x1b[2J" in show_as_text(nameless)
        assert "\x1b" not in show_as_text(named) + show_as_text(nameless)
        assert show_as_json(named)["record"]["body"] == body

    def test_showing_an_effect_shows_what_it_intends(self, parked):
        text = show_as_text(parked)
        assert 'because: rule "fiber" of "by-specification": DO1 first seen' in text
        assert 'template = the template whose name is "Fiber Installation"' in text
        found = json.loads(json.dumps(show_as_json(parked)))["effect"]
        assert found["references"]["template"]["value"] == "Fiber Installation"
        assert (found["attempts"], found["reason"]) == (1, "403: No work here")

    def test_a_record_that_names_itself_is_a_record(self, unreadable):
        assert isinstance(unreadable, HeldRecord)
        assert list_as_json((unreadable,))["records"][0]["times"] == 1
