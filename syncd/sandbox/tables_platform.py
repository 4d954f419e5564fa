"""Tables that every instance has: users, groups, properties, choices, journals, tasks, incidents, configuration items.

Called by `instance` when it builds a dictionary. Column lists are a useful part of the real ones, not all of them.
"""

from __future__ import annotations

from syncd.sandbox.dictionary import Dictionary


def define_platform(d: Dictionary) -> None:
    """The base system and IT service management."""
    _metadata(d)
    _people(d)
    _places(d)
    _bookkeeping(d)
    _tasks(d)
    _configuration(d)


def _metadata(d: Dictionary) -> None:
    d.define(
        "sys_metadata",
        "sys_class_name:class sys_name sys_package sys_scope sys_policy sys_update_name",
        label="Application File",
    )
    d.define(
        "sys_db_object",
        "name(80) label(80) super_class:ref(sys_db_object) is_extendable:bool access(40) number_ref(40)",
        extends="sys_metadata",
        label="Tables",
        display="label",
    )
    d.define(
        "sys_dictionary",
        "name(80) element(80) column_label(80) internal_type(40) reference(80) max_length:int active:bool=true"
        " mandatory:bool read_only:bool display:bool default_value choice:int primary:bool unique:bool array:bool comments(4000)",
        extends="sys_metadata",
        label="Dictionary Entry",
        display="element",
    )
    d.define(
        "sys_choice",
        "name(80) element(80) value(40) label(80) sequence:int inactive:bool language(3)=en dependent_value(40) hint",
        extends="sys_metadata",
        label="Choice",
        display="label",
    )
    d.define(
        "sys_script",
        "name(80) collection(80) active:bool=true when(40)=before order:int=100 action_insert:bool action_update:bool"
        " action_delete:bool action_query:bool abort_action:bool add_message:bool message(4000) condition(4000) filter_condition(4000)"
        " script(8000) advanced:bool description(4000)",
        extends="sys_metadata",
        label="Business Rule",
    )
    d.define(
        "sys_properties",
        "name(100) value(4000) description(4000) type(40)=string choices(4000) read_roles write_roles ignore_cache:bool"
        " private:bool suffix(100)",
        extends="sys_metadata",
        label="System Property",
    )
    d.define(
        "sys_user_role",
        "name(100) description(1000) grantable:bool=true",
        extends="sys_metadata",
        label="Role",
    )


def _people(d: Dictionary) -> None:
    d.define(
        "sys_user",
        "user_name(100) name(151) first_name(50) last_name(50) middle_name(50) title(60) email(100) phone(40) mobile_phone(40) home_phone(40)"
        " active:bool=true locked_out:bool user_password:password department:ref(cmn_department) location:ref(cmn_location)"
        " company:ref(core_company) manager:ref(sys_user) time_zone(40) preferred_language(3) date_format(40) time_format(40) roles vip:bool"
        " web_service_access_only:bool employee_number(40) gender(40) street city(40) state(40) zip(40) country(3) source"
        " last_login:date last_login_time:dt failed_attempts:int notification:int=2 sys_class_name:class sys_domain_path",
        label="User",
    )
    d.define(
        "sys_user_group",
        "name(80) description(1000) manager:ref(sys_user) parent:ref(sys_user_group) email(100) active:bool=true type cost_center"
        " default_assignee:ref(sys_user) include_members:bool exclude_manager:bool source roles",
        label="Group",
    )
    d.define(
        "sys_user_grmember",
        "user:ref(sys_user) group:ref(sys_user_group)",
        label="Group Member",
        display="user",
    )
    d.define(
        "sys_user_has_role",
        "user:ref(sys_user) role:ref(sys_user_role) granted_by:ref(sys_user_group) inherited:bool state(40)=active",
        label="User Role",
        display="role",
    )
    d.define(
        "sys_group_has_role",
        "group:ref(sys_user_group) role:ref(sys_user_role) granted_by:ref(sys_user_group) inherits:bool=true",
        label="Group Role",
        display="role",
    )
    d.define(
        "cmn_department",
        "name(100) id(40) description(1000) dept_head:ref(sys_user) company:ref(core_company)",
        label="Department",
    )


def _places(d: Dictionary) -> None:
    d.define(
        "cmn_location",
        "name(100) full_name(255) street city(50) state(50) zip(40) country(40) latitude:dec longitude:dec time_zone(40)"
        " parent:ref(cmn_location) company:ref(core_company) contact:ref(sys_user) phone(40) correlation_id(100) cmn_location_type(40)",
        label="Location",
    )
    d.define(
        "core_company",
        "sys_class_name:class name(80) street city(50) state(50) zip(40) country(40) phone(40) website customer:bool vendor:bool manufacturer:bool"
        " parent:ref(core_company) notes(4000) stock_symbol(40) correlation_id(100)",
        label="Company",
    )
    d.define(
        "customer_account",
        "number(40) account_code(40) account_parent:ref(customer_account) primary_contact:ref(customer_contact) partner:bool active:bool=true",
        extends="core_company",
        label="Account",
        prefix="ACCT",
        display="name",
    )
    d.define(
        "customer_contact",
        "account:ref(customer_account) title_text(60)",
        extends="sys_user",
        label="Contact",
        display="name",
    )
    d.define(
        "csm_consumer",
        "number(40) name(100) first_name(50) last_name(50) email(100) active:bool=true",
        label="Consumer",
        prefix="CNSR",
    )


