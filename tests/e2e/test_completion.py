"""`syncd completion` in the shell that it is for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BEGUN = """
eval "$(syncd completion bash)"
COMP_WORDS=(syncd sta) COMP_CWORD=1 COMP_LINE="syncd sta"
_syncd_completion syncd
echo "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_a_verb_that_was_begun() -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", BEGUN],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"status", "state"} <= set(done.stdout.split())
