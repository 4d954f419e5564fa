"""`syncd quarantine`: what waits for a person, and the person's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from syncd import exits
from syncd.cli.common import config_option, epilog, json_option, load, print_json, state_url

if TYPE_CHECKING:
    from state.store import Store
    from syncd.config import Config
    from syncd.quarantine import Held, HeldRecord, Person

names_argument = click.argument("names", metavar="NAME...", nargs=-1, required=True)
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would happen.")


@click.group(epilog=epilog("syncd quarantine list", exits.OK, exits.LOCKED, exits.CONFIG))
def command() -> None:
    """Shows what waits for a person: records that could not be read, effects that were refused, orders that are parked.

    A record in quarantine is not acted on, and holds every closure of its order. A parked effect holds back later ones
    for the same work order. An order is parked as a whole where a promise is broken that nothing correct ever breaks. NAME
    is an effect key, or the id or number of a parked order or a record (order:NAME or KIND:NAME where two have the same).
    """


@command.command("list", epilog=epilog("syncd quarantine list --json", exits.OK, exits.LOCKED, exits.CONFIG))
@config_option
@json_option
def list_(config_path: Path, as_json: bool) -> int:
    """Lists everything in quarantine: why, since when, and the next step."""
    from syncd import quarantine_report as report

    config = load(config_path, need_secrets=False)
    with _opened(config) as store:
        held = _held(config, store)
    if as_json:
        print_json(report.list_as_json(held))
    else:
        click.echo(report.list_as_text(held))
    return exits.OK


@command.command(epilog=epilog("syncd quarantine show PO0001042", exits.OK, exits.LOCKED, exits.CONFIG))
@click.argument("name")
@config_option
@json_option
def show(name: str, config_path: Path, as_json: bool) -> int:
    """Prints everything that is kept of one record or effect, the raw record too.

    The raw record may hold what customers wrote; it appears here and never in a log.
    """
    from syncd import quarantine_report as report

    config = load(config_path, need_secrets=False)
    with _opened(config) as store:
        one = _one(name, _held(config, store))
    if as_json:
        print_json(report.show_as_json(one))
    else:
        click.echo(report.show_as_text(one))
    return exits.OK


@command.command(
    epilog=epilog(
        "syncd quarantine retry PO0001042",
        exits.OK,
        exits.QUARANTINE,
        exits.UNAVAILABLE,
        exits.LOCKED,
        exits.REFUSED,
        exits.CONFIG,
    )
)
@names_argument
@config_option
@click.option("--by", default="", metavar="NAME", help="Who says so, for the ledger.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@dry_run_option
def retry(names: tuple[str, ...], config_path: Path, by: str, reason: str, dry_run: bool) -> int:
    """Reads a record again by its id, or lets a parked effect or order go on.

    A record that can be read now is taken in at once, and what it means is decided; one that still cannot stays, and the
    verb ends with 3. An effect is sent by the daemon, after a look whether it stands already; with the number of a domain
    order all its parked effects go on. A parked order goes on as it is, in a person's name: it needs --by and --reason. Safe
    beside the daemon.
    """
    from syncd.quarantine import HeldRecord, Person

    config = load(config_path, need_secrets=False)
    with _opened(config) as store:
        held = _held(config, store)
        chosen = [one for name in dict.fromkeys(names) for one in _meant(name, held)]
        effects = [one for one in chosen if not isinstance(one, HeldRecord)]
        records = [one for one in chosen if isinstance(one, HeldRecord)]
        _named(effects, by, reason)
        for one in effects:
            _let_go_on(store, one, Person(by, reason), dry_run=dry_run)
    return (
        _read_again(load(config_path), records, Person(by, reason), dry_run=dry_run) if records else exits.OK
    )


@command.command(
    epilog=epilog(
        'syncd quarantine drop PO0001042 --by "A. Meier" --reason "order was never valid"',
        exits.OK,
        exits.LOCKED,
        exits.CONFIG,
    )
)
@names_argument
@config_option
@click.option("--by", required=True, metavar="NAME", help="Who takes the responsibility.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the ledger.")
@dry_run_option
def drop(names: tuple[str, ...], config_path: Path, by: str, reason: str, dry_run: bool) -> int:
    """Gives a parked effect up, or puts a record away, in a person's name.

    What stands in the remote systems stays as it is. A record comes again when its feed brings it; an effect, when a later
    change decides it anew.
    """
    from syncd.quarantine import HeldOrder, Person, give_up

    config = load(config_path, need_secrets=False)
    with _opened(config) as store:
        for one in _chosen(names, _held(config, store)):
            if isinstance(one, HeldOrder):
                raise click.UsageError(
                    f"{one.number or one.name} is an order: syncd quarantine retry lets it go on"
                )
            if dry_run:
                _say(f"would drop {one.name}")
            elif give_up(store, one, Person(by, reason)):
                _say(f"dropped {one.name} on the word of {by}")
            else:
                _say(f"{one.name} is not in quarantine any more")
    return exits.OK


def _named(chosen: Sequence[Held], by: str, reason: str) -> None:
    """An order goes on only in somebody's name."""
    from syncd.quarantine import HeldOrder

    if any(isinstance(one, HeldOrder) for one in chosen) and not (by and reason):
        raise click.UsageError("a parked order goes on in a person's name: add --by NAME --reason TEXT")


