"""`syncd explain`: everything that is known of one order, line, domain order, order task or work order.

Called by `syncd.cli.explain`. What was seen, decided, sent and answered comes from the state; what hinders now is asked of
the same rules that decide. Reads only; a number that the state does not know is looked up in the remote systems.
"""

from __future__ import annotations

from syncd.explain.known import explain
from syncd.explain.page import as_html
from syncd.explain.story import Explanation
from syncd.explain.told import as_json, as_text
from syncd.explain.unknown import Asked, look_up

__all__ = ["Asked", "Explanation", "as_html", "as_json", "as_text", "explain", "look_up"]
