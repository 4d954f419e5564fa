"""What a backfill has done so far, as values, as text and as JSON. Filled by `backfill`, shown by `syncd backfill`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mappings.effects import Effect
from syncd.log_lines import printable

LINKED, UNREADABLE, UNDECIDED = "linked", "unreadable", "undecided"
"""What is counted beside the kinds of effects."""
WORDS: Mapping[str, str] = {
    "create_work_order": "work orders to create",
    LINKED: "work orders linked",
    "update_work_order": "work orders to change",
    "cancel_work_order": "work orders to cancel",
    "write_note": "notes to write",
    UNREADABLE: "records in quarantine",
    UNDECIDED: "left undecided (held, not approved, or in no state to create in)",
}
ALWAYS = tuple(WORDS)[:4]
"""What a person looks for, said also where it is none."""
KEPT = 1000
"""Effects that a plan names one by one."""
SHOWN = 200
"""Those that the text shows; JSON has all that are kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is: records read in all of its runs, those of this run, records left, and what came of it."""

    read: int
    here: int
    left: int
    counts: Mapping[str, int]
    stamp: datetime
    """Creation stamp of the record at which it stands."""

    @property
    def share(self) -> float:
        whole = self.read + self.left
        return self.read / whole if whole else 1.0


@dataclass(slots=True)
class Backfilled:
    """What one run came to; `read` and `counts` are those of all runs of that name.

    `complete`: the period is done (`was_complete`: it was before). `stopped`: it would write for too many orders.
    """

    read: int = 0
    hidden: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    intended: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, target and reason of the effects of a plan, `KEPT` at most."""
    complete: bool = False
    was_complete: bool = False
    stopped: Mapping[str, int] | None = None

    def intend(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if len(self.intended) < KEPT:
                self.intended.append(
                    (effect.kind.value, effect.target, f"{effect.because} (for {effect.subject})")
                )


def as_json(done: Backfilled, name: str, *, plan: bool) -> dict[str, object]:
    return {
        "name": name,
        "plan": plan,
        "complete": done.complete,
        "was_complete": done.was_complete,
        "read": done.read,
        "hidden": done.hidden,
        "counts": dict(sorted(done.counts.items())),
        "stopped": dict(done.stopped) if done.stopped is not None else None,
        "effects": [{"kind": kind, "id": id, "because": because} for kind, id, because in done.intended],
    }


def as_text(done: Backfilled, name: str, *, plan: bool) -> str:
    return "\n".join(printable(line) for line in _lines(done, name, plan=plan))


def counted(counts: Mapping[str, int]) -> str:
    """The counts in words, by what is to be done, "nothing to do" where there are none."""
    if not any(counts.values()):
        return "nothing to do"
    rest = [
        what for what in (*WORDS, *sorted(counts.keys() - WORDS)) if what not in ALWAYS and counts.get(what)
    ]
    return ", ".join(f"{counts.get(what, 0)} {WORDS.get(what, what)}" for what in (*ALWAYS, *rest))


def _lines(done: Backfilled, name: str, *, plan: bool) -> Iterator[str]:
    if plan:
        for kind, id, because in done.intended[:SHOWN]:
            yield f"{kind.replace('_', ' ')} {id}: {because}"
        if len(done.intended) > SHOWN:
            yield f"... and more (--json names {KEPT})"
    if done.was_complete:
        yield f'the backfill "{name}" is complete; give another --name to do it again'
        return
    yield f"{done.read} records read: {counted(done.counts)}" + (
        "; nothing was written (--plan)" if plan else ""
    )
    if done.hidden:
        yield f"access rules hide {done.hidden} rows from our user"
    if done.stopped is not None:
        orders = ", ".join(f"{what.replace('_', ' ')}: {n} orders" for what, n in done.stopped.items())
        yield f"this is a mass change ({orders})" + (
            "; the backfill would stop before it"
            if plan
            else f"; it waits for: syncd safety allow backfill:{name} --by NAME --reason TEXT; then run it again"
        )
    elif not done.complete:
        yield "cut short; run it again, and it goes on from here"
    elif not plan:
        yield "complete; a running daemon sends what follows (or: syncd once)"
