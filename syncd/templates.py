"""The templates that decision tables name, looked up in field service when the daemon starts and when the tables change.

Called by `daemon`, and by `syncd check --remote`. A template that is not there stops nothing: the create that needs it
is parked when its time comes. But it is told now, before an order waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connectors.errors import Refused, RemoteError
from connectors.ports import FieldService
from mappings.decision_table import DecisionTable
from mappings.decisions import Policy
from mappings.field_map import TEMPLATE
from syncd.logs import Log

WHAT_NEXT = "make it in field service, or correct the table and reload; syncd check --remote says whether all are there"


def templates_of(tables: Iterable[DecisionTable]) -> dict[str, str]:
    """Every template that a table names, and the table that names it first."""
    found: dict[str, str] = {}
    for table in tables:
        rows = (*(rule.create for rule in table.rules), table.default)
        for creation in (creation for row in rows for creation in row):
            found.setdefault(creation.template, table.name)
    return found


def problem_with(fsm: FieldService, template: str) -> str:
    """Why no work order can be made from a template, "" when one can. Raises the errors of a read."""
    try:
        found = fsm.resolve(TEMPLATE, "name", template)
    except Refused as error:
        return error.reason
    return "" if found is not None else "field service has no template of that name"


class Templates:
    """Looks each name up once per process."""

    def __init__(self, fsm: FieldService, policy: Callable[[], Policy], log: Log) -> None:
        self._fsm = fsm
        self._policy = policy
        self._log = log
        self._looked_up: set[str] = set()

    def look(self) -> None:
        """Tells which of those that were not looked up yet are not there. What fails is tried again by the next call."""
        for template, table in templates_of(self._policy().tables).items():
            if template in self._looked_up:
                continue
            try:
                problem = problem_with(self._fsm, template)
            except RemoteError:
                return  # the feeds tell that field service is away
            self._looked_up.add(template)
            if problem:
                self._log.event(
                    "template.missing", template=template, table=table, reason=problem, next=WHAT_NEXT
                )
