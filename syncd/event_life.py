"""What an event of the log is, and those that tell the life of the process: start, stop, cycles, config, leases.

Part of the catalogue in `events`, which has all the others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line.

    `level` is info (a business effect or a step of life), warning (degraded, heals by itself), error (needs a person)
    or debug. `fields` are those it may carry besides the ids.
    """

    name: str
    level: str
    meaning: str
    fields: tuple[str, ...] = ()


def event(name: str, level: str, meaning: str, fields: str = "") -> Event:
    return Event(name, level, meaning, tuple(fields.split()))


LIFE = (
    event("daemon.started", "info", "The daemon runs; its lanes begin.", "version config workers catch_up"),
    event(
        "daemon.reported",
        "info",
        "How the daemon is, because SIGUSR1 asked.",
        "config catch_up lags down backlog oldest_s doubtful parked stopped",
    ),
    event(
        "listener.opened",
        "info",
        "Health or metrics (`fields`) can be asked for at an address.",
        "address fields",
    ),
    event(
        "listener.failed",
        "error",
        "The listener cannot be opened; the lanes run without it.",
        "address reason",
    ),
    event(
        "lane.hung",
        "error",
        "A lane has been at one step for longer than any step may take; the watchdog is not pinged any more.",
        "oldest_s",
    ),
    event("daemon.stopping", "info", "A stop was asked for; what is in flight is finished.", "signal"),
    event("daemon.stopped", "info", "The daemon has ended in order.", "outcome ms"),
    event(
        "cycle.finished",
        "info",
        "One turn of one lane, also when it failed: the canonical line.",
        "outcome ms fetch_ms decide_ms commit_ms pages fetched changed hidden effects doubtful parked deferred requests"
        " retries bytes watermark_from watermark_to lag_s backlog oldest_s catch_up quiet",
    ),
    event("backfill.advanced", "info", "How far a backfill is.", "fetched left effects rate left_s"),
    event("watermark.advanced", "debug", "A feed has been read up to here.", "watermark_from watermark_to"),
    event(
        "state.migrated",
        "info",
        "An older state was brought to this version's form; a copy of it was kept.",
        "expected found file",
    ),
    event("prune.failed", "error", "Old bodies and history could not be given up.", "error detail trace"),
    event(
        "state.pruned",
        "info",
        "Bodies and history of orders that ended long ago were given up; what they came to stays.",
        "orders alone records effects rows",
    ),
    event(
        "state.recovered", "info", "Work that an earlier run left in flight was taken up.", "effects reason"
    ),
    event(
        "state.clock_moved",
        "info",
        "The clock was set, or the machine started, since the last process: what is in doubt settles anew.",
        "moved_s",
    ),
    event("lease.taken", "info", "Of the daemons on this state, this one does it now.", "lease"),
    event(
        "lease.lost", "warning", "Another daemon does it now; this one was too slow to renew.", "lease reason"
    ),
    event(
        "catch_up.finished",
        "info",
        "Every feed has passed the time of the start; what waits may be sent.",
        "ms effects",
    ),
    event(
        "config.reloaded",
        "info",
        "The configuration was read again and is in force, but for the keys that need a restart.",
        "config config_from fields restart",
    ),
    event(
        "config.rejected",
        "error",
        "The configuration has problems; it is not used. After a reload the old one stays in force (`config`).",
        "file problems reason config next",
    ),
)
