"""An explanation as text and as JSON. Takes what the modules beside it gathered; reads nothing itself.

Everything that a remote system wrote is made printable before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from syncd.explain.story import Explanation, Moment, Next, Part, Story, called, instant, standing
from syncd.explain.unknown import unreadable
from syncd.log_lines import printable

FIRST, LAST = 8, 32
"""How many moments a page shows of a long story."""


def as_text(explanation: Explanation, *, whole: bool = False) -> str:
    """For a person: one page, what is true now first. `whole` shows every moment of a long story."""
    blocks = [_story(story, explanation.at, whole=whole) for story in explanation.stories]
    loose = [*map(unreadable, explanation.quarantined), *explanation.unknown]
    if loose:
        head = [] if explanation.stories else [f"{explanation.name} is not known to syncd"]
        blocks.append([*head, *(f"  {line}" for line in loose)])
    return "\n\n".join("\n".join(printable(line) for line in block) for block in blocks)


def headings(at: datetime | None) -> tuple[str, str, str]:
    """Over what was true, what happened, and what waits."""
    if at is None:
        return "Now", "What happened", "What happens next"
    return f"At {instant(at)}", "What had happened", "What waited"


def _story(story: Story, at: datetime | None, *, whole: bool) -> list[str]:
    now, happened, next_ = headings(at)
    return [
        title_of(story, at),
        *(f"  {line}" for line in story.about),
        "",
        now,
        *(line for part in story.parts for line in _part(part, alone=part.title == title_of(story, at))),
        "",
        happened,
        *_moments(story.moments, whole=whole),
        "",
        next_,
        *_next(story.next, at),
    ]


def _part(part: Part, *, alone: bool) -> Iterator[str]:
    if not alone:
        yield f"  {part.title}"
    indent = "  " if alone else "    "
    yield from (f"{indent}{line}" for line in part.lines or ("nothing to tell",))


def _moments(moments: Sequence[Moment], *, whole: bool) -> Iterator[str]:
    if not moments:
        yield "  nothing that the ledger knows"
    left_out = 0 if whole else max(0, len(moments) - FIRST - LAST)
    for number, moment in enumerate(moments):
        if left_out and number == FIRST:
            yield f"  ... {left_out} more; --all shows them"
        if left_out and FIRST <= number < FIRST + left_out:
            continue
        yield f"  {instant(moment.at)}  {moment.word:<8}  {moment.line}"
        yield from (f"{'':<34}{detail}" for detail in moment.details)


def title_of(story: Story, at: datetime | None) -> str:
    """Its name; with its state, where that is the one that is told of."""
    return standing(story.record) if at is None else called(story.record)


def nothing_waits(at: datetime | None) -> str:
    if at is not None:
        return "nothing"
    return "nothing waits; the next change of any of these records is taken in by the next poll"


def _next(waits: Sequence[Next], at: datetime | None) -> Iterator[str]:
    if not waits:
        yield f"  {nothing_waits(at)}"
    for one in waits:
        yield f"  {one.status:<10}  {one.text}"
        yield from (f"{'':<14}{command}" for command in one.commands)


def as_json(explanation: Explanation) -> dict[str, object]:
    """Everything, in types of JSON."""
    return {
        "name": explanation.name,
        "known": bool(explanation.stories),
        "at": _json(explanation.at),
        "stories": [_story_json(story) for story in explanation.stories],
        "quarantined": [
            {"kind": one.kind.value, "id": one.id, "field": one.field, "reason": one.reason}
            for one in explanation.quarantined
        ],
        "unknown": list(explanation.unknown),
    }


def _story_json(story: Story) -> dict[str, object]:
    record = story.record
    return {
        "kind": record.kind.value,
        "id": record.id,
        "number": record.number,
        "state": record.state,
        "state_label": record.state_label,
        "about": list(story.about),
        "now": [{"title": part.title, "lines": list(part.lines)} for part in story.parts],
        "moments": [
            {
                "at": _json(moment.at),
                "what": moment.word,
                "text": moment.text,
                "details": list(moment.details),
                "key": moment.key,
                "config": moment.config,
            }
            for moment in story.moments
        ],
        "next": [
            {
                "status": one.status,
                "text": one.text,
                "at": _json(one.at),
                "key": one.key,
                "commands": list(one.commands),
            }
            for one in story.next
        ],
    }


def _json(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
