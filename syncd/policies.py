"""What the rules need of a config, as the one value that every decision is given.

Called by `wiring`, by `reload`, and by verbs that decide without a daemon. Reads nothing but the config.
"""

from __future__ import annotations

from mappings.closure import ClosureSettings
from mappings.decisions import LinkSettings, Policy
from mappings.model import Kind, System
from mappings.policy import ScheduleSettings
from mappings.ponr import Mode, Scope
from syncd.config import Config


def policy_of(config: Config) -> Policy:
    """What the rules need of a config."""
    return Policy(
        om_id=config.order_management.id,
        tables=tuple(table for tables in config.tables.values() for table in tables),
        lifecycles=config.lifecycles,
        field_map=config.field_map,
        links=LinkSettings(config.links.field, config.links.match, config.links.merged),
        closure=closure_of(config),
        schedule=ScheduleSettings(config.settings.schedule.fields, config.settings.schedule.tasks),
        ponr_mode=Mode(config.rules.ponr),
        ponr_scope=Scope(config.rules.ponr_scope),
        after_ponr_cancel=config.rules.after_ponr_cancel,
        unmatched=config.rules.unmatched,
        hold_note=config.settings.notes.on_hold,
        adopted=config.rules.adopted,
        shared_instance=config.rules.shared_instance,
        note_limit=config.notes.limit,
        mirror_from=frozenset(config.notes.mirror_from),
        mirror_wait=config.notes.wait,
        status_note_fields=config.notes.work_order_fields,
        task_note_fields=config.notes.task_fields,
        note_labels=config.notes.labels,
        history_limit=config.notes.history_limit if config.notes.history else 0,
        details_fields=_traits_of(config),
        details_limit=config.settings.details.limit,
        relation_type=config.settings.details.relation_type if config.settings.details.relations else None,
        not_mirrored=frozenset(_own_users(config)).union(config.notes.ignore_authors),
    )


def _traits_of(config: Config) -> dict[Kind, str]:
    section = config.settings.details
    named = {Kind.DOMAIN_ORDER: section.field, Kind.ORDER_TASK: section.task_field}
    return {kind: field for kind, field in named.items() if field}


def _own_users(config: Config) -> list[str]:
    """The users that we write as, where the config names them."""
    return [name for system in System if (name := config.system(system).username)]


def closure_of(config: Config) -> ClosureSettings:
    """The gate's part of a config; without a marker there is no gate."""
    section = config.settings.closure
    return ClosureSettings(
        marker=(section.field, section.value) if section.field else None,
        no_work_orders=section.no_work_orders,
        release=section.release,
        closed=None if section.closed is None else frozenset(section.closed),
        on_hold=section.on_hold,
        cleared=section.cleared,
        hold_note_interval=section.hold_note_interval,
        past_gate=section.past_gate,
        reopen=section.reopen,
        merged=config.links.merged,
    )
