"""The plan's page: finds over capacity, the marker of a number, and what exploration buys."""

from __future__ import annotations

import re
import threading
from itertools import count
from pathlib import Path

import pytest

from models.capacity import ALL
from service.app import create_app
from service.console import kept
from service.console.drawing import Plot, powers, ticks
from service.console.kept import Kept
from service.console.screens import plan
from service.core.commands import WrongUse
from service.core.database.times import now_us
from service.core.settings import DAYS, Capacity
from tests.service.api_client import Client, serving
from tests.service.console.conftest import settings_of
from tests.service.store.test_capacity import fill

SITES = {"USLAX": 3.0, "USJFK": 2.0}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for what is made in the background."""
    monkeypatch.setattr(kept, "WAIT", 30.0)


def planned(client: Client, query: str = "") -> str:
    fill(client.state.store.database, client.state.host.served.model, 1_500, end=now_us())  # type: ignore[union-attr]
    answer = client.get(f"/plan{query}")
    assert answer.status_code == 200
    return answer.text


def rows(page: str, table: str) -> list[list[str]]:
    """Return the texts of the cells of a table's rows."""
    body = re.search(rf'<table id="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert body is not None
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in body[1].split("</tr>")[:-1]]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_more_inspections_find_more_and_the_marker_moves(small_store: Path, tmp_path: Path) -> None:
    capacity = Capacity(per_day=SITES, by="site", working_days=DAYS)
    with serving(create_app(settings_of(small_store, tmp_path, capacity=capacity))) as client:
        page = planned(client)
        marks = [re.findall(r'class="mark" x1="([\d.]+)"', one) for one in (page, client.get("/plan?per_day=10").text)]
        curve = rows(page, "curve")
        found = [float(row[1].replace(",", "")) for row in curve]
        # The model of the tests scores by chance here, but every inspection has its own risk.
        assert found == sorted(found)
        assert found[0] < found[-1]
        assert [row[0] for row in curve if row[0] == "5"] == ["5"]
        assert float(marks[1][0]) > float(marks[0][0])
        assert {row[0]: row[1] for row in rows(page, "sites")} == {"USLAX": "3"}
        assert [(row[0], row[3]) for row in rows(page, "today")] == [
            ("whole office", "5"),
            ("USJFK", "2"),
            ("USLAX", "3"),
        ]
        assert [row[0] for row in rows(page, "exploration")] == ["0%", "2%", "5%", "10% (in force)", "20%"]
        assert [row[1] == "never" for row in rows(page, "exploration")] == [True, False, False, False, False]


def test_an_office_with_few_scores_or_a_wrong_number_is_told_so(office: Client) -> None:
    page = office.get("/plan").text
    assert "a plan needs 1,000" in page
    assert "No capacity is configured" in page
    for wrong in ("0", "-1", "nan", "many", "1e9"):
        answer = office.get(f"/plan?per_day={wrong}")
        assert answer.status_code == 422
        assert "must be a number of inspections" in answer.text


def test_a_page_does_not_wait_for_a_long_plan(office: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def slowly(*_: object) -> None:
        go.wait(30)
        raise WrongUse("never shown")

    monkeypatch.setattr(kept, "WAIT", 0.0)
    monkeypatch.setattr(plan, "stored", slowly)
    page = office.get("/plan").text
    assert "are being computed" in page
    assert 'hx-get="/plan?per_day=40.0"' in page
    go.set()


def test_a_capacity_of_sites_keeps_its_proportions() -> None:
    capacity = Capacity(per_day=SITES, by="site", working_days=DAYS)
    assert plan.of_office(capacity, 5.0, 5.0) is capacity
    assert plan.of_office(capacity, 10.0, 5.0).daily({}) == {"USLAX": 6.0, "USJFK": 4.0, ALL: 10.0}
    assert plan.of_office(None, 10.0, 40.0).per_day == 10.0


def test_what_is_kept_is_made_once_and_a_failure_is_shown() -> None:
    one = Kept()
    numbers = count(1)
    assert [one.of("key", 60.0, lambda: next(numbers)) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(ZeroDivisionError):
        one.of("other", 60.0, lambda: 1 / 0)


def test_axes_have_round_values() -> None:
    assert ticks(28.0) == [0.0, 10.0, 20.0]
    assert ticks(0.0) == [0.0]
    assert powers(1e-6, 1e-3) == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3])
    assert powers(3e-5, 3e-4) == pytest.approx([5e-5, 1e-4, 2e-4])
    plot = Plot(10.0, (0.0, 2.0))
    assert (plot.x_of(0.0), plot.x_of(10.0), plot.x_of(99.0)) == (plot.left, plot.right, plot.right)
    assert plot.y_of(0.0) == plot.bottom > plot.y_of(2.0)
