"""Expected mass and value of goods by their description, and distances from them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.expected.columns import FEATURES
from features.groups.expected.group import ExpectedGroup
from features.table.table import Coded, ManifestTable
from tests.effort import examples

NAMES = [feature.name for feature in FEATURES]
NO_HISTORY = np.empty((0, 0))
#: Description -> (kilograms, US dollars) of one piece.
GOODS = {
    "cotton t-shirt for men": (0.2, 9.0),
    "leather running shoes": (0.9, 35.0),
    "phone case silicone": (0.05, 4.0),
    "citric acid powder food grade": (25.0, 60.0),
    "steel kitchen knife set of six pieces with a block of acacia wood and a sharpener": (3.0, 45.0),
    "棉质男士短袖衬衫": (0.25, 8.0),
    "不锈钢厨房刀具套装": (2.5, 40.0),
}


def table(
    texts: Sequence[str | None],
    mass: Sequence[float | None],
    value: Sequence[float | None],
    quantity: Sequence[int] | None = None,
    hs_code: Sequence[str] | None = None,
) -> ManifestTable:
    n = len(texts)
    columns: dict[str, Sequence[str | None]] = {
        "shipment_id": [f"S{i}" for i in range(n)],
        "declared_at": ["2026-03-01"] * n,
        "goods_description": texts,
        "net_mass_kg": [None if kg is None else repr(float(kg)) for kg in mass],
        "customs_value": [None if usd is None else repr(float(usd)) for usd in value],
        "quantity": [str(count) for count in quantity or [1] * n],
        "hs_code": list(hs_code or ["392690"] * n),
        "currency": ["USD"] * n,
        "channel": ["express"] * n,
    }
    return ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, n, receipt=1_780_000_000)


def traffic(n: int = 700, seed: int = 0) -> ManifestTable:
    """Return each kind of goods at its usual mass and price per piece, with a spread of a fifth."""
    rng = np.random.default_rng(seed)
    kind, pieces = rng.integers(0, len(GOODS), n), rng.integers(1, 6, n)
    usual = np.array(list(GOODS.values()))[kind] * pieces[:, None]
    mass, value = (usual * rng.lognormal(0.0, 0.2, (n, 2))).T
    return table([list(GOODS)[k] for k in kind], mass.tolist(), value.tolist(), pieces.tolist())


def distances(group: ExpectedGroup, rows: ManifestTable) -> dict[str, np.ndarray]:
    return dict(zip(NAMES, group.transform(rows, NO_HISTORY).T, strict=True))


@pytest.fixture(scope="module")
def group() -> ExpectedGroup:
    fitted = ExpectedGroup()
    fitted.fit(traffic(7000))
    return fitted


def test_usual_goods_are_near_the_expected_mass_and_value(group: ExpectedGroup) -> None:
    found = distances(group, traffic(seed=1))
    for name in ("mass_vs_description", "value_vs_description", "price_vs_description"):
        assert abs(np.median(found[name])) < 0.3
        # Distances are in standard deviations of the goods.
        assert 0.6 < np.std(found[name]) < 1.6
    np.testing.assert_array_equal(found["mass_deviation"], np.abs(found["mass_vs_description"]))
    np.testing.assert_array_equal(found["price_deviation"], np.abs(found["price_vs_description"]))


@pytest.mark.parametrize("text", GOODS)
def test_heavy_or_cheap_goods_are_far_from_the_expected_values(group: ExpectedGroup, text: str) -> None:
    kg, usd = GOODS[text]
    found = distances(group, table([text] * 3, [kg, 6 * kg, kg], [usd, usd, usd / 6]))
    usual, heavy, cheap = (dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True))
    assert abs(usual["mass_vs_description"]) < 1.5
    assert abs(usual["price_vs_description"]) < 1.5
    assert heavy["mass_vs_description"] > usual["mass_vs_description"] + 4
    assert heavy["mass_deviation"] > 4
    assert cheap["value_vs_description"] < usual["value_vs_description"] - 4
    assert cheap["price_vs_description"] < usual["price_vs_description"] - 4
    assert cheap["price_deviation"] > 4


def test_a_larger_quantity_is_expected_to_weigh_and_cost_more(group: ExpectedGroup) -> None:
    kg, usd = GOODS["leather running shoes"]
    found = distances(group, table(["leather running shoes"] * 2, [5 * kg] * 2, [5 * usd] * 2, [1, 5]))
    assert found["mass_vs_description"][0] > 4 > 1.5 > abs(found["mass_vs_description"][1])
    assert found["value_vs_description"][0] > 4 > 1.5 > abs(found["value_vs_description"][1])


def test_a_new_text_is_judged_by_its_known_words(group: ExpectedGroup) -> None:
    kg, usd = GOODS["citric acid powder food grade"]
    found = distances(group, table(["food grade citric acid", "silicone phone case"], [kg, kg], [usd, usd]))
    assert found["mass_vs_description"][0] < 2.5 < 5 < found["mass_vs_description"][1]


def test_unknown_words_have_the_mean_effect(group: ExpectedGroup) -> None:
    rows = traffic(7000)
    mean_kg, mean_usd = (
        float(np.exp(np.mean(np.log(rows.number(name))) - np.mean(np.log(rows.number("quantity")))))
        for name in ("net_mass_kg", "customs_value")
    )
    unknown = ["zylophant", "gribbel wrontz", "完全陌生"]
    found = distances(group, table(unknown, [mean_kg] * 3, [mean_usd] * 3))
    assert np.all(np.abs(found["mass_vs_description"]) < 1.0)
    assert np.all(np.abs(found["value_vs_description"]) < 1.0)
    far = distances(group, table(unknown, [100 * mean_kg] * 3, [mean_usd] * 3))
    assert np.all(far["mass_vs_description"] > 2)


def test_texts_in_a_script_without_spaces_are_distinguished(group: ExpectedGroup) -> None:
    """Shirts and knives, in texts that share some characters with a text of the traffic."""
    knife_kg, knife_usd = GOODS["不锈钢厨房刀具套装"]
    found = distances(group, table(["厨房刀具", "男士短袖"], [knife_kg] * 2, [knife_usd] * 2))
    assert found["mass_vs_description"][1] > found["mass_vs_description"][0] + 3


_WORDS = st.sampled_from([*" ".join(GOODS).split(), "zylophant", "男士", "12"])
_CHARACTERS = "".join(text for text in GOODS if not text.isascii())
_TEXTS = st.one_of(
    st.none(), st.lists(_WORDS, min_size=1, max_size=14).map(" ".join), st.text(_CHARACTERS, min_size=1, max_size=12)
)
_NUMBERS = st.one_of(st.none(), st.floats(0.001, 1e5, allow_nan=False))


@given(st.lists(st.tuples(_TEXTS, _NUMBERS, _NUMBERS, st.integers(0, 90)), min_size=1, max_size=30))
@examples(60)
def test_single_rows_and_bulk_have_equal_features_to_the_last_bit(
    group: ExpectedGroup, rows: list[tuple[str | None, float | None, float | None, int]]
) -> None:
    texts, mass, value, quantity = zip(*rows, strict=True)
    together = group.transform(table(texts, mass, value, quantity), NO_HISTORY)
    for i, (text, kg, usd, pieces) in enumerate(rows):
        # A separate table, without the other texts.
        alone = group.transform(table([text], [kg], [usd], [pieces]), NO_HISTORY)
        np.testing.assert_array_equal(alone[0], together[i])


def test_texts_of_every_length_have_equal_rows_alone_and_in_bulk(group: ExpectedGroup) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list(_CHARACTERS), size)) for size in range(1, 20) for _ in range(20)]
    together = group.transform(table(texts, [1.0] * len(texts), [10.0] * len(texts)), NO_HISTORY)
    alone = [group.transform(table([text], [1.0], [10.0]), NO_HISTORY)[0] for text in texts]
    np.testing.assert_array_equal(np.array(alone), together)


def test_a_restored_group_computes_equal_features_to_the_last_bit(group: ExpectedGroup) -> None:
    data, arrays = group.state()
    other = ExpectedGroup()
    other.restore(json.loads(json.dumps(data)), arrays)
    rows = traffic(300, seed=2)
    np.testing.assert_array_equal(group.transform(rows, NO_HISTORY), other.transform(rows, NO_HISTORY))


def test_effects_of_another_size_are_refused(group: ExpectedGroup) -> None:
    data, arrays = group.state()
    with pytest.raises(ValueError, match="have shape"):
        ExpectedGroup().restore(data, arrays | {"mass_words": arrays["mass_words"][:-1]})


def test_too_few_rows_give_no_model() -> None:
    few = ExpectedGroup()
    few.fit(traffic(49))
    assert np.isnan(few.transform(traffic(20), NO_HISTORY)).all()
    assert ExpectedGroup().transform(traffic(0), NO_HISTORY).shape == (0, len(FEATURES))


def test_a_quantity_in_too_few_rows_has_no_model() -> None:
    rows = traffic(200)
    some = table(
        rows.text("goods_description").to_list(),
        [kg if i < 40 else None for i, kg in enumerate(rows.number("net_mass_kg").tolist())],
        rows.number("customs_value").tolist(),
    )
    fitted = ExpectedGroup()
    fitted.fit(some)
    found = distances(fitted, rows)
    assert np.isnan(found["mass_vs_description"]).all()
    assert np.isnan(found["price_vs_description"]).all()
    assert not np.isnan(found["value_vs_description"]).any()


def test_an_undeclared_amount_has_no_distance(group: ExpectedGroup) -> None:
    text = "phone case silicone"
    found = distances(group, table([text, text, None], [None, 0.05, 0.05], [4.0, None, 4.0]))
    assert np.isnan(found["mass_vs_description"]).tolist() == [True, False, True]
    assert np.isnan(found["value_vs_description"]).tolist() == [False, True, True]
    assert np.isnan(found["price_vs_description"]).tolist() == [True, True, True]


def test_a_false_hs_code_changes_nothing() -> None:
    rows = traffic(400)
    columns = (
        rows.text("goods_description").to_list(),
        rows.number("net_mass_kg").tolist(),
        rows.number("customs_value").tolist(),
        rows.number("quantity").astype(int).tolist(),
    )
    true = table(*columns, hs_code=["630790"] * 400)
    false = table(*columns, hs_code=[("293339", "870899", "")[i % 3] for i in range(400)])
    fitted, other = ExpectedGroup(), ExpectedGroup()
    fitted.fit(true)
    other.fit(false)
    np.testing.assert_array_equal(fitted.transform(true, NO_HISTORY), fitted.transform(false, NO_HISTORY))
    np.testing.assert_array_equal(fitted.transform(true, NO_HISTORY), other.transform(true, NO_HISTORY))
