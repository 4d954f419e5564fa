"""`syncd ctl` gives a verb the user, state and credentials of the service, as systemd tells them.

systemd's own tools are stood in for by scripts: what they are asked is what matters here. The real ones are asked by
`make systemd-test`.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from syncd.cli import invoke

SHOWN = """\
User=syncd
DynamicUser=yes
StateDirectory=syncd
StateDirectoryMode=0700
UMask=0077
Id=syncd@north.service
Environment=
EnvironmentFiles=/etc/syncd/env (ignore_errors=yes)
ExecStart={ path=/opt/syncd/bin/syncd ; argv[]=/opt/syncd/bin/syncd run --config /etc/syncd/config.toml ; ignore_errors=no }
LoadState=loaded
"""


UNIT = """\
# /etc/systemd/system/syncd@.service
[Service]
LoadCredential=old:/gone
# /etc/systemd/system/syncd@.service.d/ours.conf
[Service]
LoadCredential=
LoadCredential=om-password:/etc/syncd/credentials/%i/om-password
LoadCredential=fsm-password:/etc/syncd/credentials/%i/fsm-password
"""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a `systemctl` in front that shows this."""

    def stands_for(shown: str, code: int = 0) -> None:
        script = tmp_path / "systemctl"
        text = f"#!/bin/sh\n[ $1 = cat ] && cat <<'END' && exit 0\n{UNIT}END\ncat <<'END'\n{shown}END\nexit {code}\n"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.delenv("TERM", raising=False)
        monkeypatch.delenv("LANG", raising=False)

    return stands_for


def asked(capsys, *words):
    assert invoke(["ctl", "--dry-run", *words]) == 0
    return shlex.split(capsys.readouterr().out)


def test_a_verb_is_run_with_everything_that_the_service_has(systemd, capsys):
    systemd(SHOWN)
    line = asked(capsys, "quarantine", "retry", "PO0001042", "--json")
    assert line[0] == "systemd-run"
    assert {"--wait", "--pipe", "--collect", "--setenv=SYNCD_CONFIG=/etc/syncd/config.toml"} <= set(line)
    assert [word.removeprefix("--property=") for word in line if word.startswith("--property=")] == [
        "User=syncd",
        "DynamicUser=yes",
        "StateDirectory=syncd",
        "StateDirectoryMode=0700",
        "UMask=0077",
        "EnvironmentFile=-/etc/syncd/env",
        "LoadCredential=om-password:/etc/syncd/credentials/north/om-password",
        "LoadCredential=fsm-password:/etc/syncd/credentials/north/fsm-password",
    ]
    assert line[line.index("--") + 1 :] == [
        "/opt/syncd/bin/syncd",
        "quarantine",
        "retry",
        "PO0001042",
        "--json",
    ]


def test_a_unit_that_is_not_there_is_named(systemd, capsys):
    systemd("LoadState=not-found\n")
    assert invoke(["ctl", "--unit", "syncd@north.service", "status"]) == 1
    assert "no unit syncd@north.service" in capsys.readouterr().err


def test_a_machine_without_systemd_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert invoke(["ctl", "status"]) == 1
    assert "where systemd runs the service" in capsys.readouterr().err


def test_a_machine_that_systemd_has_not_booted_says_so(systemd, capsys):
    systemd("", code=1)
    assert invoke(["ctl", "status"]) == 1
    assert "where systemd runs the service" in capsys.readouterr().err


def test_ctl_alone_is_a_usage_error(capsys):
    assert invoke(["ctl"]) == 2
