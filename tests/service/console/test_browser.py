"""The console in a real browser: keys, focus, both themes, two widths, and what a keyboard alone can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.service.console.conftest import console

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.service.served import Served

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]

#: Pages that need no shipment.
PAGES = (
    "/queue",
    "/try",
    "/substances?q=4-piperidone",
    "/goods?q=phone+case",
    "/files",
    "/plan",
    "/model",
    "/rules",
    "/administration",
)
SIZES = {"wide": {"width": 1600, "height": 900}, "laptop": {"width": 1000, "height": 700}}
Theme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def server(small_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with console(small_store, tmp_path_factory.mktemp("console"), 24) as server:
        yield server


@contextmanager
def looking(browser: Browser, server: Served, path: str, size: str = "wide", theme: Theme = "light") -> Iterator[Page]:
    """Open a page. Any message in the log of the browser, such as one about its policy of scripts, fails the test."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=theme, base_url=server.url)  # type: ignore[arg-type]
    messages: list[str] = []
    page = context.new_page()
    # The log mentions refusals with status 4xx, which tests ask for.
    page.on("console", lambda one: messages.append(one.text) if "Failed to load resource" not in one.text else None)
    page.on("pageerror", lambda one: messages.append(str(one)))
    page.goto(path)
    page.locator("body[data-ready]").wait_for()
    yield page
    context.close()
    assert messages == []


def focus(page: Page) -> str:
    """Return the id, or otherwise the name, of the element that has the focus."""
    found: str = page.evaluate(
        "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
    )
    return found


