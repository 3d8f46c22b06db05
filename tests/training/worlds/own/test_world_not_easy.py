"""The world is hard: no single field reveals illicit shipments, but combined evidence does."""

from __future__ import annotations

import re
from collections import Counter

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from tests.training.worlds.own.whole import Whole
from training.arrays import Bools, Floats
from training.worlds.own import TooEasyReport, WorldChunk
from training.worlds.own.checks.sceptic import auc, either_way
from training.worlds.own.checks.too_easy import examine
from training.worlds.own.priors import load_priors
from training.worlds.own.trade.filings import air_waybill, s10
from training.worlds.own.trade.hashing import unit
from training.worlds.own.trade.noise import typo


@pytest.fixture(scope="module")
def report(world: Whole) -> TooEasyReport:
    return examine(WorldChunk(len(world.illicit), world.office, world.truth))


def test_every_limit_of_the_too_easy_report_holds(report: TooEasyReport) -> None:
    for bar in report.bars:
        assert bar.ok, bar


def test_a_booster_on_artefacts_is_close_to_chance(report: TooEasyReport) -> None:
    of_artefacts = [bar for bar in report.bars if bar.name.startswith("artefacts")]
    assert len(of_artefacts) >= 2
    for bar in of_artefacts:
        # Allow a margin, because a small world has few networks.
        assert bar.value < bar.limit + 0.05, bar


def test_network_shipments_are_no_larger_and_any_item_may_be_illicit(world: Whole) -> None:
    shipment = np.cumsum(world.first) - 1
    items = np.bincount(shipment)[shipment].astype(np.float64)
    assert either_way(items[world.first], world.of_illicit_shipment[world.first]) < 0.54
    several = world.illicit & (items >= 2)
    relative = world.numbers("item_number")[several] / (items[several] + 1)
    assert relative.mean() == pytest.approx(0.5, abs=0.06)


def test_networks_combine_traces_and_some_shipments_show_almost_none(world: Whole) -> None:
    rows = world.first & world.of_illicit_shipment
    strength = world.truth["strength"][rows]
    for kind, share in load_priors().table("illicit.strength").items():
        assert np.mean(strength == kind) == pytest.approx(share, abs=0.08), kind
    traces = [text.split(";") if text else [] for text in world.truth["typologies"][rows]]
    kinds = {trace for row in traces for trace in row}
    assert len(kinds) >= 20
    # No trace is on nearly all shipments of networks.
    assert max(sum(trace in row for row in traces) for trace in kinds) < 0.6 * len(traces)
    networks, sizes = np.unique(world.truth["network_id"][rows].astype(str), return_counts=True)
    assert len(networks) > 40
    assert sizes.max() >= 4


def _fit_of_words_and_chapter(world: Whole, early: Bools) -> Floats:
    """Return the log-odds (n,) of each row's chapter given the words of its description, fitted on the early rows."""
    words = [re.findall(r"[^\W\d_]{3,}", text.casefold()) for text in world.office["goods_description"]]
    chapter = [code[:2] for code in world.office["hs_code"]]
    pairs: Counter[tuple[str, str]] = Counter()
    alone: Counter[str] = Counter()
    for i in np.flatnonzero(early).tolist():
        if chapter[i]:
            pairs.update((word, chapter[i]) for word in words[i])
            alone.update(words[i])

    def fit(own: list[str], code: str) -> float:
        odds = [np.log((pairs[word, code] + 0.3) / (alone[word] + 3)) for word in own if alone[word] > 5]
        return float(max(odds)) if odds and code else 0.0

    return np.array([fit(own, code) for own, code in zip(words, chapter, strict=True)])


def test_related_fields_reveal_what_no_single_field_shows(world: Whole) -> None:
    n = len(world.illicit)
    early, middle = np.arange(n) < 0.4 * n, np.arange(n) < 0.75 * n
    fit = _fit_of_words_and_chapter(world, early)
    value, gross, quantity = (
        np.log(np.maximum(world.numbers(name), 1e-3)) for name in ("customs_value", "gross_mass_kg", "quantity")
    )
    first_word = pd.factorize(np.array([t.casefold().split(" ")[0] for t in world.office["goods_description"]]))[0]
    columns = [fit, value - gross, gross - quantity, value - quantity]
    for figure in (value - gross, gross - quantity):
        usual = pd.Series(np.where(early, figure, np.nan)).groupby(first_word).transform("median")
        columns.append(figure - usual.to_numpy())
    for name in ("consignee_address", "consignor_address", "consignor_name"):
        columns.append(pd.Series(world.office[name]).groupby(world.office[name]).cumcount().to_numpy())
    columns.append(np.isin(world.office["transaction_nature"], ["31", "32"]))
    columns.append(world.office["export_country"] != world.office["consignor_country"])
    x = np.column_stack(columns).astype(np.float64)
    model = lgb.LGBMClassifier(
        n_estimators=80,
        learning_rate=0.05,
        num_leaves=6,
        min_child_samples=30,
        reg_lambda=10.0,
        n_jobs=1,
        verbose=-1,
        random_state=0,
    )
    learn = middle & ~early
    model.fit(x[learn], world.illicit[learn])
    risk = np.asarray(model.predict_proba(x[~middle]))[:, 1]
    target = world.illicit[~middle]
    assert auc(target, risk) > 0.7
    alarm = risk > np.quantile(risk[~target], 0.99)
    # Some shipments stay hidden: those without traces.
    hidden = world.truth["strength"][~middle][target] == "none"
    assert alarm[target].mean() > 0.12
    assert alarm[target][hidden].mean() < 0.2
    assert alarm[target][hidden].mean() < 0.5 * alarm[target][~hidden].mean()


def test_check_digits_follow_their_standards() -> None:
    # The example of the UPU, and an air waybill computed by hand: 1234567 = 7 * 176366 + 5.
    assert s10(np.array([47312482]), np.array(["RN"], dtype=object), np.array(["GB"], dtype=object)).tolist() == [
        "RN473124829GB"
    ]
    assert air_waybill(np.array(["999"], dtype=object), np.array([1234567])).tolist() == ["999-12345675"]


def test_a_typing_error_changes_a_text_in_one_place() -> None:
    for u in np.linspace(0, 0.999, 50):
        text = typo("cotton shirt", float(u), 0.37)
        assert abs(len(text) - len("cotton shirt")) <= 1
        assert text[:4] == "cott"
    assert typo("ab", 0.5, 0.5) == "ab"


def test_attributes_derived_from_numbers_are_uniform_and_independent() -> None:
    number = np.arange(20_000)
    first, second = unit(number, 1), unit(number, 2)
    assert first.min() >= 0
    assert first.max() < 1
    assert first.mean() == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
