"""Contract of the store: how an effect is born, who goes first, and how a claim is settled."""

import pytest

from mappings.effects import EffectKind, Reference
from mappings.model import Kind, Link, Origin, System
from state.store import Done, InDoubt, NotSent, Overtaken, Parked

pytestmark = pytest.mark.usefixtures("d1")


class TestBirth:
    def test_an_effect_comes_back_as_it_was_intended(self, make, intend, claim):
        effect = make.effect(
            "create:d1:fibre:1:1",
            kind=EffectKind.CREATE_WORK_ORDER,
            values={"priority": "2", "text": "Grüße\n\u0000"},
            references={"template": Reference("template", "name", "Install", required=True)},
            before={"priority": "3"},
            text="created by syncd",
            marker="[syncd:1:create:d1:fibre:1:1]",
            link=Link("d1", "w1", Origin.CREATED, "fibre", 1, 1, noted=True),
        )
        assert intend(effect) == ("create:d1:fibre:1:1",)
        assert claim()["create:d1:fibre:1:1"].effect == effect

    def test_deciding_twice_intends_once(self, store, make, intend):
        assert intend(make.effect("a"), make.effect("b")) == ("a", "b")
        assert intend(make.effect("a"), make.effect("c")) == ("c",)
        assert store.summary().effects == {("update_work_order", "pending"): 3}

    def test_a_done_effect_is_not_intended_again(self, make, intend, claim, settle):
        intend(make.effect("a"))
        assert settle(claim()["a"], Done())
        assert intend(make.effect("a")) == ()
        assert claim() == {}

    def test_a_superseded_effect_is_wanted_again_at_the_end_of_its_queue(self, make, intend, claim, status):
        intend(make.effect("v1"))
        intend(make.effect("v2"), supersede=("v1",))
        assert status() == {"v2": "pending"}
        assert intend(make.effect("v1")) == ("v1",)
        assert list(status()) == ["v2", "v1"]
        assert list(claim()) == ["v2"]

    def test_what_was_sent_before_it_was_superseded_is_probed_when_wanted_again(
        self, make, intend, claim, settle
    ):
        intend(make.effect("a"))
        settle(claim()["a"], Parked("refused"))
        intend(supersede=("a",))
        intend(make.effect("a"))
        again = claim()["a"]
        assert (again.probing, again.attempt) == (True, 2)

    @pytest.mark.parametrize("sent", [True, False], ids=["in flight", "pending"])
    def test_only_unsent_effects_are_superseded(self, make, intend, claim, status, sent):
        intend(make.effect("a"))
        if sent:
            claim()
        intend(supersede=("a",))
        assert status() == ({"a": "in_flight"} if sent else {})

    def test_an_effect_in_doubt_is_not_superseded(self, make, intend, claim, settle, status):
        intend(make.effect("a"))
        settle(claim()["a"], InDoubt("timeout", 90))
        intend(supersede=("a",))
        assert status() == {"a": "in_doubt"}

    def test_a_parked_effect_is_superseded(self, make, intend, claim, settle, status):
        intend(make.effect("a"))
        settle(claim()["a"], Parked("refused"))
        intend(supersede=("a",))
        assert status() == {}


