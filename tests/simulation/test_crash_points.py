"""The daemon dies at every call of every scene, before it and after it, and starts again: the world is the same.

Every point on a SQLite file, with the process gone or the power; some, the same each time, on PostgreSQL. `deaths` plays all of
them there too, and pairs.
"""

from __future__ import annotations

import pytest

from tests.simulation.deaths import every_death, on_files, on_postgres, sample, survives, whole
from tests.simulation.known_bad import KNOWN_BAD
from tests.simulation.scenes import SCENES
from tests.simulation.stage import Scene

each_scene = pytest.mark.parametrize(
    "scene", [pytest.param(scene, id=scene.name.replace(" ", "-")) for scene in SCENES]
)


@each_scene
def test_a_death_at_any_point_changes_nothing(scene: Scene) -> None:
    with on_files(scene) as stage:
        assert every_death(stage).failures == []


@each_scene
@pytest.mark.postgres
def test_a_death_on_postgresql_changes_nothing(scene: Scene, postgres: str) -> None:
    with on_postgres(scene, postgres) as stage:
        like = whole(stage)
        for number in sample(scene, like, 1):
            survives(stage, like, number)


@pytest.mark.parametrize("name", ["at most once", "note without look-up"])
def test_a_protocol_that_loses_or_doubles_does_not_survive(name: str) -> None:
    (bad,) = (one for one in KNOWN_BAD if one.name == name)
    with bad.planted() as variant, on_files(SCENES[0], variant) as stage:
        assert every_death(stage).failures
