"""Choice lists: the stored values and labels of states, priorities and actions, and what the rules call each state.

Rules speak of canonical states ("work_in_progress"); `StateCodes` turns them into stored values and back. An instance
with other stored values is the same instance with other codes: nothing in the rules knows a number.
"""

from __future__ import annotations

from collections.abc import Mapping

from syncd.sandbox.tables_domain import DOMAIN_ORDER, ORDER, ORDER_LINE, ORDER_TASK, WORK_ORDER, WORK_TASK

Choice = tuple[str, str]

_ORDER_LABELS = [
    "Draft",
    "New",
    "Submitted",
    "Enrichment in progress",
    "Enrichment on hold",
    "Acknowledged",
    "Rejected",
    "In progress",
    "Revision in progress",
    "Awaiting information",
    "On hold",
    "Assessing cancellation",
    "Cancellation in progress",
    "Canceled",
    "Completed",
]
_DOMAIN_LABELS = [
    "Draft",
    "Qualified",
    "In progress",
    "On hold",
    "Scheduled",
    "Closed complete",
    "Cancellation in progress",
    "Canceled",
]
_TASK_LABELS = [
    "Draft",
    "Open",
    "In progress",
    "On hold",
    "Scheduled",
    "Awaiting information",
    "Resolved",
    "Closed Complete",
    "Canceled",
]


def _token(label: str) -> str:
    return label.lower().replace(" ", "_")


DEFAULT_STATES: Mapping[str, Mapping[str, Choice]] = {
    ORDER: {_token(label): (_token(label), label) for label in _ORDER_LABELS},
    ORDER_LINE: {_token(label): (_token(label), label) for label in (*_ORDER_LABELS, "Scheduled")},
    DOMAIN_ORDER: {_token(label): (_token(label), label) for label in _DOMAIN_LABELS},
    ORDER_TASK: {_token(label): (str(code), label) for code, label in enumerate(_TASK_LABELS)},
    WORK_ORDER: {
        "draft": ("1", "Draft"),
        "awaiting_qualification": ("10", "Awaiting Qualification"),
        "qualified": ("13", "Qualified"),
        "ready_for_dispatch": ("15", "Ready for Dispatch"),
        "assigned": ("16", "Assigned"),
        "accepted": ("17", "Accepted"),
        "work_in_progress": ("18", "Work in Progress"),
        "closed_complete": ("3", "Closed Complete"),
        "closed_incomplete": ("4", "Closed Incomplete"),
        "canceled": ("7", "Canceled"),
    },
    WORK_TASK: {
        "draft": ("1", "Draft"),
        "pending_dispatch": ("10", "Pending Dispatch"),
        "scheduled": ("15", "Scheduled"),
        "assigned": ("16", "Assigned"),
        "accepted": ("17", "Accepted"),
        "work_in_progress": ("18", "Work in Progress"),
        "closed_complete": ("3", "Closed Complete"),
        "closed_incomplete": ("4", "Closed Incomplete"),
        "canceled": ("7", "Canceled"),
    },
}

_PRIORITIES = [
    ("1", "1 - Critical"),
    ("2", "2 - High"),
    ("3", "3 - Moderate"),
    ("4", "4 - Low"),
    ("5", "5 - Planning"),
]
_LEVELS = [("1", "1 - High"), ("2", "2 - Medium"), ("3", "3 - Low")]
_ACTIONS = [
    ("add", "Add"),
    ("change", "Change"),
    ("delete", "Disconnect"),
    ("suspend", "Suspend"),
    ("resume", "Resume"),
    ("no-change", "No change"),
]
_REVISIONS = [("update", "Update"), ("cancel", "Cancel")]

DEFAULT_CHOICES: Mapping[tuple[str, str], list[Choice]] = {
    ("task", "state"): [("-5", "Pending"), ("1", "Open"), ("2", "Work in Progress"), ("3", "Closed Complete"), ("4", "Closed Incomplete"), ("7", "Closed Skipped")],
    ("task", "priority"): _PRIORITIES,
    ("task", "impact"): _LEVELS,
    ("task", "urgency"): _LEVELS,
    ("task", "escalation"): [("0", "Normal"), ("1", "Moderate"), ("2", "High"), ("3", "Overdue")],
    ("incident", "state"): [("1", "New"), ("2", "In Progress"), ("3", "On Hold"), ("6", "Resolved"), ("7", "Closed"), ("8", "Canceled")],
    ("incident", "severity"): _LEVELS,
    ("incident", "hold_reason"): [("1", "Awaiting Caller"), ("3", "Awaiting Problem"), ("4", "Awaiting Vendor"), ("5", "Awaiting Change")],
    ("problem", "state"): [("101", "New"), ("102", "Assess"), ("103", "Root Cause Analysis"), ("104", "Fix in Progress"), ("106", "Resolved"), ("107", "Closed")],
    ("change_request", "state"): [("-5", "New"), ("-4", "Assess"), ("-3", "Authorize"), ("-2", "Scheduled"), ("-1", "Implement"), ("0", "Review"), ("3", "Closed"), ("4", "Canceled")],
    (ORDER, "order_type"): [("product", "Product"), ("service", "Service")],
    (ORDER, "revision_operation"): _REVISIONS,
    (ORDER_LINE, "revision_operation"): _REVISIONS,
    (ORDER_LINE, "action"): _ACTIONS,
    (DOMAIN_ORDER, "action"): _ACTIONS,
}  # fmt: skip


class StateCodes:
    """Canonical state <-> stored value for one table."""

    def __init__(self, choices: Mapping[str, Choice]) -> None:
        self.choices = choices
        self._names = {value: name for name, (value, _) in choices.items()}

    def value(self, name: str) -> str:
        return self.choices[name][0]

    def name(self, value: str) -> str:
        """The canonical state, "unknown" for a value that is not listed."""
        return self._names.get(value, "unknown")

    def label(self, value: str) -> str:
        name = self._names.get(value)
        return self.choices[name][1] if name else value


def state_codes(
    overrides: Mapping[str, Mapping[str, str]] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, StateCodes]:
    """The codes of each table with a life cycle; `overrides` maps table -> canonical state -> stored value, `labels` to
    what people read."""
    codes = {}
    for table, choices in DEFAULT_STATES.items():
        changed, said = (overrides or {}).get(table, {}), (labels or {}).get(table, {})
        codes[table] = StateCodes(
            {
                name: (changed.get(name, value), said.get(name, label))
                for name, (value, label) in choices.items()
            }
        )
    return codes
