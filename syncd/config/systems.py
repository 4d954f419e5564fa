"""The sections of the two remote systems, and what all sections of a config share. A part of `sections`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from syncd.config.values import Duration, ExistingFile, RemoteUrl, SecretRef, between, printable

Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(printable)]
InstanceId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Whole = Annotated[int, Field(strict=True)]
Match = Literal["same_id", "name", "number", "correlation_id"]


class Section(BaseModel):
    """What all sections share: nothing unknown, nothing changed later, nothing of the input in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class BudgetSection(Section):
    """How many requests a system may be sent."""

    requests: Whole = Field(
        ge=1, le=100_000_000, description="in any stretch of the length below", examples=[5000]
    )
    per: Annotated[Duration, between("1s", "1d")] = Field(
        default=timedelta(hours=1), description="that length"
    )
    background: float = Field(
        default=0.5, ge=0.0, le=1.0, description="share that the sweep and backfills may use at most"
    )


class SystemSection(Section):
    """One of the two remote systems."""

    id: InstanceId = Field(
        description="name of this instance; chosen once, never changed: ids of work orders are made from it",
        examples=["prod"],
    )
    url: RemoteUrl = Field(
        description="base URL: https, or http to this machine", examples=["https://example.service-now.com"]
    )
    profile: Name = Field(
        description="a packaged profile, or the path of your own, relative to this file",
        examples=["servicenow-om"],
    )
    auth: Literal["basic", "oauth"] = Field(default="basic", description='"basic" or "oauth"')
    username: Name | None = Field(
        default=None, description="for basic, and for the password grant of oauth", examples=["syncd"]
    )
    password: SecretRef | None = Field(
        default=None, description="of that user", examples=[{"env": "SYNCD_PASSWORD"}]
    )
    client_id: Name | None = Field(default=None, description="for oauth", examples=["0123456789abcdef"])
    client_secret: SecretRef | None = Field(
        default=None, description="for oauth", examples=[{"file": "client-secret"}]
    )
    grant: Literal["client_credentials", "password"] = Field(
        default="client_credentials", description='for oauth: "client_credentials" or "password"'
    )
    timeout: Annotated[Duration, between("100ms", "5m")] = Field(
        default=timedelta(seconds=30), description="longest silence on the wire"
    )
    deadline: Annotated[Duration, between("1s", "10m")] = Field(
        default=timedelta(seconds=45),
        description="longest exchange as a whole; must be shorter than [daemon] lease",
    )
    page_size: Whole = Field(default=200, ge=1, le=10_000, description="rows asked for at once")
    poll_interval: Annotated[Duration, between("100ms", "1d")] = Field(
        default=timedelta(seconds=10), description="pause between two looks at the feeds"
    )
    overlap: Annotated[Duration, between("0s", "1d")] | None = Field(
        default=None,
        description="longest transaction of the server, instead of the profile's",
        examples=["60s"],
    )
    settle: Annotated[Duration, between("0s", "1d")] | None = Field(
        default=None,
        description="when a look after a doubtful write is believed, instead of the profile's",
        examples=["90s"],
    )
    search_lag: Annotated[Duration, between("0s", "1d")] | None = Field(
        default=None,
        description="how late a search may show a row that was committed, instead of the profile's",
        examples=["60s"],
    )
    budget: BudgetSection | None = Field(
        default=None,
        description="requests in any hour, shared by all processes on the state; without it there is no limit",
        examples=[{"requests": 5000, "per": "1h", "background": 0.5}],
    )
    ca_file: ExistingFile | None = Field(
        default=None,
        description="certificates to trust besides the system's, relative to this file",
        examples=["company-ca.pem"],
    )


class FieldServiceSection(SystemSection):
    """The side on which work orders are created."""

    creates: Literal["own_id", "correlation"] | None = Field(
        default=None,
        description='how a create is recognised, instead of the profile\'s: "own_id", or "correlation" where the server chooses ids',
        examples=["correlation"],
    )
