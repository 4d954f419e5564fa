"""The Table API over HTTP: verbs, values, stamps, errors."""

from __future__ import annotations

import re

import httpx
import pytest


def test_a_created_record_is_complete_and_located(om):
    reply = om.call(
        "POST", "table/problem", json={"short_description": "Cable cut", "bunk_field": "x", "order": 7}
    )
    row = reply.json()["result"]
    assert reply.status_code == 201
    assert reply.headers["location"] == f"{om.url}/api/now/table/problem/{row['sys_id']}"
    assert re.fullmatch(r"[0-9a-f]{32}", row["sys_id"])
    assert re.fullmatch(r"PRB\d{7}", row["number"])
    assert (row["order"], row["active"], row["sys_mod_count"]) == ("7", "true", "0")
    assert "bunk_field" not in row
    assert all(isinstance(value, str | dict) for value in row.values())


def test_a_chosen_id_is_kept_and_a_second_record_with_it_is_refused(om):
    id = "0123456789abcdef0123456789abcdef"
    assert om.create("problem", sys_id=id)["sys_id"] == id
    again = om.call("POST", "table/problem", json={"sys_id": id})
    assert again.status_code == 500
    assert "Unique Key violation" in again.json()["error"]["detail"]
    assert om.call("POST", "table/incident", json={"sys_id": id}).status_code == 500


def test_an_id_of_the_wrong_shape_is_ignored(om):
    assert len(om.create("problem", sys_id="short")["sys_id"]) == 32


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_both_update_verbs_merge(om, method):
    row = om.create("problem", short_description="a", description="b")
    reply = om.call(method, f"table/problem/{row['sys_id']}", json={"description": "c"})
    assert reply.status_code == 200
    assert (reply.json()["result"]["short_description"], reply.json()["result"]["description"]) == ("a", "c")


def test_an_update_is_stamped_and_counted(om, people):
    row = om.create("problem", short_description="a")
    people.wait(61)
    after = om.change("problem", row["sys_id"], short_description="b")
    assert after["sys_mod_count"] == "1"
    assert after["sys_updated_by"] == "syncd.integration"
    assert after["sys_created_on"] == row["sys_created_on"] < after["sys_updated_on"]


def test_an_update_without_difference_is_not_stamped(om, people):
    row = om.create("problem", short_description="a")
    people.wait(5)
    after = om.change(
        "problem",
        row["sys_id"],
        short_description="a",
        sys_mod_count="9",
        sys_created_on="2001-01-01 00:00:00",
    )
    assert (after["sys_mod_count"], after["sys_updated_on"]) == ("0", row["sys_updated_on"])
    assert after["sys_created_on"] == row["sys_created_on"]


def test_stamps_have_whole_seconds(om, people):
    people.wait(0.4)
    first = om.create("problem")
    people.wait(0.4)
    second = om.create("problem")
    assert first["sys_created_on"] == second["sys_created_on"]


def test_a_deleted_record_is_gone_and_audited(om):
    row = om.create("problem", short_description="gone")
    assert om.call("DELETE", f"table/problem/{row['sys_id']}").status_code == 204
    assert om.call("GET", f"table/problem/{row['sys_id']}").status_code == 404
    audit = om.one("sys_audit_delete", f"documentkey={row['sys_id']}")
    assert (audit["tablename"], audit["display_value"]) == ("problem", row["number"])


def test_a_parent_table_shows_the_rows_of_its_children(om):
    row = om.create("problem", short_description="both")
    seen = om.one("task", f"sys_id={row['sys_id']}")
    assert seen["sys_class_name"] == "problem"
    assert om.change("task", row["sys_id"], short_description="through the parent")["short_description"]
    assert om.one("problem", f"sys_id={row['sys_id']}")["short_description"] == "through the parent"
    assert om.call("GET", f"table/incident/{row['sys_id']}").status_code == 404


def test_an_unlisted_choice_is_dropped_unless_the_property_allows_it(om, people):
    row = om.create("incident", state="99")
    assert row["state"] == "1"
    assert om.change("incident", row["sys_id"], state="")["state"] == "1"
    people.do("settings", properties={"glide.rest.choice.allow_non_existing_value": "true"})
    assert om.change("incident", row["sys_id"], state="99")["state"] == "99"
    people.do("settings", properties={"glide.rest.choice.allow_non_existing_value": "false"})


