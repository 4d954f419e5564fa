"""From a config to the two connectors: URLs, credentials, limits, and who hears of each request.

Called by `wiring` and by commands that talk to a system without any lanes. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from connectors.auth import Auth, Basic, Exchangeable, OAuth
from connectors.budget import Limiter
from connectors.ports import FieldService, OrderManagement
from connectors.registry import ConnectionSettings, build_field_service, build_order_management
from connectors.retrying import Retries
from mappings.model import System
from state.store import Store
from syncd.budgets import Budgets, keeper_of, limiter_of, terms_of
from syncd.config import Config, Secret, SystemSection
from syncd.health import Health
from syncd.logs import Log
from syncd.pulse import Pulse


class Access:
    """How a system is reached, as far as a reload may change it: who we are, and what silence is borne."""

    def __init__(self, section: SystemSection) -> None:
        self.auth = Exchangeable(_auth(section))
        self._timeout_s = section.timeout.total_seconds()

    def use(self, auth: Auth, timeout_s: float) -> None:
        """From the next request on."""
        self.auth.exchange(auth)
        self._timeout_s = timeout_s

    def timeout_s(self) -> float:
        return self._timeout_s


def connect(
    config: Config,
    pulse: Pulse | None = None,
    limiters: Mapping[System, Limiter] | None = None,
    access: Mapping[System, Access] | None = None,
    *,
    read_only: bool = False,
) -> tuple[OrderManagement, FieldService]:
    """The two connectors of a config; they send nothing yet, and with `read_only` never anything but reads. `pulse` hears of
    every request, `limiters` say when one may leave, `access` is changed by a reload."""
    pulse = pulse or Pulse()
    retries = Retries(sleep=pulse.pause)
    limiters = limiters or {}
    access = access or {system: Access(config.system(system)) for system in System}
    om = build_order_management(
        config.profiles[System.ORDER_MANAGEMENT],
        _settings(
            config.order_management,
            retries,
            limiters.get(System.ORDER_MANAGEMENT),
            access[System.ORDER_MANAGEMENT],
        ),
        on_request=pulse.seen,
        read_only=read_only,
    )
    fsm = build_field_service(
        config.profiles[System.FIELD_SERVICE],
        _settings(
            config.field_service, retries, limiters.get(System.FIELD_SERVICE), access[System.FIELD_SERVICE]
        ),
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


@dataclass(frozen=True, slots=True)
class Connections:
    """What of the connections of a daemon a reload changes: credentials, timeouts, budgets."""

    access: Mapping[System, Access]
    budgets: Budgets
    health: Health
    store: Store
    log: Log

    def prepare(self, before: Config, now: Config) -> Callable[[], None]:
        """What is to be done once the new config is in force, never inside of that transaction: a budget is kept in the state
        too. Raises `Misconfigured` where it cannot be."""
        steps: list[Callable[[], None]] = []
        for system, access in self.access.items():
            old, new = before.system(system), now.system(system)
            if terms_of(old) != terms_of(new):
                keeper = keeper_of(system, terms_of(new), self.store, self.log)
                steps.append(partial(self.budgets.keep, system, keeper))
            if any(getattr(old, key) != getattr(new, key) for key in ACCESS):
                steps.append(partial(access.use, _auth(new), new.timeout.total_seconds()))
                steps.append(self.health.hurry)

        def apply() -> None:
            for step in steps:
                step()

        return apply


ACCESS = ("auth", "username", "password", "client_id", "client_secret", "grant", "timeout")
"""The keys of a system's section that `Access` is made from."""


def _settings(
    section: SystemSection, retries: Retries, limiter: Limiter | None, access: Access
) -> ConnectionSettings:
    return ConnectionSettings(
        id=section.id,
        url=section.url,
        auth=access.auth,
        timeout_now=access.timeout_s,
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
