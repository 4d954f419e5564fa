"""One record seen: stored, linked, compared, decided on - inside the caller's transaction.

The one road that every sighting travels, whether a feed brought it, a read by id, or the reply to our own write. Called
by `intake` and `delivery`; never talks to a remote system and never opens a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from mappings import breach, changes, decisions, ponr, repointing
from mappings.changes import What
from mappings.effects import Decision
from mappings.links import merged_into, taken_away
from mappings.model import SUBJECT_KINDS, Facts, Kind, Link, Origin, Record
from mappings.retention import as_far_as_known
from mappings.scheduling import schedule
from state.store import LedgerEntry, Transaction
from syncd.closure_requests import keep_request
from syncd.guard import park_if_violated
from syncd.histories import Between, nothing_between
from syncd.sightings import KNOWN, LINKED, Sightings, keep, reasoned, seen, tell_link

__all__ = ["Observer", "Sightings"]

DECIDE = "close or cancel the work in field service, or open the domain order again"
"""What a person does about work that is open on a closed domain order."""


class Observer:
    """Applies the rules to sightings. `policy` is asked each time, so that a reload takes effect between two pages.

    Work orders older than `baseline` are linked without a note: that is history.
    """

    def __init__(
        self,
        policy: Callable[[], decisions.Policy],
        baseline: datetime,
        between: Between = nothing_between,
    ) -> None:
        """`between` tells what a record was between two sightings, where a lane has read that."""
        self._policy = policy
        self._between = between
        self._baseline = baseline
        self.newest: dict[Kind, Record] = {}
        """Of each kind the record with the newest stamp, whatever way it came: a feed that is past it must have shown it."""

    def preload(self, tx: Transaction, records: Iterable[Record]) -> None:
        """Reads what these are compared with in a few statements instead of hundreds. Saves time only."""
        names, work_orders = [], []
        for record in records:
            names.append((record.kind, record.id))
            if record.kind is Kind.WORK_ORDER:
                work_orders.append(record.id)
                claims = decisions.claims(record, self._policy().links)
                ids = [claim.value for claim in claims if claim.match == "id"]
                names += [(kind, id) for kind in SUBJECT_KINDS for id in ids]
        tx.preload_all(names)
        tx.preload_links(work_orders)

    def observe(
        self,
        tx: Transaction,
        record: Record,
        sightings: Sightings,
        *,
        by_id: bool = False,
        quiet: bool = False,
    ) -> None:
        """Stores `record` and applies what its change decides. Equal or older content decides nothing, nor does `quiet`."""
        before = tx.snapshot(record.kind, record.id)
        if before is not None and changes.same(before, record):
            if record.kind is Kind.WORK_ORDER:
                self._link_again(tx, record, sightings)
            return
        if before is not None:
            before = as_far_as_known(before, record)
        if before is None and record.kind in SUBJECT_KINDS and record.created_at >= self._baseline:
            _look_at_whole(tx, record)
        if not tx.record(record, by_id=by_id):
            return
        newest = self.newest.get(record.kind)
        if newest is None or newest.updated_at < record.updated_at:
            self.newest[record.kind] = record
        released = tx.release_quarantine(record.kind, record.id)
        if released:
            sightings.add("record.released", kind=record.kind, id=record.id, number=record.number)
        with tx.as_in_catch_up(so=released and before is None):  # another life may have known it
            if record.kind is Kind.WORK_ORDER:
                self._link(tx, record, sightings, before)
            keep_request(tx, before, record, self._policy())
            if not quiet:
                self._decide(tx, before, record, sightings)

    def observe_above(
        self, tx: Transaction, record: Record, sightings: Sightings, *, quiet: bool = False
    ) -> None:
        """As `observe`, for a record above another that something may follow from: it is needed with its body."""
        tx.restore(record)
        self.observe(tx, record, sightings, quiet=quiet)

    def reread(self, tx: Transaction, record: Record, sightings: Sightings) -> None:
        """As `observe`, for a record that a person lets out of quarantine: decided about even when nothing changed.

        A defect in a rule leaves a record that is stored and not decided on; then it is reviewed as a whole.
        """
        before = tx.snapshot(record.kind, record.id)
        if before is None or not changes.same(before, record):
            self.observe(tx, record, sightings)
        elif tx.release_quarantine(record.kind, record.id):
            sightings.add("record.released", kind=record.kind, id=record.id, number=record.number)
            self._decide_on((), tx, record, sightings)

    def review(self, tx: Transaction, kind: Kind, subject: str, sightings: Sightings) -> None:
        """Compares a subject with its work orders as a whole, if a rule made any: nobody saw what happened to them."""
        facts = tx.facts_for(kind, subject)
        if facts is not None and any(link.origin is Origin.CREATED for link in facts.links):
            self.apply(tx, decisions.decide((), facts, self._policy()), sightings)

    def follow_up(self, tx: Transaction, kind: Kind, subject: str, sightings: Sightings) -> None:
        """Notes what links of a subject are not named on it yet."""
        facts = tx.facts_for(kind, subject)
        if facts is not None:
            self.apply(tx, decisions.named(facts, self._policy()), sightings)

    def relink(self, tx: Transaction, work_order: Record, sightings: Sightings) -> None:
        """Links a work order to the subject that it names, whatever is remembered of it."""
        self._link(tx, work_order, sightings, work_order)

    def decided(
        self, tx: Transaction, facts: Facts, sightings: Sightings, rule: Callable[[Facts], Decision]
    ) -> Decision | None:
        """What a rule says; None where it fails: that is a defect, and its record waits in quarantine."""
        try:
            return rule(facts)
        except Exception as error:  # noqa: BLE001 - a defect in a rule must not stop a lane: the record is kept
            keep(tx, facts.subject, error, sightings)
            return None

    def apply(
        self,
        tx: Transaction,
        decision: Decision,
        sightings: Sightings,
        *,
        revive: bool = True,
        facts: Facts | None = None,
    ) -> None:
        """Stores a decision and remembers why it was taken. Without `revive` what was given up stays so.

        With the `facts` that it was taken on, the order is parked where they or the decision break a promise.
        """
        born = tx.apply(decision, revive=revive)
        for fields in park_if_violated(tx, facts, decision, self._policy()) if facts is not None else ():
            sightings.add("invariant.violated", **fields)
        sightings.born.extend(born)
        sightings.intended.extend(effect for effect in decision.effects if effect.key in born)
        reasons = [reasoned(r.rule, r.fired, r.text) for r in decision.because]
        if decision.plan is not None:
            sightings.add(
                "plan.pinned",
                domain_order=decision.subject,
                table=decision.plan.table,
                plan=[f"{p.rule}:{p.slot} {p.template}" for p in decision.plan.work_orders],
                because=reasons,
            )
        if decision.unmatched:
            sightings.add(
                "rule.unmatched",
                domain_order=decision.subject,
                slots=list(decision.unmatched),
                because=reasons,
            )
        if born or decision.plan is not None or decision.supersede:
            tx.remember(
                LedgerEntry(
                    event="decided",
                    subject=decision.subject,
                    data={
                        "effects": list(born),
                        "superseded": list(decision.supersede),
                        "because": reasons,
                    },
                )
            )

    def _decide(self, tx: Transaction, before: Record | None, record: Record, sightings: Sightings) -> None:
        policy = self._policy()
        past = self._between(before, record) if before is not None else ()
        found = changes.detect(before, record, policy.lifecycles[record.kind], policy.closure_marker, past)
        if not found:
            return
        sightings.changed += 1
        tx.remember(seen(before, record, found))
        self._decide_on(found, tx, record, sightings)

    def _decide_on(
        self, found: tuple[changes.Change, ...], tx: Transaction, record: Record, sightings: Sightings
    ) -> None:
        """What the changes of a record mean for each subject that it concerns. No changes at all means a review."""
        for kind, subject in self._concerned(found, tx, record):
            facts = tx.facts_for(kind, subject)
            if facts is None:
                continue
            try:
                decision = decisions.decide(found, facts, self._policy())
                dates = self.schedule(found, tx, facts)
            except Exception as error:  # noqa: BLE001 - a defect in a rule must not stop the feed: the record is kept
                keep(tx, record, error, sightings)
                continue
            self.apply(tx, decision, sightings, facts=facts)
            self.apply(tx, dates, sightings)
            self._look_for_breach(found, tx, facts, sightings)

    def schedule(self, found: Sequence[changes.Change], tx: Transaction, facts: Facts) -> Decision:
        """The dates for the tasks of a subject's work orders, where the config names any."""
        policy = self._policy()
        work_orders = [link.work_order for link in facts.links] if policy.schedule.fields else []
        return schedule(found, facts, tx.tasks_of(work_orders) if work_orders else (), policy)

    def _look_for_breach(
        self, found: tuple[changes.Change, ...], tx: Transaction, facts: Facts, sightings: Sightings
    ) -> None:
        """Whether a closure passed the gate by, or work opened after one. What is older than the baseline is history."""
        policy = self._policy()
        if breach.is_closing(found, facts):
            subjects = tx.subjects_of(facts.subject.kind, facts.subject.id)
            below = [tx.facts_for(*one) for one in subjects if one[1] != facts.subject.id]
            request = tx.request_of(facts.subject.id)
            broken = breach.closing(facts, [one for one in below if one is not None], request, policy)
        else:
            recent = [c for c in found if c.before is not None or c.record.created_at >= self._baseline]
            broken = breach.opening(recent, facts, policy)
        if broken is not None:
            self.tell_breach(tx, broken, sightings)

    def tell_breach(self, tx: Transaction, broken: breach.Breach, sightings: Sightings) -> None:
        """Notes a closure while work is open, once, and raises the alarm."""
        facts = tx.facts_for(broken.closed.kind, broken.closed.id)
        if facts is None:
            return
        earlier = len(sightings.born)
        self.apply(tx, breach.told(broken, facts, self._policy()), sightings)
        told = breach.told_now(broken, sightings.born[earlier:])
        closed = broken.closed
        if told and broken.by_hand:
            open_ = [f"work order {one.number} is {one.state_label or one.state}" for one in told]
            sightings.add(
                "closure.bypassed", domain_order=closed.id, number=closed.number, because=open_, next=DECIDE
            )
        for one in () if broken.by_hand else told:
            sightings.add(
                "closure.violated", domain_order=closed.id, work_order=one.id, number=one.number, next=DECIDE
            )

    def _concerned(
        self, found: tuple[changes.Change, ...], tx: Transaction, record: Record
    ) -> tuple[tuple[Kind, str], ...]:
        """The subjects below a record. A flag of no return that moves on one line concerns its whole order."""
        moved = any(change.what in (changes.What.PONR_REACHED, changes.What.PONR_CLEARED) for change in found)
        below = tx.subjects_of(record.kind, record.id)
        if not (moved and ponr.concerns_whole_order(record, self._policy().ponr_scope)):
            return below
        return tuple(sorted({*below, *tx.subjects_of(Kind.CUSTOMER_ORDER, record.get("order"))}))

    def _link_again(self, tx: Transaction, work_order: Record, sightings: Sightings) -> None:
        """A work order may have been seen before its subject was; one that carries our correlation is looked at again in
        a catch-up only, because its create links it too."""
        named = decisions.claims(work_order, self._policy().links)
        if any(claim.origin is Origin.ADOPTED for claim in named) or tx.catching_up:
            self._link(tx, work_order, sightings, work_order)
        else:  # what it was merged into may have come after it
            self._follow_merge(tx, work_order, sightings, work_order)

    def _link(
        self, tx: Transaction, work_order: Record, sightings: Sightings, before: Record | None = None
    ) -> None:
        """Links a work order to the subjects that its own fields name, and notes what is not noted there yet; takes away
        the links of those that it named in its version `before`."""
        links = self._policy().links
        for claim in taken_away(before, work_order, links) if before is not None else ():
            self._unlink(tx, work_order, claim, sightings)
        known = decisions.claims(before, links) if before is not None else ()
        for claim in decisions.claims(work_order, links):
            subject = _subject(tx, claim)
            if subject is not None:
                moved = before is not None and claim not in known
                self._link_to(
                    tx, work_order, claim.link(work_order.id, subject.id), subject, sightings, moved=moved
                )
        self._follow_merge(tx, work_order, sightings, before)

    def _link_to(
        self,
        tx: Transaction,
        work_order: Record,
        link: Link,
        subject: Record,
        sightings: Sightings,
        *,
        moved: bool = False,
    ) -> None:
        link = replace(link, noted=work_order.created_at < self._baseline and not moved)
        if not tx.link(link):
            return
        tell_link(
            KNOWN if link.noted else LINKED, tx, work_order, subject, sightings, origin=link.origin.value
        )
        facts = tx.facts_for(subject.kind, subject.id)
        if facts is None:
            return
        if facts.catching_up and not link.noted:
            self.apply(tx, decisions.found_again(work_order, link, facts, self._policy()), sightings)
        elif moved:
            self.apply(tx, repointing.pointed_here(work_order, facts, self._policy()), sightings)
            self._show(tx, subject.kind, subject.id, sightings)
        else:
            self.follow_up(tx, subject.kind, subject.id, sightings)
            if not link.noted:
                self.apply(tx, decisions.unwanted(work_order, link, facts, self._policy()), sightings)
        self._look_for_breach((changes.Change(What.FIRST_SEEN, work_order),), tx, facts, sightings)

    def _unlink(
        self, tx: Transaction, work_order: Record, claim: decisions.LinkClaim, sightings: Sightings
    ) -> None:
        subject = _subject(tx, claim)
        facts = tx.facts_for(subject.kind, subject.id) if subject is not None else None
        if subject is None or facts is None or not tx.unlink(subject.id, work_order.id):
            return
        tell_link("work_order.unlinked", tx, work_order, subject, sightings)
        self.apply(tx, repointing.pointed_away(work_order, facts, self._policy()), sightings)
        self._show(tx, subject.kind, subject.id, sightings, away=work_order)

    def _follow_merge(
        self, tx: Transaction, work_order: Record, sightings: Sightings, before: Record | None
    ) -> None:
        """The subjects of a work order that ended because another one does its work belong to that one too. Where it had
        ended so in its version `before`, it is no news: another life may have told it."""
        into = self._merged_into(work_order)
        target = tx.snapshot(Kind.WORK_ORDER, into) if into else None
        if target is None:
            return
        if before is not None and self._merged_into(before) == into:
            with tx.unremembered(so=True):
                self._take_over(tx, work_order, target, sightings)
        else:
            self._take_over(tx, work_order, target, sightings)

    def _merged_into(self, work_order: Record) -> str:
        policy = self._policy()
        return merged_into(work_order, policy.links) if policy.has_ended(work_order.state) else ""

    def _take_over(self, tx: Transaction, work_order: Record, target: Record, sightings: Sightings) -> None:
        for kind, subject in tx.subjects_of(Kind.WORK_ORDER, work_order.id):
            if tx.link(Link(subject, target.id, Origin.ADOPTED, noted=True)):
                facts = tx.facts_for(kind, subject)
                if facts is not None:
                    tell_link(LINKED, tx, target, facts.subject, sightings, origin=Origin.ADOPTED.value)
                    self.apply(tx, repointing.merged(work_order, target, facts, self._policy()), sightings)
                    self._show(tx, kind, subject, sightings)

    def _show(
        self,
        tx: Transaction,
        kind: Kind,
        subject: str,
        sightings: Sightings,
        *,
        away: Record | None = None,
    ) -> None:
        """What a subject shows of its work orders, as its links are now."""
        facts = tx.facts_for(kind, subject)
        if facts is not None:
            self.apply(tx, decisions.details((), facts, self._policy(), away), sightings)


def _look_at_whole(tx: Transaction, subject: Record) -> None:
    """Seen for the first time by a state that may be older than the world: compared with its work orders later."""
    if tx.catching_up:
        tx.review_later(subject.kind, subject.id)


def _subject(tx: Transaction, claim: decisions.LinkClaim) -> Record | None:
    """The domain order or order task that a claim names, as far as we know it."""
    for kind in SUBJECT_KINDS:
        found = tx.snapshot(kind, claim.value) if claim.match == "id" else tx.by_number(kind, claim.value)
        if found is not None:
            return found
    return None
