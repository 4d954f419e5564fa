"""What is handed out: units that systemd accepts and finds tight, and documents that never lag behind the code."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from syncd.cli import invoke
from syncd.files import MEANINGS, PROGRAM, content

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not here (Debian: apt install systemd)",
)
FILTER = "syncd.service.d/address-filter.conf"


@pytest.fixture
def handed_out(tmp_path: Path) -> Path:
    """All files as an operator gets them; the program is one that exists."""
    assert invoke(["files", "write", str(tmp_path), "--program", "/bin/true"]) == 0
    return tmp_path


def exposure(unit: Path) -> float:
    command = ["systemd-analyze", "security", "--offline=true", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert match is not None, said.stdout + said.stderr
    return float(match[1])


@needs_systemd
@pytest.mark.parametrize("unit", ["syncd.service", "syncd@.service"])
def test_systemd_accepts_the_units(handed_out, unit):
    path = handed_out / unit.replace("@.", "@north.")
    if not path.exists():
        (handed_out / unit).rename(path)
    said = subprocess.run(
        ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", ["syncd.service", "syncd@.service"])
def test_a_unit_as_shipped_is_hardly_exposed(handed_out, unit):
    (handed_out / FILTER).unlink()
    assert exposure(handed_out / unit) <= 1.3


@needs_systemd
def test_with_the_address_filter_it_is_exposed_less(handed_out):
    text = (handed_out / FILTER).read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line.startswith("IP")], "shipped without effect"
    (handed_out / FILTER).write_text(text.replace("#IP", "IP"), encoding="utf-8")
    assert exposure(handed_out / "syncd.service") <= 1.0


def test_the_template_differs_by_its_instance_only(handed_out):
    def plain(name):
        lines = (handed_out / name).read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not line.startswith("#")]

    one, many = plain("syncd.service"), plain("syncd@.service")
    assert len(one) == len(many)
    for line, other in zip(one, many, strict=True):
        if line != other:
            assert "%i" in other
            assert re.sub(r"[-/ ]%i", "", other) == line.replace("/config.toml", ".toml") or "config" in line


def test_files_that_are_there_are_kept(handed_out, capsys):
    (handed_out / "syncd.service").write_text("mine", encoding="utf-8")
    assert invoke(["files", "write", str(handed_out)]) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert (handed_out / "syncd.service").read_text(encoding="utf-8") == "mine"
    assert invoke(["files", "write", str(handed_out), "syncd.service", "--force"]) == 0
    assert PROGRAM not in (handed_out / "syncd.service").read_text(encoding="utf-8")


def test_a_dry_run_writes_nothing(tmp_path, capsys):
    assert invoke(["files", "write", str(tmp_path / "new"), "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would write") == len(MEANINGS)
    assert not (tmp_path / "new").exists()


def test_a_name_that_is_not_handed_out_is_refused(tmp_path, capsys):
    assert invoke(["files", "write", str(tmp_path), "syncd.socket"]) == 2
    assert "syncd files list" in capsys.readouterr().err


def test_every_packaged_file_is_listed_and_every_listed_one_can_be_had():
    folder = resources.files("syncd.files")
    packaged = {f.name for f in folder.iterdir() if f.name.endswith(".service")}
    packaged |= {f"syncd.service.d/{f.name}" for f in (folder / "syncd.service.d").iterdir()}
    assert packaged <= set(MEANINGS)
    assert all(content(name, "/opt/syncd/bin/syncd") for name in MEANINGS)
