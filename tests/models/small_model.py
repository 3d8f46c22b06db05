"""A small model of invented shipments with real boosters, calibrators, feature space and history."""

from __future__ import annotations

import datetime as dt
from typing import Any

import lightgbm as lgb
import numpy as np

from features.groups.history.history import History
from features.space import FeatureSpace
from features.table.table import Coded, ManifestTable
from models.calibration import Calibrator, ReferenceScores, combine
from models.lanes import Lanes
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel
from models.trees import StoredRows
from training.fitting.boosting import first_trees

HEADS = tuple(DEFAULT_BASE_RATES)
GOODS = ("silicone phone case", "parts", "cotton t-shirt with print", "sample", "ceramic mug", "chemical raw material")


def manifest(shipments: int, seed: int = 0) -> dict[str, list[str | None]]:
    """Return columns of invented shipments, one to three items each."""
    rng = np.random.default_rng(seed)
    names = ("shipment_id", "declared_at", "channel", "consignor_name", "consignor_country", "consignee_name",
             "consignee_country", "item_number", "goods_description", "cas_number", "hs_code", "net_mass_kg",
             "customs_value", "currency")  # fmt: skip
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    start = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
    for number in range(shipments):
        declared = (start + dt.timedelta(minutes=7 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        consignor = f"Example Trading {rng.integers(40)}"
        for item in range(int(rng.integers(1, 4))):
            consignee = f"Sample Consignee {rng.integers(200)}"
            row = (f"HB-{seed}-{number:06d}", declared, "express", consignor, "CN", consignee, "US",
                   str(item + 1), str(rng.choice(GOODS)), "77-92-9" if rng.random() < 0.2 else None,
                   str(rng.choice(["392690", "610910", "293399"])) if rng.random() < 0.9 else None,
                   f"{rng.lognormal(0.0, 1.0):.3f}", f"{rng.lognormal(3.0, 1.0):.2f}", "USD")  # fmt: skip
            for name, value in zip(names, row, strict=True):
                columns[name].append(value)
    return columns


def table_of(columns: dict[str, list[str | None]]) -> ManifestTable:
    coded = {name: Coded.from_list(values) for name, values in columns.items()}
    return ManifestTable.from_columns(coded, len(columns["shipment_id"]))


def train(heads: tuple[str, ...] = HEADS, seed: int = 0) -> RiskModel:
    """Return a model of an invented rule, trained on 1,500 shipments."""
    table = table_of(manifest(1_500, seed))
    space, history = FeatureSpace().fit(table), History.empty()
    matrix = space.transform(table, history.advance(table).values)
    rng = np.random.default_rng(seed)
    value, mass = table.number("customs_value"), table.number("net_mass_kg")
    chemical = table.text("cas_number").codes >= 0
    boosters, raw = {}, np.empty((table.n_rows, len(heads)))
    is_find = np.empty((table.n_rows, len(heads)), dtype=bool)
    for k, head in enumerate(heads):
        signal = -1.5 + 1.2 * chemical - 0.5 * np.log(value / mass) + 0.3 * k * np.log(mass)
        is_find[:, k] = rng.random(table.n_rows) < 1 / (1 + np.exp(-signal))
        data = lgb.Dataset(matrix, is_find[:, k].astype(float), feature_name=list(space.names))
        parameters = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1, "seed": seed,
                      "deterministic": True, "force_row_wise": True, "min_data_in_leaf": 20}  # fmt: skip
        # Like training, write splits that separate missing values only with a finite threshold.
        boosters[head] = first_trees(lgb.train(parameters, data, num_boost_round=12), 12)
        raw[:, k] = np.asarray(boosters[head].predict(matrix, raw_score=True))

    def per_shipment(values: np.ndarray) -> np.ndarray:
        return np.maximum.reduceat(values, table.first_row)

    calibrators = {
        head: Calibrator.fit(per_shipment(raw[:, k]), per_shipment(is_find[:, k])) for k, head in enumerate(heads)
    }
    if heads != (RISK,):
        item = combine(np.stack([calibrators[head](raw[:, k]) for k, head in enumerate(heads)], axis=1))
        calibrators[RISK] = Calibrator.fit(per_shipment(item), per_shipment(np.asarray(is_find.any(axis=1))))
    else:
        item = raw[:, 0]
    risk = calibrators[RISK](per_shipment(item))
    prevalence = {name: calibrator.prevalence for name, calibrator in calibrators.items()}
    return RiskModel(
        name="tidewaiter",
        version="1",
        created_at="2026-06-01T00:00:00Z",
        heads=heads,
        space=space,
        boosters=boosters,
        calibrators=calibrators,
        prevalence=prevalence,
        base_rates=dict(DEFAULT_BASE_RATES) if heads == HEADS else {RISK: prevalence[RISK]},
        lanes=Lanes.from_scores(risk, red_share=0.05, yellow_share=0.15),
        reference=ReferenceScores.from_scores(risk),
        history=history,
        check=StoredRows.of([boosters[head] for head in heads], matrix),
        card={"summary": "trained on invented shipments", "metrics": [{"head": head, "finds": 3} for head in heads]},
    )


def answers(scores: Any) -> list[dict[str, Any]]:
    """Return the JSON answers of all shipments."""
    return [scores.shipment(i) for i in range(len(scores))]