def test_values_that_do_not_fit_their_field_are_dropped(om):
    row = om.create("incident", due_date="soon", order="many", correlation_id="x" * 120)
    assert (row["due_date"], row["order"], len(row["correlation_id"])) == ("", "", 100)


def test_display_input_is_read_only_on_request(om):
    path, body = "table/incident", {"state": "In Progress"}
    assert om.call("POST", path, json=body).json()["result"]["state"] == "1"
    params = {"sysparm_input_display_value": "true"}
    assert om.call("POST", path, json=body, params=params).json()["result"]["state"] == "2"


def test_a_reference_is_an_object_a_string_or_nothing(om):
    row = om.create("incident", caller_id="6816f79cc0a8016401c5a33be04be441")
    path = f"table/incident/{row['sys_id']}"

    def caller(**params: str) -> object:
        return om.call("GET", path, params=params).json()["result"]["caller_id"]

    link = f"{om.url}/api/now/table/sys_user/6816f79cc0a8016401c5a33be04be441"
    id = "6816f79cc0a8016401c5a33be04be441"
    assert caller() == {"link": link, "value": id}
    assert caller(sysparm_exclude_reference_link="true") == id
    assert caller(sysparm_display_value="true") == {"display_value": "System Administrator", "link": link}
    both = {"display_value": "System Administrator", "value": id, "link": link}
    assert caller(sysparm_display_value="all") == both
    assert om.call("GET", path).json()["result"]["assigned_to"] == ""


def test_display_values_are_labels_in_the_users_time_zone(om):
    row = om.create("incident", state="2")
    params = {"sysparm_display_value": "all", "sysparm_fields": "state,sys_created_on,sys_class_name"}
    shown = om.call("GET", f"table/incident/{row['sys_id']}", params=params).json()["result"]
    assert shown["state"] == {"display_value": "In Progress", "value": "2"}
    assert shown["sys_class_name"]["display_value"] == "Incident"
    assert (
        shown["sys_created_on"]["value"] == row["sys_created_on"] != shown["sys_created_on"]["display_value"]
    )


def test_fields_may_be_dot_walked_and_unknown_ones_are_ignored(om):
    fields = "user_name,department.dept_head.email,nonsense,department.nonsense"
    row = om.one("sys_user", "user_name=admin", sysparm_fields=fields)
    assert row == {"user_name": "admin", "department.dept_head.email": "natasha.ingram@example.com"}


def test_a_parameter_of_its_own_compares_stored_and_shown_values(om):
    row = om.create("incident", state="3", short_description="simple equality")
    for state in ("3", "On Hold"):
        params = {"short_description": "simple equality", "state": state, "nonsense": "x"}
        reply = om.call("GET", "table/incident", params=params)
        assert [r["sys_id"] for r in reply.json()["result"]] == [row["sys_id"]]


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "table/no_such_table", 400, "Invalid table no_such_table"),
        ("GET", "nonsense", 400, "Requested URI does not represent any resource"),
        ("GET", "table/problem/nonsense", 404, "No Record found"),
        ("PATCH", "table/problem/nonsense", 404, "No Record found"),
        ("DELETE", "table/problem/nonsense", 404, "No Record found"),
        ("GET", "table/problem?sysparm_limit=0", 400, "Invalid value given for sysparm_limit"),
        ("GET", "table/problem?sysparm_limit=-1", 400, "Invalid value given for sysparm_limit"),
        ("GET", "table/problem?sysparm_limit=x", 400, "Invalid value given for sysparm_limit"),
        ("GET", "table/problem?sysparm_offset=-1", 400, "Invalid value given for sysparm_offset"),
        ("DELETE", "table/problem", 405, "Method not Supported"),
        ("PATCH", "table/problem", 405, "Method not Supported"),
        ("POST", "table/problem/nonsense", 405, "Method not Supported"),
        ("GET", "v1/table/problem?sysparm_query=number=nonsense", 404, "No Record found"),
    ],
)
def test_refusals_have_the_platforms_shape(om, method, path, status, message):
    reply = om.call(method, path, json={} if method in {"POST", "PATCH"} else None)
    assert reply.status_code == status
    assert reply.json()["status"] == "failure"
    assert reply.json()["error"]["message"] == message


