"""From a config to the two connectors: URLs, credentials, limits, and who hears of each request.

Called by `wiring` and by commands that talk to a system without any lanes. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from connectors.auth import Auth, Basic, OAuth
from connectors.budget import Limiter
from connectors.ports import FieldService, OrderManagement
from connectors.registry import ConnectionSettings, build_field_service, build_order_management
from connectors.retrying import Retries
from mappings.model import System
from state.store import Store
from syncd.budgets import Budgets, limiter_of, terms_of
from syncd.config import Config, Secret, SystemSection
from syncd.logs import Log
from syncd.pulse import Pulse


def connect(
    config: Config,
    pulse: Pulse | None = None,
    limiters: Mapping[System, Limiter] | None = None,
    *,
    read_only: bool = False,
) -> tuple[OrderManagement, FieldService]:
    """The two connectors of a config; they send nothing yet, and with `read_only` never anything but reads. `pulse` hears of
    every request, `limiters` say when one may leave."""
    pulse = pulse or Pulse()
    retries = Retries(sleep=pulse.pause)
    limiters = limiters or {}
    om = build_order_management(
        config.profiles[System.ORDER_MANAGEMENT],
        _settings(config.order_management, retries, limiters.get(System.ORDER_MANAGEMENT)),
        on_request=pulse.seen,
        read_only=read_only,
    )
    fsm = build_field_service(
        config.profiles[System.FIELD_SERVICE],
        _settings(config.field_service, retries, limiters.get(System.FIELD_SERVICE)),
        on_request=pulse.seen,
        read_only=read_only,
    )
    return om, fsm


@contextmanager
def connected(
    config: Config, store: Store | None, log: Log
) -> Iterator[tuple[OrderManagement, FieldService]]:
    """The two connectors of a one-shot verb without lanes; what it sends counts against the budgets in the state."""
    limiters = (
        {s: limiter_of(s, terms_of(config.system(s)), store, log, lambda: None) for s in System}
        if store is not None
        else {}
    )
    om, fsm = connect(config, limiters=limiters)
    try:
        yield om, fsm
    finally:
        om.close()
        fsm.close()
        Budgets(limiters).close()


def _settings(section: SystemSection, retries: Retries, limiter: Limiter | None) -> ConnectionSettings:
    return ConnectionSettings(
        id=section.id,
        url=section.url,
        auth=_auth(section),
        timeout_s=section.timeout.total_seconds(),
        deadline_s=section.deadline.total_seconds(),
        ca_file=section.ca_file,
        retries=retries,
        limiter=limiter,
    )


def _auth(section: SystemSection) -> Auth:
    """The config check has proven that what the way of authenticating needs is there."""
    if section.auth == "basic":
        told = f'user "{section.username}" with the password of {section.password}'
        return Basic(section.username or "", _reveal(section.password), told=told)
    told = f'client "{section.client_id}" with the secret of {section.client_secret}'
    if section.grant == "password":
        told += f', user "{section.username}" with the password of {section.password}'
    return OAuth(
        section.client_id or "",
        _reveal(section.client_secret),
        grant=section.grant,
        username=section.username or "",
        password=_reveal(section.password),
        told=told,
    )


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()
