"""The daemon dies at every call of every scene, before it and after it, and starts again: the world is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.simulation.scenes import SCENES, Scene, Stage

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: a crash point opens three databases."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.parametrize("scene", [pytest.param(scene, id=scene.name.replace(" ", "-")) for scene in SCENES])
def test_a_death_at_any_point_changes_nothing(scene: Scene, folder: Path) -> None:
    with closing(Stage(scene, folder)) as stage:
        _enumerate(stage)


def _enumerate(stage: Stage) -> None:
    whole = stage.play()
    assert not whole.died_at
    assert (whole.parked, whole.problems) == (0, [])
    assert stage.play().view == whole.view, "the scene itself is not the same each time"
    for number, point in enumerate(whole.trail, start=1):
        played = stage.play(die_at=number, until=whole.view)
        assert played.died_at == (point,), f"point {number} was not hit"
        assert played.view == whole.view, f"after a death at point {number}, {point}"
        assert (played.parked, played.problems) == (0, []), f"after a death at point {number}, {point}"
