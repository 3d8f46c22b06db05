"""The world is hard: no field gives the illicit away, and yet evidence weighed together does."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from features.fields import MANIFEST_NAMES
from tests.training.world.whole import Whole
from training.world.hashing import unit
from training.world.identifiers import air_waybill, s10
from training.world.noise import typo

LIMIT = 0.80
_SMOOTHING = 20.0
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def _auc(target: Bools, score: Floats) -> float:
    value = float(roc_auc_score(target, score))
    return max(value, 1 - value)


def _rates(texts: NDArray[np.object_], target: Bools, learn: Bools) -> Floats:
    """Target rate of each text among the rows of ``learn``, smoothed to the mean."""
    _, code = np.unique(texts.astype(str), return_inverse=True)
    n = int(code.max()) + 1
    count = np.bincount(code[learn], minlength=n)
    hits = np.bincount(code[learn], weights=target[learn], minlength=n)
    return np.asarray(((hits + _SMOOTHING * target[learn].mean()) / (count + _SMOOTHING))[code])


def _numeric(world: Whole) -> dict[str, Floats]:
    """Raw fields as numbers: the value, whether it is missing, the length of the text."""
    fields: dict[str, Floats] = {}
    for name in MANIFEST_NAMES:
        column = world.office[name]
        fields[f"{name} missing"] = (column == "").astype(np.float64)
        fields[f"{name} length"] = np.array([len(text) for text in column], dtype=np.float64)
        value = world.numbers(name)
        if np.isfinite(value).mean() > 0.2:
            fields[f"{name} value"] = np.nan_to_num(value, nan=-1.0)
    moments = world.office["declared_at"].astype("U19").astype("datetime64[s]").astype(np.int64)
    fields["second of the day"] = (moments % 86400).astype(np.float64)
    fields["second of the minute"] = (moments % 60).astype(np.float64)
    fields["row"] = np.arange(len(moments), dtype=np.float64)
    return fields


@pytest.fixture(scope="module")
def numeric(world: Whole) -> dict[str, Floats]:
    return _numeric(world)


@pytest.fixture(scope="module")
def halves(world: Whole) -> tuple[Bools, Bools]:
    """Random half, and first half in time."""
    n = len(world.illicit)
    return np.random.default_rng(0).random(n) < 0.5, np.arange(n) < n // 2


def test_no_field_as_a_number_gives_the_illicit_away(world: Whole, numeric: dict[str, Floats]) -> None:
    for name, score in numeric.items():
        assert _auc(world.illicit, score) < LIMIT, name


def test_no_field_as_a_category_gives_the_illicit_away(world: Whole, halves: tuple[Bools, Bools]) -> None:
    for name in MANIFEST_NAMES:
        for learn in halves:
            score = _rates(world.office[name], world.illicit, learn)
            assert _auc(world.illicit[~learn], score[~learn]) < LIMIT, name


def test_no_field_as_a_number_gives_a_content_away(world: Whole, numeric: dict[str, Floats]) -> None:
    for content in ("fentanyl", "analogue", "other_opioid", "precursor", "equipment"):
        target = np.asarray(world.truth["content"] == content, dtype=np.bool_)
        for name, score in numeric.items():
            assert _auc(target, score) < LIMIT + 0.04, (content, name)


def test_no_tree_of_depth_two_gives_the_illicit_away(
    world: Whole, numeric: dict[str, Floats], halves: tuple[Bools, Bools]
) -> None:
    rates = [_rates(world.office[name], world.illicit, halves[0]) for name in MANIFEST_NAMES]
    rest = ~halves[0]
    learn = rest & (np.random.default_rng(1).random(len(rest)) < 0.5)
    test = rest & ~learn
    for columns in (list(numeric.values()), [*numeric.values(), *rates]):
        x = np.column_stack(columns)
        for leaf in (30, 300):
            tree = DecisionTreeClassifier(max_depth=2, min_samples_leaf=leaf, class_weight="balanced", random_state=0)
            tree.fit(x[learn], world.illicit[learn])
            assert _auc(world.illicit[test], tree.predict_proba(x[test])[:, 1]) < LIMIT


def test_neither_order_nor_clock_nor_identifiers_differ(world: Whole, numeric: dict[str, Floats]) -> None:
    for name in (
        "row",
        "second of the day",
        "second of the minute",
        "shipment_id length",
        "house_id length",
    ):
        assert _auc(world.illicit, numeric[name]) < 0.56, name
    number = np.array([int(text.rsplit("-", 1)[1]) for text in world.office["shipment_id"]], dtype=np.int64)
    for divisor in (2, 10, 97):
        assert _auc(world.illicit, (number % divisor).astype(np.float64)) < 0.56


def test_shipments_of_networks_are_no_larger_and_what_is_inside_is_in_any_item(world: Whole) -> None:
    shipment = np.cumsum(world.first) - 1
    items = np.bincount(shipment)[shipment].astype(np.float64)
    assert _auc(world.of_illicit_shipment[world.first], items[world.first]) < 0.54
    several = world.illicit & (items >= 2)
    relative = world.numbers("item_number")[several] / (items[several] + 1)
    assert relative.mean() == pytest.approx(0.5, abs=0.06)


def test_misdeclared_goods_are_described_in_words_that_honest_goods_have_too(world: Whole) -> None:
    openly = np.array([bool({"D5", "E1", "T1"} & set(text.split(";"))) for text in world.truth["typologies"]])
    honest = {text.casefold() for text in world.office["goods_description"][~world.of_illicit_shipment]}
    misdeclared = world.office["goods_description"][world.illicit & ~openly]
    assert len(misdeclared) > 200
    assert np.mean([text.casefold() in honest for text in misdeclared]) >= 0.90


def test_networks_mix_traces_and_a_quarter_of_what_they_send_shows_next_to_none(world: Whole) -> None:
    rows = world.first & world.of_illicit_shipment
    strength = world.truth["strength"][rows]
    assert np.mean(strength == "none") == pytest.approx(0.24, abs=0.07)
    assert np.mean(strength == "strong") == pytest.approx(0.21, abs=0.07)
    traces = [text.split(";") if text else [] for text in world.truth["typologies"][rows]]
    kinds = {trace for row in traces for trace in row}
    assert len(kinds) >= 20
    # No trace is on more than two fifths of what networks send.
    assert max(sum(trace in row for row in traces) for trace in kinds) < 0.4 * len(traces)
    networks, sizes = np.unique(world.truth["network_id"][rows].astype(str), return_counts=True)
    assert len(networks) > 40
    assert sizes.max() >= 4


def test_evidence_weighed_together_finds_much_more_than_chance(world: Whole, numeric: dict[str, Floats]) -> None:
    text = np.array([t.lower() for t in world.office["goods_description"]], dtype=object)
    value, gross, quantity = (
        np.log(np.maximum(world.numbers(n), 1e-3)) for n in ("customs_value", "gross_mass_kg", "quantity")
    )
    freight = np.log(np.maximum(world.numbers("freight_charge"), 1e-3))
    chapter = np.array(
        [int(code[:2]) if code[:2].isdigit() else -1 for code in world.office["hs_code"]], dtype=np.float64
    )
    n = len(value)
    early = np.arange(n) < int(0.6 * n)
    # How usual the chapter is for the last word of the description, from the earlier part.
    last = np.array([t.split()[-1] if t else "" for t in text], dtype=object)
    pair = np.array([f"{a}|{b:.0f}" for a, b in zip(last, chapter, strict=True)], dtype=object)
    counts: dict[str, int] = {}
    for key in pair[early]:
        counts[key] = counts.get(key, 0) + 1
    usual = np.log1p([counts.get(key, 0) for key in pair])
    features = np.column_stack(
        [
            value,
            gross,
            quantity,
            freight,
            value - gross,
            freight - value,
            gross - quantity,
            value - quantity,
            chapter,
            usual,
            world.office["export_country"] != world.office["consignor_country"],
            world.office["transaction_nature"] == "31",
            world.office["transaction_nature"] == "32",
            world.office["consignor_phone"] == "",
            world.office["permit_number"] != "",
            [any(w in t for w in ("fentan", "nitazen", "piperid", "propionyl", "tablet", "die set")) for t in text],
            [t in ("sample", "samples", "powder", "gift", "parts", "accessories") for t in text],
            ["Suite" in t or "PMB" in t for t in world.office["consignee_address"]],
            [any(w in t for w in ("Chem", "Biotech", "Pharma", "Material")) for t in world.office["consignor_name"]],
            [
                not p.startswith("+86") and c == "CN" and p != ""
                for p, c in zip(world.office["consignor_phone"], world.office["consignor_country"], strict=True)
            ],
            [t.endswith("0.00") for t in world.office["customs_value"]],
        ]
    ).astype(np.float64)
    model = lgb.LGBMClassifier(
        n_estimators=120,
        learning_rate=0.05,
        num_leaves=12,
        min_child_samples=30,
        reg_lambda=10.0,
        n_jobs=1,
        verbose=-1,
        random_state=0,
    )
    model.fit(features[early], world.illicit[early])
    late = ~early
    risk = np.asarray(model.predict_proba(features[late]))[:, 1]
    target = world.illicit[late]
    alarm = risk > np.quantile(risk[~target], 0.99)
    assert alarm[target].mean() > 0.2
    assert float(roc_auc_score(target, risk)) > 0.72
    # Yet not all of it can be had: shipments without traces stay hidden.
    hidden = world.truth["strength"][late][target] == "none"
    assert alarm[target][hidden].mean() < 0.25


def test_check_digits_follow_their_standards() -> None:
    # The UPU's own example, and an air waybill by hand: 1234567 = 7 * 176366 + 5.
    assert s10(np.array([47312482]), np.array(["RN"], dtype=object), np.array(["GB"], dtype=object)).tolist() == [
        "RN473124829GB"
    ]
    assert air_waybill(np.array(["999"], dtype=object), np.array([1234567])).tolist() == ["999-12345675"]


def test_a_typing_slip_changes_a_text_by_one_place() -> None:
    for u in np.linspace(0, 0.999, 50):
        text = typo("cotton shirt", float(u), 0.37)
        assert abs(len(text) - len("cotton shirt")) <= 1
        assert text[:4] == "cott"
    assert typo("ab", 0.5, 0.5) == "ab"


def test_attributes_from_numbers_are_even_and_independent() -> None:
    number = np.arange(20_000)
    first, second = unit(number, 1), unit(number, 2)
    assert first.min() >= 0
    assert first.max() < 1
    assert first.mean() == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
