"""The fields that log events carry, one word per thing, each with its meaning.

Part of the catalogue in `events`, which says which event carries which.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

IDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "this process, from its start to its end",
        "cycle": "one turn of one lane",
        "lane": "intake, notes, delivery, sweep, or backfill and its name",
        "feed": "what is polled: customer_order, order_line, domain_order, order_task, work_order, work_task, notes:SYSTEM",
        "system": "order_management or field_service",
        "order": "id of the customer order",
        "domain_order": "id of the domain order or order task",
        "work_order": "id of the work order",
        "key": "effect key",
        "attempt": "how often this effect has been tried, from 1",
    }
)
"""Fields that any line may carry when it has them."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "address": "where the listener can be asked",
        "backlog": "effects still waiting in the outbox",
        "because": "the rule and the change that intended it",
        "bytes": "size of the answers, decoded",
        "capability": "what the server turned out not to do",
        "catch_up": "true while the lanes catch up after a start",
        "changed": "records whose content differed from the last seen version",
        "commit_ms": "of it, making transactions durable",
        "config": "hash of the configuration in force",
        "config_from": "hash of the one before",
        "decide_ms": "of it, inside deciding transactions",
        "deferred": "effects put off to a later try",
        "detail": "the failure's own text, bounded",
        "down": "systems that fail, and how",
        "doubtful": "effects whose outcome is unknown",
        "effects": "effects intended or done, by kind",
        "entity": "what is referenced: template, location, account, ...",
        "error": "the kind of failure",
        "expected": "what the state remembers",
        "failures": "failed steps during the outage",
        "fetch_ms": "of it, exchanges with remote systems, summed over threads",
        "fetched": "records read",
        "field": "the field concerned",
        "fields": "the fields concerned",
        "file": "the file concerned",
        "found": "what is there now",
        "hidden": "rows that the server counted and did not show",
        "id": "id of the record",
        "kind": "the kind of record or effect",
        "lease": "what only one daemon does at a time: feed:<feed>, gate",
        "known": "how many orders are known and not ended",
        "left": "records still to be read",
        "left_s": "seconds that the rest takes at this rate",
        "lag_s": "how old what is known is: seconds since the last pass began that read every feed to its end",
        "lags": "the same by system",
        "logger": "name of the library's logger",
        "match": "the property that is compared",
        "message": "the text, as the library wrote it",
        "ms": "duration in milliseconds",
        "next": "what happens next, or what a person can do",
        "number": "number of the record, as people see it",
        "oldest_s": "age of the oldest effect waiting",
        "origin": "created by a rule, or adopted from a person",
        "outage_s": "how long the outage lasted",
        "outcome": "how it ended: ok, or the kind of failure; for a stop: drained or cut short",
        "pages": "pages read",
        "parked": "effects that wait for a person",
        "plan": "the planned work orders: rule and slot",
        "promise": "the promises that are broken, by their names in docs/reliability.md: S1, S8, ...",
        "probe_in_s": "seconds until a look at the remote system is believed",
        "problems": "how many problems were found",
        "purpose": "urgent: creates and gate answers; live: the rest; background: the sweep and backfills",
        "alone": "domain orders of no order, and work orders that are linked to nothing",
        "orders": "customer orders",
        "rate": "records a second",
        "records": "records concerned",
        "quiet": "turns of the lane without news since its last line; counts include theirs",
        "reason": "why",
        "requests": "exchanges with remote systems",
        "restart": "keys that have changed and need a restart",
        "retries": "reads that were tried again",
        "retry_in_s": "seconds until the next try",
        "rows": "how many rows",
        "slots": "the work orders concerned: rule and slot",
        "stopped": "lanes that stopped before a mass change",
        "signal": "the signal that asked for the stop",
        "subject": "id of the domain order or order task",
        "table": "decision table",
        "target": "id of the record written",
        "template": "the template as the decision table names it",
        "trace": "where it happened, innermost last",
        "value": "the value concerned",
        "version": "version of syncd",
        "watermark_from": "watermark before the cycle",
        "watermark_to": "watermark after the cycle",
        "workers": "worker threads",
    }
)
"""Fields that events carry, one word per thing."""
