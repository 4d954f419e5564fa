"""What a write to field service refers to, looked up there just before it is sent; and what the server dropped of it.

Called by `dispatch` on a worker thread. Reads, never writes.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.errors import Refused
from connectors.ports import FieldService
from mappings.effects import Effect, Reference
from mappings.field_map import UNMAPPED
from mappings.model import Record
from syncd.logs import Log


class Resolver:
    """Looks references up. Safe on any number of threads."""

    def __init__(self, fsm: FieldService, log: Log) -> None:
        self._fsm = fsm
        self._log = log

    def resolved(self, effect: Effect) -> tuple[dict[str, str], tuple[str, ...], str]:
        """The values to send with their references looked up in FSM, those that were not found, or why none is sent."""
        values, unresolved = dict(effect.values), []
        for field, reference in sorted(effect.references.items()):
            id = self._looked_up(reference)
            if id is not None:
                values[field] = id
            elif reference.required:
                absent = f'no {reference.entity} with {reference.match} "{reference.value}" in field service'
                return {}, (), absent
            else:
                unresolved.append(field)
                self._log.event(
                    "reference.unresolved",
                    field=field,
                    entity=reference.entity,
                    match=reference.match,
                    subject=effect.subject,
                )
        return values, tuple(unresolved), ""

    def _looked_up(self, reference: Reference) -> str | None:
        """None also where several have that name: any of them would be a guess."""
        if reference.match == UNMAPPED:
            return None
        try:
            return self._fsm.resolve(reference.entity, reference.match, reference.value)
        except Refused:
            if reference.required:
                raise
            return None

    def report_dropped(self, effect: Effect, record: Record, sent: Mapping[str, str]) -> None:
        dropped = sorted(
            name for name, value in sent.items() if name in record.fields and record.get(name) != value
        )
        if dropped:
            self._log.event("field.dropped", work_order=record.id, fields=dropped, key=effect.key)
