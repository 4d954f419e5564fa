"""Credentials: basic, tokens and their grants, expiry."""

from __future__ import annotations

import httpx
import pytest

from syncd.sandbox.seed import CLIENT_ID, CLIENT_SECRET

APP = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
PASSWORD_GRANT = {"grant_type": "password", "username": "admin", "password": "sandbox", **APP}


@pytest.fixture
def anonymous():
    with httpx.Client() as client:
        yield client


def token(anonymous, om, **form) -> httpx.Response:
    return anonymous.post(f"{om.url}/oauth_token.do", data=form)


def status(anonymous, om, access_token: str) -> int:
    headers = {"Authorization": f"Bearer {access_token}"}
    return anonymous.get(f"{om.url}/api/now/table/problem?sysparm_limit=1", headers=headers).status_code


@pytest.mark.parametrize("auth", [None, ("admin", "wrong"), ("nobody", "sandbox"), ("", "")])
def test_wrong_or_missing_credentials_are_refused(anonymous, om, auth):
    reply = anonymous.get(f"{om.url}/api/now/table/problem", auth=auth)
    assert reply.status_code == 401
    error = {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}
    assert reply.json() == {"error": error, "status": "failure"}


def test_a_locked_out_user_does_not_get_in(anonymous, om):
    user = om.one("sys_user", "user_name=beth.anglin")
    url = f"{om.url}/api/now/table/problem?sysparm_limit=1"
    assert anonymous.get(url, auth=("beth.anglin", "sandbox")).status_code == 200
    om.change("sys_user", user["sys_id"], locked_out="true")
    assert anonymous.get(url, auth=("beth.anglin", "sandbox")).status_code == 401


def test_a_read_only_user_reads_and_is_refused_writes(anonymous, om):
    auth = ("readonly.integration", "sandbox")
    url = f"{om.url}/api/now/table/problem"
    assert anonymous.get(url, auth=auth).status_code == 200
    reply = anonymous.post(url, auth=auth, json={})
    assert reply.status_code == 403
    assert reply.json()["error"]["detail"] == "ACL Exception Insert Failed due to security constraints"


def test_the_password_grant_gives_a_token_that_lasts_half_an_hour(anonymous, om, people):
    granted = token(anonymous, om, **PASSWORD_GRANT).json()
    assert (granted["token_type"], granted["scope"], granted["expires_in"]) == ("Bearer", "useraccount", 1799)
    assert status(anonymous, om, granted["access_token"]) == 200
    people.wait(1801)
    assert status(anonymous, om, granted["access_token"]) == 401


def test_asking_again_returns_the_same_token_with_a_new_life(anonymous, om, people):
    first = token(anonymous, om, **PASSWORD_GRANT).json()
    people.wait(1000)
    again = token(anonymous, om, **PASSWORD_GRANT).json()
    assert again["access_token"] == first["access_token"]
    people.wait(1000)
    assert status(anonymous, om, first["access_token"]) == 200


def test_the_refresh_grant_gives_a_new_token_and_no_new_refresh_token(anonymous, om, people):
    first = token(anonymous, om, **PASSWORD_GRANT).json()
    people.do("tokens/expire")
    assert status(anonymous, om, first["access_token"]) == 401
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **APP}
    renewed = token(anonymous, om, **form).json()
    assert renewed["refresh_token"] == first["refresh_token"]
    assert status(anonymous, om, renewed["access_token"]) == 200


def test_client_credentials_need_the_property(anonymous, om, people):
    form = {"grant_type": "client_credentials", **APP}
    granted = token(anonymous, om, **form).json()
    assert "refresh_token" not in granted
    assert status(anonymous, om, granted["access_token"]) == 200
    switch = "glide.oauth.inbound.client.credential.grant_type.enabled"
    people.do("settings", properties={switch: "false"})
    assert token(anonymous, om, **form).status_code == 401
    people.do("settings", properties={switch: "true"})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"password": "wrong"}, "invalid_grant"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_grant_is_refused(anonymous, om, change, error):
    reply = token(anonymous, om, **{**PASSWORD_GRANT, **change})
    assert (reply.status_code, reply.json()["error"]) == (401, error)


def test_a_json_body_gets_no_token(anonymous, om):
    assert anonymous.post(f"{om.url}/oauth_token.do", json=PASSWORD_GRANT).status_code == 400


def test_the_life_of_tokens_can_be_shortened_and_who_asks_is_counted(anonymous, om, people):
    people.do("requests", "DELETE")
    people.do("settings", token_life_s=3)
    given = token(anonymous, om, **PASSWORD_GRANT).json()
    assert given["expires_in"] == 2
    people.wait(4)
    assert status(anonymous, om, given["access_token"]) == 401
    counted = people.do("requests", "GET")
    assert counted["tokens"] == counted["unauthenticated"] == {"order_management": 1}
    people.do("settings", token_life_s=1800)
