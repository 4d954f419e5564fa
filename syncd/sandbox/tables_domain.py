"""Tables of Order Management and Field Service, with the columns that the reference names.

Called by `instance`. An instance of Order Management alone has no work orders, one of Field Service alone no orders; a
shared instance has both.
"""

from __future__ import annotations

from syncd.sandbox.dictionary import Dictionary

ORDER = "sn_ind_tmt_orm_order"
ORDER_LINE = "sn_ind_tmt_orm_order_line_item"
DOMAIN_ORDER = "sn_ind_tmt_orm_domain_order"
PRODUCT_ORDER = "sn_ind_tmt_orm_product_order"
SERVICE_ORDER = "sn_ind_tmt_orm_service_order"
RESOURCE_ORDER = "sn_ind_tmt_orm_resource_order"
ORDER_TASK = "sn_ind_tmt_orm_order_task"
SPECIFICATION = "sn_prd_pm_specification"
CHARACTERISTIC = "sn_ind_tmt_orm_order_characteristic_value"
INFLIGHT_CHANGE = "sn_ind_tmt_orm_inflight_order_line_item_change"
FALLOUT = "sn_fallout_mgmt_fallout"
WORK_ORDER = "wm_order"
WORK_TASK = "wm_task"
WORK_TEMPLATE = "cmdb_workorder_product_model"
TASK_TEMPLATE = "cmdb_servicetask_product_model"

_PARTIES = "account:ref(customer_account) contact:ref(customer_contact) consumer:ref(csm_consumer)"
_PROMISES = "expected_start_date:dt expected_end_date:dt committed_due_date:dt"


def define_order_management(d: Dictionary) -> None:
    d.define(
        SPECIFICATION,
        "sys_class_name:class name(100) specification_category(40) status(40)=published",
        label="Specification",
    )
    d.define(
        ORDER,
        f"{_PARTIES} {_PROMISES} state(40)=draft? priority:int? order_type(40)=product? order_date:dt version:int=1 revision_operation(40)?"
        " ponr:bool fulfillment_type(40)=deliver external_id(100) channel(40) external_system(100)",
        extends="task",
        label="Customer Order",
        prefix="ORD",
    )
    d.define(
        ORDER_LINE,
        f"{_PARTIES} {_PROMISES} order:ref({ORDER}) parent_line_item:ref({ORDER_LINE}) product_specification:ref({SPECIFICATION})"
        f" service_specification:ref({SPECIFICATION}) product_offering:ref({SPECIFICATION}) action(40)=add? action_reason(100) quantity:int=1"
        " state(40)=draft? priority:int? ponr:bool version:int=1 revision_operation(40)? external_id(100) external_inventory_id(100)"
        " mrc:dec nrc:dec order_type(40) planned_start_date:dt planned_end_date:dt u_moved_from:ref(cmn_location)",
        extends="task",
        label="Order Line Item",
        prefix="ORDL",
    )
    d.define(
        DOMAIN_ORDER,
        f"{_PARTIES} {_PROMISES} order:ref({ORDER}) order_line_item:ref({ORDER_LINE}) parent:ref({DOMAIN_ORDER}) state(40)=draft? priority:int?"
        f" action(40)=add? specification:ref({SPECIFICATION}) quantity:int=1 version:int=1 ponr:bool product_inventory(32) result(40)"
        " unavailability_reason u_closure_request(40) u_field_work(40) u_work_orders(4000)",
        extends="task",
        label="Domain Order",
        prefix="DO",
    )
    d.define(PRODUCT_ORDER, "", extends=DOMAIN_ORDER, label="Product Order", prefix="PO")
    d.define(SERVICE_ORDER, "", extends=DOMAIN_ORDER, label="Service Order", prefix="SO")
    d.define(RESOURCE_ORDER, "", extends=DOMAIN_ORDER, label="Resource Order", prefix="RO")
    d.define(
        ORDER_TASK,
        f"{_PARTIES} {_PROMISES} order:ref({DOMAIN_ORDER}) task_type(40) request_type(40) state:int=1? priority:int? u_closure_request(40) u_work_orders(4000)",
        extends="task",
        label="Order Task",
        prefix="OMTASK",
    )
    d.define("sn_ind_tmt_orm_mobile_order_task", "", extends=ORDER_TASK, label="Mobile Order Task")
    d.define(
        CHARACTERISTIC,
        f"order_line_item:ref({ORDER_LINE}) domain_order:ref({DOMAIN_ORDER}) characteristics(100) characteristic_option_value(255)"
        " previous_characteristic_option_value(255)",
        label="Order Characteristic Value",
        display="characteristics",
    )
    d.define(
        "sn_ind_tmt_orm_order_line_item_contact",
        f"order_line_item:ref({ORDER_LINE}) first_name(50) last_name(50) email(100) business_phone(40)",
        label="Order Line Contact",
        display="email",
    )
    d.define(
        "sn_ind_tmt_orm_order_line_related_items",
        f"order_line_item:ref({ORDER_LINE}) relationship_type(100) related_item(255)",
        label="Order Line Related Item",
        display="relationship_type",
    )
    d.define(
        INFLIGHT_CHANGE,
        f"order_line_item:ref({ORDER_LINE}) line_version:int change_type(40)",
        label="Inflight Change",
        display="change_type",
    )
    d.define(
        FALLOUT,
        "source:ref(task) fallout_type(40) reason(4000)",
        extends="task",
        label="Fallout",
        prefix="FO",
    )


def define_field_service(d: Dictionary) -> None:
    d.define(
        WORK_TEMPLATE,
        "short_description(160) description(4000) priority:int? billable:bool qualification_group:ref(sys_user_group) active:bool=true",
        extends="cmdb_model",
        label="Work Order Template",
    )
    d.define(
        TASK_TEMPLATE,
        f"work_order_model:ref({WORK_TEMPLATE}) short_description(160) description(4000) order:int work_type(40) estimated_work_duration(40) active:bool=true",
        extends="cmdb_model",
        label="Work Order Task Template",
    )
    d.define(
        "sm_order",
        f"{_PARTIES} caller:ref(sys_user) partner:ref(customer_account) asset:ref(alm_asset) initiated_from:ref(task) template:ref({WORK_TEMPLATE})"
        " qualification_group:ref(sys_user_group) billable:bool requested_due_by:dt estimated_end:dt vendor:ref(core_company)"
        " vendor_reference(100) request_type(40)",
        extends="task",
        label="Service Order",
    )
    d.define(WORK_ORDER, "state:int=1? priority:int?", extends="sm_order", label="Work Order", prefix="WO")
    d.define(
        "sm_task",
        f"template:ref({TASK_TEMPLATE}) sub_state(40) dispatch_group:ref(sys_user_group) window_start:dt window_end:dt is_fixed_window:bool"
        " estimated_end:dt estimated_work_duration(40) estimated_travel_duration(40) skills:list work_type(40) acceptance_due:dt"
        f" account:ref(customer_account) asset:ref(alm_asset) u_follow_on_of:ref({WORK_TASK})",
        extends="task",
        label="Service Task",
    )
    d.define(
        WORK_TASK,
        f"state:int=1? parent:ref({WORK_ORDER}) priority:int?",
        extends="sm_task",
        label="Work Order Task",
        prefix="WOT",
    )
