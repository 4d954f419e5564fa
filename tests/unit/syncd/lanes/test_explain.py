"""`explain` tells what was seen, decided, sent and answered, and why nothing was."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import Doubtful, Refused, Unreachable
from mappings.closure import ClosureSettings
from mappings.field_map import FieldMap
from mappings.model import Kind
from mappings.requests import Request, RequestStatus
from syncd.explain import as_json, as_text, explain, look_up
from syncd.explain.story import Names
from syncd.explain.waiting import closure

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def tell(world):
    """The explanation of a name, looked up live where the state does not know it."""

    def told(name):
        with world.store.history() as history:
            found = explain(history, name, world.policy, world.time.now, lambda _: "number")
        if found.stories:
            return found
        asked = look_up(name, world.systems, world.store, found.quarantined)
        return found.with_unknown(asked.lines)

    return told


@pytest.fixture
def now_of(tell):
    """What the explanation says is true now, as one text."""

    def told(name):
        return "\n".join(line for story in tell(name).stories for part in story.parts for line in part.lines)

    return told


class TestWhatHappened:
    def test_it_is_told_in_causal_order(self, world, tell):
        world.order("Fiber Access")
        world.settle_down(2)
        (story,) = tell("DO1").stories
        words = [moment.word for moment in story.moments]
        assert words == [
            *("seen", "seen", "seen", "decided"),
            *("sent", "answered", "seen", "decided"),
            *("sent", "answered"),
        ]
        assert [m.at for m in story.moments] == sorted(m.at for m in story.moments)

    def test_the_rule_that_fired_and_why_the_others_did_not(self, world, tell):
        world.order("Fiber Access")
        world.take_in()
        decided = next(m for m in tell("DO1").stories[0].moments if m.word == "decided")
        assert decided.details == (
            '+ rule "fiber" matches: specification is "Fiber Access"',
            '- rule "router" asks that specification is "Managed Router", but it is "Fiber Access"',
            '=> create work order "Fiber Installation" (rule fiber, slot 1)',
        )

    def test_each_decision_names_the_config_that_was_in_force(self, world, tell):
        world.store.use_config("old-hash", lambda: None)
        world.order("Fiber Access")
        world.take_in()
        world.store.use_config("new-hash", lambda: None)
        world.settle_down(2)
        moments = tell("DO1").stories[0].moments
        assert [m.config for m in moments if m.word == "decided"] == ["old-hash", "new-hash"]
        assert {m.config for m in moments if m.word != "decided"} == {""}
        text = as_text(tell("DO1"))
        assert "for DO1: 1 effect (config old-hash)" in text
        assert [m["config"] for m in as_json(tell("DO1"))["stories"][0]["moments"]] == [
            m.config for m in moments
        ]

    def test_what_was_sent_and_answered_names_the_effect_and_the_attempt(self, world, tell):
        world.order("Fiber Access")
        world.settle_down(2)
        sent = next(m for m in tell("DO1").stories[0].moments if m.word == "sent")
        assert sent.text == 'create work order "Fiber Installation" (rule fiber, slot 1), attempt 1'
        assert sent.key == f"create:{world.id('DO1')}:fiber:1:1"
        answered = next(m for m in tell("DO1").stories[0].moments if m.word == "answered")
        assert answered.text == f"done: {world.work_orders[0].number}"

    def test_tries_that_fail_alike_are_told_once(self, world, tell):
        world.order("Fiber Access")
        world.fsm.fail("create_work_order", Unreachable("connection refused"), times=5)
        world.settle_down(8)
        moments = tell("DO1").stories[0].moments
        tried = [m.text for m in moments if m.word == "tried"]
        assert tried == [
            'create work order "Fiber Installation" (rule fiber, slot 1), attempts 1 to 4 since 2026-06-01 12:00:00Z'
        ]
        assert [m.text for m in moments if "connection refused" in m.text] == [
            "not sent, tried again later: connection refused"
        ]

    def test_a_note_that_was_found_again_was_not_sent_again(self, world, tell):
        world.order("Fiber Access")
        world.om.fail("write_note", Doubtful("timeout"), committed=True)
        world.settle_down(3)
        notes = [(m.word, m.text) for m in tell("DO1").stories[0].moments if m.key.startswith("created:")]
        assert [word for word, _ in notes] == ["sent", "answered", "tried", "answered"]
        assert notes[1][1].endswith("timeout")
        assert notes[3][1] == "done: found by its marker"

    def test_a_status_is_told_with_the_one_before(self, world, tell):
        world.order("Fiber Access")
        world.settle_down(2)
        (work_order,) = world.work_orders
        world.fsm.advance(work_order.id, "assigned")
        world.take_in()
        seen = [m.text for m in tell("DO1").stories[0].moments if m.word == "seen"]
        assert seen[-1] == f"Work order {work_order.number}: Ready for Dispatch -> Assigned"

    def test_an_edit_is_told_by_the_fields_that_moved(self, world, tell):
        world.order("Fiber Access")
        world.take_in()
        world.om.put(Kind.ORDER_LINE, "ORDL1", "in_progress", contact="x", ponr="true")
        world.time.pass_(10)
        world.take_in()
        seen = [m for m in tell("DO1").stories[0].moments if m.word == "seen"][-1]
        assert seen.text == "Order line ORDL1 changed (In Progress)"
        assert seen.details == ("ponr reached", "changed fields: contact, ponr")

    def test_the_history_of_other_domain_orders_of_the_order_is_left_out(self, world, tell):
        world.order("Fiber Access", "Managed Router")
        world.settle_down(2)
        assert "DO2" not in as_text(tell("DO1"))


class TestWhatIsTrueNow:
    def test_each_work_order_with_its_state_and_its_rule(self, world, now_of):
        world.order("Fiber Access")
        world.settle_down(2)
        number = world.work_orders[0].number
        assert now_of("DO1") == f"work order {number}: Ready for Dispatch; made by rule fiber, slot 1"

    def test_no_table_applied(self, world, now_of):
        world.policy = replace(world.policy, tables=())
        world.order("Fiber Access")
        world.take_in()
        assert "no decision table applied to domain orders when it was decided" in now_of("DO1")

    def test_no_rule_matched(self, world, now_of):
        world.order("Internet")
        world.take_in()
        assert now_of("DO1").splitlines() == [
            'no work order was planned: no rule of "by-specification" matched when it was decided',
            '- rule "fiber" asks that specification is "Fiber Access", but it is "Internet"',
            '- rule "router" asks that specification is "Managed Router", but it is "Internet"',
        ]

    def test_it_is_older_than_the_baseline(self, world, now_of):
        world.time.pass_(-3600)
        world.order("Fiber Access")
        world.time.pass_(3600)
        world.settle_down(2)
        assert "Domain order DO1 is older than the baseline" in now_of("DO1")
        assert "make the work order by hand" in now_of("DO1")

    @pytest.mark.parametrize(
        ("kind", "name", "state", "reason"),
        [
            pytest.param(
                Kind.DOMAIN_ORDER, "DO1", "draft", "is no state to create in", id="no trigger state"
            ),
            pytest.param(
                Kind.CUSTOMER_ORDER, "ORD1", "draft", "Order ORD1 is not approved", id="not approved"
            ),
            pytest.param(Kind.CUSTOMER_ORDER, "ORD1", "on_hold", "Order ORD1 is held", id="order held"),
            pytest.param(Kind.DOMAIN_ORDER, "DO1", "on_hold", "Domain order DO1 is held", id="held"),
            pytest.param(Kind.ORDER_LINE, "ORDL1", "canceled", "line ORDL1 is cancelled", id="cancelled"),
        ],
    )
    def test_a_state_stands_in_the_way(self, world, now_of, kind, name, state, reason):
        world.order("Fiber Access")
        world.om.put(kind, name, state)
        world.settle_down(2)
        assert world.work_orders == []
        assert reason in now_of("DO1")

    def test_something_above_it_is_in_quarantine(self, world, now_of):
        world.order("Fiber Access")
        world.take_in()
        world.om.put(Kind.ORDER_LINE, "ORDL1", "in_progress", contact="y")
        world.om.unreadable.add(world.id("ORDL1"))
        world.time.pass_(10)
        world.take_in()
        assert f"the order line {world.id('ORDL1')} is in quarantine" in now_of("DO1")
        assert f"(state: garbled); syncd quarantine show {world.id('ORDL1')}" in now_of("DO1")

    def test_a_plan_was_pinned_before_the_table_was_edited(self, world, now_of):
        world.order("Internet")
        world.take_in()
        (old,) = world.policy.tables
        rules = tuple(replace(rule, when={}) for rule in old.rules)
        world.policy = replace(world.policy, tables=(replace(old, rules=rules, hash="new"),))
        assert '"by-specification" was edited since' in now_of("DO1")
        assert "its plan was pinned before the tables were edited, and stays" in now_of("DO1")

    def test_a_create_that_was_refused_and_one_that_was_given_up(self, world, now_of):
        world.order("Fiber Access")
        world.fsm.fail("create_work_order", Refused("403", reason="No work here"))
        world.settle_down(2)
        planned = 'work order "Fiber Installation" (rule fiber, slot 1) is planned, and not there: '
        assert now_of("DO1") == f"{planned}refused, waits for a person: 403: No work here"
        with world.store.deciding() as tx:
            assert tx.drop(f"create:{world.id('DO1')}:fiber:1:1", "given up by A. Meier: not needed")
        assert now_of("DO1") == f"{planned}given up: given up by A. Meier: not needed"

    def test_a_rule_that_fails_does_not_stop_the_explanation(self, world, now_of):
        class Broken(FieldMap):
            @property
            def rules(self):
                raise LookupError("a defect")

        world.policy = replace(world.policy, field_map=Broken.__new__(Broken))
        world.order("Fiber Access")
        world.take_in()
        assert "deciding on it failed: LookupError" in now_of("DO1")
        assert "a rule fails on it, which is a defect of syncd" in now_of("DO1")

    def test_a_domain_order_that_was_never_decided_and_could_be(self, world, now_of):
        world.order("Fiber Access", state="draft")
        world.take_in()
        lifecycle = world.policy.lifecycles[Kind.DOMAIN_ORDER]
        wider = {Kind.DOMAIN_ORDER: replace(lifecycle, trigger=lifecycle.trigger | {"draft"})}
        world.policy = replace(world.policy, lifecycles={**world.policy.lifecycles, **wider})
        assert "nothing hinders it now; the rules would say: work order" in now_of("DO1")

    def test_a_request_for_closure_and_what_holds_it(self, world, now_of):
        world.policy = replace(world.policy, closure=ClosureSettings(marker=("close_me", "true")))
        world.order("Fiber Access")
        world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress", close_me="true")
        world.take_in()
        assert "it asks to be closed since 2026-06-01 12:00:00Z: waiting" in now_of("DO1")


class TestWhatHappensNext:
    def test_nothing(self, world, tell):
        world.order("Fiber Access")
        world.settle_down(2)
        assert tell("DO1").stories[0].next == ()
        assert "nothing waits" in as_text(tell("DO1"))

    def test_pending_at_once_and_pending_until(self, world, tell):
        world.order("Fiber Access")
        world.take_in()
        assert tell("DO1").stories[0].next[0].text.endswith("is sent at once")
        world.fsm.fail("create_work_order", Unreachable("connection refused"))
        world.deliver()
        (one,) = tell("DO1").stories[0].next
        assert (one.status, one.at) == ("pending", world.time.now + timedelta(seconds=1))
        assert one.text.endswith("is sent at 2026-06-01 12:00:01Z (last: connection refused)")

    def test_a_request_for_closure_says_when_it_is_answered(self, world, tell):
        world.policy = replace(world.policy, closure=ClosureSettings(marker=("close_me", "true")))
        world.order("Fiber Access", state="draft")
        world.om.put(Kind.DOMAIN_ORDER, "DO1", "draft", close_me="true")
        world.take_in()
        (one,) = tell("DO1").stories[0].next
        assert (one.status, one.text) == ("waiting", "the closure of DO1 is answered by the next cycle")
        assert "nothing waits" not in as_text(tell("DO1"))

    @pytest.mark.parametrize(
        ("status", "text", "commands"),
        [
            (RequestStatus.WAITING, "is answered not before 2026-06-01 12:05:00Z", ()),
            (RequestStatus.HELD, "is released when nothing holds it any more (asked again not before 2026-06-01 12:05:00Z)", ("syncd gate override DO1 --by NAME --reason TEXT",)),
            (RequestStatus.RELEASED, "its work orders are looked at once more", ()),
        ],
    )  # fmt: skip
    def test_an_answer_of_the_gate_is_told_by_where_it_stands(self, status, text, commands):
        request = Request(Kind.DOMAIN_ORDER, "d1", NOON, status, retry_after=NOON + timedelta(minutes=5))
        told = closure(request, Names({"d1": "DO1"}), NOON)
        assert text in told.text
        assert (told.status, told.commands) == (status.value, commands)
        assert closure(replace(request, status=RequestStatus.OVER), Names({"d1": "DO1"}), NOON) is None

    def test_in_doubt_until(self, world, tell):
        world.order("Fiber Access")
        world.take_in()
        world.om.fail("write_note", Doubtful("timeout"))
        world.deliver()
        (one,) = tell("DO1").stories[0].next
        assert (one.status, one.at) == ("in doubt", world.time.now + world.om.settle)
        assert "looked for by its marker at 2026-06-01 12:01:30Z" in one.text

    def test_parked_names_the_commands_that_let_it_go(self, world, tell):
        world.order("Fiber Access")
        world.fsm.fail("create_work_order", Refused("403", reason="No work here"))
        world.settle_down(2)
        parked = next(one for one in tell("DO1").stories[0].next if one.status == "parked")
        key = f"create:{world.id('DO1')}:fiber:1:1"
        assert parked.commands == (
            f"syncd quarantine retry {key}",
            f"syncd quarantine drop {key} --by NAME --reason TEXT",
        )

    def test_in_flight_until_the_lease_ends(self, world, tell):
        world.order("Fiber Access")
        world.take_in()
        world.store.claim("run:x", 1, 60)
        (one,) = tell("DO1").stories[0].next
        assert (one.status, one.at) == ("in flight", world.time.now + timedelta(seconds=60))

    def test_behind_what_goes_first(self, world, tell):
        world.order("Managed Router")
        world.take_in()
        first, second = tell("DO1").stories[0].next
        assert first.text.endswith("is sent at once")
        assert second.text.endswith('waits behind create work order "Router Staging" (rule router, slot 1)')

    def test_a_feed_that_nobody_reads_is_pointed_out(self, world, tell):
        world.order("Fiber Access")
        world.settle_down(2)
        world.time.pass_(600)
        (one,) = tell("DO1").stories[0].next
        assert (one.status, one.commands) == ("not polled", ("syncd status",))


class TestByAnyName:
    def test_an_order_is_told_with_all_its_domain_orders(self, world, tell):
        world.order("Fiber Access", "Internet")
        world.settle_down(2)
        (story,) = tell("ORD1").stories
        assert [part.title for part in story.parts] == [
            "Domain order DO1: In Progress",
            "Domain order DO2: In Progress",
        ]
        assert tell("ORDL1").stories[0].parts == story.parts

    def test_an_order_without_domain_orders_says_who_makes_them(self, world, tell):
        world.om.put(Kind.CUSTOMER_ORDER, "ORD9", "draft")
        world.take_in()
        assert "when the order is approved" in as_text(tell("ORD9"))

    def test_an_id_and_a_number_in_small_letters_mean_the_same(self, world, tell):
        world.order("Fiber Access")
        world.take_in()
        assert tell(world.id("DO1")).stories == tell("do1").stories == tell("DO1").stories

    def test_a_work_order_is_told_with_what_concerns_it_alone(self, world, tell):
        world.order("Managed Router")
        world.settle_down(2)
        staging, installation = sorted(world.work_orders, key=lambda record: record.number)
        text = as_text(tell(staging.number))
        assert "Domain order DO1: In Progress" in text
        assert f"work order {staging.number}: Ready for Dispatch; made by rule router, slot 1" in text
        assert f"done: {staging.number}" in text
        assert f"done: {installation.number}" not in text

    def test_a_task_of_a_work_order_is_told_with_its_work_order(self, world, tell):
        world.order("Fiber Access")
        world.settle_down(2)
        (work_order,) = world.work_orders
        world.fsm.put(Kind.WORK_TASK, "WT1", "assigned", work_order=work_order.id)
        world.take_in()
        assert [story.record.id for story in tell("WT1").stories] == [work_order.id]

    def test_a_work_order_made_by_hand_is_called_so(self, world, tell):
        world.order("Internet")
        world.fsm.put(Kind.WORK_ORDER, "WO77", "ready", initiated_from=world.id("DO1"))
        world.settle_down(2)
        assert "work order WO77: Ready for Dispatch; made by hand, linked to it" in as_text(tell("DO1"))
        assert any(m.text == "work order WO77 to DO1 (made by hand)" for m in tell("WO77").stories[0].moments)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            pytest.param({}, '"initiated_from" is empty', id="names nobody"),
            pytest.param({"initiated_from": "f" * 32}, "which has not been seen", id="names a stranger"),
        ],
    )
    def test_a_work_order_without_a_domain_order_says_why(self, world, tell, fields, reason):
        world.fsm.put(Kind.WORK_ORDER, "WO77", "ready", **fields)
        world.take_in()
        assert reason in as_text(tell("WO77"))


class TestUnknown:
    def test_it_is_not_there(self, tell):
        assert tell("DO99").unknown == ('neither system has a record with the number or id "DO99"',)

    def test_it_is_hidden(self, world, tell):
        world.om.put(Kind.DOMAIN_ORDER, "DO99", "in_progress")
        world.om.hidden.add(world.id("DO99"))
        (line,) = tell("DO99").unknown
        assert "there is a domain order of that name in order management, and access rules hide it" in line

    def test_it_has_not_been_polled_yet(self, world, tell):
        world.settle_down(2)
        world.om.put(Kind.DOMAIN_ORDER, "DO99", "in_progress")
        found, why = tell("DO99").unknown
        assert found.startswith("Domain order DO99: In Progress (read live")
        assert why.startswith("it has not been polled yet")

    def test_it_is_older_than_the_baseline_and_its_feed_has_passed_it(self, world, tell):
        world.time.pass_(-3600)
        world.om.put(Kind.DOMAIN_ORDER, "DO99", "in_progress")
        world.time.pass_(3600)
        with world.store.deciding() as tx:
            tx.advance("domain_order", world.time.now, "", world.time.now)
        _, baseline, feed = tell("DO99").unknown
        assert baseline.startswith("it is older than the baseline (2026-06-01 12:00:00Z)")
        assert feed.endswith("any change of it brings it")

    def test_it_is_in_quarantine(self, world, tell):
        world.om.put(Kind.DOMAIN_ORDER, "DO99", "in_progress")
        world.om.unreadable.add(world.id("DO99"))
        world.take_in()
        found = tell(world.id("DO99"))
        assert (found.stories, found.unknown) == ((), ())
        assert "could not be read (state: garbled); it is in quarantine" in as_text(found)

    def test_it_does_not_parse_and_no_feed_has_brought_it(self, world, tell):
        world.om.put(Kind.DOMAIN_ORDER, "DO99", "in_progress")
        world.om.unreadable.add(world.id("DO99"))
        (line,) = tell(world.id("DO99")).unknown
        assert line.startswith("order management has it, and it does not parse:")

    def test_a_system_that_does_not_answer_is_named(self, world):
        class Down:
            def find(self, kind, field, value):
                raise Unreachable("connection refused")

        asked = look_up("DO99", dict.fromkeys(world.systems, Down()), world.store)
        assert isinstance(asked.error, Unreachable)
        assert asked.lines == (
            "order management cannot be asked now: connection refused",
            "field service cannot be asked now: connection refused",
            "so nobody can say whether it is there; try again when it answers",
        )


class TestOnPaper:
    def test_what_a_remote_system_wrote_cannot_act_on_a_terminal(self, world, tell):
        world.order("Evil\x1b[2J")
        world.take_in()
        text = as_text(tell("DO1"))
        assert "\x1b" not in text
        assert "Evil\\x1b[2J" in text

    def test_a_long_story_is_one_page_unless_all_is_asked_for(self, world, tell):
        world.order("Fiber Access")
        for n in range(60):
            world.om.put(Kind.DOMAIN_ORDER, "DO1", "in_progress", contact=str(n))
            world.take_in(Kind.DOMAIN_ORDER)
            world.time.pass_(1)
        page, whole = as_text(tell("DO1")), as_text(tell("DO1"), whole=True)
        assert "more; --all shows them" in page
        assert "more; --all" not in whole
        assert len(page.splitlines()) < len(whole.splitlines())

    def test_json_has_the_same(self, world, tell):
        world.order("Fiber Access")
        world.take_in()
        found = json.loads(json.dumps(as_json(tell("DO1"))))
        (story,) = found["stories"]
        assert (found["known"], story["number"], story["state"]) == (True, "DO1", "in_progress")
        assert story["moments"][0]["what"] == "seen"
        assert story["next"][0]["key"] == f"create:{world.id('DO1')}:fiber:1:1"
