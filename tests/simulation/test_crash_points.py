"""The daemon dies at every call of every scene, before it and after it, and starts again: the world is the same.

Every point on a SQLite file; some, the same each time, by power loss and on PostgreSQL. `deaths` plays all of them there
too, and pairs.
"""

from __future__ import annotations

import pytest

from tests.simulation.deaths import on_files, on_mains, on_postgres, sample, survives, whole
from tests.simulation.scenes import SCENES
from tests.simulation.stage import Scene

each_scene = pytest.mark.parametrize(
    "scene", [pytest.param(scene, id=scene.name.replace(" ", "-")) for scene in SCENES]
)


@each_scene
def test_a_death_at_any_point_changes_nothing(scene: Scene) -> None:
    with on_files(scene) as stage:
        like = whole(stage)
        assert stage.play().view == like.view, "the scene itself is not the same each time"
        for number in range(1, len(like.trail) + 1):
            survives(stage, like, number)


@each_scene
def test_a_power_loss_changes_nothing(scene: Scene) -> None:
    with on_mains(scene) as stage:
        like = whole(stage)
        for number in sample(scene, like, 2):
            survives(stage, like, number)


@each_scene
@pytest.mark.postgres
def test_a_death_on_postgresql_changes_nothing(scene: Scene, postgres: str) -> None:
    with on_postgres(scene, postgres) as stage:
        like = whole(stage)
        for number in sample(scene, like, 1):
            survives(stage, like, number)
