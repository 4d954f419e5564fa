"""Contract of the store: quarantine, ledger and the figures of `syncd status`."""

from datetime import timedelta

import pytest

from mappings.model import Kind, System
from state.store import LedgerEntry, Parked, ParkedEffect


def keep(transaction, id="d1", reason="not an instant", body='{"sys_id": "d1"}'):
    stamp = None
    transaction.quarantine(
        System.ORDER_MANAGEMENT, Kind.DOMAIN_ORDER, id, stamp, "sys_updated_on", reason, body
    )


class TestQuarantine:
    def test_a_record_is_kept_once_with_its_latest_reason(self, store, clock):
        with store.deciding() as transaction:
            keep(transaction)
        clock.move(60)
        with store.deciding() as transaction:
            keep(transaction, reason="no number")
        (kept,) = store.quarantined()
        assert (kept.id, kept.reason, kept.times) == ("d1", "no number", 2)
        assert kept.last_seen_at - kept.first_seen_at == timedelta(seconds=60)

    def test_records_without_an_id_are_told_apart_by_their_body(self, store):
        with store.deciding() as transaction:
            for body in ("{1}", "{2}", "{1}"):
                keep(transaction, id="", body=body)
        assert sorted((kept.body, kept.times) for kept in store.quarantined()) == [("{1}", 2), ("{2}", 1)]

    def test_a_body_that_no_database_holds_is_kept_escaped(self, store):
        with store.deciding() as transaction:
            keep(transaction, id="d\x00", reason="\udcff", body="\x00" * 3 + "x" * 70_000)
            assert transaction.release_quarantine(Kind.DOMAIN_ORDER, "d\x00")
            keep(transaction, id="", reason="\udcff", body="a\x00b")
        (kept,) = store.quarantined()
        assert (kept.reason, kept.body) == ("\\udcff", "a\\x00b")

    def test_a_record_that_became_readable_is_released(self, store):
        with store.deciding() as transaction:
            keep(transaction)
            assert not transaction.release_quarantine(Kind.ORDER_TASK, "d1")
            assert transaction.release_quarantine(Kind.DOMAIN_ORDER, "d1")
            assert not transaction.release_quarantine(Kind.DOMAIN_ORDER, "d1")
        assert store.quarantined() == ()


class TestLedger:
    def test_history_is_found_by_any_of_its_records_in_order(self, store, clock):
        entries = [
            LedgerEntry("order.seen", order="o1"),
            LedgerEntry("work_order.created", "d1", "o1", "w1", "create:d1", {"number": "WO1", "slot": 1}),
            LedgerEntry("note.written", "d1", at=clock() - timedelta(days=1), run="backfill-7"),
            LedgerEntry("note.written", "d2"),
        ]
        with store.deciding() as transaction:
            for entry in entries:
                transaction.remember(entry)
        created = LedgerEntry(
            "work_order.created",
            "d1",
            "o1",
            "w1",
            "create:d1",
            {"number": "WO1", "slot": 1},
            clock(),
            "run-1",
        )
        assert store.ledger_of("w1") == (created,)
        assert [entry.event for entry in store.ledger_of("o1")] == ["order.seen", "work_order.created"]
        assert store.ledger_of("d1")[1] == entries[2]
        assert store.ledger_of("") == ()

    def test_each_entry_names_the_configuration_that_it_was_decided_by(self, store):
        def remember(event):
            with store.deciding() as transaction:
                transaction.remember(LedgerEntry(event, "d1"))

        remember("seen")
        swapped = []
        store.use_config("2f4a", lambda: swapped.append(True))
        remember("decided")
        assert swapped
        assert [(e.event, e.config) for e in store.ledger_of("d1")] == [("seen", ""), ("decided", "2f4a")]

    def test_a_configuration_that_cannot_be_put_in_force_leaves_the_old_one(self, store):
        def fails():
            raise RuntimeError("a defect")

        with pytest.raises(RuntimeError):
            store.use_config("2f4a", fails)
        with store.deciding() as transaction:
            transaction.remember(LedgerEntry("seen", "d1"))
        assert store.ledger_of("d1")[0].config == ""


class TestSummary:
    def test_it_counts_what_is_there(self, store, make, intend, settle, clock):
        intend(make.effect("a"), make.effect("b", subject="d2", target="w2"))
        clock.move(30)
        intend(make.effect("c"))
        claims = {claim.effect.key: claim for claim in store.claim("d", 10, 60)}
        settle(claims["b"], Parked("template Install is inactive"))
        with store.deciding() as transaction:
            transaction.record(make.record(Kind.DOMAIN_ORDER, "d1"))
            transaction.link(make.link())
            keep(transaction)
        found = store.summary()
        assert found.effects == {
            ("update_work_order", "in_flight"): 1,
            ("update_work_order", "pending"): 1,
            ("update_work_order", "parked"): 1,
        }
        assert found.oldest_pending == clock()
        assert found.parked == (ParkedEffect("b", "d2", "template Install is inactive"),)
        assert (found.in_doubt, found.quarantine, found.links, found.plans) == (0, 1, 1, 0)
        assert found.snapshots == {"domain_order": 1}
        assert [position.feed for position in found.feeds] == sorted(kind.value for kind in Kind)

    def test_effects_in_doubt_are_counted(self, store, make, intend):
        intend(make.effect("a"))
        store.claim("dead", 1, 60)
        store.lose("dead", {})
        assert store.summary().in_doubt == 1
