"""What typed notes are promised: each arrives exactly once on the other side, and none of ours goes further.

Called by `run` where notes are mirrored: `echo` for every note of ours that is written, `lacks` of the healed world.
"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.keys import parse_correlation
from mappings.model import Kind, Record
from mappings.notes import markers
from tests.simulation.ports import US
from tests.simulation.rules import SHOWN
from tests.simulation.server import Entry, Key, Server
from tests.simulation.truth import Truth

MIRRORED = "mirrored:"


def echo(truth: Truth, key: Key, text: str) -> str:
    """What is wrong with a mirrored note that is being written, "" if nothing: a person typed it, on the other side."""
    mark = next(iter(markers(text)[-1:]), "")
    if not mark.startswith(MIRRORED):
        return ""
    source = truth.om if key[0] is Kind.WORK_ORDER else truth.fsm
    typed = [e for entries in source.journal.values() for e in entries if e.id == mark.removeprefix(MIRRORED)]
    if not typed or typed[0].author == US:
        return f"{mark} answers no note that a person typed on the other side"
    return ""


def lacks(truth: Truth) -> Iterator[str]:
    """Notes that did not arrive once, and fields that do not show what is so."""
    if not truth.notes:
        return
    for work_order in truth.work_orders():
        ours = parse_correlation(work_order.get("correlation_id"))
        subject = truth.subject_of(work_order) if ours is not None else None
        if subject is None or (subject.kind, subject.id) in truth.om.hidden:
            continue
        since = truth.exists_since(work_order.id)
        if not truth.waits(subject):  # a create that waits goes before what was typed after it
            yield from _arrived(truth.om, subject, truth.fsm, work_order, since, truth)
        yield from _arrived(truth.fsm, work_order, truth.om, subject, since, truth)
        shown = f"{work_order.number} ("
        if subject.kind is Kind.DOMAIN_ORDER and not _is_shown(subject, shown, work_order.state_label):
            yield f"L1 {subject.number} shows {subject.get(SHOWN)!r}, {work_order.number} is {work_order.state_label}"
    for subject in truth.om.rows(Kind.DOMAIN_ORDER):
        for work_order in truth.work_orders():
            if f"{work_order.number} (" in subject.get(SHOWN) and not _belongs(work_order, subject, truth):
                yield f"L1 {subject.number} shows {work_order.number}, which does not belong to it"


def _belongs(work_order: Record, subject: Record, truth: Truth) -> bool:
    """To the domain order that it names, or that one of a work order that was merged into it, at once or over others."""
    served = {work_order.id}
    while more := {one.id for one in truth.work_orders() if one.get("merged_into") in served} - served:
        served |= more
    return any(one.id in served and truth.belongs_to(one) == subject.id for one in truth.work_orders())


def _is_shown(subject: Record, head: str, label: str) -> bool:
    return any(one.startswith(head) and one.endswith(f": {label}") for one in subject.get(SHOWN).split("; "))


def _arrived(
    side: Server, source: Record, other: Server, target: Record, since: float, truth: Truth
) -> Iterator[str]:
    here = [markers(one.text)[-1:] for one in other.entries(target.id) if one.author == US]
    for entry in side.entries(source.id):
        if not _is_due(entry, since, truth):
            continue
        times = here.count((f"{MIRRORED}{entry.id}",))
        if times != 1:
            yield f"S10 {entry.text!r} of {source.number} stands {times} times on {target.number}"


def _is_due(entry: Entry, since: float, truth: Truth) -> bool:
    """Whether a person typed it after the baseline, on a work order that was there."""
    typed = entry.author != US and "typed" in entry.text
    return typed and entry.at > since and truth.baseline is not None and entry.stamp >= truth.baseline
