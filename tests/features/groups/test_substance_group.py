"""Substance features of a goods item: the match, its kind, and its legal status on the day."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.groups.history.history import History
from features.groups.substance import FEATURES, SubstanceGroup
from features.table.table import Coded, ManifestTable

UNLISTED = "N-(1-phenethylpiperidin-4-yl)-N-phenylhexanamide"


def features(**fields: str) -> dict[str, float]:
    """Return the features by name of one goods item with these fields."""
    columns = {"shipment_id": "HB-1", "declared_at": "2026-03-01T10:00:00Z", **fields}
    table = ManifestTable.from_columns({name: Coded.from_list([value]) for name, value in columns.items()}, 1)
    history = History.empty().advance(table).values
    values = SubstanceGroup().transform(table, history)[0]
    return {feature.name: float(value) for feature, value in zip(FEATURES, values, strict=True)}


def test_goods_without_a_chemical_have_no_substance() -> None:
    found = features(goods_description="women cotton dress")
    for name in (
        "substance_opioid",
        "substance_precursor",
        "substance_class",
        "substance_disguised",
        "substance_benign",
    ):
        assert found[name] == 0.0
    for name in ("substance_similarity", "substance_confidence", "substance_listed_months", "substance_hs_agrees"):
        assert math.isnan(found[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fentanyl citrate", {"substance_opioid": 2, "substance_class": 0, "substance_disguised": 0}),
        ("fentanyl test strips", {"substance_opioid": 1, "substance_class": 0}),
        ("fentnayl", {"substance_opioid": 2, "substance_disguised": 2}),
        ("芬太尼", {"substance_opioid": 2, "substance_disguised": 1}),
        ("CAS 41661-47-6", {"substance_precursor": 2, "substance_identifier": 1}),
        ("N-phenyl-1-(2-phenylethyl)piperidin-4-amine", {"substance_precursor": 2, "substance_systematic": 1}),
        (UNLISTED, {"substance_opioid": 2, "substance_class": 2, "substance_confidence": 0.95}),
        ("1-acetyl-4-piperidone", {"substance_precursor": 2, "substance_class": 2}),
        ("lorcainide", {"substance_opioid": 0, "substance_other": 1, "substance_class": 2}),
        ("piperidine", {"substance_other": 1, "substance_opioid": 0, "substance_precursor": 0}),
        ("citric acid", {"substance_benign": 1, "substance_other": 0}),
        ("fentanyl patch, import permit no. 2026-77", {"substance_opioid": 2, "substance_context_permit": 1}),
        ("fentanyl reference standard 1 mg", {"substance_opioid": 2, "substance_context_standard": 1}),
        ("fentanyl test strips", {"substance_context_mention": 1, "substance_context_standard": 0}),
        ("does not contain fentanyl", {"substance_opioid": 1, "substance_context_mention": 1}),
        (
            "fentanyl citrate",
            {"substance_context_permit": 0, "substance_context_standard": 0, "substance_context_mention": 0},
        ),
    ],
)
def test_substance_features_describe_the_declared_substance(text: str, expected: dict[str, float]) -> None:
    found = features(declared_chemical=text)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_only_unlisted_substances_have_a_similarity() -> None:
    near = features(declared_chemical="N-phenyl-N-[1-(2-phenylethyl)pyrrolidin-3-yl]propanamide")
    assert 0.68 <= near["substance_similarity"] < 1
    assert (near["substance_opioid"], near["substance_class"]) == (0.0, 0.0)
    assert math.isnan(features(declared_chemical="fentanyl")["substance_similarity"])


@pytest.mark.parametrize(
    ("day", "destination", "export", "origin", "expected"),
    [
        ("2018-02-05", "US", "CN", "CN", (0, 0, 0)),
        ("2018-02-06", "US", "CN", "CN", (1, 0, 0)),
        ("2019-05-01", "US", "CN", "HK", (1, 1, 0)),
        ("2019-05-01", "CN", "US", "CN", (1, 1, 1)),
    ],
)
def test_a_class_definition_controls_an_unlisted_substance_where_and_when_it_is_in_force(
    day: str, destination: str, export: str, origin: str, expected: tuple[int, int, int]
) -> None:
    found = features(
        declared_chemical=UNLISTED,
        declared_at=f"{day}T12:00:00Z",
        consignee_country=destination,
        export_country=export,
        origin_country=origin,
    )
    names = ("substance_listed_destination", "substance_listed_export", "substance_listed_origin")
    assert tuple(found[name] for name in names) == expected
    assert found["substance_listed_un"] == 0.0


def test_months_are_counted_from_the_first_control_anywhere() -> None:
    found = features(declared_chemical="propionyl chloride", declared_at="2017-11-30T00:00:00Z")
    assert found["substance_listed_months"] == pytest.approx(12, abs=0.1)


@pytest.mark.parametrize(
    ("text", "hs", "agrees"),
    [("fentanyl", "293333", 1), ("fentanyl", "610910", 0), (UNLISTED, "293334", 1), (UNLISTED, "9503.00", 0)],
)
def test_the_hs_code_agrees_with_the_substance_or_with_its_class(text: str, hs: str, agrees: int) -> None:
    assert features(declared_chemical=text, hs_code=hs)["substance_hs_agrees"] == agrees


def test_the_most_important_match_of_the_three_fields_counts() -> None:
    found = features(goods_description="norfentanyl", declared_chemical="citric acid", cas_number="77-92-9")
    assert (found["substance_precursor"], found["substance_benign"]) == (2.0, 0.0)


def test_rows_do_not_depend_on_each_other() -> None:
    texts = ["fentanyl", "women dress", UNLISTED, "citric acid", "fentanyl test strips", "4-piperidone"]
    columns = {
        "shipment_id": [f"HB-{i}" for i in range(len(texts))],
        "declared_chemical": texts,
        "declared_at": ["2026-03-01T10:00:00Z"] * len(texts),
        "consignee_country": ["US", "DE", "CN", "US", "CA", "GB"],
    }
    table = ManifestTable.from_columns({name: Coded.from_list(values) for name, values in columns.items()}, len(texts))
    whole = SubstanceGroup().transform(table, History.empty().advance(table).values)
    for row in range(len(texts)):
        one = table.take(np.array([row]))
        assert np.array_equal(SubstanceGroup().transform(one, whole[:1]), whole[row : row + 1], equal_nan=True)
