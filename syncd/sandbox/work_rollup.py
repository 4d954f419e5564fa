"""How the tasks of a work order move the order: a pure function of their states.

Called by `field_service` after each change of a task. Closing a work order happens here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PROGRESS = ("assigned", "accepted", "work_in_progress")
_OVER = {"closed_complete", "closed_incomplete", "canceled"}


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task as the roll-up sees it. `follow_on_of` names the task that it continues, "" for none."""

    id: str
    state: str
    follow_on_of: str = ""


def rolled_up(order_state: str, tasks: Sequence[TaskState]) -> str | None:
    """The state that the tasks give their order, None for no opinion."""
    if not tasks or order_state == "canceled":
        return None
    states = [task.state for task in tasks]
    if set(states) == {"canceled"}:
        return "canceled"
    if set(states) <= _OVER:
        return _closed(tasks)
    return _reopened(tasks) or _in_progress(order_state, states)


def _closed(tasks: Sequence[TaskState]) -> str:
    """Everything is over: incomplete if some task ended so and no completed follow-on made good for it."""
    made_good = {task.follow_on_of for task in tasks if task.state == "closed_complete"}
    left = [task for task in tasks if task.state == "closed_incomplete" and task.id not in made_good]
    return "closed_incomplete" if left else "closed_complete"


def _reopened(tasks: Sequence[TaskState]) -> str | None:
    """A draft follow-on of an incomplete task takes the order back."""
    incomplete = {task.id for task in tasks if task.state == "closed_incomplete"}
    drafts = [task for task in tasks if task.state == "draft" and task.follow_on_of in incomplete]
    if not drafts:
        return None
    others = [task for task in tasks if task not in drafts]
    return "awaiting_qualification" if len(others) == 1 else "work_in_progress"


def _in_progress(order_state: str, states: Sequence[str]) -> str | None:
    """The furthest task lifts the order; one that is over counts as work in progress."""
    if any(state in {"closed_complete", "closed_incomplete", "work_in_progress"} for state in states):
        return "work_in_progress"
    reached = [step for step in _PROGRESS if step in states]
    if not reached:
        return None
    furthest = reached[-1]
    if order_state in _PROGRESS and _PROGRESS.index(order_state) > _PROGRESS.index(furthest):
        return None
    return furthest
