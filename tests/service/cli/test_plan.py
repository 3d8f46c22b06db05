"""``tidewaiter plan``: what a capacity finds, and what exploration buys."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from service.cli import run
from service.core.settings import Capacity
from service.trials.capacity_report import Scored, explored, plot, rows_of
from tests.models.small_model import manifest


def traffic(n: int = 20_000, days: float = 100.0) -> Scored:
    log_odds = np.random.default_rng(3).normal(-6.0, 1.5, n)
    group = np.where(np.arange(n) % 4 == 0, "USJFK", "USLAX").astype(object)
    return Scored(group, log_odds, 1 / (1 + np.exp(-log_odds)), np.zeros(n, bool), days)


def test_finds_rise_and_precision_and_threshold_fall_with_the_capacity() -> None:
    rows = [row for row in rows_of(traffic(), Capacity(per_day=20, by="site")) if not row.group]
    assert [row.capacity for row in rows] == [5, 10, 20, 40, 80]
    for less, more in pairwise(rows):
        assert less.expected_finds < more.expected_finds
        assert less.precision > more.precision
        assert (less.threshold or 0) > (more.threshold or 0)
    for row in rows:
        assert row.low <= row.expected_finds <= row.high
        # A year has 365 x 5 / 7 working days.
        assert row.expected_finds / row.precision == pytest.approx(row.capacity * 365 * 5 / 7, rel=0.02)


def test_sites_share_the_capacity_by_traffic() -> None:
    rows = {row.group: row for row in rows_of(traffic(), Capacity(per_day=20, by="site")) if row.capacity in (5, 15)}
    assert rows["USLAX"].capacity == 15
    assert rows["USJFK"].capacity == 5


def test_more_exploration_finds_new_schemes_sooner_and_gives_up_more() -> None:
    shares = explored(traffic(), Capacity(per_day=20))
    assert shares[0].weeks_near is None
    assert (shares[0].recall_low, shares[0].recall_high) == (0.0, 1.0)
    for less, more in pairwise(shares[1:]):
        assert less.finds_a_year < more.finds_a_year
        assert less.given_up < more.given_up
        assert (less.weeks_near or 0) > (more.weeks_near or 0)
        assert more.recall_high - more.recall_low < less.recall_high - less.recall_low
    assert all(one.recall_low <= one.recall <= one.recall_high for one in shares)


def test_the_plot_is_a_drawing() -> None:
    drawing = plot([*rows_of(traffic(), Capacity(per_day=20))])
    assert drawing.startswith("<svg")
    assert drawing.count("<text") > 8


def test_the_command_plans_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pandas as pd

    source, report = tmp_path / "m.csv", tmp_path / "p.json"
    pd.DataFrame(manifest(1_200, seed=2)).to_csv(source, index=False)
    arguments = ["plan", "--data", str(source), "--capacity", "10/day", "--by", "channel", "--json", str(report)]
    assert run([*arguments, "--plot", str(tmp_path / "p.svg")]) == 0
    content = json.loads(report.read_text())
    assert {row["group"] for row in content["groups"]} == {"", "express"}
    assert content["exploration"][0]["share"] == 0
    assert (tmp_path / "p.svg").read_text().startswith("<svg")
    assert "What exploration buys" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--capacity", "10/day"], "either --data FILE or --from-store"),
        (["--from-store", "--capacity", "many"], "no number of inspections"),
        (["--from-store"], "set [capacity]"),
        (["--from-store", "--capacity", "3", "--by", "port"], "Input should be"),
    ],
)
def test_wrong_use_says_what_would_be_right(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", *arguments]) == 2
    assert problem in capsys.readouterr().err
