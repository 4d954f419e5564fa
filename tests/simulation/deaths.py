"""Deaths by the number: `python -m tests.simulation.deaths --pairs --jobs 2` plays every point of every scene.

On SQLite, where a process may be gone or the power, and on PostgreSQL; with `--pairs` each recovery on SQLite dies at every
point of its own too. Prints how many points there are and what did not survive; ends with 1 when something did not. The tests
use the same functions.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.postgres import binaries, started
from tests.simulation.cuts import Cuts, Left
from tests.simulation.lives import Variant, as_built
from tests.simulation.places import Databases, Mains
from tests.simulation.power import Disk
from tests.simulation.scenes import SCENES
from tests.simulation.stage import Played, Scene, Stage

MEMORY = Path("/dev/shm")


@contextmanager
def folder() -> Iterator[Path]:
    """In memory where there is such a place: a crash point opens three databases."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@contextmanager
def on_files(scene: Scene, variant: Variant = as_built) -> Iterator[Stage]:
    """Each death is one of a process, or a power loss."""
    with (
        folder() as where,
        Disk().mounted() as disk,
        closing(Stage(scene, Mains(where, disk), variant)) as stage,
    ):
        yield stage


@contextmanager
def on_postgres(scene: Scene, server: str) -> Iterator[Stage]:
    with closing(Stage(scene, Databases(server))) as stage:
        yield stage


def whole(stage: Stage, cuts: Cuts | None = None) -> Played:
    """The world without a death: what every other playing must come to."""
    played = stage.play(cuts=cuts)
    assert not played.died_at
    assert (played.parked, played.problems) == (0, [])
    return played


def survives(stage: Stage, like: Played, die_at: int) -> None:
    """One death, and the same world. Fails where the point was not hit."""
    _restarts(stage, like, die_at, f"a death at {_point(like.trail, die_at)}")


def sample(scene: Scene, like: Played, count: int) -> list[int]:
    """Some points of a scene, the same each time."""
    return sorted(Random(scene.name).sample(range(1, len(like.trail) + 1), min(count, len(like.trail))))


def _restarts(
    stage: Stage,
    like: Played,
    start: Left | int,
    after: str,
    again: int | None = None,
    cuts: Cuts | None = None,
) -> None:
    """From what a death has left, or from a death at a point, over another one in the recovery: the same world."""
    if isinstance(start, Left):
        played = stage.recover(start, like, again, cuts)
    else:
        played = stage.play(start, again, like, cuts)
        assert played.died_at[:1] == (like.trail[start - 1],), f"the point was not hit: {after}"
    assert again is None or len(played.died_at) == 1 + isinstance(start, int), f"not hit: {after}"
    assert played.view == like.view, f"another world after {after}"
    assert (played.parked, played.problems) == (0, []), f"after {after}"


def _with_and_without_power(place: Mains, act: Callable[[], None]) -> None:
    for place.fails in (False, True):
        act()


def _point(trail: Sequence[str], number: int) -> str:
    return f"point {number}, {trail[number - 1]}"


# -- all of them -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Told:
    """How many points there are, and second deaths in their recoveries; what was not survived."""

    points: int
    second: int = 0
    failures: list[str] = field(default_factory=list)

    def hear(self, act: Callable[[], None]) -> None:
        try:
            act()
        except AssertionError as error:
            self.failures.append(str(error).partition("\n")[0])


def every_death(stage: Stage, *, pairs: bool = False) -> Told:
    """A process, or the power, is gone at every point of a scene; with `pairs` once more at every point of each recovery,
    but of those after a point where a request is on its way."""
    place = stage.place
    assert isinstance(place, Mains)
    like, cuts = whole(stage), Cuts(place)
    assert whole(stage, cuts).view == like.view, "the scene itself is not the same each time"
    assert cuts.trail == like.trail, "the scene itself is not the same each time"
    told = Told(len(like.trail))
    for left, points in cuts.found:
        after = f"a death at {_point(like.trail, points[0])}"
        recovery = Cuts(place) if pairs else None
        told.hear(partial(_restarts, stage, like, left, after, cuts=recovery))
        if recovery is not None:
            told.second += len(points) * len(recovery.trail)
            _second_deaths(stage, like, left, after, recovery, told)
    for point in cuts.alone:
        after = f"a death at {_point(like.trail, point)}"
        told.hear(partial(_with_and_without_power, place, partial(_restarts, stage, like, point, after)))
    return told


def _second_deaths(stage: Stage, like: Played, left: Left, after: str, recovery: Cuts, told: Told) -> None:
    assert isinstance(stage.place, Mains)
    for second, points in recovery.found:
        twice = f"{after}, and at {_point(recovery.trail, points[0])} of its recovery"
        told.hear(partial(_restarts, stage, like, second, twice))
    for point in recovery.alone:
        twice = f"{after}, and at {_point(recovery.trail, point)} of its recovery"
        act = partial(_restarts, stage, like, left, twice, point)
        told.hear(partial(_with_and_without_power, stage.place, act))


def _all(where: str, name: str, pairs: bool, server: str) -> tuple[str, str, Told]:
    """Every point of a scene at a place."""
    scene = next(one for one in SCENES if one.name == name)
    if where == "SQLite":
        with on_files(scene) as stage:
            return where, name, every_death(stage, pairs=pairs)
    with on_postgres(scene, server) as stage:
        like = whole(stage)
        told = Told(len(like.trail))
        for number in range(1, told.points + 1):
            told.hear(partial(survives, stage, like, number))
        return where, name, told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.deaths", description=__doc__)
    parser.add_argument(
        "--pairs", action="store_true", help="another death at every point of each recovery, on SQLite"
    )
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
            for where in ("SQLite", "PostgreSQL")
            for scene in SCENES
            if args.only in scene.name
        ]
        for future in work:
            where, name, told = future.result()
            points, second, broken = points + told.points, second + told.second, broken + len(told.failures)
            _say(
                f"{where:10} {name:24} {told.points:4} points, {told.second} second deaths, "
                f"{len(told.failures)} not survived"
            )
            for failure in told.failures:
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
