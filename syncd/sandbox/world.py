"""The whole simulated world: one shared instance or two, with their rules, clock, faults and counters.

Built by `server` from options, and by tests. Holds no socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.sandbox.agenda import Agenda
from syncd.sandbox.api import Api
from syncd.sandbox.auth import Authority
from syncd.sandbox.choices import state_codes
from syncd.sandbox.clock import SandboxClock
from syncd.sandbox.dialect import Dialect, Names
from syncd.sandbox.dictionary import Dictionary
from syncd.sandbox.faults import DataFaults, FaultBook
from syncd.sandbox.field_service import FieldService
from syncd.sandbox.instance import Instance
from syncd.sandbox.itsm_rules import register_platform_rules
from syncd.sandbox.order_management import OrderManagement
from syncd.sandbox.rates import Rates
from syncd.sandbox.seed import seed_base, seed_field_service, seed_order_management
from syncd.sandbox.tables_domain import define_field_service, define_order_management
from syncd.sandbox.tables_platform import define_platform
from syncd.sandbox.traffic import Traffic

OM, FSM = "order_management", "field_service"
USERNAME = "syncd.integration"
PASSWORD = "sandbox"  # noqa: S105 - the password of a simulated system on loopback


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """How the world is made. `states` maps table -> canonical state -> stored value, for other choice tables; `names`
    are what else is called differently."""

    shared: bool = False
    seed: int = 1
    decomposition_delay_ms: int = 300
    qualification: bool = False
    enforcing: bool = True
    password: str = PASSWORD
    states: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)


class World:
    """Two systems, the business in them, and the means to disturb them."""

    def __init__(self, options: WorldOptions | None = None, clock: SandboxClock | None = None) -> None:
        options = options or WorldOptions()
        self.options = options
        self.clock = clock or SandboxClock()
        self.agenda = Agenda(self.clock)
        self.faults = FaultBook(self.clock)
        self.traffic = Traffic()
        self.rates = Rates()
        if options.shared:
            self.order_instance = self.field_instance = self._instance("shared", (OM, FSM))
        else:
            self.order_instance = self._instance("om", (OM,))
            self.field_instance = self._instance("fsm", (FSM,))
        self.work = FieldService(self.field_instance, qualification=options.qualification)
        delay = timedelta(milliseconds=options.decomposition_delay_ms)
        self.orders = OrderManagement(self.order_instance, self.agenda, delay, self.work.open_for)
        self.orders.enforcing = options.enforcing
        authorities = {
            instance.name: Authority(instance) for instance in (self.order_instance, self.field_instance)
        }
        self.authorities = list(authorities.values())
        self.apis = {
            system: Api(
                system, instance, authorities[instance.name], DataFaults(self.faults, system), self.traffic
            )
            for system, instance in ((OM, self.order_instance), (FSM, self.field_instance))
        }

    def instance(self, system: str) -> Instance:
        return self.field_instance if system == FSM else self.order_instance

    def _instance(self, name: str, systems: tuple[str, ...]) -> Instance:
        dictionary = Dictionary()
        define_platform(dictionary)
        if OM in systems:
            define_order_management(dictionary)
        if FSM in systems:
            define_field_service(dictionary)
        names = self.options.names
        states = {**names.states, **self.options.states}
        codes = {t: c for t, c in state_codes(states, names.labels).items() if t in dictionary}
        instance = Instance(
            name, dictionary, self.clock, self.options.seed, codes, dialect=Dialect(dictionary, names)
        )
        faults = DataFaults(self.faults, systems[0] if len(systems) == 1 else "")
        instance.honours_ids, instance.backdate = faults.honours_ids, faults.backdates
        register_platform_rules(instance)
        seed_base(instance, self.options.password)
        if OM in systems:
            seed_order_management(instance)
        if FSM in systems:
            seed_field_service(instance)
        return instance
