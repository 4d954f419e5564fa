"""Contract of the store: several threads and processes at once, and a process that dies in the middle."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mappings.model import Kind, System
from state.engine import Database
from state.store import Done, StateLocked, Store, run_lock


class TestDecidingAtOnce:
    def test_a_second_transaction_waits_and_reads_what_the_first_has_written(self, store, make):
        inside, waiting = threading.Event(), threading.Event()
        seen = []

        def second():
            inside.wait(60)
            waiting.set()
            with store.deciding() as transaction:
                seen.append(transaction.snapshot(Kind.DOMAIN_ORDER, "d1").version)

        thread = threading.Thread(target=second)
        thread.start()
        with store.deciding() as transaction:
            assert transaction.snapshot(Kind.DOMAIN_ORDER, "d1") is None
            inside.set()
            waiting.wait(60)
            transaction.record(make.record(Kind.DOMAIN_ORDER, "d1", 7))
        thread.join(30)
        assert seen == [7]

    def test_no_decision_is_made_on_a_stale_read(self, store, make):
        threads, rounds = 4, 10
        together = threading.Barrier(threads)

        def count_up(_):
            together.wait(60)
            for _ in range(rounds):
                with store.deciding() as transaction:
                    stored = transaction.snapshot(Kind.DOMAIN_ORDER, "d1")
                    transaction.record(
                        make.record(Kind.DOMAIN_ORDER, "d1", (stored.version if stored else 0) + 1)
                    )

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(count_up, range(threads)))
        with store.deciding() as transaction:
            assert transaction.snapshot(Kind.DOMAIN_ORDER, "d1").version == threads * rounds

    def test_two_that_intend_the_same_intend_it_once(self, store, make):
        together = threading.Barrier(4)

        def decide(_):
            together.wait(60)
            with store.deciding() as transaction:
                return transaction.apply(make.decision(make.effect("a")))

        with ThreadPoolExecutor(4) as pool:
            born = [keys for keys in pool.map(decide, range(4)) if keys]
        assert born == [("a",)]

    def test_reading_does_not_wait_for_a_decision(self, store, make):
        with store.deciding() as transaction:
            transaction.record(make.record(Kind.DOMAIN_ORDER, "d1"))
            transaction.subjects_of(Kind.DOMAIN_ORDER, "d1")
            assert store.known(Kind.DOMAIN_ORDER, ["d1"]) == frozenset()
        assert store.known(Kind.DOMAIN_ORDER, ["d1"]) == frozenset({"d1"})


class TestClaimingAtOnce:
    def test_workers_that_claim_together_never_get_the_same_effect_or_two_of_one_queue(self, store, make):
        queues, depth, workers = 12, 3, 4
        with store.deciding() as transaction:
            for n in range(queues):
                effects = [make.effect(f"{n}:{m}", subject=f"d{n}") for m in range(depth)]
                transaction.apply(make.decision(*effects, subject=f"d{n}"))
        together = threading.Barrier(workers)
        in_flight, guard, done = set(), threading.Lock(), []

        def work(worker):
            together.wait(60)
            while claims := store.claim(f"worker-{worker}", 2, 60):
                for claim in claims:
                    with guard:
                        assert claim.effect.subject not in in_flight
                        in_flight.add(claim.effect.subject)
                for claim in claims:
                    with store.deciding() as transaction:
                        with guard:
                            in_flight.discard(claim.effect.subject)
                            done.append(claim.effect.key)
                        assert transaction.settle(claim, Done())

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
        assert len(done) == len(set(done))
        while left := store.claim("last", 100, 60):
            for claim in left:
                done.append(claim.effect.key)
                with store.deciding() as transaction:
                    transaction.settle(claim, Done())
        assert sorted(done) == sorted(f"{n}:{m}" for n in range(queues) for m in range(depth))


SENDER = """
import sys, datetime
from state.store import Store
store = Store(sys.argv[1], lambda: datetime.datetime.fromisoformat(sys.argv[2]), database_clock=False)
(claim,) = store.claim("run-1:worker-1", 10, 60)
print(claim.effect.key, flush=True)
sys.stdin.read()
"""

HOLDER = """
import sys
from state.store import run_lock
with run_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def child():
    """Starts a process that says one line when it is where it should be, and then waits to be killed."""
    running = []

    def start(program, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in running:
        process.kill()
        process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


class TestKilled:
    def test_what_a_killed_process_had_claimed_is_in_flight_and_becomes_doubt(
        self, store, url, clock, make, intend, child
    ):
        intend(make.effect("a"))
        process, key = child(SENDER, url, clock().isoformat())
        kill(process)
        assert key == "a"
        assert store.summary().effects == {("update_work_order", "in_flight"): 1}
        assert store.claim("run-2:worker-1", 10, 60) == ()

        assert store.lose("run-1:", {System.FIELD_SERVICE: 90}) == 1
        assert store.claim("run-2:worker-1", 10, 60) == ()
        clock.move(90)
        (probe,) = store.claim("run-2:worker-1", 10, 60)
        assert (probe.effect.key, probe.probing, probe.attempt) == ("a", True, 2)

    def test_a_run_lock_is_gone_with_its_process(self, url, child):
        process, said = child(HOLDER, url)
        assert said == "held"
        with pytest.raises(StateLocked, match="another syncd runs"), run_lock(url):
            pass
        kill(process)
        assert_free(url)


def assert_free(url, patience_s=60):
    """PostgreSQL notices a dead client a moment later."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        try:
            with run_lock(url):
                return
        except StateLocked:
            time.sleep(0.01)
    pytest.fail("the run lock is still held")


class TestLocksAndLeases:
    def test_a_run_lock_is_held_once_and_given_back(self, url):
        with run_lock(url), pytest.raises(StateLocked), run_lock(url):
            pass
        with run_lock(url):
            pass

    def test_a_run_lock_is_given_back_before_the_server_notices_that_we_are_gone(self, url, monkeypatch):
        closed, close = [], Database.close

        def close_later(database):
            closed.append(database)

        with monkeypatch.context() as patched:
            patched.setattr(Database, "close", close_later)
            for _ in range(2):
                with run_lock(url):
                    pass
        for database in closed:
            close(database)

    def test_one_shot_verbs_share_a_state_that_a_daemon_runs_on(self, store, url, clock):
        with run_lock(url):
            other = Store(url, clock)
            assert other.baseline() == store.baseline()
            other.close()

    def test_a_lease_has_one_owner_until_it_ends(self, store, clock):
        assert store.take_lease("feed:work_order", "a", 60)
        assert not store.take_lease("feed:work_order", "b", 60)
        assert store.take_lease("feed:order_line", "b", 60)
        clock.move(40)
        assert store.take_lease("feed:work_order", "a", 60)
        clock.move(59)
        assert not store.take_lease("feed:work_order", "b", 60)
        clock.move(1)
        assert store.take_lease("feed:work_order", "b", 60)

    def test_a_lease_is_given_back_by_its_owner_only(self, store):
        store.take_lease("feed:work_order", "a", 60)
        store.give_back("feed:work_order", "b")
        assert not store.take_lease("feed:work_order", "b", 60)
        store.give_back("feed:work_order", "a")
        assert store.take_lease("feed:work_order", "b", 60)

    def test_a_lease_from_before_the_clock_was_set_back_does_not_hold(self, store, clock):
        store.take_lease("feed:work_order", "a", 60)
        clock.move(-3600)
        assert store.take_lease("feed:work_order", "b", 60)
