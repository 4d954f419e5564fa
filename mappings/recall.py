"""What stands already that this state does not remember: after a restore, or on a fresh state, notes tell what was done.

Called by the deciding modules for the marks that go into notes, and by `syncd.dispatch` with the notes of a record, before
an effect that another life may have served is sent. Versions differ between lives (our own notes raise them), so what a note
says is compared, never the version that it answers. A note that this state remembers answers only its own effect.

| marker | stands already when |
|---|---|
| `status:<work order>:<version>:<content>` | the newest status noted of the work order has the same content |
| `created:<subject>:<work orders>`, `adopted:...` | notes name all of them; else what they leave is written |
| `amended:...:<fields>`, `refused:...:<fields>` | the newest noted value of each field is the same; else the rest is written |
| `held:<subject>:<stamp>`, `released:...` | the newest answer on the subject is the same |
| any other | it differs in versions only |
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence

from mappings.changes import FieldChange
from mappings.effects import Effect, EffectKind
from mappings.keys import digest, marker
from mappings.notes import markers

RECALLED = frozenset(
    {
        EffectKind.WRITE_NOTE,
        EffectKind.UPDATE_WORK_ORDER,
        EffectKind.UPDATE_WORK_TASK,
        EffectKind.CANCEL_WORK_ORDER,
    }
)
"""The effects for which notes are read, because what stands does not tell whether another life has served them."""
SEEN = "seen"
"""Tail of the mark of a status note that is due only where older notes on the subject say something else."""
PASSED = "passed"
"""Tail of the mark of a status note about a version that was history when it was noted."""
MARKED = 16
"""How many parts a mark names; a longer note is recognised by its key alone."""

_NAMING = ("created:", "adopted:")
_ANSWERS = ("held:", "released:")
_VERSION = re.compile(r"((?:update|cancel|schedule):[^:]+:[^:]+):\d+(?::[0-9a-f]{8}(?=:))?")
_LAST_VERSION = re.compile(r"^((?:flagged|kept|unmatched|onhold|bypassed|violated|unlinked|linked):.*):\d+$")


# -- marks -------------------------------------------------------------------------------------------------------------


def naming_mark(origin: str, subject: str, work_orders: Sequence[tuple[str, str]]) -> str:
    """The mark of a note that names work orders: (id, content of its status) of each, in the order of its lines."""
    parts = [f"{digest(id)}{content}" for id, content in work_orders]
    if len(parts) > MARKED:
        return f"{origin}:{subject}:{digest(*sorted(id for id, _ in work_orders))}"
    return f"{origin}:{subject}:{'.'.join(parts)}"


def fields_mark(key: str, fields: Sequence[FieldChange]) -> str:
    """The mark of a note about changed fields, in the order of its lines."""
    return f"{key}:{'.'.join(_field(f) for f in fields)}" if 0 < len(fields) <= MARKED else key


def changed(effect: Effect) -> list[FieldChange]:
    """The fields of an update whose old values are known."""
    new = dict(effect.values) | {target: look_up.value for target, look_up in effect.references.items()}
    return [FieldChange(target, old, new.get(target, "")) for target, old in sorted(effect.before.items())]


def _field(field: FieldChange) -> str:
    return digest(field.name)[:4] + digest(field.name, field.new)


# -- looking -----------------------------------------------------------------------------------------------------------


def remaining(effect: Effect, standing: Sequence[str], remembered: Container[str]) -> str:
    """The text of a note that is still to be written, "" when all that it says stands.

    `standing` are the texts of our notes on the record, oldest first; `remembered` the markers of those that the state
    knows to have been written.
    """
    own = _keys([effect.marker])[0]
    keys = _keys(standing)
    if own in keys:
        return ""
    unknown = [key for key in keys if marker(key) not in remembered]
    if own.startswith("status:"):
        return "" if _status_stands(own, keys) else effect.text
    if own.startswith(_NAMING):
        return _rest(effect.text, own, _named(unknown, own.split(":")[1]), width=8)
    if own.startswith(("amended:", "refused:")):
        return _rest(effect.text, own, _noted_fields(unknown, _scopes(own)), width=12)
    if own.startswith(_ANSWERS):
        return "" if _answer_stands(own, unknown) else effect.text
    return "" if _loose(own) in map(_loose, unknown) else effect.text


def carried(effect: Effect, standing: Sequence[str], remembered: Container[str]) -> bool:
    """Whether an update was sent and noted by another life, whatever the work order shows now.

    Its own note may have been followed by newer ones; a note of another version counts while it is the newest.
    """
    fields = [_field(field) for field in changed(effect)]
    keys = _keys(standing)
    if any(f"{key}:".startswith(f"amended:{effect.key}:") for key in keys):
        return True
    unknown = [key for key in keys if marker(key) not in remembered]
    return bool(fields) and set(fields) <= _noted_fields(unknown, (f"amended:update:{effect.target}:",))


def cancel_asked(effect: Effect, standing: Sequence[str], remembered: Container[str]) -> bool:
    """Whether another life asked for this cancel; its reason stands as a note on the work order."""
    (own,) = _keys([effect.marker])
    keys = _keys(standing)
    return own in keys or _loose(own) in (_loose(key) for key in keys if marker(key) not in remembered)


def names(work_order: str, standing: Sequence[str]) -> bool:
    """Whether a note says that this work order was created: then it stood once."""
    created = [key for key in _keys(standing) if key.startswith("created:")]
    return digest(work_order) in {part[:8] for key in created for part in _parts(key)}


def _keys(texts: Sequence[str]) -> list[str]:
    """What the marker at the end of each note carries."""
    return [found[-1] for text in texts if (found := markers(text))]


def _parts(key: str) -> list[str]:
    return key.rpartition(":")[2].split(".")


def _status_stands(own: str, keys: Sequence[str]) -> bool:
    _, work_order, version, content, *tail = own.split(":")
    noted = [key.split(":") for key in keys if key.startswith(f"status:{work_order}:")]
    if noted:
        newest = max(noted, key=lambda parts: int(parts[2]))
        # what is history is told with whatever came after it
        return int(newest[2]) >= int(version) if PASSED in tail else newest[3] == content
    if SEEN not in tail:
        return False
    head = digest(work_order)
    named = [part for key in keys if key.startswith(_NAMING) for part in _parts(key) if part.startswith(head)]
    return not named or named[-1] == head + content


def _named(keys: Sequence[str], subject: str) -> set[str]:
    mine = tuple(f"{head}{subject}:" for head in _NAMING)
    return {part[:8] for key in keys if key.startswith(mine) for part in _parts(key)}


def _scopes(own: str) -> tuple[str, ...]:
    """Where a field noted for a work order, or refused for a subject, may stand noted by another life."""
    parts = own.split(":")
    if parts[0] == "refused":
        return (f"refused:{parts[1]}:", "amended:update:")
    return (":".join(parts[:3]) + ":",)


def _noted_fields(keys: Sequence[str], scopes: tuple[str, ...]) -> set[str]:
    """The newest noted value of each field."""
    newest = {part[:4]: part for key in keys if key.startswith(scopes) for part in _parts(key)}
    return set(newest.values())


def _rest(text: str, own: str, noted: set[str], *, width: int) -> str:
    """What is left of a note when the lines that stand already are taken out."""
    parts = [part[:width] for part in _parts(own)]
    left = [part not in noted for part in parts]
    if not any(left):
        return ""
    lines = text.split("\n")
    items = [number for number, line in enumerate(lines) if line.startswith("- ")]
    if len(items) != len(parts):
        return text
    gone = {number for number, keep in zip(items, left, strict=True) if not keep}
    return "\n".join(line for number, line in enumerate(lines) if number not in gone)


def _answer_stands(own: str, keys: Sequence[str]) -> bool:
    answers = list(_answers(keys, _answer(own)[1]))
    return bool(answers) and answers[-1] == _answer(own)[0]


def _answers(keys: Sequence[str], subject: str) -> Iterator[str]:
    for key in keys:
        if key.startswith(_ANSWERS) and _answer(key)[1] == subject:
            yield _answer(key)[0]


def _answer(key: str) -> tuple[str, str]:
    """The word and the subject of a gate answer."""
    word, subject = key.replace("released:close:", "released:", 1).split(":")[:2]
    return word, subject


def _loose(key: str) -> str:
    """A key without the versions in it."""
    return _LAST_VERSION.sub(r"\1", _VERSION.sub(r"\1", key))
