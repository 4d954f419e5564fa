"""The values that a configuration is made of: durations, URLs and secrets, each checked with what to write instead.

Types for `syncd.config.sections`. Files and environment variables of secrets are read here, once, while a configuration
is loaded; what they hold never shows in a repr, a dump or a message.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

WRONG = "wrong"
"""The error type of a check of ours: its message stands as it is."""

REFERENCE_FORMS = '{ env = "NAME" }, { file = "path" } or { credential = "name" }'

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)\Z")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_CREDENTIAL = re.compile(r"[A-Za-z0-9._-]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a configuration may look at besides its own text: the folder that paths start from, and the environment.

    Without `need_secrets` a secret that cannot be had is empty: for verbs that talk to no remote system, in a shell
    that has no credentials.
    """

    base: Path
    environ: Mapping[str, str]
    need_secrets: bool = True


def wrong(message: str) -> PydanticCustomError:
    """The error of a check, with its message as a person reads it."""
    return PydanticCustomError(WRONG, "{message}", {"message": message})


def surroundings(info: ValidationInfo) -> Surroundings:
    """What the loader passed along."""
    assert isinstance(info.context, Surroundings), "sections are validated by the loader only"
    return info.context


def printable(value: str) -> str:
    """A text of one line without control characters, as a name or a path is."""
    if not value.isprintable():
        raise wrong("must not hold line breaks or control characters")
    return value


# -- durations -----------------------------------------------------------------------------------------------------


def parse_duration(text: str) -> timedelta | None:
    """The duration that "500ms", "30s", "5m", "2h" or "90d" names; None for anything else."""
    match = _DURATION.match(text)
    return timedelta(milliseconds=int(match[1]) * _UNIT_MS[match[2]]) if match else None


def show_duration(value: timedelta) -> str:
    """A duration as it is written, in the largest unit that holds it whole."""
    total = round(value.total_seconds() * 1000)
    unit = next((u for u in ("d", "h", "m", "s") if total and total % _UNIT_MS[u] == 0), "ms")
    return f"{total // _UNIT_MS[unit]}{unit}"


def show_default(value: object) -> object:
    """A default as it would be written in a file."""
    return show_duration(value) if isinstance(value, timedelta) else value


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value  # a default of ours
    found = parse_duration(value) if isinstance(value, str) else None
    if found is None:
        raise wrong('must be a duration with a unit, like "500ms", "30s", "5m" or "2h"')
    return found


def between(least: str, most: str) -> AfterValidator:
    """Bounds of a duration, both included."""
    low, high = parse_duration(least), parse_duration(most)
    assert low is not None
    assert high is not None

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise wrong(f'must be between "{least}" and "{most}"')
        return value

    return AfterValidator(check)


Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    PlainSerializer(show_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}),
]


# -- URLs ----------------------------------------------------------------------------------------------------------


def _remote_url(value: object) -> str:
    """The base URL of a remote system: https, or http to this machine; nothing in it but scheme, host and path."""
    if not isinstance(value, str):
        raise wrong('must be a URL in quotes, like "https://example.service-now.com"')
    parts = _split(value, 'must be a URL like "https://example.service-now.com"')
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise wrong('must be a URL like "https://example.service-now.com"')
    if parts.username is not None or parts.password is not None:
        raise wrong("must not hold a user name or a password; write them as username and password")
    if parts.query or parts.fragment:
        raise wrong('must end with the host or a base path; leave out "?" and "#" and what follows')
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise wrong("must begin with https://; http is for this machine (127.0.0.1) only")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _state_url(value: object, info: ValidationInfo) -> str:
    """Where the state is; a relative SQLite path begins at the folder of the config file."""
    example = '"sqlite:///syncd.db" or "postgresql://syncd@db.example.com/syncd"'
    if not isinstance(value, str):
        raise wrong(f"must be a URL in quotes, like {example}")
    parts = _split(value, f"must be a URL like {example}")
    if parts.scheme == "sqlite" and value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
        path = value.removeprefix("sqlite:///")
        return f"sqlite:///{surroundings(info).base / path}"
    if parts.scheme not in ("postgresql", "postgresql+psycopg") or not parts.hostname:
        raise wrong(f"must be a URL like {example}")
    if parts.password is not None:
        raise wrong(f"must not hold a password; write password = {REFERENCE_FORMS}")
    return value


