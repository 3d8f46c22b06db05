"""Slices: their members, their partition of the finds, and the common threshold of the whole window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.lanes import GREEN, RED
from tests.training.small_data import Row, iso, rows, write
from training.data.dataset import Dataset, Outcome
from training.data.sources import from_file
from training.data.world_truth import HONEST, WorldTruth
from training.evaluation.evaluation import Scored
from training.evaluation.metrics import Ranking
from training.evaluation.slices import NONE_NAMED, SEEN, UNSEEN, Slicing, evaluate_slices, slicings, taken_at
from training.worlds.own.trade.plan import TRACES, T

POLICY_DAY = 1746144000  # 2025-05-02, the end of the exemption for China


def _scored(risk: np.ndarray, lane: np.ndarray | None = None, rate: float = 1e-4) -> Scored:
    codes = None if lane is None else lane.astype(np.int8)
    return Scored(("risk",), risk, risk[:, None], {"risk": rate}, codes)


def _world(n: int, network: np.ndarray) -> WorldTruth:
    """Return a truth in which every other find shows P5, every third D9, and networks with even numbers have reacted."""
    k = np.arange(n)
    illicit = network != HONEST
    typologies = np.zeros((n, len(TRACES)), dtype=bool)
    typologies[:, T["P5"]] = illicit & (k % 2 == 0)
    typologies[:, T["D9"]] = illicit & (k % 3 == 0)
    strength = np.where(illicit, k % 4, HONEST).astype(np.int8)
    reaction = np.where(illicit & (network % 2 == 0), network % 4 // 2, -1).astype(np.int8)
    content = np.where(illicit, 1, 0).astype(np.int8)
    return WorldTruth(network, typologies, strength, content, reaction, ("seizure:parties", "law:2025-05-02"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return 3,000 shipments, one in five illicit, of fifty networks. The last thousand are the window."""
    made = rows(3000)
    for k, row in enumerate(made):
        row.values["goods_description"] = ("ropa de punto", "silicone case", "Strickwaren")[k % 3]
    found = from_file(write(tmp_path_factory.mktemp("slices") / "data.csv", made))
    at = np.arange(3000)
    network = np.where(at % 5 == 0, (at // 60) % 50, HONEST).astype(np.int64)
    return replace(found, world=_world(3000, network))


WINDOW, LEARNED = np.arange(2000, 3000), np.arange(2000)


def _cuts(data: Dataset, learned: np.ndarray | None = LEARNED) -> dict[str, Slicing]:
    return slicings(data, WINDOW, learned, data.table.take(WINDOW))


def test_slices_by_stated_properties_partition_the_window(data: Dataset) -> None:
    cuts = _cuts(data)
    # Each shipment of the window has one item, and none names a substance or repeats a declaration.
    assert {
        "seen_consignor", "seen_address", "seen_network", "typology", "strength", "reaction", "after_regime_change", "channel",
        "language", "origin",
    } == set(cuts)  # fmt: skip
    for name, cut in cuts.items():
        if not cut.of_finds:
            assert np.sum(list(cut.of_value.values()), axis=0).tolist() == [1] * 1000, name


def test_slices_of_finds_omit_lawful_shipments_and_partition_the_others(data: Dataset) -> None:
    assert data.world is not None
    illicit = data.world.network[WINDOW] != HONEST
    cuts = _cuts(data)
    for name in ("seen_network", "strength", "reaction"):
        assert cuts[name].of_finds
        assert np.array_equal(np.sum(list(cuts[name].of_value.values()), axis=0), illicit.astype(int)), name
    network = data.world.network[WINDOW]
    reaction = cuts["reaction"].of_value
    assert reaction["seizure"].tolist() == (illicit & (network % 4 == 0)).tolist()
    assert reaction["law"].tolist() == (illicit & (network % 4 == 2)).tolist()
    typology = cuts["typology"].of_value
    assert set(typology) == {"P5", "D9", "none shown"}
    assert np.array_equal(np.logical_or.reduce(list(typology.values())), illicit)
    assert not (typology["none shown"] & (typology["P5"] | typology["D9"])).any()


def test_networks_and_parties_are_seen_if_the_model_learned_from_them(data: Dataset) -> None:
    assert data.world is not None
    known = set(data.world.network[LEARNED].tolist())
    network = data.world.network[WINDOW]
    assert {HONEST} < known
    assert _cuts(data)["seen_network"].of_value[SEEN].tolist() == [n != HONEST and n in known for n in network.tolist()]
    consignor = data.table.text("consignor_name")
    names = [consignor.values[code] for code in consignor.codes.tolist()]
    before = set(names[:1500])
    seen = _cuts(data, np.arange(1500))["seen_consignor"].of_value
    assert seen[SEEN].tolist() == [name in before for name in names[2000:]]
    few = _cuts(data, np.arange(30))
    assert few["seen_consignor"].of_value[UNSEEN].sum() > 800
    assert set(_cuts(data, None)) & {"seen_consignor", "seen_address", "seen_substance", "seen_network"} == set()


def test_slices_of_an_offices_own_label_are_its_own_columns_and_not_the_law(tmp_path: Path) -> None:
    made = [
        Row(row.declared_s, row.values | {"office": f"Office {k % 11}", "found": "no" if k % 4 else "yes"})
        for k, row in enumerate(rows(400))
    ]
    data = from_file(write(tmp_path / "own.csv", made), label="found")
    cuts = slicings(data, np.arange(200, 400), np.arange(200), data.table.take(np.arange(200, 400)))
    assert set(cuts["office"].of_value) == {*(f"Office {k}" for k in range(11)), "others"} - {
        "Office 8",
        "Office 9",
        "Office 10",
    }
    assert not set(cuts) & {"after_regime_change", "seen_substance"}


def _edited(folder: Path, values: list[dict[str, str]]) -> Dataset:
    made = [Row(row.declared_s, row.values | value) for row, value in zip(rows(len(values)), values, strict=True)]
    return from_file(write(folder / "edited.csv", made))


def test_an_address_in_another_spelling_is_not_new(tmp_path: Path) -> None:
    places = ["12 Sample Street", "12, SAMPLE STREET.", "13 Sample Street", "", "12 Sample Street"]
    countries = ["US", "US", "US", "US", "DE"]
    made = [
        {"consignee_address": place, "consignee_country": country}
        for place, country in zip(places, countries, strict=True)
    ]
    data = _edited(tmp_path, made)
    window = np.arange(1, 5)
    cut = slicings(data, window, np.array([0]), data.table.take(window))["seen_address"].of_value
    assert cut[SEEN].tolist() == [True, False, False, False]
    assert cut[UNSEEN].tolist() == [False, True, False, True]


def test_a_substance_is_new_if_no_earlier_shipment_named_it(tmp_path: Path) -> None:
    named = ["fentanyl", "norfentanyl", "fentanyl", "citric acid", "silicone case"]
    data = _edited(tmp_path, [{"goods_description": name} for name in named])
    window = np.arange(1, 5)
    cut = slicings(data, window, np.array([0]), data.table.take(window))["seen_substance"].of_value
    assert cut[UNSEEN].tolist() == [True, False, False, False]
    assert cut[SEEN].tolist() == [False, True, False, False]
    assert cut[NONE_NAMED].tolist() == [False, False, True, True]


def test_a_regime_change_counts_as_recent_for_thirty_days(tmp_path: Path) -> None:
    days = [-1, 0, 29, 30]
    data = _edited(tmp_path, [{"declared_at": iso(POLICY_DAY + 86400 * day)} for day in days])
    every = np.arange(4)
    cut = slicings(data, every, None, data.table)["after_regime_change"].of_value
    assert cut["after 2025-05-02"].tolist() == [False, True, True, False]


def test_missing_data_is_compared_within_a_channel(tmp_path: Path) -> None:
    few, many = {"net_mass_kg": "1", "currency": "USD"}, {"net_mass_kg": "", "currency": ""}
    data = _edited(
        tmp_path,
        [{**few, "channel": "express"}, {**few, "channel": "express"}, {**many, "channel": "express"},
         {**many, "channel": "postal"}, {**many, "channel": "postal"}],
    )  # fmt: skip
    cut = slicings(data, np.arange(5), None, data.table)["missing_data"].of_value
    assert cut["many"].tolist() == [False, False, True, False, False]


def test_the_inspected_part_of_a_constructed_example() -> None:
    # Clean traffic 0.99, finds 0.01. Order: 2 finds, 1 clean, then a tie of 1 find and 3 clean, then 6 clean.
    score = np.array([9.0, 9, 8, 5, 5, 5, 5, 1, 1, 1, 1, 1, 1])
    find = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).astype(bool)
    taken = taken_at(score, find, np.ones(13), 0.2, 0.01)
    before, tie = 0.01 * 2 / 3 + 0.099, 0.01 / 3 + 3 * 0.099
    part = (0.2 - before) / tie
    np.testing.assert_allclose(taken, [1, 1, 1, part, part, part, part, 0, 0, 0, 0, 0, 0])


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.9), st.integers(2, 60))
def test_recall_over_slices_adds_up_to_that_of_the_whole_window(seed: int, share: float, levels: int) -> None:
    rng = np.random.default_rng(seed)
    find = rng.random(300) < 0.2
    find[:2] = True, False
    score, weight = np.round(rng.random(300) * levels), rng.uniform(0.5, 4.0, 300)
    taken = taken_at(score, find, weight, share, 1e-3)
    whole = Ranking(score, find, weight).curve().at_share(share, 1e-3)[0]
    assert np.average(taken[find], weights=weight[find]) == pytest.approx(whole, abs=1e-9)
    group = rng.integers(0, 4, 300)
    parts = [
        (weight[find & (group == g)].sum(), taken[find & (group == g)] @ weight[find & (group == g)]) for g in range(4)
    ]
    assert sum(hit for _, hit in parts) / sum(total for total, _ in parts) == pytest.approx(whole, abs=1e-9)


