"""Order Management on ServiceNow: orders, lines, domain orders and order tasks.

Made by `registry`, called by the lanes. Everything it does is shared with the other side, so it lives in `system`;
writing to a child class (product, service, resource order) goes through the table of the parent.
"""

from __future__ import annotations

from connectors.servicenow.system import ServiceNowSystem


class ServiceNowOrderManagement(ServiceNowSystem):
    """Implements `connectors.ports.OrderManagement`."""