def loopback_address(value: str) -> str:
    """HOST:PORT of this machine."""
    host, _, port = value.rpartition(":")
    if not is_loopback(host.strip("[]")) or not port.isdecimal() or int(port) > 65_535:
        raise wrong('must be an address of this machine, like "127.0.0.1:9464" or "[::1]:9464"')
    return value


def _split(url: str, otherwise: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # reads as a number, or raises
    except ValueError:
        raise wrong(otherwise) from None
    if any(c.isspace() or not c.isprintable() for c in url):
        raise wrong(otherwise)
    return parts


RemoteUrl = Annotated[str, PlainValidator(_remote_url), WithJsonSchema({"type": "string", "format": "uri"})]
StateUrl = Annotated[str, PlainValidator(_state_url), WithJsonSchema({"type": "string", "format": "uri"})]


# -- files and secrets ---------------------------------------------------------------------------------------------


def _existing_file(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value:
        raise wrong('must be a path in quotes, like "/etc/ssl/certs/company.pem"')
    path = surroundings(info).base / value
    if not path.is_file():
        raise wrong(f'names "{value}", which is not there or is no file')
    return path


ExistingFile = Annotated[
    Path,
    PlainValidator(_existing_file),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string"}),
]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and where it came from. Only `reveal` shows it."""

    form: str
    """env, file or credential."""
    name: str
    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself, for the one who sends it."""
        return self._value

    def __str__(self) -> str:
        return f"{self.form}:{self.name}"

    def source(self) -> dict[str, str]:
        """As it is written in a config file."""
        return {self.form: self.name}


def _secret(value: object, info: ValidationInfo) -> Secret:
    if not isinstance(value, dict):
        raise wrong(f"must not stand in the file itself; write {REFERENCE_FORMS}")
    if len(value) != 1 or not set(value) <= set(_READERS):
        raise wrong(f"must be one of {REFERENCE_FORMS}")
    [(form, name)] = value.items()
    if not isinstance(name, str) or not name:
        raise wrong(f"must be one of {REFERENCE_FORMS}")
    around = surroundings(info)
    try:
        text = _READERS[form](name, around)
        if not text:
            raise wrong(f'is empty: {form} "{name}" holds nothing')
    except PydanticCustomError:
        if around.need_secrets:
            raise
        text = ""
    return Secret(form, name, text)


def _from_environment(name: str, around: Surroundings) -> str:
    if name not in around.environ:
        raise wrong(f"is missing: the environment variable {name} is not set")
    return around.environ[name]


def _from_file(name: str, around: Surroundings) -> str:
    return _read(around.base / name, f'file "{name}"')


def _from_credential(name: str, around: Surroundings) -> str:
    folder = around.environ.get("CREDENTIALS_DIRECTORY")
    if not _CREDENTIAL.match(name):
        raise wrong("is not the name of a credential; write a name without slashes, as in LoadCredential=")
    if not folder:
        raise wrong(
            f'is missing: credential "{name}" exists only inside the service (LoadCredential= in the unit);'
            " CREDENTIALS_DIRECTORY is not set"
        )
    return _read(Path(folder) / name, f'credential "{name}"')


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise wrong(f"cannot be read: {what} is not UTF-8") from None
    except ValueError:
        raise wrong("is not the name of a file") from None
    except OSError as error:
        raise wrong(f"cannot be read: {what}: {error.strerror}") from None


_READERS: Mapping[str, Callable[[str, Surroundings], str]] = {
    "env": _from_environment,
    "file": _from_file,
    "credential": _from_credential,
}

SecretRef = Annotated[
    Secret,
    PlainValidator(_secret),
    PlainSerializer(lambda secret: secret.source(), return_type=dict[str, str]),
    WithJsonSchema(
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {form: {"type": "string"}},
                    "required": [form],
                    "additionalProperties": False,
                }
                for form in _READERS
            ]
        }
    ),
]
