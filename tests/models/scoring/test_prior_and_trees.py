"""A model with evidence: its raw log-odds are the prior plus the trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.groups.history.history import History
from features.manifest.records import read_record
from features.table.table import ManifestTable
from models.calibration import LEAST_SPARED, Calibrator
from models.evidence import read_evidence
from models.lanes import Lanes
from models.scoring import RiskModel
from tests.models.small_model import HEADS, manifest, table_of


@pytest.fixture(scope="module")
def with_prior(trained: RiskModel) -> RiskModel:
    return replace(trained, evidence=read_evidence())


@pytest.fixture(scope="module")
def table() -> ManifestTable:
    columns = manifest(200, seed=8)
    for row, text in ((0, "fentanyl hydrochloride"), (5, "4-anilinopiperidine"), (9, "tablet press die set")):
        columns["goods_description"][row] = text
    return table_of(columns)


@pytest.fixture(scope="module")
def matrix(with_prior: RiskModel, table: ManifestTable) -> np.ndarray:
    return with_prior.space.transform(table, History.empty().advance(table).values)


def test_raw_log_odds_are_prior_plus_trees(with_prior: RiskModel, trained: RiskModel, matrix: np.ndarray) -> None:
    prior = with_prior.prior.log_odds(matrix)
    assert (np.ptp(prior, axis=0) > 5.0).all()
    assert with_prior.predict_raw(matrix).tobytes() == (trained.predict_raw(matrix) + prior).tobytes()


def test_one_row_and_many_rows_are_equal_to_the_last_bit(with_prior: RiskModel, matrix: np.ndarray) -> None:
    one_by_one = b"".join(with_prior.predict_raw(matrix[row : row + 1]).tobytes() for row in range(len(matrix)))
    assert one_by_one == with_prior.predict_raw(matrix).tobytes()


def test_base_value_and_weights_of_all_reasons_add_up_to_the_raw_score(
    with_prior: RiskModel, table: ManifestTable
) -> None:
    scores = with_prior.score(table, History.empty(), explain="all")
    assert len(scores.explained) == len(scores)
    for explanation in scores.explained.values():
        total = explanation.base_value + sum(reason.weight for reason in explanation.reasons)
        assert total == pytest.approx(explanation.raw_score, abs=1e-9, rel=0.0)


def test_the_head_that_rises_furthest_above_its_base_value_is_explained(
    with_prior: RiskModel, table: ManifestTable, matrix: np.ndarray
) -> None:
    scores = with_prior.score(table, History.empty(), explain="all")
    raw = with_prior.predict_raw(matrix)
    base = [with_prior.explain_rows(matrix[:1], head)[0, -1] for head in HEADS]
    for explanation in scores.explained.values():
        assert explanation.head == HEADS[int(np.argmax(raw[explanation.item_row] - base))]
    first = scores.explained[0]
    assert first.head == "fentanyl_or_analogue"
    assert first.reasons[0].text.startswith("Declared by name as fentanyl")
    assert "Entry opioid_named_" in first.reasons[0].source


def test_contributions_cover_features_and_entries(with_prior: RiskModel, matrix: np.ndarray) -> None:
    raw = with_prior.predict_raw(matrix)
    for k, head in enumerate(HEADS):
        contributions = with_prior.explain_rows(matrix, head)
        assert contributions.shape[1] == len(with_prior.space.names) + len(with_prior.prior.entries) + 1
        np.testing.assert_allclose(contributions.sum(axis=1), raw[:, k], atol=1e-9, rtol=0)


def test_declared_content_keeps_its_odds_where_the_calibrator_spares_facts(with_prior: RiskModel) -> None:
    rows = [
        {"shipment_id": "1", "goods_description": "fentanyl hydrochloride", "consignee_country": "US"},
        {"shipment_id": "2", "goods_description": "cotton shirts", "consignee_country": "US"},
    ]
    table = ManifestTable.from_records([read_record(row) for row in rows], receipt=1_790_000_000)
    lower = {head: Calibrator((0.0,), -7.0, (1.0, 1.0), "slope", 10, 100, 0.1, True) for head in (*HEADS, "risk")}
    calibrators, same = {**with_prior.calibrators, **lower}, dict.fromkeys(HEADS, 0.1)
    spared = replace(with_prior, calibrators=calibrators, prevalence={**with_prior.prevalence, **same}, base_rates=same)
    declared, shirts = spared.score(table, History.empty()).item_heads[:, 0]
    everything = {head: replace(one, spares_facts=False) for head, one in lower.items()}
    lowered = replace(spared, calibrators={**calibrators, **everything}).score(table, History.empty()).item_heads[:, 0]
    assert declared > 0.5 > lowered[0]
    assert shirts == lowered[1]


def test_the_calibration_of_a_row_does_not_depend_on_other_rows(with_prior: RiskModel, matrix: np.ndarray) -> None:
    declared = matrix[[0, 0]]
    assert with_prior.prior.facts(declared).any()
    lower = {name: Calibrator((0.0,), -7.0, (1.0, 1.0), "slope", 10, 100, 0.1, True) for name in (*HEADS, "risk")}
    spared = replace(with_prior, calibrators={**with_prior.calibrators, **lower})
    # The heads of the second row together are above the least odds that are spared, but none of them is.
    raw = np.full((2, len(HEADS)), -20.0)
    raw[0, 0], raw[1] = 5.0, LEAST_SPARED - 0.2
    together = spared.calibrate(raw, declared)
    alone = [spared.calibrate(raw[[row]], declared[[row]]) for row in (0, 1)]
    for of_all, of_each in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(of_all, np.concatenate(of_each))


def test_a_route_that_counts_only_in_the_prior_does_not_make_a_shipment_red(
    with_prior: RiskModel, table: ManifestTable, matrix: np.ndarray
) -> None:
    """The check runs on prior plus trees: without the entry for third countries the shipment is not red."""
    names = with_prior.space.names
    changed = matrix[table.first_row].copy()
    changed[:, names.index("origin_is_export")] = 0.0
    neutral = changed.copy()
    neutral[:, with_prior.space.neutral_columns] = with_prior.space.neutral_values
    high, low = (with_prior.calibrate(with_prior.predict_raw(rows), rows)[1] for rows in (changed, neutral))
    one = int(np.argmax(high - low))
    assert high[one] > low[one]
    alone = table.take(np.flatnonzero(table.shipment == one)).accepted()
    rows = np.repeat(changed[one : one + 1], alone.n_rows, axis=0)
    model = replace(with_prior, lanes=Lanes(float(low[one] + high[one]) / 2.0, float(low[one]) - 1.0))
    assert model.not_by_country_alone(np.array([2], dtype=np.int8), rows, alone).tolist() == [1]


def test_an_entry_that_names_a_missing_feature_refuses_the_model(trained: RiskModel) -> None:
    evidence = read_evidence()
    entry = next(entry for entry in evidence.entries if entry.id == "vague")
    term = replace(entry.when[0][0], feature="no_such_feature")
    broken = replace(evidence, entries=(*evidence.entries, replace(entry, id="broken", when=((term,),), where=())))
    with pytest.raises(ValueError, match=r"no_such_feature \(broken\)"):
        replace(trained, evidence=broken)