def rows(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all("[data-row]", "rows => rows.map(row => row.id)")
    return found


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def settled(page: Page) -> None:
    page.wait_for_function("() => !document.querySelector('.htmx-request')")


def test_keys_of_the_queue_move_the_focus_where_they_should(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/queue") as page:
        all_rows = rows(page)
        assert len(all_rows) >= 24
        assert focus(page) == all_rows[0]
        press(page, "j", "j", "k")
        assert focus(page) == all_rows[1]
        press(page, "x")
        assert page.locator(f"#{all_rows[1]} input").is_checked()
        assert focus(page) == all_rows[1]
        press(page, "c")
        page.locator(f"#{all_rows[1]} .held", has_text="Local user").wait_for()
        assert focus(page) == all_rows[1]
        press(page, "c")
        page.locator(f"#{all_rows[1]} .held", has_text="Claim").wait_for()
        assert focus(page) == all_rows[1]
        press(page, "/")
        assert focus(page) == "q"
        # A field keeps its keys.
        press(page, "j")
        assert page.locator("input[name=q]").input_value() == "j"
        press(page, "Escape")
        assert focus(page) == all_rows[1]
        press(page, "?")
        assert page.locator("#help").is_visible()
        assert "claim or release the row" in page.locator("#key-list").inner_text()
        press(page, "Escape")
        press(page, "Enter")
        page.wait_for_url("**/shipments/*")
        page.locator("body[data-ready]").wait_for()
        press(page, "b")
        page.wait_for_url("**/queue")


def test_single_keys_can_be_switched_off(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/queue") as page:
        first = focus(page)
        press(page, "?")
        page.locator("#keys-on").uncheck()
        press(page, "Escape")
        page.locator(f"#{first}").focus()
        press(page, "j")
        assert focus(page) == first
        assert not page.locator("kbd").first.is_visible()
        page.reload()
        page.locator("body[data-ready]").wait_for()
        press(page, "j")
        assert focus(page) == first


@pytest.mark.parametrize(("key", "path"), [(key, path) for key, path in zip("qtsofpmra", PAGES, strict=True)])
def test_g_and_a_letter_lead_to_each_screen(chromium: Browser, server: Served, key: str, path: str) -> None:
    with looking(chromium, server, "/queue") as page:
        press(page, "g", key)
        page.wait_for_url(f"**{path.partition('?')[0]}*")


def test_shipments_are_triaged_with_few_keys_and_the_last_verdict_is_undone(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/queue") as page:
        press(page, "o")
        page.wait_for_url("**/shipments/*")
        seen = []
        for _ in range(3):
            page.locator("body[data-ready]").wait_for()
            here: str = page.evaluate("location.pathname")
            seen.append(here)
            press(page, "1")
            assert page.evaluate("document.activeElement.value") == "1"
            press(page, "Enter")
            page.wait_for_function("here => location.pathname !== here", arg=here)
        assert len(set(seen)) == 3
        assert "clean" in page.locator(".done").inner_text().lower() or "none" in page.locator(".done").inner_text()
        press(page, "u")
        page.wait_for_url(f"**{seen[-1]}*")


def test_arrivals_are_announced_and_move_no_row(chromium: Browser, server: Served) -> None:
    import httpx

    from tests.service.console.conftest import shipments

    with looking(chromium, server, "/queue") as page:
        press(page, "j", "j")
        before, held = rows(page), focus(page)
        top = page.locator(f"#{held}").bounding_box()
        arrival = shipments(1)[0] | {"shipment_id": "ARRIVAL"}
        httpx.post(f"{server.url}/v1/score", json=arrival).raise_for_status()
        page.locator("#news").wait_for(state="visible")
        assert rows(page) == before
        press(page, "r")
        page.locator("[aria-label=ARRIVAL]").wait_for()
        assert focus(page) == held
        now = page.locator(f"#{held}").bounding_box()
        assert top is not None
        assert now is not None
        assert abs(now["y"] - top["y"]) < 60


def test_a_text_of_a_manifest_is_never_html(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/queue?q=cmd") as page:
        assert page.title().startswith("Queue")
        assert page.locator("main img, main script").count() == 0
        assert "<script>document.title" in page.locator("[data-row]").first.inner_text()
        press(page, "Enter")
        page.wait_for_url("**/shipments/*")
        assert "<img src=x>" in page.locator("h1").inner_text()
        assert page.locator("main script").count() == 0


def test_a_session_that_ends_loses_no_typed_text(chromium: Browser, small_store: Path, tmp_path: Path) -> None:
    from service.console import people
    from service.console.roles import Role
    from service.core.database.engine import Database
    from tests.service.console.conftest import PASSWORD

    with console(small_store, tmp_path, 2) as server:
        database = Database(f"sqlite:///{tmp_path / 'store.db'}")
        people.add(database, "an.officer", "An Officer", Role.OFFICER, password=PASSWORD, actor=None)
        database.close()
        with looking(chromium, server, "/queue") as page:
            page.fill("input[name=login]", "an.officer")
            page.fill("input[name=password]", PASSWORD)
            press(page, "Enter")
            page.wait_for_url("**/queue")
            page.locator("body[data-ready]").wait_for()
            press(page, "o")
            page.wait_for_url("**/shipments/*")
            page.locator("body[data-ready]").wait_for()
            press(page, "n")
            page.keyboard.type("the lining is new")
            page.context.clear_cookies()
            press(page, "Escape", "1", "Enter")
            page.locator("#over").wait_for(state="visible")
            assert page.locator("textarea[name=note]").input_value() == "the lining is new"
            page.fill("#over input[name=login]", "an.officer")
            page.fill("#over input[name=password]", PASSWORD)
            page.locator("#over button").click()
            page.locator("#over").wait_for(state="hidden")
            assert page.locator("textarea[name=note]").input_value() == "the lining is new"
            before = page.url
            page.locator("#verdict button.main").click()
            page.wait_for_function("before => location.href !== before", arg=before)


def test_changes_and_refusals_on_the_page_keep_what_is_typed(
    chromium: Browser, small_store: Path, tmp_path: Path
) -> None:
    import httpx

    with console(small_store, tmp_path, 2) as server, looking(chromium, server, "/queue") as page:
        press(page, "o")
        page.wait_for_url("**/shipments/*")
        page.locator("body[data-ready]").wait_for()
        page.locator("#neighbours h2 + *:not(.faint), #neighbours p").first.wait_for()
        note = page.locator("textarea[name=note]")
        press(page, "n")
        page.keyboard.type("the lining is new")
        press(page, "Escape", "l")
        page.locator("#lane select").select_option("green")
        page.locator("textarea[name=reason]").fill("seen before")
        page.locator("#lane button").click()
        page.locator("#told", has_text="The lane is chosen.").wait_for()
        assert note.input_value() == "the lining is new"
        assert page.locator("textarea[name=reason]").input_value() == ""
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        decision = page.evaluate("location.pathname.split('/').pop()")
        found = {"content": "precursor", "found_at": "2026-05-04", "by": "A Colleague"}
        httpx.post(f"{server.url}/v1/decisions/{decision}/outcome", json=found).raise_for_status()
        press(page, "1", "Enter")
        page.locator(".problem", has_text="precursor by A Colleague").wait_for()
        assert note.input_value() == "the lining is new"
        assert page.locator("input[name=verdict]:checked").input_value() == "1"


def test_enter_on_a_button_or_a_folded_part_is_theirs_and_records_no_verdict(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/queue") as page:
        press(page, "k", "Enter")
        page.locator("#verdict").wait_for()
        here = page.url
        page.keyboard.press("1")
        for selector in ("summary[data-key=l]", "[data-help]"):
            page.locator(selector).focus()
            page.keyboard.press("Enter")
            settled(page)
        assert page.locator("dialog[open]").count() == 1
        assert page.url == here
        assert not page.locator(".done").count()


def test_a_reason_lights_up_its_fields_and_a_field_its_reasons(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/queue") as page:
        press(page, "Enter")
        page.wait_for_url("**/shipments/*")
        page.locator("body[data-ready]").wait_for()
        page.locator("#reason-1").focus()
        lit = page.locator(".lit")
        assert lit.count() >= 1
        assert page.locator("tr.lit").count() == 0
        page.locator("dl.fields div[tabindex]").first.focus()
        assert page.locator("tr.lit").count() >= 1
        assert page.locator("dl .lit").count() == 0


def problems(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        ("wide", "light"),
        ("laptop", "dark"),
        pytest.param("wide", "dark", marks=pytest.mark.long),
        pytest.param("laptop", "light", marks=pytest.mark.long),
    ],
)
def test_axe_finds_nothing_serious_and_no_page_scrolls_sideways(
    chromium: Browser, server: Served, size: str, theme: Theme
) -> None:
    with looking(chromium, server, "/queue", size, theme) as page:
        shipment = page.locator("a.open").first.get_attribute("href")
        assert shipment is not None
        for path in (*PAGES, shipment, "/account"):
            page.goto(path)
            assert problems(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


def test_the_queue_and_all_its_files_weigh_at_most_100_kb(chromium: Browser, server: Served) -> None:
    with looking(chromium, server, "/queue") as page:
        sizes: list[int] = page.evaluate(
            """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
               .filter(one => !one.name.endsWith("/events")).map(one => one.transferSize)"""
        )
        assert len(sizes) >= 4
        assert 0 < sum(sizes) <= 100_000
