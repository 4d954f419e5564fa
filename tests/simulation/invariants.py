"""The promises S1-S15 and L1-L5 as code: watched at every write and commit, and demanded of the world at its end.

`Watch` is told what the servers execute, what leaves a process and what a state commits; `final` compares the healed
world with what ought to be. The truth is that of the servers; the state is read only where the promise speaks of it.

Where each is looked at (docs/reliability.md says it for readers):

- S1, S2 and half of S7 when a server executes a write of ours: `executed`; the other half of S7 when it leaves: `amending`
- S3, S5 at commits: `committed`, `compare`; S4, S6, S11 when a request leaves: `sending`
- S8 at the decision and at the send: `stepped`, `closing`; S9, S10 when a note arrives: `noted`, `sending`
- S13 in `run`: whatever a lane raises that is no failure of the state is a defect
- S14, S15, L1, L2 of the healed world: `final`; that nothing is written at rest: `run`
- L4 and L5 by the shape of a run: starts need nobody, and feeds with bursts larger than a page converge
- L3 in every outage: `outages`; S12 where somebody knows a secret: `tests/e2e/conftest.py`
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mappings.effects import Decision, EffectKind
from mappings.keys import parse_correlation
from mappings.model import Kind, Record, System
from mappings.notes import is_ours, markers
from mappings.recall import SEEN
from tests.simulation import field_service as fs
from tests.simulation.lives import Life
from tests.simulation.network import LAG_S, OVERLAP_S, PAUSE_S, Network, Request
from tests.simulation.ports import US, id_of_task
from tests.simulation.rules import ASKED, CARRIED, FAST, MARKER, NOTE_LIMIT, PLAN, RELEASED
from tests.simulation.server import Key, Server
from tests.simulation.sight import Sight
from tests.simulation.truth import FIBER, HELD, SUBJECTS, TRIGGER, Truth, shown

EVERY = 20
"""The state is compared with the servers at every so many commits."""
FEEDS = frozenset(kind.value for kind in Kind)
"""Feeds of records; `mirroring` looks at those of notes."""
WRITABLE = frozenset({*CARRIED, "correlation_id", "initiated_from", "template", "state"})
DESCRIBING = frozenset({"remark"})
"""Written besides where rows describe lines."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: its name in the issue, and what happened."""

    promise: str
    text: str
    at: float

    def __str__(self) -> str:
        return f"{self.promise} at {self.at:.0f} s: {self.text}"


