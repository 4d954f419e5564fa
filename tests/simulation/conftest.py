"""The PostgreSQL server on which scenes are played."""

from tests.postgres import postgres

__all__ = ["postgres"]
