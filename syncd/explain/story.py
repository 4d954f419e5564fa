"""What an explanation consists of. Built by the modules beside it, shown by `told`; nothing here reads or decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from mappings.effects import Effect, EffectKind
from mappings.keys import parse_correlation
from mappings.model import SUBJECT_KINDS, Kind, Record
from mappings.notes import label
from mappings.standing import title
from state.store import QuarantinedRecord, StoredEffect

NOTE_SHOWN = 100
"""Characters of a note that a line of an explanation shows."""

Word = Literal["seen", "linked", "decided", "gate", "sent", "tried", "answered", "person", "happened"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. `key` is that of the effect, where one is concerned; `details` are lines below it.

    `outcome` of an answer: the ledger's word for it, "done" or another. `config` of a decision: the hash of the configuration that
    was in force; `syncd check` says that of the present one.
    """

    at: datetime
    word: Word
    text: str
    details: tuple[str, ...] = ()
    key: str = ""
    outcome: str = ""
    config: str = ""

    @property
    def line(self) -> str:
        """The text, with the config of a decision."""
        return f"{self.text} (config {self.config})" if self.config else self.text


@dataclass(frozen=True, slots=True)
class Next:
    """One thing that waits. `at` is when it goes on, None: at once, or not before a person acts (`commands`)."""

    status: str
    text: str
    at: datetime | None = None
    key: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What is true now of one domain order or order task (or of a record that has none), a sentence a line."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """All about one record: where it stands, what is true now, how that came, what happens next."""

    record: Record
    about: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    moments: tuple[Moment, ...] = ()
    next: tuple[Next, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to one name. `unknown` says why there is no story, or what to mind."""

    name: str
    stories: tuple[Story, ...] = ()
    quarantined: tuple[QuarantinedRecord, ...] = ()
    """Records of that name that could not be read."""
    unknown: tuple[str, ...] = ()
    at: datetime | None = None
    """The instant that has passed of which it tells; None for now."""

    def with_unknown(self, lines: tuple[str, ...]) -> Explanation:
        return replace(self, unknown=lines)


def called(record: Record) -> str:
    """A record as an explanation names it: "Work order WO0000042"."""
    if record.kind in (*SUBJECT_KINDS, Kind.ORDER_LINE, Kind.CUSTOMER_ORDER):
        return title(record)
    return f"{record.kind.replace('_', ' ').capitalize()} {record.number or record.id}"


def standing(record: Record) -> str:
    """Its name and its state, as people of that instance read it."""
    return f"{called(record)}: {label(record)}"


@dataclass(slots=True)
class Names:
    """How ids and effects are said in words."""

    numbers: dict[str, str] = field(default_factory=dict)
    effects: Mapping[str, StoredEffect] = field(default_factory=dict)

    def learn(self, *records: Record | None) -> None:
        self.numbers.update((r.id, r.number) for r in records if r is not None and r.number)

    def number(self, id: str) -> str:
        return self.numbers.get(id, id)

    def intent(self, key: str) -> str:
        """What an effect key stands for, or the key itself where the outbox does not know it any more."""
        stored = self.effects.get(key)
        return self.effect(stored.effect) if stored else key

    def effect(self, effect: Effect) -> str:
        """One effect in a few words."""
        target = self.number(effect.target)
        if effect.kind is EffectKind.CREATE_WORK_ORDER:
            template = effect.references.get("template")
            ours = parse_correlation(effect.values.get("correlation_id", ""))
            what = f' "{template.value}"' if template else ""
            return f"create work order{what}" + (f" (rule {ours.rule}, slot {ours.slot})" if ours else "")
        if effect.kind is EffectKind.WRITE_NOTE:
            return f'note on {target}: "{_short(effect.text.removesuffix(effect.marker))}"'
        changed = sorted({*effect.values, *effect.references})
        what = f" ({', '.join(changed)})" if changed else ""
        return f"{effect.kind.partition('_')[0]} {target}{what}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= NOTE_SHOWN else f"{line[: NOTE_SHOWN - 3]}..."


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