class Watch:
    """Everything that is checked while the world moves. `found` are the broken promises, first things first."""

    def __init__(self, truth: Truth, url: str, now: Any) -> None:
        self.truth = truth
        self.found: list[Violation] = []
        self._now = now
        self._url = url
        self._state = Sight(url)
        self._commits = 0
        self._rows: Sequence[Any] = ()
        """The watermarks as last looked at: most commits move none."""
        self._watermarks: dict[str, tuple[str, str]] = {}
        self._passed: dict[str, str] = {}
        self._versions: dict[tuple[str, str], int] = {}
        self._decided_at: dict[str, float] = {}
        self.created: dict[str, float] = {}

    def close(self) -> None:
        self._state.close()

    def forget(self) -> None:
        """Another state is in place: an older one, or an empty one."""
        self.truth.forgot_at = self._now()
        self._state.close()
        self._state = Sight(self._url)
        self._rows = ()
        self._watermarks.clear()
        self._passed.clear()
        self._versions.clear()

    def broken(self, promise: str, text: str) -> None:
        self.found.append(Violation(promise, text, self._now()))

    # -- what leaves a process -------------------------------------------------------------------------------------

    def sending(self, network: Network, request: Request) -> None:
        """S4, S6, S11 and the half of S10 that can be told before the note arrives."""
        method, id, *rest = request.what
        intents = {status for (status,) in self._state.rows("SELECT status FROM outbox WHERE target = ?", id)}
        # a pause before the send may outlive the lease, and another process settle the effect: a late create has an id
        # of its own, which is taken or is found there later
        late = {"done", "superseded", "parked"} if method == "create" else set()
        durable = {"in_flight", "in_doubt"} | late
        if not intents & durable:
            self.broken("S4", f"{method} of {id[:8]} leaves without a durable intent")
        for other in network.writes:
            if other.what[1] != id or other is request:
                continue
            if method == "note" and other.what == request.what:
                self.broken("S10", f"a note leaves again while the first may still arrive: {rest[0][-70:]}")
            if method in ("update", "cancel") and other.what[0] in ("update", "cancel"):
                self.broken("S6", f"{method} of {id[:8]} leaves while {other.what[0]} may still arrive")
        if method in ("update", "create") and request.keys[0][0] is Kind.WORK_ORDER:
            strange = {one.partition("=")[0] for one in rest} - WRITABLE
            strange -= DESCRIBING if self.truth.rich else frozenset()
            if strange:
                self.broken("S11", f"{method} writes {sorted(strange)}")

    def closing(self, life: Life, request: Request) -> None:
        """S8 at the send: what was known at the decision was seen closed by the last look."""
        id = request.what[1]
        if request.method != "update" or request.keys[0][0] is not Kind.DOMAIN_ORDER:
            return
        if (
            f"state={RELEASED}" not in request.what[2:]
        ):  # what is shown, a request that is cleared, or a closure that is undone
            return
        looked = life.ports[System.ORDER_MANAGEMENT].read_at.get((id_of_task(), id), 0.0)
        known_by = self._decided_at.get(id, 0.0) - LAG_S - OVERLAP_S
        self._check_closed(id, looked, request.sent_at, known_by, "the close is sent")

    def amending(self, life: Life, request: Request) -> None:
        """S7 at the send: PONR was read in the step that sends."""
        method, id, *told = request.what
        if method != "update" or not {one.partition("=")[0] for one in told} & CARRIED.keys():
            return
        work_order = self.truth.fsm.get(Kind.WORK_ORDER, id)
        subject = self.truth.subject_of(work_order) if work_order is not None else None
        if subject is None:
            return
        looked = life.ports[System.ORDER_MANAGEMENT].read_at.get(
            (id_of_task(), subject.id), request.sent_at - PAUSE_S - 20
        )
        if self.truth.behind_ponr_throughout(subject, looked, request.sent_at):
            self.broken("S7", f"an update of {id[:8]} leaves behind the PONR of {subject.number}")

    # -- what a state commits --------------------------------------------------------------------------------------

    def stepped(self, life: Life, step: str, what: Any) -> None:
        """S8 at the decision: the evidence was read after the gate began to look."""
        if step != "apply" or not isinstance(what, Decision):
            return
        for effect in what.effects:
            if effect.kind is EffectKind.CLOSE_DOMAIN_ORDER:
                looked = life.ports[System.ORDER_MANAGEMENT].read_at.get(
                    (id_of_task(), effect.target), self._now()
                )
                self._decided_at[effect.target] = self._now()
                self._check_closed(
                    effect.target, looked, self._now(), looked - LAG_S - 10, "the release is decided"
                )
                self._check_planned(effect.target, looked)

    def _check_closed(self, domain_order: str, begin: float, end: float, known_by: float, when: str) -> None:
        family = self.truth.family(domain_order)
        for id, past in self.truth.made():
            record = past[0].record
            if record is None or not self.truth.belonged_throughout(id, family, known_by, end):
                continue
            if self.truth.open_throughout(id, begin, end):
                self.broken("S8", f"{record.number} of {domain_order[:6]} is open while {when}")

    def _check_planned(self, domain_order: str, looked: float) -> None:
        subject = self.truth.om.get(Kind.DOMAIN_ORDER, domain_order)
        before = self.truth.om.at((Kind.DOMAIN_ORDER, domain_order), looked - 300)
        if subject is None or before is None or before.get("specification") != subject.get("specification"):
            return
        if before.state not in TRIGGER[Kind.DOMAIN_ORDER] or self.truth.is_said_anew(subject, looked - 300):
            return
        for rule, slot in self.truth.wants(subject):
            if (domain_order, rule, slot) not in self.truth.ever_made():
                self.broken("S8", f"{subject.number} is released without its work order {rule}:{slot}")

    def committed(self, _life: Life, _name: str) -> None:
        """S5 at each commit, S3 and the versions now and then."""
        rows = self._state.rows("SELECT feed, stamp, id, passed_until FROM watermarks")
        if rows != self._rows:
            self._check_watermarks(rows)
            self._rows = rows
        self._commits += 1
        if self._commits % EVERY == 0:
            self.compare()

    def _check_watermarks(self, rows: Sequence[Any]) -> None:
        for feed, stamp, id, passed_until in rows:
            before = self._watermarks.get(feed, ("", ""))
            if (stamp, id) < before:
                self.broken("S5", f"the watermark of {feed} goes back from {before[0]} to {stamp}")
            self._watermarks[feed] = (stamp, id)
            if feed in FEEDS and passed_until is not None and passed_until > self._passed.get(feed, ""):
                self._passed[feed] = passed_until
                self._check_passed(Kind(feed), datetime.fromisoformat(passed_until))

    def _check_passed(self, kind: Kind, until: datetime) -> None:
        """S3: a whole pass that began at an instant has seen every row as it was committed before that."""
        server = self._server(kind)
        stored = dict(self._state.rows("SELECT id, version FROM snapshots WHERE kind = ?", kind.value))
        quarantined = {id for (id,) in self._state.rows("SELECT id FROM quarantine")}
        began = server.seconds(until)
        for row in server.rows(kind):
            key = (kind, row.id)
            if key in server.hidden or row.id in quarantined or server.past[key][-1].at >= began:
                continue
            if stored.get(row.id, -1) < row.version:
                self.broken("S3", f"a whole pass over {kind} has not seen {row.number} version {row.version}")

    def compare(self) -> None:
        """S3: below (watermark - overlap) every row has its durable effect. S5: stored versions never go back."""
        stored = {
            (kind, id): version
            for kind, id, version in self._state.rows("SELECT kind, id, version FROM snapshots")
        }
        for key, version in self._versions.items():
            if stored.get(key, version) < version:
                self.broken("S5", f"the stored version of {key[0]} {key[1][:8]} goes back")
        self._versions = stored
        for subject, promise, reason in self._state.rows("SELECT subject, promise, reason FROM halts"):
            self.broken(promise, f"the product itself stopped {subject[:6]}: {reason}")
        quarantined = {tuple(row) for row in self._state.rows("SELECT kind, id FROM quarantine")}
        for feed, (stamp, _) in self._watermarks.items():
            if feed not in FEEDS:
                continue
            kind = Kind(feed)
            server = self._server(kind)
            below = datetime.fromisoformat(stamp) - timedelta(seconds=OVERLAP_S)
            for row in server.rows(kind):
                name = (kind.value, row.id)
                if row.updated_at >= below or (kind, row.id) in server.hidden or name in quarantined:
                    continue
                if stored.get(name, -1) < row.version:
                    self.broken(
                        "S3", f"{row.number} version {row.version} lies below the watermark and was not seen"
                    )

    def _server(self, kind: Kind) -> Server:
        return self.truth.om if kind.system is System.ORDER_MANAGEMENT else self.truth.fsm

    # -- what the servers execute ----------------------------------------------------------------------------------

    def executed(self, key: Key, before: Record | None, after: Record | None, author: str) -> None:
        """S1, S2, S7: what one of our writes made of a row."""
        if author != US or key[0] is not Kind.WORK_ORDER or after is None:
            return
        if before is None:
            self._created(after)
        elif before.state not in fs.CLOSED:
            self._amended(before, after)

    def _created(self, record: Record) -> None:
        ours = parse_correlation(record.get("correlation_id"))
        if ours is None:
            self.broken("S2", f"{record.number} carries no correlation")
            return
        if record.id in self.created:
            self.broken("S1", f"{record.number}: a deleted work order is made again")
        self.created[record.id] = self._now()
        for other in self.truth.work_orders():
            theirs = parse_correlation(other.get("correlation_id"))
            if theirs is None or other.id == record.id:
                continue
            if (theirs.domain_order, theirs.rule, theirs.slot) == (ours.domain_order, ours.rule, ours.slot):
                self.broken("S1", f"{record.number} and {other.number} answer one intention {ours}")
        if not self._justified(ours.domain_order, (ours.rule, ours.slot)):
            self.broken("S2", f"{record.number} is justified by no version of its domain order ({ours})")

    def _justified(self, subject: str, slot: tuple[str, int]) -> bool:
        if slot == FAST and self.truth.rich:
            record = self.truth.om.get(Kind.DOMAIN_ORDER, subject)
            return record is not None and self.truth.was_fast(record) and self._justified(subject, FIBER)
        for (kind, condition), slots in PLAN.items():
            field = {Kind.DOMAIN_ORDER: "specification", Kind.ORDER_TASK: "request_type"}[kind]
            for past in self.truth.om.past.get((kind, subject), ()):
                record = past.record
                if (
                    record is not None
                    and slot in slots
                    and record.get(field) == condition
                    and record.state in TRIGGER[kind]
                    and (self.truth.backfilled or not self.truth.is_historic(record))
                ):
                    return True
        return False

    def _amended(self, before: Record, after: Record) -> None:
        subject = self.truth.subject_of(after)
        if subject is None:
            return
        for target in CARRIED:
            old, new = shown(before, target), shown(after, target)
            if old != new and new and not self.truth.said_before_ponr(subject, target, new):
                self.broken("S7", f"{after.number} {target}={new} was only ever said behind the PONR")

    def noted(self, key: Key, text: str, author: str) -> None:
        """S9, S10: every note once, marked, bounded, plain."""
        if author != US:
            return
        server = self._server(key[0])
        marked = markers(text)
        cancel = key[0] is Kind.WORK_ORDER and marked and marked[-1].startswith("cancel:")
        if not is_ours(text):
            self.broken("S10", f"a note without its marker: {text[:60]}")
        elif not cancel and any(
            self._is_same(entry.text, text) for entry in server.entries(key[1]) if entry.author == US
        ):
            self.broken("S10", f"a note twice: {marked[-1]}")
        if len(text) > NOTE_LIMIT:
            self.broken("S10", f"a note of {len(text)} characters")
        if any(unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n" for c in text) or "<" in text:
            self.broken("S10", f"a note that is not plain: {text[:60]!r}")
        if marked and marked[-1].startswith("held:") and "\n- " not in text:
            self.broken("S9", f"a hold that names nothing: {text[:60]}")

    def _is_same(self, standing: str, text: str) -> bool:
        """One marker is one note. A state that was put back may say what stands only in part: the rest has the same marker."""
        same = _marker(standing) == _marker(text)
        parts = set(_lines(text))
        return same and (not self.truth.forgot_at or not parts or bool(set(_lines(standing)) & parts))

    def seen(self) -> set[str]:
        """The work orders that the state has seen."""
        return {
            id for (id,) in self._state.rows("SELECT id FROM snapshots WHERE kind = ?", Kind.WORK_ORDER.value)
        }


def _marker(note: str) -> str:
    """Seen again or seen to change, a status is one note."""
    return markers(note)[-1].removesuffix(f":{SEEN}") if markers(note) else ""


def _lines(note: str) -> list[str]:
    return [line for line in note.splitlines() if line.startswith("- ")]


def final(truth: Truth, faults_dropped: set[tuple[str, str]], seen: set[str]) -> Iterator[str]:
    """L1: what the healed world lacks. `seen` are the work orders that the state has seen: one that was put back or begun anew
    cannot tell of what was gone before it looked."""
    made = truth.ever_made()
    deleted = {id for id, past in truth.made() if past[-1].record is None}
    for subject in truth.subjects():
        for rule, slot in truth.wants(subject):
            if (subject.id, rule, slot) not in made:
                yield f"S14 {subject.number} has no work order for {rule}:{slot}"
    by_subject: dict[str, list[Record]] = {}
    for work_order in truth.work_orders():
        by_subject.setdefault(truth.belongs_to(work_order), []).append(work_order)
    for subject in truth.subjects():
        for work_order in by_subject.get(subject.id, []):
            yield from _work_order(truth, subject, work_order, faults_dropped)
        if subject.state == "closed_complete" and subject.kind is Kind.DOMAIN_ORDER:
            yield from _closed_early(truth, subject, by_subject.get(subject.id, []))
    yield from _requests(truth, by_subject, deleted)
    yield from _orphaned(truth)
    for id in sorted(deleted):
        if truth.forgot_at and id not in seen:
            continue
        record = truth.fsm.past[Kind.WORK_ORDER, id][0].record
        assert record is not None
        if truth.subject_of(record) is None:
            continue  # its order is gone too: there is no place for a note
        here = truth.ours_on(truth.belongs_to(record))
        ours = parse_correlation(record.get("correlation_id"))
        # a state that was put back never knew its number, and says that its create is not done again
        named = (
            record.number,
            f":create:{ours.domain_order}:{ours.rule}:{ours.slot}:" if ours else record.number,
        )
        if not any("is gone" in one.text and any(name in one.text for name in named) for one in here):
            yield f"L1 {record.number} is gone, and no note says so"


def _orphaned(truth: Truth) -> Iterator[str]:
    """Open work orders of a subject that is gone. A state that was put back or begun anew may never have known that it was."""
    for work_order in () if truth.forgot_at else truth.work_orders():
        ours = parse_correlation(work_order.get("correlation_id"))
        if ours is None or work_order.state in fs.CLOSED:
            continue
        # the last of its table has no witness: it may be the table that our user cannot read any more
        pasts = [
            truth.om.past.get((kind, ours.domain_order)) for kind in SUBJECTS if truth.om.tables.get(kind)
        ]
        is_gone = any(past and past[-1].record is None for past in pasts)
        told = any("is gone from order management" in one.text for one in truth.fsm.entries(work_order.id))
        if is_gone and not told:
            yield f"L1 the subject of {work_order.number} is gone, and no note says so"


def _work_order(
    truth: Truth, subject: Record, work_order: Record, dropped: set[tuple[str, str]]
) -> Iterator[str]:
    name = f"{work_order.number} of {subject.number}"
    ours = truth.ours_on(subject.id)
    before = truth.baseline is not None and work_order.created_at < truth.baseline
    said = any(work_order.number in one.text and work_order.state_label in one.text for one in ours)
    if not said and not before:
        yield f"L1 {name} is {work_order.state_label}, and no note says so"
    made = parse_correlation(work_order.get("correlation_id"))
    if made is None or work_order.state in fs.CLOSED:
        return
    if truth.is_cancelled(subject):
        flagged = any(m.startswith("flagged:") for one in ours for m in markers(one.text))
        since = min(
            past.at
            for one in truth.standing(subject)
            for past in truth.om.past[one.kind, one.id]
            if past.record is not None and past.record.state in ("canceled", "cancellation_in_progress")
        )
        kept = any(  # for another domain order, which people have merged its work into it
            m.startswith(f"kept:{work_order.id}:{subject.id}:")
            for one in truth.fsm.entries(work_order.id)
            for m in markers(one.text)
        )
        if not flagged and not kept and not truth.was_ended(work_order.id, since):
            yield f"S15 {name} is open, its order is cancelled, and nobody was told"
        return
    if truth.is_held(subject) or subject.state not in TRIGGER[subject.kind]:
        return
    ended = truth.was_ended(work_order.id)
    prescribed = ended or truth.is_unapproved(subject) or (made.rule, made.slot) in truth.prescribes(subject)
    if not prescribed and not any(m.startswith("unmatched:") for one in ours for m in markers(one.text)):
        yield f"L1 {name} is prescribed by no rule any more, and nobody was told"
    if truth.line(subject) is None or truth.is_behind_ponr(subject):
        return
    for target, wanted in truth.content(subject).items():
        if not wanted or wanted == fs.UNKNOWN_PLACE or (work_order.id, target) in dropped:
            continue
        if shown(work_order, target) != wanted:
            yield f"L1 {name} says {target}={shown(work_order, target)!r}, its order says {wanted!r}"


def _closed_early(truth: Truth, subject: Record, work_orders: list[Record]) -> Iterator[str]:
    """S8 after the fact: what is open on a closed domain order was told."""
    if truth.is_historic(subject):
        return
    told = [
        one.text
        for one in truth.ours_on(subject.id)
        if any(marker.startswith(("bypassed:", "violated:")) for marker in markers(one.text))
    ]
    for work_order in work_orders:
        historic = truth.baseline is not None and work_order.created_at < truth.baseline
        if work_order.state in fs.CLOSED or historic:
            continue
        if not any(work_order.number in text for text in told):
            yield f"S8 {work_order.number} is open, {subject.number} is closed, and nobody was told"


def _requests(truth: Truth, by_subject: dict[str, list[Record]], deleted: set[str]) -> Iterator[str]:
    """L2: a request is answered: closed, or held with its reasons."""
    gone = {
        truth.belongs_to(past[0].record)
        for id, past in truth.made()
        if id in deleted and past[0].record is not None
    }
    for subject in truth.om.rows(Kind.DOMAIN_ORDER):
        if subject.get(MARKER) != ASKED or subject.state in ("closed_complete", "canceled"):
            continue
        if (Kind.DOMAIN_ORDER, subject.id) in truth.om.hidden:
            continue
        held = any(
            marker.startswith(f"held:{subject.id}:")
            for one in truth.ours_on(subject.id)
            for marker in markers(one.text)
        )
        family = truth.family(subject.id)
        members = [one for one in truth.subjects() if one.id in family]
        blocked = bool(
            family & gone
            or any(truth.belongs_below(one, subject.id) for one in truth.deleted_subjects())
            or truth.is_unapproved(subject)
            or truth.is_cancelled(subject)
            or truth.is_held(subject)
            or truth.is_merged_into_open(family)
            or any(w.state not in fs.CLOSED for one in family for w in by_subject.get(one, []))
            or any(
                m.state not in TRIGGER[m.kind] | {"closed_complete", "closed_incomplete", "canceled"}
                or (truth.is_cancelled(m) and m.state not in ("closed_complete", "canceled"))
                or m.state in HELD
                for m in members
            )
        )
        if not blocked:
            yield f"L2 {subject.number} asks for closure, nothing is open, and it is not closed"
        elif not held:
            yield f"L2 {subject.number} asks for closure, and no note says what is open"
