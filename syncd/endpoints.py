"""What the listener says: whether the daemon is well, and its metrics, each where the config switches it on.

Called by `daemon` at its start. A listener that cannot be opened is told and stops nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from connectors.errors import Misconfigured
from syncd.condition import as_fields, as_line, condition
from syncd.config.sections import ListenerSection
from syncd.listener import Answer, Listener
from syncd.wiring import App


def opened(app: App, section: ListenerSection) -> Listener | None:
    """The listener of the config, running; None where it is off, or its address is taken."""
    paths: dict[str, Callable[[], Answer]] = {}
    if section.health:
        paths["/health"] = lambda: health(app)
    if section.metrics:
        paths["/metrics"] = _metrics(app)
    if not paths:
        return None
    host, _, port = section.address.rpartition(":")
    try:
        listener = Listener(host.strip("[]"), int(port), paths)
    except OSError as error:
        app.log.event("listener.failed", address=section.address, reason=error.strerror)
        return None
    listener.start()
    app.log.event("listener.opened", address=f"{host}:{listener.port}", fields=sorted(paths))
    return listener


def health(app: App) -> Answer:
    """200 while the daemon works or heals by itself, 503 when a person or a restart is needed."""
    now = condition(app)
    hung = sorted(app.pulse.hung())
    refused = any(isinstance(error, Misconfigured) for error in app.health.down().values())
    well = not hung and not refused and now.backlog is not None and not now.stopped
    said = {"well": well, "status": as_line(now), "hung": hung, **as_fields(now)}
    return Answer(200 if well else 503, "application/json", json.dumps(said).encode() + b"\n")


def _metrics(app: App) -> Callable[[], Answer]:
    """Counts from now on. Imported here: nobody pays for it who does not ask for it."""
    from syncd.metrics import CONTENT_TYPE, Metrics, StateGauges

    metrics = Metrics()
    metrics.registry.register(StateGauges(app))
    app.count(metrics)
    return lambda: Answer(200, CONTENT_TYPE, metrics.page())
