"""Field Service Management on ServiceNow: creating and cancelling work orders.

Made by `registry`, called by delivery through `syncd.dispatch`. Sends each write once and never looks before or after:
what an unclear answer means is decided there, by reading the id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.errors import Misconfigured
from connectors.servicenow import wire
from connectors.servicenow.audit import Audit
from connectors.servicenow.system import ServiceNowSystem
from mappings.model import Kind, Record

CANCELLED = "canceled"
"""The canonical state that a cancel writes."""


class ServiceNowFieldService(ServiceNowSystem):
    """Implements `connectors.ports.FieldService`."""

    def create_work_order(self, id: str, values: Mapping[str, str]) -> Record:
        """See `FieldService.create_work_order`. ServiceNow keeps a `sys_id` that the client chooses; where the profile says
        that it does not, none is sent."""
        spec, book = self._spec(Kind.WORK_ORDER)
        if not wire.is_id(id):
            raise Misconfigured("a chosen id must be 32 hexadecimal digits", system=self._api.system)
        columns = self._encoded(lambda: wire.encode_values(values, spec, book))
        chosen = {wire.ID: id} if self._profile.creates == "own_id" else {}
        answer = self._api.insert(spec.table, {**chosen, **columns}, columns=wire.columns_of(spec))
        return self._record_written(answer.row, spec)

    def history(
        self, kind: Kind, between: Sequence[tuple[Record, Record]], fields: Sequence[str]
    ) -> Mapping[str, tuple[Record, ...]]:
        """See `FieldService.history`; none where the profile does not say that the instance keeps one."""
        spec, book = self._spec(kind)
        if kind not in self._profile.history:
            return {}
        asked = ((before, after) for before, after in between if wire.is_id(after.id))
        return Audit(self._api, self._retries, spec, book).versions(tuple(asked), fields)

    def cancel_work_order(self, id: str, reason: str) -> Record:
        """See `FieldService.cancel_work_order`. State and reason travel in one request: one is refused without the other."""
        spec, book = self._spec(Kind.WORK_ORDER)
        self._check_id(Kind.WORK_ORDER, id)
        state = self._encoded(lambda: wire.stored_state(CANCELLED, spec, book))
        return self._patched(spec, id, {spec.state: state, self._profile.note_field: reason})
