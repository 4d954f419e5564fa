"""Deaths by the number: `python -m tests.simulation.deaths --pairs 10 --jobs 2` plays every point of every scene.

At SQLite, by power loss, and on PostgreSQL; with `--pairs` over so many second deaths in each recovery too (0: none). Prints
how many points there are and what did not survive; ends with 1 when something did not. The tests use the same functions.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.postgres import binaries, started
from tests.simulation.places import Databases, Files, Mains
from tests.simulation.power import Disk
from tests.simulation.scenes import SCENES
from tests.simulation.stage import Played, Scene, Stage

MEMORY = Path("/dev/shm")
LONGEST = 400
"""More points than any recovery has."""


@contextmanager
def folder() -> Iterator[Path]:
    """In memory where there is such a place: a crash point opens three databases."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@contextmanager
def on_files(scene: Scene) -> Iterator[Stage]:
    with folder() as where, closing(Stage(scene, Files(where))) as stage:
        yield stage


@contextmanager
def on_mains(scene: Scene) -> Iterator[Stage]:
    """Each death is a power loss."""
    with folder() as where, Disk().mounted() as disk, closing(Stage(scene, Mains(where, disk))) as stage:
        yield stage


@contextmanager
def on_postgres(scene: Scene, server: str) -> Iterator[Stage]:
    with closing(Stage(scene, Databases(server))) as stage:
        yield stage


def whole(stage: Stage) -> Played:
    """The world without a death: what every other playing must come to."""
    played = stage.play()
    assert not played.died_at
    assert (played.parked, played.problems) == (0, [])
    return played


def survives(stage: Stage, like: Played, die_at: int, again: int | None = None) -> None:
    """One death, or two, and the same world. Fails where the point was not hit."""
    point = like.trail[die_at - 1]
    played = stage.play(die_at=die_at, again=again, like=like)
    where = f"after a death at point {die_at}, {point}" + (
        f", and at {again} of the recovery" if again else ""
    )
    assert played.died_at[:1] == (point,), f"point {die_at} was not hit"
    assert played.view == like.view, where
    assert (played.parked, played.problems) == (0, []), where


def sample(scene: Scene, like: Played, count: int) -> list[int]:
    """Some points of a scene, the same each time."""
    return sorted(Random(scene.name).sample(range(1, len(like.trail) + 1), min(count, len(like.trail))))


# -- all of them -------------------------------------------------------------------------------------------------------


def _all(where: str, name: str, pairs: int, server: str) -> tuple[str, str, int, int, list[str]]:
    """Every point of a scene at a place: how many points, how many second deaths, what did not survive."""
    scene = next(one for one in SCENES if one.name == name)
    places: dict[str, Callable[[], object]] = {
        "SQLite": lambda: on_files(scene),
        "power loss": lambda: on_mains(scene),
        "PostgreSQL": lambda: on_postgres(scene, server),
    }
    failures: list[str] = []
    twice = 0
    with places[where]() as stage:  # type: ignore[attr-defined] - each is a context manager of a stage
        like = whole(stage)
        for number in range(1, len(like.trail) + 1):
            seconds = Random(f"{name}/{number}").sample(range(1, LONGEST), pairs) if where == "SQLite" else []
            for again in (None, *sorted(seconds)):
                try:
                    survives(stage, like, number, again)
                except AssertionError as error:
                    failures.append(str(error).partition("\n")[0])
                twice += again is not None
    return where, name, len(like.trail), twice, failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.deaths", description=__doc__)
    parser.add_argument("--pairs", type=int, default=0, help="second deaths for each first one")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="part of the names of the scenes that are played")
    args = parser.parse_args()
    began = time.monotonic()
    broken = points = second = 0
    with ExitStack() as stack:
        server = stack.enter_context(started(binaries()[0]))
        pool = stack.enter_context(ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")))
        work = [
            pool.submit(_all, where, scene.name, args.pairs, server)
            for where in ("SQLite", "power loss", "PostgreSQL")
            for scene in SCENES
            if args.only in scene.name
        ]
        for future in work:
            where, name, count, twice, failures = future.result()
            points, second, broken = points + count, second + twice, broken + len(failures)
            _say(
                f"{where:10} {name:24} {count:4} points, {twice} second deaths, {len(failures)} not survived"
            )
            for failure in failures:
                _say(f"  {failure}")
    _say(
        f"{points} points and {second} second deaths in {time.monotonic() - began:.0f} s, {broken} not survived"
    )
    return 1 if broken else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
