"""What a fresh instance holds: users, places, customers, catalogue, templates, choices, properties.

Called once by `world` for each instance. Ids come from the instance's own seeded generator, so two instances have
different ids for the same names, and the same seed gives the same world.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.auth import CLIENT_CREDENTIALS_SWITCH, digest
from syncd.sandbox.choices import DEFAULT_CHOICES
from syncd.sandbox.clock import STAMP_FORMAT
from syncd.sandbox.dictionary import REFERENCE
from syncd.sandbox.seed_platform import seed_platform
from syncd.sandbox.tables_domain import SPECIFICATION, TASK_TEMPLATE, WORK_TEMPLATE

if TYPE_CHECKING:
    from syncd.sandbox.instance import Instance

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"

LOCATIONS = (
    ("Berlin Mitte", "Friedrichstrasse 90", "Berlin", "10117"),
    ("Hamburg Altona", "Grosse Bergstrasse 160", "Hamburg", "22767"),
    ("Munich Sendling", "Plinganserstrasse 38", "Munich", "81369"),
    ("Cologne Ehrenfeld", "Venloer Strasse 310", "Cologne", "50823"),
    ("Leipzig Plagwitz", "Karl-Heine-Strasse 46", "Leipzig", "04229"),
    ("Frankfurt Gallus", "Mainzer Landstrasse 177", "Frankfurt", "60327"),
    ("Dresden Neustadt", "Alaunstrasse 21", "Dresden", "01099"),
    ("Stuttgart Feuerbach", "Stuttgarter Strasse 65", "Stuttgart", "70469"),
)
CUSTOMERS = (
    ("Nordwind Logistics", "Jana Petersen"),
    ("Alpenblick Hotels", "Florian Huber"),
    ("Rheintal Maschinenbau", "Miriam Schulte"),
    ("Elbe Medical Group", "Tobias Lindner"),
)
SPECIFICATIONS = (
    ("Business Internet", "product"),
    ("Managed Voice", "product"),
    ("Fiber Access", "service"),
    ("Managed Router", "resource"),
    ("IP Address Block", "resource"),
)
TEMPLATES = (
    ("Fiber Installation", "3", ("Lay fiber to the building", "Splice and measure")),
    ("Router Staging", "4", ("Stage and label the router",)),
    ("Router Installation", "3", ("Mount the router", "Verify the uplink")),
    ("Site Survey", "3", ("Survey the site",)),
)


def seed_base(instance: Instance, password: str) -> None:
    """What every instance has."""
    _seed_choices(instance)
    _seed_dictionary(instance)
    seed_platform(instance)
    for user in instance.store.rows("sys_user"):
        instance.passwords[user["user_name"]] = digest(password)
    integration = instance.store.first("sys_user", user_name="syncd.integration")
    entity = {"name": "Sandbox client", "client_id": CLIENT_ID, "user": integration.id if integration else ""}
    instance.put("oauth_entity", entity)
    instance.passwords[f"oauth:{CLIENT_ID}"] = digest(CLIENT_SECRET)
    for name in (
        "glide.invalid_query.returns_no_rows",
        "glide.rest.choice.allow_non_existing_value",
        CLIENT_CREDENTIALS_SWITCH,
    ):
        value = "true" if name == CLIENT_CREDENTIALS_SWITCH else "false"
        instance.put("sys_properties", {"name": name, "value": value, "type": "boolean", "sys_name": name})
    _seed_customers(instance)
    age(instance)


def seed_order_management(instance: Instance) -> None:
    for name, category in SPECIFICATIONS:
        instance.put(SPECIFICATION, {"name": name, "specification_category": category})
    age(instance)


def seed_field_service(instance: Instance) -> None:
    group = instance.put(
        "sys_user_group", {"name": "Field Dispatch", "description": "Qualifies and dispatches work orders"}
    )
    for name, priority, tasks in TEMPLATES:
        shared = {"priority": priority, "qualification_group": group.id, "billable": "false"}
        model = instance.put(
            WORK_TEMPLATE, {"name": name, "display_name": name, "short_description": name, **shared}
        )
        for order, text in enumerate(tasks, 1):
            task = {"name": f"{name}: {text}", "short_description": text, "order": str(order * 100)}
            instance.put(
                TASK_TEMPLATE,
                {**task, "work_order_model": model.id, "estimated_work_duration": "1970-01-01 02:00:00"},
            )
    age(instance)


def age(instance: Instance, days: int = 400) -> None:
    """Gives everything that is there now an old stamp: what was seeded is no news to a poller."""
    stamp = (instance.clock.now() - timedelta(days=days)).strftime(STAMP_FORMAT)
    for table in list(instance.dictionary):
        if table.extends:
            continue
        for row in instance.store.rows(table.name):
            if row["sys_created_by"] == "system" and row["sys_created_on"] > stamp:
                row.values |= {"sys_created_on": stamp, "sys_updated_on": stamp}


def _seed_choices(instance: Instance) -> None:
    lists = {**DEFAULT_CHOICES}
    lists.update({(table, "state"): list(codes.choices.values()) for table, codes in instance.codes.items()})
    for (table, element), choices in lists.items():
        if table not in instance.dictionary:
            continue
        for sequence, (value, label) in enumerate(choices):
            row = {
                "name": instance.dialect.outer_table(table),
                "element": instance.dialect.outer_column(table, element),
                "value": value,
                "label": label,
                "sequence": str(sequence),
            }
            instance.put("sys_choice", {**row, "inactive": "false", "language": "en"})


def _seed_dictionary(instance: Instance) -> None:
    ids: dict[str, str] = {}
    dialect = instance.dialect
    for table in instance.dictionary:
        name = dialect.outer_table(table.name)
        row = {"name": name, "label": table.label, "sys_name": table.label, "is_extendable": "true"}
        parent = {"super_class": ids[table.extends]} if table.extends else {}
        ids[table.name] = instance.put("sys_db_object", row | parent).id
        collection = {"name": name, "column_label": table.label, "internal_type": "collection"}
        instance.put("sys_dictionary", collection)
        for field in table.own.values():
            entry = {
                "name": name,
                "element": dialect.outer_column(table.name, field.name),
                "column_label": field.label,
                "internal_type": field.type,
                "max_length": str(field.max_length),
                "reference": dialect.outer_table(field.target) if field.type == REFERENCE else "",
                "default_value": field.default,
                "choice": "1" if field.choice else "0",
                "display": "true" if field.name == table.display else "false",
            }
            instance.put("sys_dictionary", entry)


def _seed_customers(instance: Instance) -> None:
    for name, street, city, zip_code in LOCATIONS:
        place = {
            "name": name,
            "full_name": f"Germany/{city}/{name}",
            "street": street,
            "city": city,
            "zip": zip_code,
        }
        instance.put("cmn_location", {**place, "country": "Germany", "time_zone": "Europe/Berlin"})
    for name, contact in CUSTOMERS:
        account = instance.put("customer_account", {"name": name, "customer": "true", "active": "true"})
        first, last = contact.split(" ")
        login = f"{first}.{last}".lower()
        person = {
            "name": contact,
            "first_name": first,
            "last_name": last,
            "user_name": login,
            "active": "true",
        }
        row = instance.put(
            "customer_contact", {**person, "account": account.id, "email": f"{login}@example.com"}
        )
        account.values["primary_contact"] = row.id
