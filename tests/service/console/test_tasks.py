"""The tasks of the screens beside queue and shipment, in a real browser and by keyboard where a key is promised."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.service.console.conftest import PASSWORD, console
from tests.service.console.test_browser import focus, looking, press, settled
from tests.service.console.test_files import CARRIER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.service.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture(scope="module")
def server(small_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with console(small_store, tmp_path_factory.mktemp("tasks"), 12) as server:
        yield server


def test_a_manifest_and_a_changed_one_are_compared_by_keyboard(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/try") as page:
        press(page, "w")
        assert focus(page) == "changed"
        page.keyboard.press("Control+a")
        page.keyboard.type('{"shipment_id": "T", "items": [{"goods_description": "phone case"}]}')
        page.keyboard.press("Control+Enter")
        page.locator("#result h2", has_text="What changed").wait_for()
        assert page.locator("#result .lane").count() == 2
        # Both texts stay, and the focus is where it was.
        assert "phone case" in page.locator("#changed").input_value()
        assert focus(page) == "changed"
        press(page, "Escape", "e")
        page.locator("input[name=goods_description]").fill("4-piperidone")
        press(page, "Enter")
        page.locator("#first", has_text="4-piperidone").wait_for()
        # What was empty can still be filled in.
        assert page.locator("input[name=cas_number]").is_enabled()


def chosen(page: Page, column: str) -> str:
    value: str = page.locator(f"select[name='column {column}']").input_value()
    return value


def test_columns_of_a_file_are_corrected_by_eye_and_the_job_reads_them_so(
    chromium: Browser, server: Served, tmp_path: Path
) -> None:
    file, saved = tmp_path / "carrier.csv", tmp_path / "saved.toml"
    file.write_text(CARRIER)
    with looking(chromium, server, "/files") as page:
        page.set_input_files("[data-head]", file)
        page.locator("#columns-read").wait_for()
        assert chosen(page, "HAWB") == "shipment_id"
        page.select_option("select[name='column Memo']", "declared_chemical")
        page.locator("[data-download][download]").wait_for()
        assert 'declared_chemical = "Memo"' in page.locator("#mapping").input_value()
        with page.expect_download() as download:
            page.locator("[data-download]").click()
        download.value.save_as(saved)
        # Another file begins with its own guesses; the saved mapping brings the choice back.
        file = file.rename(tmp_path / "next.csv")
        page.set_input_files("[data-head]", file)
        page.wait_for_function("() => document.querySelector('#mapping').value === ''")
        page.locator("summary", has_text="Mapping").click()
        page.set_input_files("[data-saved]", saved)
        page.wait_for_function(
            "() => document.querySelector(\"select[name='column Memo']\")?.value === 'declared_chemical'"
        )
        page.locator("h1").click()
        press(page, "s")
        page.locator("#jobs a", has_text="next.csv").wait_for()
        press(page, "j", "Enter")
        page.wait_for_url("**/files/*")
        page.locator("body[data-ready]").wait_for()
        page.locator("#job .progress").wait_for()
        press(page, "b")
        page.wait_for_url("**/files")


def test_a_file_that_cannot_be_read_is_told_before_it_is_sent(
    chromium: Browser, server: Served, tmp_path: Path
) -> None:
    file = tmp_path / "letter.csv"
    file.write_text("dear officer,hello\n1,2\n")
    with looking(chromium, server, "/files") as page:
        page.set_input_files("[data-head]", file)
        page.locator("#messages", has_text="No column is recognised").wait_for()
        good = tmp_path / "good.csv"
        good.write_text(CARRIER)
        page.set_input_files("[data-head]", good)
        page.locator("#columns-read").wait_for()
        assert page.locator("#messages").inner_text() == ""


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "words", "answer"),
    [
        ("/substances", "39742-60-4", "N-Phenethyl-4-piperidone"),
        ("/goods", "phone case", "Most likely chapter"),
    ],
)
def test_look_ups_by_keyboard(chromium: Browser, server: Served, path: str, words: str, answer: str) -> None:
    with looking(chromium, server, path) as page:
        assert focus(page) == "q"
        page.keyboard.type(words)
        press(page, "Enter")
        page.locator("#result .answer", has_text=answer).wait_for()
        page.locator("body[data-ready]").wait_for()
        press(page, "/")
        assert focus(page) == "q"


@pytest.mark.long
def test_a_capacity_is_asked_by_keyboard_and_the_answer_is_a_link(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/plan") as page:
        press(page, "/")
        assert focus(page) == "per_day"
        page.keyboard.type("7")
        press(page, "Enter")
        page.wait_for_url("**/plan?*per_day=7*")
        assert page.locator("input[name=per_day]").input_value() == "7"


@pytest.mark.long
def test_a_rule_is_tried_and_finds_that_share_nothing_give_no_entry(chromium: Browser, server: Served) -> None:
    decisions = httpx.get(f"{server.url}/v1/decisions?limit=2").json()["decisions"]
    for one in decisions:
        found = {"content": "precursor", "found_at": "2026-05-05", "by": "A Colleague"}
        httpx.post(f"{server.url}/v1/decisions/{one['decision_id']}/outcome", json=found).raise_for_status()
    with looking(chromium, server, "/rules") as page:
        press(page, "/")
        assert focus(page) == "rule"
        press(page, "Escape")
        page.locator("button", has_text="Try it").click()
        page.locator("#tried .answer", has_text="meet it").wait_for()
        press(page, "d")
        page.locator("#proposals button.main").click()
        page.locator("#messages", has_text="Choose at least one find").wait_for()
        for box in page.locator("input[name=outcome]").all():
            box.check()
        page.locator("#proposals button.main").click()
        settled(page)
        page.locator("#messages", has_text="share nothing").or_(page.locator("#proposals article")).first.wait_for()


@pytest.mark.long
def test_an_administrator_makes_the_first_account_then_adds_a_person(
    chromium: Browser, small_store: Path, tmp_path: Path
) -> None:
    with console(small_store, tmp_path, 1) as server, looking(chromium, server, "/account") as page:
        page.fill("input[name=login]", "chief")
        page.fill("input[name=password]", PASSWORD)
        page.fill("input[name=repeated]", PASSWORD)
        press(page, "Enter")
        page.wait_for_url(lambda url: not url.endswith("/account"))
        if "/sign-in" in page.url:
            page.fill("input[name=login]", "chief")
            page.fill("input[name=password]", PASSWORD)
            press(page, "Enter")
            page.wait_for_url("**/queue")
        page.goto("/administration")
        page.locator("body[data-ready]").wait_for()
        press(page, "n")
        assert page.evaluate("document.activeElement.name") == "login"
        page.keyboard.type("vic")
        add = page.locator("form[hx-post='/administration/people']")
        add.locator("select").select_option("viewer")
        # Choosing a role sends nothing yet.
        add.locator("input[name=password]").fill(PASSWORD)
        press(page, "Enter")
        page.locator("td", has_text="vic").first.wait_for()
        page.locator("#messages", has_text="vic (vic) can sign in now, as viewer").wait_for()
        # The only administrator stays one, and the page shows it.
        own = page.get_by_label("Role of chief")
        own.select_option("lead")
        own.locator("xpath=..").get_by_role("button").click()
        page.locator("#messages .problem").wait_for()
        assert own.input_value() == "administrator"
        page.get_by_text("Make a key").click()
        page.get_by_label("Who uses it").fill("Scanner of hall 3")
        page.get_by_label("score", exact=True).check()
        press(page, "Enter")
        page.locator("#messages code").wait_for()
        secret = page.inner_text("#messages code")
        assert secret.startswith("tw_")
        page.reload()
        assert secret not in page.content()
        assert page.locator("tr:has(code)", has_text="Scanner of hall 3").count() == 1


def test_a_draft_comes_back_to_who_wrote_it_and_to_nobody_else(
    chromium: Browser, small_store: Path, tmp_path: Path
) -> None:
    from service.console import people
    from service.console.roles import Role
    from service.core.database.engine import Database

    def sign_in(page: Page, login: str) -> None:
        page.locator("input[name=login]").fill(login)
        page.locator("input[name=password]").fill(PASSWORD)
        press(page, "Enter")

    with console(small_store, tmp_path, 1) as server:
        database = Database(f"sqlite:///{tmp_path / 'store.db'}")
        for login in ("ann", "bob"):
            people.add(database, login, login.title(), Role.LEAD, password=PASSWORD, actor="a test")
        database.close()
        with looking(chromium, server, "/rules") as page:
            sign_in(page, "ann")
            page.wait_for_url("**/rules")
            rule = page.locator("textarea[name=rule]")
            template = rule.input_value()
            rule.fill("a draft of Ann")
            # The session ends, and the dialog asks for the password over the page.
            page.context.clear_cookies()
            page.get_by_role("button", name="Try it").click()
            page.locator("#dialog input[name=login]").wait_for()
            sign_in(page, "bob")
            page.locator("header", has_text="Bob").wait_for()
            assert rule.input_value() == template
            page.context.clear_cookies()
            page.get_by_role("button", name="Try it").click()
            page.locator("#dialog input[name=login]").wait_for()
            sign_in(page, "ann")
            page.locator("header", has_text="Ann").wait_for()
            assert rule.input_value() == "a draft of Ann"
            page.get_by_role("button", name="Sign out").click()
            page.wait_for_url("**/sign-in")
            assert page.evaluate("sessionStorage.length") == 0