def _bookkeeping(d: Dictionary) -> None:
    d.define(
        "sys_journal_field",
        "name(80) element(80) element_id(32) value(65000)",
        label="Journal Entry",
        display="value",
    )
    d.define(
        "sys_attachment",
        "file_name(100) content_type(255) table_name(80) table_sys_id(32) size_bytes:int size_compressed:int compressed:bool=true"
        " hash(64) state(40) average_image_color(40) image_width:int image_height:int encryption_context chunk_size_bytes:int",
        label="Attachment",
        display="file_name",
    )
    d.define(
        "sys_audit",
        "tablename(80) documentkey(32) fieldname(80) oldvalue(4000) newvalue(4000) record_checkpoint:int user(40) reason(255)",
        label="Audit",
        display="fieldname",
    )
    d.define(
        "sys_audit_delete",
        "tablename(80) documentkey(32) display_value(255) payload(65000) sys_domain_path",
        label="Deleted Record",
        display="display_value",
    )
    d.define(
        "syslog",
        "level(40) source(100) message(8000) type(40) sequence(40)",
        label="Log Entry",
        display="message",
    )
    d.define(
        "oauth_entity",
        "name(100) client_id(100) client_secret:password active:bool=true access_token_lifespan:int=1800"
        " refresh_token_lifespan:int=8640000 user:ref(sys_user)",
        label="Application Registry",
    )
    d.define(
        "sys_rate_limit_rules", "name(100) url request_limit:int active:bool=true", label="Rate Limit Rule"
    )
    d.define("bsm_chart", "name(100) description(1000) owner:ref(sys_user)", label="BSM Map")
    d.define(
        "sys_decision",
        "name(100) answer_table(80) active:bool=true status(40)",
        extends="sys_metadata",
        label="Decision Table",
    )
    d.define(
        "sys_decision_input",
        "model_id:ref(sys_decision) label(80) element(80) internal_type(40)",
        extends="sys_metadata",
    )
    d.define(
        "sys_decision_question",
        "decision_table:ref(sys_decision) condition(4000) order:int answer(32) default_answer:bool active:bool=true label(100)",
        extends="sys_metadata",
    )


def _tasks(d: Dictionary) -> None:
    d.define(
        "task",
        "sys_class_name:class sys_domain=global sys_domain_path=/ number(40) state:int=1? active:bool=true priority:int=4? impact:int=3? urgency:int=3?"
        " short_description(160) description(4000) work_notes:journal comments:journal opened_at:dt opened_by:ref(sys_user)"
        " closed_at:dt closed_by:ref(sys_user) close_notes(4000) assigned_to:ref(sys_user) assignment_group:ref(sys_user_group)"
        " parent:ref(task) company:ref(core_company) location:ref(cmn_location) cmdb_ci:ref(cmdb_ci) contact_type(40) approval(40)"
        " escalation:int=0? correlation_id(100) correlation_display(100) due_date:dt expected_start:dt work_start:dt work_end:dt"
        " order:int made_sla:bool=true knowledge:bool upon_approval(40) upon_reject(40) activity_due:dt follow_up:dt watch_list:list"
        " work_notes_list:list additional_assignee_list:list user_input(4000) delivery_plan delivery_task time_worked"
        " business_duration calendar_duration service_offering:ref(cmdb_ci) business_service:ref(cmdb_ci) sla_due:dt reassignment_count:int=0"
        " external_id(100) group_list:list",
        label="Task",
        prefix="TASK",
        display="number",
    )
    d.define(
        "incident",
        "caller_id:ref(sys_user) category(40)=inquiry subcategory(40) contact_type(40)=phone close_code(40) incident_state:int=1 severity:int=3?"
        " hold_reason:int? notify:int=1 problem_id:ref(problem) rfc:ref(change_request) caused_by:ref(change_request)"
        " parent_incident:ref(incident) child_incidents:int=0 reopen_count:int=0 reopened_by:ref(sys_user) reopened_time:dt"
        " resolved_at:dt resolved_by:ref(sys_user) business_impact(4000) calendar_stc:int business_stc:int",
        extends="task",
        label="Incident",
        prefix="INC",
    )
    d.define(
        "problem",
        "state:int=101? problem_state:int=101 known_error:bool cause_notes(4000) fix_notes(4000) workaround(4000) resolution_code(40)"
        " related_incidents:int=0 first_reported_by_task:ref(task) duplicate_of:ref(problem) confirmed_at:dt confirmed_by:ref(sys_user)"
        " fix_at:dt fix_by:ref(sys_user) resolved_at:dt resolved_by:ref(sys_user) rfc:ref(change_request) major_problem:bool category(40) subcategory(40)",
        extends="task",
        label="Problem",
        prefix="PRB",
    )
    d.define(
        "problem_task",
        "problem:ref(problem) problem_task_type(40)=general cause_notes(4000)",
        extends="task",
        prefix="PTASK",
    )
    d.define(
        "change_request",
        "state:int=-5? type(40)=normal category(40)=Other risk:int=4 requested_by:ref(sys_user) start_date:dt end_date:dt justification(4000)"
        " implementation_plan(4000) backout_plan(4000) test_plan(4000) risk_impact_analysis(4000) cab_required:bool"
        " outside_maintenance_schedule:bool on_hold:bool on_hold_reason(4000) phase(40)=requested phase_state(40)=open close_code(40)"
        " std_change_producer_version conflict_status(40) chg_model(32) reason(4000) scope:int=3 production_system:bool",
        extends="task",
        label="Change Request",
        prefix="CHG",
    )
    d.define(
        "change_task",
        "change_request:ref(change_request) change_task_type(40)=planning",
        extends="task",
        prefix="CTASK",
    )
    d.define(
        "sc_request",
        "requested_for:ref(sys_user) stage(40) request_state(40)",
        extends="task",
        label="Request",
        prefix="REQ",
    )
    d.define(
        "sc_req_item",
        "request:ref(sc_request) quantity:int=1 stage(40)",
        extends="task",
        label="Requested Item",
        prefix="RITM",
    )
    d.define(
        "sc_task",
        "request_item:ref(sc_req_item) request:ref(sc_request)",
        extends="task",
        label="Catalog Task",
        prefix="SCTASK",
    )
    d.define(
        "task_rel_task",
        "parent:ref(task) child:ref(task) type:ref(task_rel_type)",
        label="Task Relationship",
    )
    d.define(
        "task_rel_type",
        "name(100) parent_descriptor(40) child_descriptor(40)",
        label="Task Relationship Type",
    )


