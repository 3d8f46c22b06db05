"""Simulated margins compared with published figures and priors."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from tests.training.worlds.own.whole import Whole
from training.worlds.own import generate
from training.worlds.own.checks.margins import FIGURES, Figure, Sample, compare, margins, observed
from training.worlds.own.priors import load_priors
from training.worlds.own.world import joined

SEED = 11
ROWS = 45_000


@pytest.fixture(scope="module")
def compared() -> dict[str, dict[str, Any]]:
    return {margin["figure"]: margin for margin in compare(SEED, rows=ROWS)}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_simulated_value_lies_within_the_range_of_the_published_figure(
    figure: Figure, compared: dict[str, dict[str, Any]]
) -> None:
    margin = compared[figure.name]
    assert margin["simulated"] is not None
    assert margin["low"] <= margin["simulated"] <= margin["high"], margin


def test_each_figure_names_its_source_and_its_range_includes_the_published_value() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES) >= 40
    for figure in FIGURES:
        assert figure.low <= figure.published <= figure.high, figure
        assert figure.source.startswith(("statistics", "policy dates")), figure


def test_the_margins_of_a_run_are_plain_json(compared: dict[str, dict[str, Any]]) -> None:
    document = json.loads(json.dumps(list(compared.values()), allow_nan=False))
    assert set(document[0]) == {"figure", "published", "simulated", "low", "high", "ok", "source"}
    assert len(document) == len(FIGURES)
    days = np.array([FIGURES[0].first, FIGURES[0].last], dtype="datetime64[D]")
    columns: dict[str, Any] = {field.name: days if field.name == "day" else np.zeros(2) for field in fields(Sample)}
    columns |= {name: np.zeros(2, dtype=np.bool_) for name in ("has_city", "violated", "illicit", "opened", "found")}
    [unknown] = margins(Sample(**columns), FIGURES[:1])
    assert unknown["simulated"] is None
    assert unknown["ok"] is False


@pytest.mark.long
def test_a_world_with_other_priors_misses_the_figures_concerned() -> None:
    priors = load_priors().replaced({"noise.all": 0.30, "noise.express": 0.2, "regime.postal_to_us_multiplier": 0.9})
    world = joined(list(generate(15_000, 3, priors=priors)))
    found = {margin["figure"]: margin for margin in margins(observed(world))}
    # Figures of other periods are not compared.
    assert 0 < len(found) < len(FIGURES)
    assert not found["mail items per day to the US, after 2025-08-29 against before"]["ok"]
    assert found["entry type 86 and section 321 after 2025-08-29"]["ok"]


def test_a_sample_covers_a_period_except_a_few_days_at_its_ends() -> None:
    days = np.array(["2025-01-01", "2025-12-31"], dtype="datetime64[D]")
    columns: dict[str, Any] = {field.name: days if field.name == "day" else np.zeros(2) for field in fields(Sample)}
    assert Sample(**columns).covers("2025-01-03", "2026-01-01")
    assert not Sample(**columns).covers("2025-01-03", "2026-01-31")


def _share(mask: np.ndarray, of: np.ndarray) -> float:
    return float(mask[of].mean())


def test_networks_ship_at_the_prior_rate_and_every_content_occurs(large_world: Whole) -> None:
    assert _share(large_world.of_illicit_shipment, large_world.first) == pytest.approx(0.008, abs=0.0015)
    contents, counts = np.unique(large_world.truth["content"][large_world.illicit].astype(str), return_counts=True)
    assert contents.tolist() == ["analogue", "equipment", "fentanyl", "other_opioid", "precursor"]
    assert counts.min() >= 20
    # Illicit goods fill one or several items of a shipment; the other items are as declared.
    shipments = (large_world.of_illicit_shipment & large_world.first).sum()
    assert shipments < large_world.illicit.sum() < large_world.of_illicit_shipment.sum()


def test_account_dates_appear_once_the_rule_applies(world: Whole) -> None:
    shown = world.office["consignor_account_opened_on"] != ""
    air = np.isin(world.office["channel"], ("express", "air_cargo")) & world.first
    day = world.office["declared_at"]
    shares = [
        _share(shown, air & (day >= a) & (day < b))
        for a, b in (("2025", "2025-11-21"), ("2026-01", "2026-03"), ("2026-08", "2027"))
    ]
    assert shares[0] < 0.2 < shares[1] < shares[2]
    assert shares[2] > 0.6


def test_classification_is_as_frequent_and_as_long_as_each_channel_requires(world: Whole) -> None:
    code = world.office["hs_code"]
    present = code != ""
    assert 0.5 < _share(present, world.office["channel"] == "postal") < 0.75
    assert _share(present, world.office["filing_type"] == "T86") > 0.97
    good = present & (world.truth["violation"] == "")
    lengths = np.array([len(text) for text in code])
    assert set(lengths[good]) == {6, 8, 10}
    assert all(text.isdigit() for text in code[good])
    # Chapters below ten keep their leading zero.
    assert any(text.startswith("09") for text in code[good])


def test_parties_repeat_with_heavy_tails_and_many_are_seen_once(world: Whole) -> None:
    lawful = world.first & ~world.of_illicit_shipment
    _, shippers = np.unique(world.office["consignor_name"][lawful].astype(str), return_counts=True)
    assert 0.15 < shippers[shippers == 1].sum() / shippers.sum() < 0.45
    assert np.sort(shippers)[::-1][: len(shippers) // 100].sum() > 0.15 * shippers.sum()
    address = world.office["consignee_address"][lawful] + world.office["consignee_postcode"][lawful]
    name = world.office["consignee_name"][lawful]
    tenants: dict[str, set[str]] = {}
    for door, who in zip(address.tolist(), name.tolist(), strict=True):
        tenants.setdefault(door, set()).add(who)
    # Flats, lockers and forwarders: lawful addresses with several names are common.
    assert sum(len(names) >= 3 for names in tenants.values()) > 100


def test_the_world_contains_lawful_trade_that_resembles_illicit_trade(world: Whole) -> None:
    lawful = ~world.of_illicit_shipment
    text = np.array([text.lower() for text in world.office["goods_description"]], dtype=object)
    for words in (
        "fentanyl test strip",
        "tablet press",
        "piperid",
        "fentanyl transdermal",
        "capsule filling",
        "propionyl chloride",
    ):
        assert sum(words in t for t in text[lawful]) >= 3, words
    permits = world.office["permit_number"] != ""
    assert permits[lawful].sum() > 50


def test_inspections_have_their_shares_delays_and_imperfect_detection(large_world: Whole) -> None:
    inspection = large_world.office["inspection"]
    assert _share(inspection == "targeted", large_world.first) == pytest.approx(0.0505, abs=0.006)
    assert _share(inspection == "random", large_world.first) == pytest.approx(0.0475, abs=0.006)
    probability = large_world.office["selection_probability"]
    assert set(probability[inspection == "random"]) == {"0.05"}
    assert set(probability[inspection == "targeted"]) == {"1", ""}
    opened = inspection != "none"
    inside = opened & large_world.illicit
    found = large_world.office["content"] == large_world.truth["content"]
    assert 0.85 < _share(found, inside) < 0.99
    declared, known = (
        large_world.office[name][opened].astype("U19").astype("datetime64[s]")
        for name in ("declared_at", "inspected_at")
    )
    delay = (known - declared).astype(float) / 86400
    assert delay.min() >= 1
    assert np.quantile(delay, 0.99) <= 20
    # An inspection never finds content that is not there.
    assert not (opened & ~large_world.of_illicit_shipment & (large_world.office["content"] != "none")).any()
    by_shipment = large_world.office["content_level"] == "shipment"
    assert by_shipment.any()
    assert set(large_world.office["content"][by_shipment]) <= set(large_world.truth["content"][large_world.illicit])


def test_a_random_selection_finds_the_prevalence_of_the_traffic(world: Whole) -> None:
    drawn = world.first & (world.office["inspection"] == "random")
    # Targeting comes first, so the random share contains at most the prevalence.
    assert 0.001 < _share(world.of_illicit_shipment, drawn) < 0.011
