"""Sign-in, sessions and the first account."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.console import people
from service.console.people import PersonRefused
from service.console.roles import Role
from tests.service.api_client import Client, serving
from tests.service.console.conftest import PASSWORD, Officer, database_of, settings_of, sign_in, token_of


def test_a_loopback_service_opens_with_a_local_user_until_there_is_an_account(office: Client) -> None:
    page = office.get("/queue")
    assert "You are the local user" in page.text
    made = office.post(
        "/account",
        data={"login": "chief", "password": PASSWORD, "repeated": PASSWORD, "token": token_of(page.text)},
    )
    assert made.headers["location"] == "/queue"
    assert "HttpOnly" in made.headers["set-cookie"]
    assert "SameSite=lax" in made.headers["set-cookie"]
    office.asynchronous.cookies.clear()
    assert office.get("/queue").headers["location"] == "/sign-in?to=%2Fqueue"
    assert Officer(office, "chief").get("/queue").status_code == 200


def test_a_service_with_keys_has_no_local_user_and_its_api_still_needs_a_key(small_store: Path, tmp_path: Path) -> None:
    settings = settings_of(small_store, tmp_path, auth=True, first_key_file=tmp_path / "key")
    with serving(create_app(settings)) as client:
        assert client.get("/queue").status_code == 303
        assert "tidewaiter people add" in client.get("/sign-in").text
        person = sign_in(client, "an.officer", Role.OFFICER)
        assert person.get("/queue").status_code == 200
        # A session is no key.
        assert person.get("/v1/queue").status_code == 401


def test_a_wrong_password_an_unknown_login_and_an_ended_account_look_the_same(office: Client) -> None:
    database = database_of(office)
    people.add(database, "known", "Known", Role.OFFICER, password=PASSWORD, actor=None)
    ended = people.add(database, "ended", "Ended", Role.OFFICER, password=PASSWORD, actor=None)
    people.change(database, ended.id, is_ended=True, actor=None)
    token = token_of(office.get("/sign-in").text)
    for login, password in (("known", "another sentence of words"), ("unknown", PASSWORD), ("ended", PASSWORD)):
        answer = office.post("/sign-in", data={"login": login, "password": password, "token": token})
        assert answer.status_code == 422
        assert "Login or password is wrong." in answer.text
        assert "set-cookie" not in answer.headers


def test_attempts_are_limited(office: Client) -> None:
    people.add(database_of(office), "limited", "Limited", Role.OFFICER, password=PASSWORD, actor=None)
    token = token_of(office.get("/sign-in").text)
    fields = {"login": "limited", "password": "x" * 20, "token": token}
    answers = [office.post("/sign-in", data=fields).text for _ in range(12)]
    assert "Too many attempts" not in answers[0]
    assert "Too many attempts" in answers[-1]


@pytest.mark.parametrize(
    "changes", [{"role": Role.VIEWER}, {"password": "another sentence of words"}, {"is_ended": True}]
)
def test_a_change_of_an_account_ends_its_sessions(office: Client, changes: dict[str, object]) -> None:
    sign_in(office, "chief", Role.ADMINISTRATOR)
    person = sign_in(office, "changing", Role.OFFICER)
    assert person.get("/queue").status_code == 200
    database = database_of(office)
    with database.read() as connection:
        [one] = [one for one in people.every(connection) if one.login == "changing"]
    people.change(database, one.id, actor="a test", **changes)  # type: ignore[arg-type]
    assert person.get("/queue").status_code == 303


def test_the_last_administrator_stays(office: Client) -> None:
    chief = people.add(database_of(office), "chief", "Chief", Role.ADMINISTRATOR, password=PASSWORD, actor=None)
    for changes in ({"role": Role.LEAD}, {"is_ended": True}):
        with pytest.raises(PersonRefused, match="only administrator"):
            people.change(database_of(office), chief.id, actor=None, **changes)


@pytest.mark.parametrize("to", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_sign_in_leads_to_no_other_site(office: Client, to: str) -> None:
    people.add(database_of(office), "known", "Known", Role.OFFICER, password=PASSWORD, actor=None)
    token = token_of(office.get("/sign-in").text)
    fields = {"login": "known", "password": PASSWORD, "token": token}
    assert office.post("/sign-in", params={"to": to}, data=fields).headers["location"] == "/queue"


def test_a_forged_cookie_is_no_session(office: Client) -> None:
    person = sign_in(office, "an.officer", Role.OFFICER)
    value = person.cookies["tidewaiter"]
    person.cookies = httpx.Cookies({"tidewaiter": value[:-2] + ("aa" if value[-2:] != "aa" else "bb")})
    assert person.get("/queue").status_code == 303


def test_signing_out_ends_the_session_for_everybody_who_has_its_cookie(office: Client) -> None:
    person = sign_in(office, "an.officer", Role.OFFICER)
    stolen = httpx.Cookies(person.cookies)
    person.post("/sign-out")
    person.cookies = stolen
    assert person.get("/queue").status_code == 303


def test_a_session_ends_after_twelve_hours_of_work(office: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    person = sign_in(office, "an.officer", Role.OFFICER)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 11 * 3600)
    assert person.get("/queue").status_code == 200
    monkeypatch.setattr(time, "time", lambda: now + 13 * 3600)
    assert person.get("/queue").status_code == 303


def test_a_form_of_an_ended_session_leads_back_to_its_page(office: Client) -> None:
    person = sign_in(office, "an.officer", Role.OFFICER)
    data, headers = {"token": person.token}, {"referer": "http://testserver/queue?lane=yellow"}
    person.client.asynchronous.cookies.clear()
    answer = person.client.request("POST", "/queue/next", data=data, headers=headers)
    assert answer.headers["location"] == "/sign-in?to=%2Fqueue%3Flane%3Dyellow"


def test_the_old_password_cannot_be_guessed_without_end(office: Client) -> None:
    person = sign_in(office, "an.officer", Role.OFFICER)
    fields = {"old": "x" * 20, "password": "y" * 20, "repeated": "y" * 20}
    statuses = [person.post("/account", **fields).status_code for _ in range(12)]
    assert statuses[0] == 422
    assert statuses[-1] == 429


def test_a_change_that_changes_nothing_ends_no_session(office: Client) -> None:
    person = sign_in(office, "an.officer", Role.OFFICER)
    with database_of(office).read() as connection:
        [one] = people.every(connection)
    people.change(database_of(office), one.id, role=Role.OFFICER, actor=None)
    assert person.get("/queue").status_code == 200


def test_a_mistyped_address_shows_a_person_a_page_and_a_program_problem_details(office: Client) -> None:
    visit = {"sec-fetch-dest": "document"}
    page = office.get("/nonsense", headers=visit)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such page." in page.text
    assert 'href="/queue"' in page.text
    assert office.get("/nonsense").json()["status"] == 404
    # A route of the API answers for itself.
    unknown = office.get("/v1/decisions/7d0a0b3c-8c1e-7000-8000-000000000000", headers=visit)
    assert (unknown.status_code, unknown.json()["status"]) == (404, 404)