@pytest.mark.parametrize("version", ["", "v2/"])
def test_an_empty_set_is_no_error_in_the_default_version(om, version):
    reply = om.call("GET", f"{version}table/problem", params={"sysparm_query": "number=nonsense"})
    assert (reply.status_code, reply.json()) == (200, {"result": []})


def test_a_body_must_be_json_and_say_so(om):
    assert (
        om.call(
            "POST", "table/problem", content=b"{nonsense", headers={"Content-Type": "application/json"}
        ).status_code
        == 400
    )
    assert (
        om.call("POST", "table/problem", content=b"a=b", headers={"Content-Type": "text/plain"}).status_code
        == 415
    )
    assert om.call("POST", "table/problem", content=b"{}").status_code == 400
    assert om.call("GET", "table/problem", headers={"Accept": "image/png"}).status_code == 406


def test_accept_is_demanded_only_with_the_switch(om, people):
    request = httpx.Request("GET", f"{om.url}/api/now/table/problem?sysparm_limit=1")
    assert "accept" not in request.headers
    auth = httpx.BasicAuth("admin", "sandbox")
    assert om.http.send(request, auth=auth).status_code == 200
    people.do("settings", properties={"sandbox.accept_required": "true"})
    assert om.http.send(httpx.Request("GET", request.url), auth=auth).status_code == 400
    people.do("settings", properties={"sandbox.accept_required": "false"})


def test_of_several_objects_only_the_first_is_created(om):
    reply = om.call(
        "POST", "table/problem", json=[{"short_description": "first"}, {"short_description": "second"}]
    )
    assert reply.json()["result"]["short_description"] == "first"
    assert om.list("problem", "short_description=second") == []


def test_head_has_headers_and_no_body(om):
    reply = om.call("HEAD", "table/problem", params={"sysparm_limit": 1})
    assert reply.content == b""
    assert int(reply.headers["x-total-count"]) > 1


def test_a_method_may_be_overridden(om):
    row = om.create("problem")
    headers = {"X-http-method-override": "PATCH"}
    reply = om.call(
        "POST", f"table/problem/{row['sys_id']}", json={"short_description": "patched"}, headers=headers
    )
    assert (reply.status_code, reply.json()["result"]["short_description"]) == (200, "patched")


def test_a_response_body_may_be_declined(om):
    reply = om.call("POST", "table/problem", json={}, headers={"X-no-response-body": "true"})
    assert (reply.status_code, reply.content) == (201, b"")
    assert reply.headers["location"]


def test_the_date_header_is_the_instances_clock(om, people):
    before = people.do("clock", "GET")["now"]
    reply = om.call("GET", "table/problem", params={"sysparm_limit": 1})
    assert reply.headers["date"].split(" ")[4] == before.split(" ")[1]


def test_a_url_that_is_too_long_is_answered_in_html(om):
    reply = om.call("GET", "table/" + "A" * 23_000)
    assert reply.status_code == 414
    assert reply.text.startswith("<html>")


def test_the_dictionary_describes_the_tables(om):
    parent = om.one("sys_db_object", "name=sn_ind_tmt_orm_domain_order")
    child = om.one("sys_db_object", "name=sn_ind_tmt_orm_product_order")
    assert child["super_class"] == parent["sys_id"]
    entry = om.one("sys_dictionary", "name=sn_ind_tmt_orm_domain_order^element=specification")
    assert (entry["internal_type"], entry["reference"]) == ("reference", "sn_prd_pm_specification")


def test_a_written_business_rule_aborts_what_it_matches(om):
    om.create(
        "sys_script",
        name="No poison",
        collection="problem",
        active=True,
        when="before",
        action_insert=True,
        abort_action=True,
        filter_condition="short_descriptionLIKEpoison^EQ",
    )
    refused = om.call("POST", "table/problem", json={"short_description": "some poison here"})
    assert refused.status_code == 403
    assert "was aborted by Business Rule 'No poison^" in refused.json()["error"]["detail"]
    assert om.create("problem", short_description="harmless")


def test_incident_priority_follows_impact_and_urgency(om):
    row = om.create("incident", impact="1", urgency="1")
    assert row["priority"] == "1"
    assert om.change("incident", row["sys_id"], urgency="3")["priority"] == "3"
