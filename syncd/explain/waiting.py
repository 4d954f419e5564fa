"""What happens next: every effect that is not at rest and every open request for closure, with when it goes on, or what a
person has to do.

Called by `known`. The rules of who goes first stand in `state.claims`; here they are only told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mappings.effects import EffectKind
from mappings.model import EffectStatus
from mappings.requests import Request, RequestStatus
from state.store import StoredEffect
from syncd.explain.story import Names, Next, instant

_OPEN = (EffectStatus.PENDING, EffectStatus.IN_FLIGHT, EffectStatus.IN_DOUBT, EffectStatus.PARKED)


def waiting(effects: Sequence[StoredEffect], names: Names, now: datetime) -> tuple[Next, ...]:
    """The open effects in order of birth."""
    still = [one for one in effects if one.status in _OPEN]
    return tuple(_next(one, still, names, now) for one in still)


def closure(request: Request, names: Names, now: datetime) -> Next | None:
    """When the gate answers a request again; a release that is on its way is an effect."""
    number = names.number(request.subject)
    later = request.retry_after if request.retry_after and request.retry_after > now else None
    when = f"not before {instant(later)}" if later else "by the next cycle"
    if request.status is RequestStatus.WAITING:
        return Next("waiting", f"the closure of {number} is answered {when}", later)
    if request.status is RequestStatus.HELD:
        text = (
            f"the closure of {number} is released when nothing holds it any more"
            f" (asked again {when if later else 'by every cycle'}); or against the gate, in a person's name"
        )
        return Next("held", text, later, commands=(f"syncd gate override {number} --by NAME --reason TEXT",))
    if request.status is RequestStatus.RELEASED:
        return Next("released", f"{number} is closed; its work orders are looked at once more", later)
    return None


def _next(one: StoredEffect, others: Sequence[StoredEffect], names: Names, now: datetime) -> Next:
    key, what = one.effect.key, names.effect(one.effect)
    if one.status is EffectStatus.PARKED:
        commands = (
            f"syncd quarantine retry {key}",
            f"syncd quarantine drop {key} --by NAME --reason TEXT",
        )
        return Next("parked", f"{what}: waits for a person, because {one.reason}", None, key, commands)
    if one.status is EffectStatus.IN_FLIGHT:
        until = (
            f"; without an answer until {instant(one.lease_until)} it is in doubt" if one.lease_until else ""
        )
        return Next("in flight", f"{what}: is being sent now{until}", one.lease_until, key)
    at = one.not_before if one.not_before and one.not_before > now else None
    when = f"at {instant(at)}" if at else "at once"
    if one.status is EffectStatus.IN_DOUBT:
        by = "marker" if one.effect.kind is EffectKind.WRITE_NOTE else "id"
        text = (
            f"{what}: may have been done; looked for by its {by} {when}, sent again only if it is not there"
        )
        return Next("in doubt", f"{text}{_because(one)}", at, key)
    ahead = _ahead(one, others)
    if ahead is not None:
        return Next("pending", f"{what}: waits behind {names.effect(ahead.effect)}", at, key)
    return Next("pending", f"{what}: is sent {when}{_because(one)}", at, key)


def _because(one: StoredEffect) -> str:
    return f" (last: {one.reason})" if one.reason else ""


def _ahead(one: StoredEffect, others: Sequence[StoredEffect]) -> StoredEffect | None:
    """What of the same queue has to come to rest first."""
    queue = [o for o in others if o is not one and o.effect.system is one.effect.system]
    blocking = [o for o in queue if o.status in (EffectStatus.IN_FLIGHT, EffectStatus.IN_DOUBT)]
    older = [o for o in queue if others.index(o) < others.index(one)]
    if one.effect.kind is EffectKind.CLOSE_DOMAIN_ORDER:
        return next(iter(blocking), None)  # an answer of the gate goes before everything that was not sent
    blocking += [o for o in older if o.status is EffectStatus.PARKED and o.effect.target == one.effect.target]
    return next(iter([*blocking, *(o for o in older if o.status is EffectStatus.PENDING)]), None)
