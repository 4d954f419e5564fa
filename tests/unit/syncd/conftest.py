"""A folder with a config that is right, and ways to read variations of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncd import logs
from syncd.config import Config, load_config


@pytest.fixture(autouse=True)
def closed_log() -> Iterator[None]:
    """A test may open the log; afterwards it is closed and the libraries are left alone."""
    yield
    logs._output = None
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, logs._Bridge)]


RIGHT = """\
[order_management]
id = "om-test"
url = "http://127.0.0.1:8001"
profile = "servicenow-om"
username = "syncd"
password = { env = "OM_PASSWORD" }

[field_service]
id = "fsm-test"
url = "http://127.0.0.1:8002"
profile = "servicenow-fsm"
username = "syncd"
password = { env = "FSM_PASSWORD" }

[tables]
domain_order = ["domain.toml"]
order_task = ["task.toml"]
"""

DOMAIN_TABLE = """\
[table]
name = "Work orders for domain orders"
applies_to = "domain_order"

[[rule]]
id = "install-fiber"
when = { specification = "Fiber Access", action = "add" }
create = [ { template = "Fiber Installation" } ]

[[rule]]
id = "remove-fiber"
when = { specification = "Fiber Access", action = "disconnect" }
create = [ { template = "Fiber Removal" }, { template = "Site Check", values = { priority = "4" } } ]
"""

TASK_TABLE = """\
[table]
name = "Work orders for order tasks"
applies_to = "order_task"

[[rule]]
id = "survey"
when = { request_type = "survey" }
create = [ { template = "Site Survey" } ]
"""


@dataclass
class ConfigFolder:
    """A folder with `config.toml`, its tables, and the environment it is read in."""

    path: Path
    environ: dict[str, str] = field(
        default_factory=lambda: {"OM_PASSWORD": "om-geheim", "FSM_PASSWORD": "fsm-geheim"}
    )

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    def write(self, name: str, text: str) -> Path:
        target = self.path / name
        target.write_text(text, encoding="utf-8")
        return target

    def change(self, old: str, new: str) -> None:
        """Replaces a piece of the config."""
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        self.write("config.toml", text.replace(old, new, 1))

    def add(self, text: str) -> None:
        """Adds to the end of the config."""
        self.write("config.toml", self.config.read_text(encoding="utf-8") + text)

    def load(self) -> Config:
        """The config, which has to be right."""
        config, problems = load_config(self.config, self.environ)
        assert config is not None, problems
        return config

    def problems(self, *, need_secrets: bool = True) -> list[str]:
        """What is wrong, without the folder."""
        _, found = load_config(self.config, self.environ, need_secrets=need_secrets)
        return [str(problem).removeprefix(f"{self.path}/") for problem in found]


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    made = ConfigFolder(tmp_path)
    made.write("config.toml", RIGHT)
    made.write("domain.toml", DOMAIN_TABLE)
    made.write("task.toml", TASK_TABLE)
    return made


@pytest.fixture
def problems_of(folder: ConfigFolder) -> Callable[[str, str], list[str]]:
    """The problems of the right config after one change."""

    def changed(old: str, new: str) -> list[str]:
        folder.change(old, new)
        return folder.problems()

    return changed