def _let_go_on(store: Store, one: Held, person: Person, *, dry_run: bool) -> None:
    from syncd.quarantine import HeldOrder, HeldRecord, let_go_on

    assert not isinstance(one, HeldRecord)
    how = "looked for first, sent only if it does not stand"
    if isinstance(one, HeldOrder):
        how = "all that waits for it is sent by the daemon"
    if dry_run:
        _say(f"would let {one.name} go on: {how}")
    elif let_go_on(store, one, person):
        _say(f"{one.name} goes on: {how}")
    else:
        _say(f"{one.name} is not parked any more")


def _read_again(config: Config, records: list[HeldRecord], person: Person, *, dry_run: bool) -> int:
    """Each record on the road of a page, or with `dry_run` only read."""
    from syncd import logs
    from syncd.quarantine import can_be_read, read_again
    from syncd.wiring import build, new_run

    run = new_run()
    logs.configure(level=config.log.level, format=config.log.format, run=run)
    app = build(config, logs.get(), run=run, owner_prefix="quarantine:")
    try:

        def step(one: HeldRecord) -> None:
            remote = app.systems[one.record.system]
            if dry_run:
                can_be_read(one, lambda: remote.read(one.record.kind, one.record.id))
            else:
                read_again(app.store, app.intake, one, person)

        said = "can be read now; without --dry-run it is taken in" if dry_run else "is read, and taken in"
        return _each(records, step, said)
    finally:
        app.close()


def _each(records: list[HeldRecord], step: Callable[[HeldRecord], None], said: str) -> int:
    from syncd.quarantine import StillUnreadable

    code = exits.OK
    for one in records:
        try:
            step(one)
        except StillUnreadable as error:
            _say(f"{one.name} stays in quarantine: {error}")
            code = exits.QUARANTINE
        else:
            _say(f"{one.name} {said}")
    return code


@contextmanager
def _opened(config: Config) -> Iterator[Store]:
    from state.store import Store
    from syncd.clock import SystemClock

    store = Store(state_url(config), SystemClock().now)
    try:
        yield store
    finally:
        store.close()


def _held(config: Config, store: Store) -> tuple[Held, ...]:
    from syncd.quarantine import everything

    columns = {
        kind: spec.number for profile in config.profiles.values() for kind, spec in profile.kinds.items()
    }
    with store.history() as history:
        return everything(history, columns)


def _chosen(names: tuple[str, ...], held: tuple[Held, ...]) -> list[Held]:
    return [_one(name, held) for name in dict.fromkeys(names)]


def _meant(name: str, held: tuple[Held, ...]) -> Sequence[Held]:
    """What is to be tried again: what has that name, or the parked effects of the order that has it."""
    from syncd.quarantine import called, effects_of

    return [_one(name, held)] if called(name, held) else effects_of(name, held) or [_one(name, held)]


def _one(name: str, held: tuple[Held, ...]) -> Held:
    """What a name means, or a usage error that says what to write instead."""
    from syncd.quarantine import called, effects_of

    found = called(name, held)
    keys = [one.name for one in effects_of(name, held)]
    if not found and keys:
        raise click.UsageError(f"{name} has parked effects: write which, {' or '.join(keys)}")
    if not found:
        raise click.UsageError(
            f'nothing in quarantine is called "{name}"; syncd quarantine list shows what is'
        )
    if len(found) > 1:
        longer = [_longer(one) for one in found]
        raise click.UsageError(f'"{name}" may be {" or ".join(longer)}: write one of them')
    return found[0]


def _longer(one: Held) -> str:
    from syncd.quarantine import HeldOrder, HeldRecord

    if isinstance(one, HeldOrder):
        return f"order:{one.name}"
    return f"{one.record.kind}:{one.name}" if isinstance(one, HeldRecord) else one.name


def _say(text: str) -> None:
    from syncd.log_lines import printable

    click.echo(printable(text))