class TestQueues:
    def test_each_queue_gives_its_head(self, make, intend, claim, settle):
        om = {"system": System.ORDER_MANAGEMENT, "kind": EffectKind.WRITE_NOTE, "target": "d1"}
        intend(make.effect("f1"), make.effect("f2"), make.effect("n1", **om), make.effect("n2", **om))
        intend(make.effect("x1", subject="d2"), subject="d2")
        heads = claim()
        assert sorted(heads) == ["f1", "n1", "x1"]
        assert claim() == {}
        settle(heads["f1"], Done())
        assert list(claim()) == ["f2"]

    def test_a_limit_takes_the_oldest_heads(self, make, intend, claim):
        for n in (1, 2, 3):
            intend(make.effect(f"e{n}", subject=f"d{n}"), subject=f"d{n}")
        assert list(claim(limit=2)) == ["e1", "e2"]

    @pytest.mark.parametrize(
        ("outcome", "next_one"),
        [
            pytest.param(NotSent("connection refused", 30), [], id="a retry keeps its place"),
            pytest.param(InDoubt("timeout", 30), [], id="doubt blocks"),
            pytest.param(Parked("refused"), ["other target"], id="parked blocks its own target"),
            pytest.param(Overtaken("cancelled"), ["same target"], id="overtaken lets go"),
            pytest.param(Done(), ["same target"], id="done lets go"),
        ],
    )
    def test_what_the_next_of_a_queue_waits_for(self, make, intend, claim, settle, outcome, next_one):
        intend(make.effect("first"), make.effect("same target"), make.effect("other target", target="w2"))
        settle(claim()["first"], outcome)
        assert list(claim()) == next_one

    @pytest.fixture
    def gate(self, make):
        return make.effect(
            "gate",
            kind=EffectKind.CLOSE_DOMAIN_ORDER,
            system=System.ORDER_MANAGEMENT,
            target_kind=Kind.DOMAIN_ORDER,
            target="d1",
        )

    @pytest.fixture
    def note(self, make):
        return make.effect("note", kind=EffectKind.WRITE_NOTE, system=System.ORDER_MANAGEMENT, target="d1")

    def test_gate_answers_go_first(self, intend, claim, note, gate):
        intend(note)
        intend(gate)
        assert list(claim()) == ["gate"]

    def test_a_gate_answer_waits_for_what_is_in_flight(self, intend, claim, settle, note, gate):
        intend(note)
        sent = claim()["note"]
        intend(gate)
        assert claim() == {}
        settle(sent, Done())
        assert list(claim()) == ["gate"]

    def test_a_gate_answer_passes_a_parked_note(self, intend, claim, settle, note, gate):
        intend(note)
        settle(claim()["note"], Parked("refused"))
        intend(gate)
        assert list(claim()) == ["gate"]

    def test_a_parked_note_holds_nothing_back(self, make, intend, claim, settle, note):
        """A text that a system refused is no reason to keep a cancel from it, or the next note."""
        intend(note, make.effect("later", system=System.ORDER_MANAGEMENT, target="d1"))
        settle(claim()["note"], Parked("too long"))
        assert list(claim()) == ["later"]

    def test_a_parked_gate_answer_does_not_block_an_earlier_note(self, intend, claim, settle, note, gate):
        intend(note)
        intend(gate)
        settle(claim()["gate"], Parked("refused"))
        assert list(claim()) == ["note"]

    def test_doubt_goes_before_a_gate_answer(self, intend, claim, settle, clock, note, gate):
        intend(note)
        settle(claim()["note"], InDoubt("timeout", 40))
        intend(gate)
        assert claim() == {}
        clock.move(41)
        assert list(claim()) == ["note"]

    def test_what_was_sent_settles_before_a_gate_answer_that_was_born_in_doubt(
        self, store, make, claim, settle, clock, note, gate
    ):
        """The answer was never sent, and must not overtake a write that may still arrive."""
        with store.deciding() as tx, tx.unremembered(so=True):
            tx.apply(make.decision(note))
        clock.move(600)
        settle(claim()["note"], InDoubt("timeout", 300))
        with store.deciding() as tx, tx.unremembered(so=True):
            tx.apply(make.decision(gate))
        clock.move(299)
        assert claim() == {}
        clock.move(1)
        settle(claim()["note"], Done())
        assert list(claim()) == ["gate"]


class TestClaimAndSettle:
    def test_a_first_claim_does_not_probe(self, make, intend, claim):
        intend(make.effect("a"))
        first = claim()["a"]
        assert (first.probing, first.attempt, first.first_sent_at) == (False, 1, None)

    def test_what_surely_never_ran_is_sent_again_later_without_a_probe(
        self, make, intend, claim, settle, clock
    ):
        intend(make.effect("a"))
        settle(claim()["a"], NotSent("connection refused", 30))
        clock.move(29)
        assert claim() == {}
        clock.move(1)
        again = claim()["a"]
        assert (again.probing, again.attempt) == (False, 2)

    def test_doubt_is_probed_and_stays_probing_until_it_is_settled(self, make, intend, claim, settle, clock):
        intend(make.effect("a"))
        sent_at = clock()
        settle(claim()["a"], InDoubt("timeout", 90))
        clock.move(90)
        probe = claim()["a"]
        assert (probe.probing, probe.first_sent_at, probe.last_sent_at) == (True, sent_at, sent_at)
        settle(probe, NotSent("connection refused", 0))
        again = claim()["a"]
        assert (again.probing, again.first_sent_at) == (True, sent_at)

    def test_done_stores_the_link_and_leaves_the_record_to_be_observed(
        self, store, make, intend, claim, settle
    ):
        """A reply is a sighting: only who compares it with the snapshot may store it."""
        intend(make.effect("a"))
        work_order = make.record(Kind.WORK_ORDER, "w1")
        assert settle(claim()["a"], Done(record=work_order, link=make.link()))
        with store.deciding() as transaction:
            facts = transaction.facts_for(Kind.DOMAIN_ORDER, "d1")
        assert (facts.links, facts.work_orders, facts.effects) == ((make.link(),), (), ())

    def test_a_claim_is_settled_once(self, make, intend, claim, settle, status):
        intend(make.effect("a"))
        mine = claim()["a"]
        assert settle(mine, Parked("refused"))
        assert not settle(mine, Done())
        assert status() == {"a": "parked"}

    def test_a_late_worker_is_fenced_out_and_writes_nothing(self, store, make, intend, claim, settle, clock):
        intend(make.effect("a"))
        late = claim("worker-1")["a"]
        clock.move(61)
        assert claim("worker-2") == {}
        clock.move(90)
        probe = claim("worker-2")["a"]
        assert probe.probing
        assert probe.fence > late.fence
        assert not settle(late, Done(link=make.link()))
        assert store.summary().links == 0
        assert settle(probe, Done(link=make.link()))

    def test_a_late_worker_is_fenced_out_while_its_effect_is_only_in_doubt(
        self, make, intend, claim, settle, clock
    ):
        intend(make.effect("a"))
        late = claim()["a"]
        clock.move(61)
        claim("worker-2")
        assert not settle(late, Done())
