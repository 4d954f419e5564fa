"""The reload: reads the config and all that it names, checks all of it, and puts in force what may change while lanes run.

Called by `daemon` on SIGHUP. All or nothing: a config with a problem changes nothing, and so does one that names other
instances, another state, or another profile. Keys that the lanes were built with keep their old value until a restart, and
are named. The swap happens while nobody decides, so that no decision is half of the old config and half of the new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.errors import Misconfigured
from connectors.profile_model import Profile
from mappings.model import System
from mappings.toml_places import Problem, place_of, places
from state.store import StateError, Store
from syncd import logs
from syncd.config import Config, load_config
from syncd.config.live import is_live
from syncd.config.load import rehashed
from syncd.config.sections import Settings
from syncd.config.systems import Section
from syncd.figures import Live, figures_of
from syncd.log_lines import printable
from syncd.logs import Log
from syncd.policies import policy_of

SHOWN_PROBLEMS = 20
IDENTITY = (
    ("state", "url", "the state stays where it is"),
    ("order_management", "id", "the instance stays the same"),
    ("order_management", "url", "the instance stays the same"),
    ("field_service", "id", "the instance stays the same"),
    ("field_service", "url", "the instance stays the same"),
)
"""What no reload changes, and why."""
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """The keys that two configs have different, by what a reload makes of them."""

    live: tuple[str, ...]
    restart: tuple[str, ...]


class Reload:
    """Reloads one daemon's config again and again. `environ` is where secrets are looked for."""

    def __init__(
        self,
        config: Config,
        live: Live,
        store: Store,
        *,
        log: Log,
        environ: Mapping[str, str],
        run: str,
        connections: Callable[[Config, Config], Callable[[], None]] = lambda _before, _now: _nothing,
    ) -> None:
        """`connections`, given the old config and the new, prepares what concerns how the systems are reached, and returns
        what puts it in force."""
        self._connections = connections
        self._config = config
        self._live = live
        self._store = store
        self._log = log
        self._environ = environ
        self._run = run

    def __call__(self) -> bool:
        """Whether what the file says is in force now; tells which of its keys are not, or why the old ones stay."""
        found, problems = load_config(self._config.path, self._environ)
        if found is not None:
            problems = tuple(_forbidden(self._config, found))
        if found is None or problems:
            self._reject([str(problem) for problem in problems])
            return False
        changed = difference(self._config.settings, found.settings)
        wanted = mixed(self._config, found)
        try:
            connect = self._connections(self._config, wanted)
            self._store.use_config(
                wanted.hash, lambda: self._live.replace(policy_of(wanted), figures_of(wanted))
            )
        except Misconfigured as error:
            self._reject([str(error)])
            return False
        except StateError as error:
            self._reject([f"{error}; ask again: systemctl reload syncd"])
            return False
        connect()
        before, self._config = self._config.hash, wanted
        logs.configure(level=wanted.log.level, format=wanted.log.format, run=self._run)
        self._log.event(
            "config.reloaded",
            config=wanted.hash,
            config_from=before,
            fields=[*changed.live, *_tables(before, wanted, changed)],
            restart=list(changed.restart),
        )
        return True

    def _reject(self, problems: list[str]) -> None:
        self._log.event(
            "config.rejected",
            file=self._config.path.name,
            problems=len(problems),
            config=self._config.hash,
            reason=[printable(problem) for problem in problems[:SHOWN_PROBLEMS]],
            next="the configuration as it was stays in force; syncd check names every problem",
        )


def _nothing() -> None:
    """Nothing changes in how the systems are reached."""


def difference(old: Settings, new: Settings) -> Difference:
    """What differs between two configs, key by key; secrets that changed too, never by value."""
    changed = [key for key in _keys(old, new) if _value(old, key) != _value(new, key)]
    return Difference(
        live=tuple(_name(key) for key in changed if is_live(*key)),
        restart=tuple(_name(key) for key in changed if not is_live(*key)),
    )


def mixed(old: Config, new: Config) -> Config:
    """The new config with the old value of every key that needs a restart."""
    sections = {}
    for name in Settings.model_fields:
        before, after = getattr(old.settings, name), getattr(new.settings, name)
        if isinstance(after, Section) and isinstance(before, Section):
            kept = {key: getattr(before, key) for key in type(after).model_fields if not is_live(name, key)}
            after = after.model_copy(update=kept)
        elif not is_live(name, ""):
            after = before
        sections[name] = after
    settings = new.settings.model_copy(update=sections)
    return rehashed(replace(new, settings=settings, profiles=old.profiles))


def _forbidden(old: Config, new: Config) -> Iterator[Problem]:
    """What a reload must not change, each with its place in the file."""
    index = places(new.path.read_text(encoding="utf-8"))
    file = str(new.path)
    for section, key, why in IDENTITY:
        if _value(old.settings, (section, key)) != _value(new.settings, (section, key)):
            place = place_of(index, (section, key))
            message = (
                f'"{key}" in [{section}] cannot change by a reload: {why}; put it back, or stop syncd first'
            )
            yield Problem(file, place.line, place.column, message)
    for system in System:
        if _bare(old.profiles[system]) != _bare(new.profiles[system]):
            place = place_of(index, (system.value, "profile"))
            message = f'"profile" in [{system}] has changed, and tables are checked against it: restart syncd to take both'
            yield Problem(file, place.line, place.column, message)


def _bare(profile: Profile) -> Profile:
    """A profile without what the config says in its place: those keys need a restart by themselves."""
    none = timedelta()
    return replace(profile, overlap=none, settle=none, search_lag=none, creates="")


def _keys(old: Settings, new: Settings) -> Iterator[Key]:
    for name in Settings.model_fields:
        if isinstance(getattr(new, name), Section) and isinstance(getattr(old, name), Section):
            yield from ((name, key) for key in type(getattr(new, name)).model_fields)
        else:
            yield name, ""


def _value(settings: Settings, key: Key) -> object:
    section = getattr(settings, key[0])
    return getattr(section, key[1]) if key[1] else section


def _name(key: Key) -> str:
    return ".".join(part for part in key if part)


def _tables(before: str, now: Config, changed: Difference) -> list[str]:
    """The content of a table changes the hash and no key."""
    return ["decision tables"] if before != now.hash and not changed.live else []
