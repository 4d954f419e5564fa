"""The catalogue of log events: every event has a name, a level, fields and a meaning.

`syncd.logs` takes the level from here, `docs/events.md` is generated from here (`python -m syncd.events`), and a test
fails on an event or a field that the source uses and this table lacks.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

from syncd.event_fields import FIELDS, IDS
from syncd.event_life import LIFE, Event, event

_BUSINESS = (
    event("plan.pinned", "info", "A domain order was decided; its plan is stored.", "table plan because"),
    event(
        "rule.unmatched",
        "warning",
        "An order has changed and no rule prescribes these work orders any more: flagged, or cancelled.",
        "slots because",
    ),
    event("work_order.created", "info", "A work order was created.", "number target because"),
    event(
        "work_order.updated", "info", "A change was carried to a work order.", "number target fields because"
    ),
    event(
        "work_order.scheduled",
        "info",
        "A task of a work order got dates of its order.",
        "number target because",
    ),
    event("work_order.cancelled", "info", "A work order was cancelled.", "number target because"),
    event("work_order.linked", "info", "A work order was linked to a domain order.", "number origin"),
    event(
        "work_order.known",
        "debug",
        "A work order of before the baseline was linked to its domain order. It counts for the gate; its link is not noted.",
        "number origin",
    ),
    event(
        "work_order.unlinked",
        "info",
        "A work order made by hand was pointed elsewhere; it does not belong to the domain order any more.",
        "number",
    ),
    event(
        "work_order.recreated",
        "warning",
        "A person had a work order made anew; the create is in the outbox.",
        "reason",
    ),
    event(
        "work_order.doubled",
        "warning",
        "Several work orders answer one create: the oldest stays, the others (`rows`) are cancelled with a note.",
        "number rows",
    ),
    event("note.written", "info", "A work note was written.", "number target because"),
    event(
        "history.unreadable",
        "warning",
        "What work orders were between two polls cannot be read, so one note tells all of it. Told once, until it can be"
        " read again.",
        "kind number reason next",
    ),
    event("details.written", "info", "A field shows a domain order's work orders.", "number target because"),
    event(
        "work_order.related",
        "info",
        "A row relates a work order to its domain order; the row was made, or stood already.",
        "number target because",
    ),
    event(
        "relation.refused",
        "warning",
        "Work orders cannot be related to their domain orders; the notes say the same. Told once, until one is; tried again with"
        " each change of them.",
        "reason next",
    ),
    event("closure.held", "info", "A request for closure waits for what is open.", "number because"),
    event(
        "closure.releasing",
        "info",
        "A request for closure may pass; the release is in the outbox.",
        "number because",
    ),
    event("closure.released", "info", "A domain order was released for closure.", "number target because"),
    event(
        "closure.violated",
        "error",
        "A work order is open on a closed domain order: opened in the window between the last look and the closure, or"
        " reopened or made after it. It is noted there; a person must decide.",
        "number next",
    ),
    event(
        "closure.bypassed",
        "error",
        "A domain order was closed past the gate while work is open. It is noted there; a person must decide.",
        "number because next",
    ),
    event(
        "closure.reopened",
        "warning",
        "A domain order that was closed while work is open was opened again.",
        "number target because",
    ),
    event("closure.cleared", "info", "The marker of a held request was taken away.", "number target because"),
    event("closure.overridden", "warning", "A person released a request against the gate.", "number reason"),
)

_SWEEP = (
    event(
        "work_order.vanished",
        "error",
        "A linked work order is gone from field service: two sweeps did not find it. It is not made again; the gate holds"
        " until `syncd link drop`.",
        "number",
    ),
    event(
        "domain_order.vanished",
        "error",
        "A domain order or order task is gone from order management; its open work orders are flagged, not cancelled.",
        "number",
    ),
    event(
        "work_order.duplicated",
        "error",
        "A work order doubles an older one; it is flagged, or cancelled by configuration.",
        "because",
    ),
    event("link.dropped", "warning", "A person let a vanished work order go.", "number reason"),
    event(
        "mass_change.stopped",
        "error",
        "A pass or sweep would write for unusually many orders: nothing of it was stored, and the lane waits for a person.",
        "effects known next",
    ),
    event("mass_change.allowed", "warning", "A person let a stopped lane go on.", "effects reason"),
)

_EFFECTS = (
    event(
        "effect.doubtful",
        "warning",
        "The outcome of a write is unknown; it is probed before anything is sent again.",
        "kind reason probe_in_s",
    ),
    event("effect.parked", "error", "An effect was refused and waits for a person.", "kind reason next"),
    event(
        "effect.deferred",
        "debug",
        "An effect was not sent and waits for its next try.",
        "kind reason retry_in_s",
    ),
    event("effect.overtaken", "info", "An effect was not needed any more when its turn came.", "kind reason"),
    event(
        "invariant.violated",
        "error",
        "A promise that nothing correct ever breaks is broken: the state is damaged, or a rule has a defect. The order is"
        " parked, its effects wait for a person; everything else goes on.",
        "number promise reason next",
    ),
    event(
        "effect.fenced",
        "warning",
        "A worker settled too late: its claim had passed on, or its process had been relieved.",
        "kind reason",
    ),
    event("field.dropped", "warning", "The server ignored fields that were written.", "fields target"),
    event(
        "reference.unresolved",
        "warning",
        "A referenced record was not found; the field is left out.",
        "entity field match value subject",
    ),
)

_TABLES = (
    event(
        "template.missing",
        "error",
        "A decision table names a template that field service does not have: creates that need it will be parked.",
        "template table reason next",
    ),
)

_RECORDS = (
    event(
        "record.quarantined",
        "error",
        "A record could not be read or decided on; the page went on without it.",
        "kind id number field reason next",
    ),
    event("record.released", "info", "A record left quarantine.", "kind id number because"),
    event(
        "record.rolled_back",
        "error",
        "A record is older than it was, by its version: the remote system was restored. What it says now is taken.",
        "kind id number expected found",
    ),
    event("record.reappeared", "info", "A record that had vanished is there again.", "kind id number"),
    event("rows.hidden", "warning", "Access rules hide rows of a feed from our user.", "rows"),
)

_REMOTES = (
    event(
        "remote.unavailable",
        "warning",
        "A remote system does not answer; its lanes wait and try again.",
        "error detail retry_in_s",
    ),
    event(
        "budget.exhausted",
        "warning",
        "The request budget of a system has no room for these requests; they wait, creates and gate answers last.",
        "purpose retry_in_s",
    ),
    event(
        "budget.lowered",
        "warning",
        "A system grants fewer requests than the config's budget: that counts. Write it down, so that every start knows.",
        "limit budget per_s",
    ),
    event("remote.recovered", "info", "A remote system answers again.", "outage_s failures"),
    event(
        "remote.misconfigured",
        "error",
        "Nothing will work until a person changes something; the lanes pause.",
        "error detail retry_in_s next",
    ),
    event(
        "feed.filter_ignored",
        "error",
        "The server returned rows that do not match the query; the feed is stopped.",
        "error detail retry_in_s next",
    ),
    event(
        "identity.changed",
        "error",
        "The system behind a URL is not the one that the state knows; nothing is sent.",
        "expected found next",
    ),
    event(
        "identity.unproven",
        "warning",
        "The few records by which a system is recognised are gone from it; they count as deleted, and syncd goes on.",
        "found",
    ),
    event("identity.moved", "info", "A known system answers under another URL.", ""),
    event(
        "identity.rebound", "warning", "A person bound the state to other instances.", "expected found reason"
    ),
    event(
        "capability.absent",
        "warning",
        "The server does not do what the profile says; syncd goes on without it.",
        "capability found",
    ),
)

_STUCK = (
    event(
        "order.unsynced",
        "error",
        "An order's effect has waited longer than `[watch] oldest` and no hold explains it; told for the oldest one.",
        "number oldest_s reason next",
    ),
    event(
        "feed.stuck",
        "error",
        "A feed does not move while its source does: passes end where they began although the system answers, or it does not"
        " show a change that was seen by another way.",
        "reason watermark_to next",
    ),
    event(
        "retries.storming",
        "warning",
        "Very many tries came to nothing in a short time.",
        "failures reason next",
    ),
    event(
        "closure.waiting",
        "warning",
        "A request for closure could not be judged, or its release not be sent, for longer than `[watch] gate`.",
        "number because next",
    ),
    event("stuck.ended", "info", "What was stuck moves again.", "found subject ms"),
)

_DEFECTS = (
    event(
        "intake.failed",
        "error",
        "Unexpected failure of intake; the page is not stored.",
        "error detail trace",
    ),
    event("sweep.failed", "error", "Unexpected failure of the sweep.", "error detail trace"),
    event(
        "watch.failed", "error", "Unexpected failure of the watch over what is stuck.", "error detail trace"
    ),
    event("notes.failed", "error", "Unexpected failure of the journals' lane.", "error detail trace"),
    event("gate.failed", "error", "Unexpected failure of the closure gate.", "error detail trace"),
    event("delivery.failed", "error", "Unexpected failure while performing.", "kind error detail trace"),
    event(
        "library.logged", "warning", "A library had something to say.", "logger message error detail trace"
    ),
)

CATALOGUE: tuple[Event, ...] = (
    *LIFE,
    *_BUSINESS,
    *_SWEEP,
    *_EFFECTS,
    *_TABLES,
    *_RECORDS,
    *_REMOTES,
    *_STUCK,
    *_DEFECTS,
)

EVENTS: Mapping[str, Event] = MappingProxyType({one.name: one for one in CATALOGUE})


def markdown() -> str:
    """`docs/events.md`, whole."""
    return "\n".join([*_head(), *_events(), *_fields("Ids on any line", IDS), *_fields("Fields", FIELDS)])


def _head() -> list[str]:
    return [
        "# Log events",
        "",
        "Generated from `syncd/events.py` by `python -m syncd.events > docs/events.md`.",
        "",
        "Every line is one JSON object (on a terminal: one readable line) with `at`, `level`, `event`, the ids that it",
        "has, and the fields below. Levels: **info** a business effect or a step of life, **warning** degraded and",
        'healing by itself, **error** needs a person, **debug** only with `[log] level = "debug"`.',
        "Bodies and secrets are never logged.",
        "",
    ]


def _events() -> list[str]:
    rows = [f"| `{e.name}` | {e.level} | {e.meaning} | {_codes(e.fields)} |" for e in CATALOGUE]
    return ["| event | level | meaning | fields |", "|---|---|---|---|", *rows, ""]


def _fields(title: str, fields: Mapping[str, str]) -> list[str]:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in fields.items()]
    return [f"## {title}", "", "| field | meaning |", "|---|---|", *rows, ""]


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(markdown())
