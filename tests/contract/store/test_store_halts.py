"""Contract of the store: an order for which a promise was broken waits as a whole, until a person lets it go on."""

import pytest

from mappings.model import Kind

pytestmark = pytest.mark.usefixtures("d1")


@pytest.fixture
def halt(store):
    def halted(reason="two of one", subject="d1"):
        with store.deciding() as tx:
            return tx.halt(Kind.DOMAIN_ORDER, subject, "S1", reason)

    return halted


@pytest.fixture
def allow(store):
    def allowed():
        with store.deciding() as tx:
            return tx.let_go_on("d1", "A. Meier", "harmless")

    return allowed


def test_nothing_of_it_is_claimed_and_everything_of_others_is(store, make, intend, claim, halt):
    intend(make.effect("a"), make.effect("b", subject="d2"))
    assert halt()
    assert list(claim()) == ["b"]


def test_it_does_not_count_as_due(store, make, intend, halt):
    intend(make.effect("a"))
    assert store.next_due() is not None
    halt()
    assert store.next_due() is None


def test_a_person_lets_it_go_on(make, intend, claim, halt, allow):
    intend(make.effect("a"))
    halt()
    assert allow()
    assert list(claim()) == ["a"]
    assert not allow()


def test_the_same_finding_parks_once_and_another_one_again(make, intend, claim, halt, allow):
    intend(make.effect("a"))
    assert halt()
    assert not halt()
    allow()
    assert not halt()
    assert halt("something else")
    assert claim() == {}


def test_those_that_wait_are_listed(store, halt, allow):
    halt()
    halt(subject="d2")
    allow()
    with store.history() as history:
        (one,) = history.halts()
    assert (one.subject, one.promise, one.reason) == ("d2", "S1", "two of one")
