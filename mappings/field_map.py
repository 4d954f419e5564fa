"""The field map: which fields of a work order follow which facts of its order.

`creation` asks what a new work order is to say, `amendment` what changed in it. A field that no rule names belongs to
FSM and its templates and is never written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mappings.effects import Reference
from mappings.model import Facts, PlannedWorkOrder

TEMPLATE = "template"
UNMAPPED = "map"
"""The `match` of a reference whose value the map of the config does not have."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def placeholders(text: str) -> tuple[str, ...]:
    """The columns that a text names in braces, in order."""
    return tuple(_PLACEHOLDER.findall(text))


def fill(text: str, facts: Facts) -> str:
    """The text with each {column} replaced by its fact."""
    return _PLACEHOLDER.sub(lambda match: facts.value(match[1]), text)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field of a work order says: a fact (`source`) or a text with {column} placeholders.

    With `reference` the field points at a record of FSM, found by comparing its property `match`. `translate` maps
    values of OM to values of FSM; one that it does not have, and an empty one, become `default`. A reference that it
    does not have, and for which there is no default, stays one that nobody finds (`UNMAPPED`).
    """

    target: str
    source: str = ""
    text: str = ""
    reference: str = ""
    match: str = "id"
    translate: Mapping[str, str] = field(default_factory=dict)
    default: str = ""

    def value(self, facts: Facts) -> str:
        value = facts.value(self.source) if self.source else fill(self.text, facts)
        if self.translate:
            value = self.translate.get(value, "")
        return value or self.default

    def look_up(self, facts: Facts) -> Reference:
        """What the field is to point at."""
        value = facts.value(self.source) if self.source else fill(self.text, facts)
        if value and self.translate and value not in self.translate and not self.default:
            return Reference(self.reference, UNMAPPED, value)
        return Reference(self.reference, self.match, self.value(facts))


@dataclass(frozen=True, slots=True)
class FieldMap:
    rules: tuple[FieldRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Desired:
    """The content that a work order is to have. Empty values stay in: a field that became empty is a change."""

    values: dict[str, str]
    references: dict[str, Reference]

    def filled(self) -> Desired:
        """Without what is empty: at creation the template may know better."""
        return Desired(
            {target: value for target, value in self.values.items() if value},
            {target: reference for target, reference in self.references.items() if reference.value},
        )

    def shown(self) -> dict[str, str]:
        """Every target with the value that a note shows."""
        return self.values | {target: reference.value for target, reference in self.references.items()}


@dataclass(frozen=True, slots=True)
class Difference:
    """One target whose content changed. `reference` is set where the new value needs a look-up in FSM."""

    target: str
    old: str
    new: str
    reference: Reference | None = None


def desired(facts: Facts, planned: PlannedWorkOrder, field_map: FieldMap) -> Desired:
    """The content of one planned work order. Values of its rule win over the field map."""
    values: dict[str, str] = {}
    references: dict[str, Reference] = {}
    own = {target: fill(text, facts) for target, text in planned.values.items()}
    for rule in field_map.rules:
        value = own.pop(rule.target, None)
        if rule.reference:
            found = rule.look_up(facts)
            references[rule.target] = found if value is None else Reference(rule.reference, rule.match, value)
        else:
            values[rule.target] = rule.value(facts) if value is None else value
    if planned.template:
        references[TEMPLATE] = Reference(TEMPLATE, "name", planned.template, required=True)
    return Desired(values | own, references)


def differences(before: Desired, after: Desired) -> tuple[Difference, ...]:
    """What changed, by target. The template is fixed at creation and never differs."""
    old, new = before.shown(), after.shown()
    return tuple(
        Difference(target, old.get(target, ""), new[target], _look_up(after, target))
        for target in sorted(new)
        if target != TEMPLATE and old.get(target, "") != new[target]
    )


def _look_up(content: Desired, target: str) -> Reference | None:
    """The reference to look up, None for a plain value and for a reference that is to be cleared."""
    reference = content.references.get(target)
    return reference if reference is not None and reference.value else None
