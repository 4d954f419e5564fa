"""ServiceNow over its Table API: `order_management` and `field_service` on the shared base `system`."""
