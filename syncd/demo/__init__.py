"""`syncd demo`: the whole scenario on a temporary state, against the sandbox systems, as real processes.

The story is told as a timeline while it happens; every claim at the end is read from the two servers, never from the
daemon. Exit code 0 when all of it holds, 1 with what went wrong otherwise.
"""

from __future__ import annotations


def main(*, as_json: bool, keep: bool) -> int:
    """Plays the scenario; 0 when every claim held. `keep` leaves everything running until Ctrl-C."""
    from syncd.demo.story import main as play

    return play(as_json=as_json, keep=keep)
