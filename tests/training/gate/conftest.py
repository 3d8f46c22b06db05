"""A small world with a rule that models can learn, sound models that learned it, and sabotaged ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import lightgbm as lgb
import numpy as np
import pytest

from features.groups.history.history import History
from models.calibration import Calibrator, combine
from models.evidence import Prior, read_evidence
from models.scoring import RISK, RiskModel
from models.trees import StoredRows
from tests.models.small_model import HEADS, manifest, table_of, train
from training.authors.views import AuthorData
from training.fitting.boosting import first_trees
from training.fitting.residual import combined, intercept
from training.gate import worlds

SHIPMENTS = 5_000
#: Log-odds by which finds are rarer in the worlds than in `small_model`, which learned the same rule.
RARER = -4.0


def shipments(n: int, seed: int) -> dict[str, list[str | None]]:
    """Return columns of invented shipments whose parties occur once, so that no earlier find decides."""
    columns = manifest(n, seed)
    for role in ("consignor", "consignee"):
        columns[f"{role}_name"] = [f"Sample {role} {number}" for number in columns["shipment_id"]]
    return columns


def signal(columns: dict[str, list[str | None]]) -> np.ndarray:
    """Return the log-odds of a find (n,) of each row, without an intercept."""
    value, mass = (np.array(columns[name], dtype=float) for name in ("customs_value", "net_mass_kg"))
    chemical = np.array([text is not None for text in columns["cas_number"]])
    return np.asarray(2.5 * chemical - 1.2 * np.log(value / mass))


def author(name: str, n: int, seed: int) -> AuthorData:
    """Return a world of invented shipments in which the finds follow `signal`."""
    columns = shipments(n, seed=seed + len(name))
    table = table_of(columns)
    drawn = np.random.default_rng(seed).random(table.n_rows)
    find = drawn < 1.0 / (1.0 + np.exp(-signal(columns) - RARER))
    illicit = np.logical_or.reduceat(find, table.first_row)
    n = table.n_shipments
    content = np.zeros((n, len(HEADS)), dtype=bool)
    content[:, 0] = illicit
    nothing = np.zeros(n)
    scored = np.arange(n) >= n // 6
    group = np.full(n, "", dtype=object)
    return AuthorData(name, table, content, group, nothing > 0, scored, nothing[:, None], nothing, f"{seed:064x}")


@pytest.fixture(scope="module", autouse=True)
def small_worlds() -> Iterator[None]:
    """Let two small worlds replace the open ones."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(worlds, "SHIPMENTS", SHIPMENTS)
        patched.setattr(worlds, "open_worlds", lambda: ["one", "another"])
        patched.setattr(worlds, "load_author", author)
        yield


@cache
def learned(*, seed: int = 0, labels: str = "true") -> RiskModel:
    """Return a model with the default evidence whose trees learned `signal`, from labels that are true, shuffled or leaked."""
    columns = shipments(6_000, seed=50 + seed)
    table, base = table_of(columns), train()
    matrix = base.space.transform(table, History.empty().advance(table).values)
    draw = np.random.default_rng(seed)
    find = draw.random(table.n_rows) < 1.0 / (1.0 + np.exp(-signal(columns) + 2.0))
    if labels == "shuffled":
        find = draw.permutation(find)
    if labels == "leaked":
        matrix[:, base.space.names.index("value_per_kg")] = find
    names = list(base.space.names)
    start = combined(Prior(read_evidence(), HEADS, base.space.names).log_odds(matrix))
    start += intercept(start, find, np.ones(len(find)))
    data = lgb.Dataset(matrix, find.astype(float), feature_name=names, init_score=start)
    settings = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1, "seed": seed,
                "deterministic": True, "force_row_wise": True, "min_data_in_leaf": 20, "lambda_l2": 10.0}  # fmt: skip
    booster = first_trees(lgb.train(settings, data, num_boost_round=100), 100)
    model = replace(
        base,
        boosters=dict.fromkeys(HEADS, booster),
        factors=dict.fromkeys(HEADS, 1.0),
        evidence=read_evidence(),
        check=StoredRows.of([booster] * len(HEADS), matrix),
    )
    score = np.maximum.reduceat(np.asarray(combine(model.predict_raw(matrix))), table.first_row)
    risk = Calibrator.fit(score, np.logical_or.reduceat(find, table.first_row), spares_facts=True)
    calibrators = {**dict.fromkeys(HEADS, risk), RISK: risk}
    prevalence = dict.fromkeys(calibrators, risk.prevalence)
    model = replace(model, calibrators=calibrators, prevalence=prevalence, history=History.empty())
    stated = risk(score)
    return replace(
        model, lanes=replace(model.lanes, red=float(np.quantile(stated, 0.99)), yellow=float(np.quantile(stated, 0.95)))
    )


@pytest.fixture(scope="session")
def in_service() -> RiskModel:
    return learned()
