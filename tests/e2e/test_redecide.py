"""`syncd redecide` beside a running daemon, on real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAME = "by specification"
TABLE = """[table]
name = "by specification"
applies_to = "domain_order"
hit_policy = "all"

[[rule]]
id = "router"
when = { specification = "Managed Router" }
create = [{ template = "Router Staging" }]
"""


def test_an_edited_table_is_asked_again_on_a_persons_word(make_site: Any, tmp_path: Path) -> None:
    table = tmp_path / "table.toml"
    table.write_text(TABLE, encoding="utf-8")
    site = make_site(tmp_path, {}, more=f'[tables]\ndomain_order = ["{table}"]\norder_task = []\n')
    site.approve()
    site.wait_for("its work order", lambda: len(site.sandbox.rows("fsm", "wm_order")) == 1)
    site.wait_for("its note", lambda: site.events("note.written"))
    table.write_text(
        TABLE + '\n[[rule]]\nid = "fiber"\nwhen = { specification = "Fiber Access" }\n'
        'create = [{ template = "Fiber Installation" }]\n',
        encoding="utf-8",
    )
    asked = ("redecide", "--table", NAME, "--since", "2020-01-01")
    planned = site.ground.verb(*asked, "--plan")
    assert (planned.returncode, "1 create work order" in planned.stdout) == (4, True), planned.stderr
    assert site.ground.verb("redecide", "--table", "none", "--since", "2020-01-01").returncode == 2
    done = site.ground.verb(*asked)
    assert done.returncode == 0, done.stderr
    site.wait_for("the second work order", lambda: len(site.sandbox.rows("fsm", "wm_order")) == 2)
    assert site.ground.verb(*asked, "--plan").returncode == 0
