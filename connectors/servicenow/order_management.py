"""Order Management on ServiceNow: orders, lines, domain orders and order tasks.

Made by `registry`, called by the lanes. Everything it does is shared with the other side, so it lives in `system`;
writing to a child class (product, service, resource order) goes through the table of the parent.
"""

from __future__ import annotations

from functools import cached_property

from connectors.errors import Refused
from connectors.ports import Relation
from connectors.servicenow.relations import Relations
from connectors.servicenow.system import ServiceNowSystem


class ServiceNowOrderManagement(ServiceNowSystem):
    """Implements `connectors.ports.OrderManagement`."""

    def related(self, relation: Relation) -> bool:
        """See `OrderManagement.related`."""
        return self._relations.stands(relation)

    def relate(self, relation: Relation) -> None:
        """See `OrderManagement.relate`. ServiceNow keeps a `sys_id` that the client chooses."""
        self._relations.make(relation)

    @cached_property
    def _relations(self) -> Relations:
        if self._profile.relation is None:
            reason = f"profile {self._profile.name} has no [relation]"
            raise Refused(reason, reason=reason, system=self._api.system)
        return Relations(self._api, self._retries, self._profile.relation)
