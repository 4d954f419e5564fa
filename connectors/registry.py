"""From a profile and connection settings to a connector: the one place that knows which class serves which API.

Called by `syncd.wiring` and by the commands that talk to a system. A new product is a class here and a name in
`profile_model.APIS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from connectors.auth import Auth
from connectors.budget import Limiter
from connectors.errors import Misconfigured
from connectors.http import Limits, RequestSeen, Transport
from connectors.ports import FieldService, OrderManagement
from connectors.profile import Profile
from connectors.retrying import Retries
from connectors.servicenow.field_service import ServiceNowFieldService
from connectors.servicenow.order_management import ServiceNowOrderManagement
from connectors.servicenow.system import ServiceNowSystem
from connectors.servicenow.table_api import TableApi
from mappings.model import System

S = TypeVar("S", bound=ServiceNowSystem)

ORDER_MANAGEMENT: Mapping[str, type[ServiceNowOrderManagement]] = {"servicenow": ServiceNowOrderManagement}
FIELD_SERVICE: Mapping[str, type[ServiceNowFieldService]] = {"servicenow": ServiceNowFieldService}


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One system of the config. `id` is immutable, `url` its base address; `overlap` and `settle` override the profile."""

    id: str
    url: str
    auth: Auth
    timeout_s: float = 30.0
    deadline_s: float = 90.0
    connect_s: float = 10.0
    reply_bytes: int = 32 * 1024 * 1024
    ca_file: Path | None = None
    overlap: timedelta | None = None
    settle: timedelta | None = None
    retries: Retries = field(default_factory=Retries)
    limiter: Limiter | None = None
    """Says when a request may leave."""
    timeout_now: Callable[[], float] | None = None
    """Asked before each request, in place of `timeout_s`."""


def build_order_management(
    profile: Profile,
    settings: ConnectionSettings,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    on_request: Callable[[RequestSeen], None] | None = None,
    read_only: bool = False,
) -> OrderManagement:
    """The connector for a profile of Order Management. Sends nothing yet; raises `Misconfigured` for bad settings.

    With `read_only` it raises `Unsafe` instead of sending anything but a read.
    """
    kind = _class_for(profile, System.ORDER_MANAGEMENT, ORDER_MANAGEMENT)
    return _build(kind, profile, settings, monotonic, on_request, read_only=read_only)


def build_field_service(
    profile: Profile,
    settings: ConnectionSettings,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    on_request: Callable[[RequestSeen], None] | None = None,
    read_only: bool = False,
) -> FieldService:
    """The connector for a profile of Field Service, as `build_order_management` makes that of the other side."""
    kind = _class_for(profile, System.FIELD_SERVICE, FIELD_SERVICE)
    return _build(kind, profile, settings, monotonic, on_request, read_only=read_only)


def _class_for(profile: Profile, system: System, classes: Mapping[str, type[S]]) -> type[S]:
    if profile.system is not system:
        raise Misconfigured(f"profile {profile.name} is for {profile.system}", system=system)
    if profile.api not in classes:
        raise Misconfigured(
            f"profile {profile.name}: no connector for the API {profile.api!r}", system=system
        )
    return classes[profile.api]


def _build(
    kind: type[S],
    profile: Profile,
    settings: ConnectionSettings,
    monotonic: Callable[[], float],
    on_request: Callable[[RequestSeen], None] | None,
    *,
    read_only: bool,
) -> S:
    return kind(
        settings.id,
        profile,
        _table_api(profile.system, settings, monotonic, on_request, read_only=read_only),
        retries=settings.retries,
        overlap=settings.overlap,
        settle=settings.settle,
        monotonic=monotonic,
    )


def _table_api(
    system: System,
    settings: ConnectionSettings,
    monotonic: Callable[[], float],
    on_request: Callable[[RequestSeen], None] | None,
    *,
    read_only: bool,
) -> TableApi:
    limits = Limits(
        connect_s=settings.connect_s,
        timeout_s=settings.timeout_s,
        deadline_s=settings.deadline_s,
        reply_bytes=settings.reply_bytes,
    )
    transport = Transport(
        settings.url,
        system=system.value,
        limits=limits,
        ca_file=settings.ca_file,
        monotonic=monotonic,
        on_request=on_request,
        read_only=read_only,
        limiter=settings.limiter,
        timeout_s=settings.timeout_now,
    )
    return TableApi(transport, settings.auth)
