"""What happens in this process, for who counts it. `Meters` is told of every cycle, request and retry; by itself it forgets.

Made by `wiring`; `metrics` has the one that Prometheus reads. Here, so that nothing is imported where nobody counts.
"""

from __future__ import annotations

from connectors.http import RequestSeen


class Meters:
    """Counts nothing."""

    def cycle(self, lane: str, system: str, outcome: str, seconds: float, effects: dict[str, int]) -> None:
        """A turn of a lane has ended; `effects` are those that it carried out, by kind."""

    def request(self, request: RequestSeen) -> None:
        """An exchange has ended, well or not."""

    def retry(self, seconds: float) -> None:
        """A read is tried again after so long."""

    def reloaded(self, *, taken: bool) -> None:
        """A reload was asked for."""
