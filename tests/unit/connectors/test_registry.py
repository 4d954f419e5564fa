"""From a profile and settings to a connector."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.auth import Basic
from connectors.errors import Misconfigured
from connectors.profile import load_profile
from connectors.profile_model import APIS
from connectors.registry import (
    FIELD_SERVICE,
    ORDER_MANAGEMENT,
    ConnectionSettings,
    build_field_service,
    build_order_management,
)

OM = load_profile("servicenow-om")[0]
FSM = load_profile("servicenow-fsm")[0]
SETTINGS = ConnectionSettings("om-prod", "http://127.0.0.1", Basic("ann", "hunter2"))


def test_every_api_that_a_profile_may_name_has_its_classes():
    assert set(ORDER_MANAGEMENT) == set(FIELD_SERVICE) == APIS


def test_a_connector_has_the_id_of_the_config_and_the_times_of_its_profile():
    om = build_order_management(OM, SETTINGS)
    assert (om.id, om.granule, om.overlap, om.settle) == ("om-prod", OM.granule, OM.overlap, OM.settle)


def test_the_config_goes_before_the_profile():
    settings = replace(SETTINGS, overlap=timedelta(0), settle=timedelta(seconds=1))
    fsm = build_field_service(FSM, settings)
    assert (fsm.overlap, fsm.settle) == (timedelta(0), timedelta(seconds=1))


@pytest.mark.parametrize(
    ("build", "profile"),
    [
        (build_order_management, FSM),
        (build_field_service, OM),
        (build_field_service, replace(FSM, api="pigeon")),
    ],
    ids=["fsm as om", "om as fsm", "unknown api"],
)
def test_a_profile_that_does_not_fit_is_refused(build, profile):
    with pytest.raises(Misconfigured):
        build(profile, SETTINGS)


def test_settings_show_no_secret():
    assert "hunter2" not in repr(SETTINGS)
