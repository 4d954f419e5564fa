"""What is told of a record whose details the retention gave up, instead of a page that is empty without a word.

Called by `known`. Digests of its effects are left: how many there were is known, not what they said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mappings.model import Facts, Kind, Record
from mappings.retention import is_reduced
from state.store import History

NOT_KEPT = "the retention has given up what was known of it then"


def given_up(record: Record, facts: Sequence[Facts], history: History) -> Iterator[str]:
    """What is left, where the body of the record, or of one that its subjects stand on, is gone."""
    if not any(is_reduced(one) for one in (record, *_around(facts))):
        return
    yield (
        "its details were given up by the retention ([state] retention): fields, decisions, requests and answers; its number,"
        " its state, links and plans are kept"
    )
    subjects = [one.subject for one in facts]
    ended = history.ended([one.id for one in subjects])
    if ended:
        counts = ", ".join(f"{n} {kind} {status}" for (kind, status), n in sorted(ended.items()))
        whose = (
            f" for {', '.join(s.number or s.id for s in subjects)}" if record.kind is Kind.WORK_ORDER else ""
        )
        yield (
            f"digests of {sum(ended.values())} effects{whose} are left ({counts}): what they said and when is gone, and none is"
            " written again"
        )


def _around(facts: Sequence[Facts]) -> Iterator[Record]:
    for one in facts:
        yield from (
            r for r in (one.subject, one.parent, one.line, one.order, *one.work_orders) if r is not None
        )