def _configuration(d: Dictionary) -> None:
    d.define(
        "cmdb",
        "sys_class_name:class name(255) asset_tag(40) serial_number(255) manufacturer:ref(core_company) location:ref(cmn_location)"
        " company:ref(core_company) assigned_to:ref(sys_user) owned_by:ref(sys_user) managed_by:ref(sys_user) model_id:ref(cmdb_model)"
        " install_status:int=1 install_date:dt cost:dec correlation_id(255)",
        label="Base Configuration Item",
    )
    d.define(
        "cmdb_ci",
        "ip_address(255) mac_address(18) fqdn(255) dns_domain(255) operational_status:int=1 environment(40) category(40) subcategory(40)"
        " short_description(1000) support_group:ref(sys_user_group) assignment_group:ref(sys_user_group) attributes(65000)"
        " discovery_source(40) first_discovered:dt last_discovered:dt monitor:bool unverified:bool comments(4000) can_print:bool",
        extends="cmdb",
        label="Configuration Item",
    )
    d.define(
        "cmdb_ci_hardware",
        "hardware_status(40)=installed default_gateway(50) hardware_substatus(40)",
        extends="cmdb_ci",
        label="Hardware",
    )
    d.define(
        "cmdb_ci_computer",
        "os(40) os_version(64) ram:int cpu_count:int cpu_core_count:int disk_space:dec",
        extends="cmdb_ci_hardware",
    )
    d.define(
        "cmdb_ci_server",
        "classification(40)=Production host_name(255) used_for(40) virtual:bool",
        extends="cmdb_ci_computer",
        label="Server",
    )
    d.define("cmdb_ci_linux_server", "kernel_release(100)", extends="cmdb_ci_server", label="Linux Server")
    d.define("cmdb_ci_win_server", "os_domain(100)", extends="cmdb_ci_server", label="Windows Server")
    d.define("cmdb_ci_netgear", "ports:int channels:int", extends="cmdb_ci_hardware", label="Network Gear")
    d.define("cmdb_ci_ip_switch", "", extends="cmdb_ci_netgear", label="IP Switch")
    d.define(
        "cmdb_ci_service",
        "busines_criticality(40) service_classification(40)",
        extends="cmdb_ci",
        label="Service",
    )
    d.define(
        "cmdb_rel_type", "name(100) parent_descriptor(40) child_descriptor(40)", label="CI Relationship Type"
    )
    d.define(
        "cmdb_rel_ci",
        "parent:ref(cmdb_ci) child:ref(cmdb_ci) type:ref(cmdb_rel_type)",
        label="CI Relationship",
    )
    d.define(
        "cmdb_model",
        "sys_class_name:class name(255) display_name(255) manufacturer:ref(core_company) model_number(40) status(40)",
        label="Product Model",
    )
    d.define(
        "alm_asset",
        "sys_class_name:class display_name(255) asset_tag(40) model:ref(cmdb_model) ci:ref(cmdb_ci)",
        display="display_name",
    )
