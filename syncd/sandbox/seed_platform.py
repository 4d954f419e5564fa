"""The demo people and records of the base platform: what clients of incident and problem tables find on any instance.

Called by `seed`. The few fixed ids are those that every new instance of the platform has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance

ADMIN_ID = "6816f79cc0a8016401c5a33be04be441"
ADMIN_ROLE_ID = "2831a114c611228501d4ea6c309d626d"
_FINANCE_ID, _FINANCE_HEAD_ID = "a581ab703710200044e0bfc8bcbe5de8", "46c5bf6ca9fe1981010713e3ac7d3384"
_PROBLEM_ADMIN_ID = "26fbff173b331300ad3cc9bb34efc4bd"

_PEOPLE = (
    "Abel Tuter", "Abraham Lincoln", "Adela Cervantsz", "Alejandra Prenatt", "Allan Schwantd", "Andrew Och", "Annabelle Coger",
    "Beth Anglin", "Bow Ruggeri", "Bud Richman", "Byron Fortuna", "Carol Coughlin", "Charlie Whitherspoon", "David Loo",
    "Don Goodliffe", "Eric Schroeder", "Fred Luddy", "Howard Johnson", "Joe Employee", "Luke Wilson",
)  # fmt: skip
_ADMINS = 12
_MOBILE = 6
_GROUPS = (
    "Network",
    "Hardware",
    "Software",
    "Database",
    "Service Desk",
    "Change Management",
    "Problem Solving",
    "CAB Approval",
)
_ROLES = (
    "itil",
    "itil_admin",
    "user_admin",
    "catalog_admin",
    "wm_dispatcher",
    "wm_agent",
    "wm_admin",
    "snc_read_only",
    "rest_service",
)
_GROUP_ROLES = (("Network", "admin"), ("Hardware", "itil"), ("Software", "itil_admin"), ("Database", "catalog_admin"),
                ("Service Desk", "user_admin"), ("Change Management", "itil"))  # fmt: skip
_SERVICE_USERS = (
    ("syncd.integration", "Integration User", ("admin",)),
    ("readonly.integration", "Read Only Integration", ("snc_read_only",)),
    ("order.agent", "Olga Agent", ("itil",)),
    ("fulfilment.manager", "Frank Manager", ("itil",)),
    ("field.dispatcher", "Dora Dispatcher", ("wm_dispatcher",)),
    ("field.agent", "Felix Agent", ("wm_agent",)),
)
_RELATION_TYPES = (
    ("Contains::Task of", "Contains", "Task of"),
    ("Investigates::Investigated by", "Investigates", "Investigated by"),
)
_TROUBLES = (
    "Unable to connect to the office network", "Printer on floor three does not answer", "Mail arrives with hours of delay",
    "Database reports a full log", "Application slow after the upgrade", "Phone line crackles", "Account locked every morning",
    "Backup did not finish", "VPN drops when the screen locks", "Switch in the rack reboots", "Certificate about to expire",
    "Report shows last month's figures",
)  # fmt: skip


def seed_platform(instance: Instance) -> None:
    """Users, roles, groups, configuration items, incidents, problems, changes and a system log."""
    roles = _seed_roles(instance)
    people = _seed_people(instance, roles)
    _seed_groups(instance, roles, people)
    _seed_configuration(instance)
    _seed_tasks(instance, people)
    for number in range(700):
        instance.put("syslog", {"level": "0", "source": "startup", "message": f"Service {number} started"})
    for place, (name, parent, child) in enumerate(_RELATION_TYPES):
        instance.put(
            "task_rel_type",
            {
                "sys_id": f"{place + 1:x}".rjust(32, "e"),
                "name": name,
                "parent_descriptor": parent,
                "child_descriptor": child,
            },
        )
    instance.put("sys_properties", {"name": "glide.sys.default.tz", "value": "America/Los_Angeles"})
    instance.put("sys_properties", {"name": "instance_name", "value": instance.name})
    instance.put("sys_properties", {"name": "glide.buildname", "value": "Australia"})


def _seed_roles(instance: Instance) -> dict[str, str]:
    admin = instance.put(
        "sys_user_role", {"sys_id": ADMIN_ROLE_ID, "name": "admin", "description": "The administrator"}
    )
    return {"admin": admin.id} | {name: instance.put("sys_user_role", {"name": name}).id for name in _ROLES}


def _seed_people(instance: Instance, roles: dict[str, str]) -> list[str]:
    finance = {"sys_id": _FINANCE_ID, "name": "Finance", "dept_head": _FINANCE_HEAD_ID, "id": "221"}
    instance.put("cmn_department", finance)
    _person(instance, "System Administrator", "admin", "admin@example.com", ADMIN_ID, time_zone="")
    _person(instance, "Natasha Ingram", "natasha.ingram", "natasha.ingram@example.com", _FINANCE_HEAD_ID)
    _person(
        instance, "Problem Administrator", "problem.admin", "problem.admin@example.com", _PROBLEM_ADMIN_ID
    )
    for login, name, granted in _SERVICE_USERS:
        user = _person(instance, name, login, f"{login}@example.com")
        for role in granted:
            instance.put("sys_user_has_role", {"user": user, "role": roles[role]})
    instance.put("sys_user_has_role", {"user": ADMIN_ID, "role": ADMIN_ROLE_ID})
    people = []
    for place, name in enumerate(_PEOPLE):
        login = name.lower().replace(" ", ".")
        more = {"mobile_phone": f"+1 555 01{place:02d}"} if place < _MOBILE else {}
        people.append(_person(instance, name, login, f"{login}@example.com", **more))
        if place < _ADMINS:
            instance.put("sys_user_has_role", {"user": people[-1], "role": ADMIN_ROLE_ID})
    return people


def _person(instance: Instance, name: str, login: str, email: str, id: str = "", **more: str) -> str:
    first, _, last = name.partition(" ")
    row = {
        "name": name,
        "first_name": first,
        "last_name": last,
        "user_name": login,
        "email": email,
        "active": "true",
    }
    row |= {"sys_id": id} if id else {}
    return instance.put("sys_user", {**row, "department": _FINANCE_ID, **more}).id


def _seed_groups(instance: Instance, roles: dict[str, str], people: list[str]) -> None:
    ids = {}
    for place, name in enumerate(_GROUPS):
        ids[name] = instance.put(
            "sys_user_group", {"name": name, "manager": people[place], "active": "true"}
        ).id
        for member in people[place : place + 4]:
            instance.put("sys_user_grmember", {"user": member, "group": ids[name]})
    for group, role in _GROUP_ROLES:
        instance.put("sys_group_has_role", {"group": ids[group], "role": roles[role]})


def _seed_configuration(instance: Instance) -> None:
    company = instance.put(
        "core_company", {"name": "Contoso Networks", "vendor": "true", "manufacturer": "true"}
    )
    for number in range(1, 9):
        name = f"srv-{number:02d}.example.com"
        table = "cmdb_ci_linux_server" if number % 2 else "cmdb_ci_win_server"
        machine = {
            "name": name,
            "ip_address": f"192.0.2.{number}",
            "manufacturer": company.id,
            "os": "Linux" if number % 2 else "Windows",
        }
        instance.put(table, {**machine, "asset_tag": f"P10{number:04d}"})
    instance.put("cmdb_ci_service", {"name": "Email"})
    instance.put("cmdb_ci_ip_switch", {"name": "switch-01", "ip_address": "192.0.2.200"})


def _seed_tasks(instance: Instance, people: list[str]) -> None:
    opened = {"opened_at": instance.clock.stamp(), "opened_by": ADMIN_ID}
    for number in range(24):
        text = {
            "short_description": _TROUBLES[number % len(_TROUBLES)],
            "description": f"Seen {number + 1} times",
            **opened,
        }
        caller = people[number % len(people)]
        instance.put(
            "incident", {**text, "caller_id": caller, "state": str((1, 2, 3)[number % 3]), "priority": "3"}
        )
        instance.put("problem", {**text, "state": str((101, 102, 103)[number % 3]), "priority": "4"})
        if number < 10:
            instance.put(
                "change_request", {**text, "requested_by": caller, "state": str((-5, -4, -2)[number % 3])}
            )