def test_metrics_of_slices_of_a_constructed_example() -> None:
    # 2,000 shipments and 40 finds: 30 in slice A rank first, 10 in slice B rank behind 30 clean shipments of slice B.
    kind = np.array(["A"] * 1030 + ["B"] * 970, dtype=object)
    find = np.zeros(2000, dtype=bool)
    find[:30] = find[1060:1070] = True
    risk = np.zeros(2000)
    risk[:30] = 50.0
    risk[1030:1060] = 40.0
    risk[1060:1070] = 30.0
    lane = np.full(2000, GREEN)
    lane[:30] = lane[1030:1060] = RED
    cuts = {
        "kind": Slicing.by(kind),
        "of": Slicing({"ten": find & (kind == "B"), "few": np.arange(2000) < 9}, of_finds=True),
    }
    found = evaluate_slices(_scored(risk, lane), Outcome(find[:, None], np.ones(2000)), cuts, resamples=20)
    a, b = found["kind"]["A"], found["kind"]["B"]
    assert (a["shipments"], a["finds"], b["shipments"], b["finds"]) == (1030, 30, 970, 10)
    # 1 % of traffic ends within the 30 clean shipments, which are 1.5 %.
    assert a["recall"]["0.01"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert b["recall"]["0.01"]["value"] == 0.0
    assert a["pr_auc"]["value"] == pytest.approx(1.0)
    assert b["pr_auc"]["value"] == pytest.approx(10 / 40)
    assert a["false_positive_rate_red"] == 0.0
    assert b["false_positive_rate_red"] == pytest.approx(30 / 960)
    ten = found["of"]["ten"]
    assert (ten["shipments"], ten["finds"], ten["false_positive_rate_red"]) == (10, 10, None)
    assert ten["pr_auc"]["value"] == pytest.approx(10 / 40)
    assert found["of"]["few"]["recall"]["0.005"] == {
        "value": None,
        "reason": "9 finds; at least 10 are needed",
        "cause": "too few finds",
    }


def test_a_window_without_finds_has_no_slices() -> None:
    cuts = {"kind": Slicing.by(np.array(["A"] * 50, dtype=object))}
    assert evaluate_slices(_scored(np.zeros(50)), Outcome(np.zeros((50, 1), bool), np.ones(50)), cuts) == {}
