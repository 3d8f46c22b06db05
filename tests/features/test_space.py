"""The feature space: one path for one row and many, no labels, learned statistics out of fold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from features.groups.base import FloatArray, Group, GroupInput
from features.groups.history.history import History
from features.space import FeatureSpace
from features.table.table import Coded, ManifestTable

GOODS = [
    ("cotton t-shirt men", "610910", "9", "0.2"),
    ("phone case silicone", "392690", "4", "0.1"),
    ("leather running shoes", "640399", "35", "0.9"),
    ("citric acid 99% food grade", "291814", "12", "5"),
]


def table(n: int = 240, **override: Sequence[str | None]) -> ManifestTable:
    rows = [GOODS[i % len(GOODS)] for i in range(n)]
    columns: dict[str, Sequence[str | None]] = {
        "shipment_id": [f"S{i // 2}" for i in range(n)],
        "declared_at": ["2026-03-01"] * n,
        "goods_description": [row[0] for row in rows],
        "hs_code": [row[1] for row in rows],
        "customs_value": [row[2] for row in rows],
        "net_mass_kg": [row[3] for row in rows],
        "currency": ["USD"] * n,
        "export_country": ["CN"] * n,
        "consignor_name": [f"Example Trading {i % 5} Co Ltd" for i in range(n)],
    } | override
    return ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, n, receipt=1_780_000_000)


def matrix(space: FeatureSpace, rows: ManifestTable) -> np.ndarray:
    return space.transform(rows, History.empty().advance(rows).values)


@pytest.fixture(scope="module")
def space() -> FeatureSpace:
    return FeatureSpace().fit(table())


def test_every_feature_has_a_unique_name_a_meaning_and_a_reason(space: FeatureSpace) -> None:
    assert len(set(space.names)) == len(space.names)
    for feature in space.features:
        assert len(feature.meaning) > 15, feature.name
        assert feature.reason.isupper(), feature.name
        assert feature.monotone in (-1, 0, 1)


def test_monotone_features_are_the_required_ones(space: FeatureSpace) -> None:
    constrained = {feature.name: feature.monotone for feature in space.features if feature.monotone}
    assert constrained == {
        "description_opioid_fragment": 1,
        "description_precursor_fragment": 1,
        "substance_opioid": 1,
        "substance_precursor": 1,
        "substance_watched": 1,
        "substance_class": 1,
        "hs_text_contradiction": 1,
        "hs_text_agreement": -1,
        "chemical_text_harmless_code": 1,
        "account_age_days": -1,
        "consignor_finds": 1,
        "consignee_finds": 1,
        "address_finds": 1,
        "pair_finds": 1,
        "consignor_contact_finds": 1,
        "consignee_contact_finds": 1,
    }


def test_neutral_values_belong_to_the_columns_of_their_features(space: FeatureSpace) -> None:
    names = [space.names[column] for column in space.neutral_columns]
    assert dict(zip(names, space.neutral_values.tolist(), strict=True)) == space.country_neutral


def test_one_shipment_and_many_have_equal_features_to_the_last_bit(space: FeatureSpace) -> None:
    rows = table(40)
    history = History.empty().advance(rows).values
    whole = space.transform(rows, history)
    for shipment in range(rows.n_shipments):
        own = rows.take(np.flatnonzero(rows.shipment == shipment))
        alone = space.transform(own, history[shipment : shipment + 1])
        assert np.array_equal(alone, whole[rows.shipment == shipment], equal_nan=True)


def test_a_restored_space_computes_equal_features(space: FeatureSpace) -> None:
    data, arrays = space.to_state()
    restored = FeatureSpace.from_state(json.loads(json.dumps(data)), arrays)
    assert np.array_equal(matrix(restored, table()), matrix(space, table()), equal_nan=True)


def test_words_that_contradict_the_hs_code_raise_the_contradiction(space: FeatureSpace) -> None:
    at = space.names.index("hs_text_contradiction")
    fitting = matrix(space, table(4))[:, at]
    swapped = matrix(space, table(4, hs_code=["640399", "610910", "291814", "847130"]))[:, at]
    assert (swapped > 1.0).all()
    assert (fitting == 0.0).all()


def test_an_unusual_value_has_its_distance_in_spreads(space: FeatureSpace) -> None:
    at = space.names.index("value_per_kg_unusual")
    assert abs(matrix(space, table(4))[0, at]) < 0.5
    assert matrix(space, table(4, customs_value=["0.2", "4", "35", "12"]))[0, at] < -5


def test_learned_statistics_of_a_row_come_from_other_texts() -> None:
    rows = table(shipment_id=[str(row) for row in range(240)])
    history = History.empty().advance(rows).values
    out_of_fold = FeatureSpace().fit_transform(rows, history, folds=8)
    inside = matrix(FeatureSpace().fit(rows), rows)
    at = FeatureSpace().names.index("description_unknown_words")
    assert (inside[:, at] == 0).all()
    assert (out_of_fold[:, at] > 0).any()


def test_new_countries_and_trade_lanes_have_no_share(space: FeatureSpace) -> None:
    names = ("trade_lane_share", "export_chapter_share")
    values = matrix(space, table(4, export_country=["AQ"] * 4))
    assert np.isnan(values[:, [space.names.index(name) for name in names]]).all()


def test_letter_case_changes_nothing(space: FeatureSpace) -> None:
    upper = [row[0].upper() for row in GOODS]
    plain, shouted = matrix(space, table(4)), matrix(space, table(4, goods_description=[*upper]))
    assert np.array_equal(plain, shouted, equal_nan=True)


def test_data_without_values_and_codes_can_be_fitted() -> None:
    bare = table(6, customs_value=[None] * 6, net_mass_kg=[None] * 6, hs_code=[None] * 6, export_country=[None] * 6)
    values = matrix(FeatureSpace().fit(bare), bare)
    assert np.isnan(values[:, FeatureSpace().names.index("value_per_kg_unusual")]).all()
    assert not np.isinf(values).any()


def test_learning_and_other_groups_fill_the_matrix_together(space: FeatureSpace) -> None:
    rows = table(40)
    history = History.empty().advance(rows).values
    apart = np.zeros((rows.n_rows, len(space.names)))
    FeatureSpace().fill(rows, history, apart, learned=False)
    space.fill(rows, history, apart, learned=True)
    assert np.array_equal(apart, space.transform(rows, history), equal_nan=True)


def test_out_of_fold_features_are_computed_once_per_row(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table()
    history = History.empty().advance(rows).values
    filled: dict[str, int] = {}

    def counting(kind: type[Group]) -> Any:
        real = kind.fill

        def fill(self: Group, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
            filled[self.name] = filled.get(self.name, 0) + source.table.n_rows
            real(self, source, history, out)

        return fill

    for group in FeatureSpace().groups:
        monkeypatch.setattr(type(group), "fill", counting(type(group)))
    whole = FeatureSpace().fit_transform(rows, history)
    assert set(filled.values()) == {rows.n_rows}
    known = np.empty_like(whole)
    FeatureSpace().fill(rows, history, known, learned=False)
    filled.clear()
    assert FeatureSpace().fit_transform(rows, history, matrix=known) is known
    assert set(filled) == {group.name for group in FeatureSpace().groups if group.learns}
    assert np.array_equal(known, whole, equal_nan=True)


def test_texts_of_a_single_fold_use_statistics_of_all_rows() -> None:
    rows = table(goods_description=["cotton t-shirt men"] * 240)
    history = History.empty().advance(rows).values
    space = FeatureSpace()
    assert np.array_equal(
        space.fit_transform(rows, history), FeatureSpace().fit(rows).transform(rows, history), equal_nan=True
    )
