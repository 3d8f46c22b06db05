"""Feature contributions by our code, LightGBM and the shap package: speed and differences.

    python -m benchmarks.reasons [--repeats 5]

The boosters are the first head of the bundled champion, and one of 500 trees of 63 leaves trained here on random
numbers. All three implementations compute the same values (`models.trees.shapley`), and repetitions alternate between
them. The figures are medians of the processor time of one thread. Single rows are measured with a hundred different rows.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from models.bundle import bundle, champion_dir
from models.trees.predictor import Predictor, check_rows
from models.trees.trees import read_trees

Floats = NDArray[np.float64]
ROWS: Final = (1, 100, 10_000)
#: Maximum product of rows and trees per repetition of the slower implementations, because ten thousand rows of a large
#: booster would take minutes. The time per row does not depend on it.
_MOST_TREES: Final = 1_000_000


def measure(repeats: int) -> list[dict[str, object]]:
    """Return one record per booster, number of rows and way: seconds per row, and the largest difference from LightGBM."""
    return [
        record
        for name, booster, rows in (_champion(), _large())
        for record in _measured(name, booster, rows, max(1, repeats))
    ]


def _champion() -> tuple[str, lgb.Booster, Floats]:
    model = bundle.load(champion_dir())
    booster = model.boosters[model.heads[0]]
    # These rows take many paths through the trees, so no traffic is needed.
    return "champion", booster, check_rows([read_trees(booster)], booster.num_feature(), max(ROWS))


def _large() -> tuple[str, lgb.Booster, Floats]:
    random = np.random.default_rng(0)
    x = random.normal(size=(20_000, 40))
    y = x[:, 0] * x[:, 1] + x[:, 2] + random.normal(size=len(x))
    parameters = {"num_leaves": 63, "learning_rate": 0.05, "verbosity": -1, "num_threads": 1, "seed": 0}
    booster = lgb.train(parameters, lgb.Dataset(x, y), num_boost_round=500)
    return "500 trees of 63 leaves", booster, x[: max(ROWS)]


def _measured(name: str, booster: lgb.Booster, rows: Floats, repeats: int) -> list[dict[str, object]]:
    predictor = Predictor([booster])
    ways: dict[str, Callable[[Floats], Floats]] = {
        f"Tidewaiter ({predictor.name})": lambda part: predictor.contributions(part, 0),
        "LightGBM pred_contrib": lambda part: np.asarray(booster.predict(part, pred_contrib=True, num_threads=1)),
    }
    explainer = _shap(booster)
    if explainer is not None:
        ways["shap.TreeExplainer"] = explainer
    records: list[dict[str, object]] = []
    for n in ROWS:
        few = max(1, min(n, _MOST_TREES // booster.num_trees()))
        parts = {way: _parts(rows, n if way.startswith("Tidewaiter") else few) for way in ways}
        times: dict[str, list[float]] = {way: [] for way in ways}
        contributions: dict[str, Floats] = {}
        for _ in range(repeats):
            for way, explain in ways.items():
                started = time.process_time()
                answers = [explain(part) for part in parts[way]]
                times[way].append((time.process_time() - started) / sum(map(len, answers)))
                contributions[way] = np.concatenate(answers)
        reference = contributions["LightGBM pred_contrib"]
        for way in ways:
            # The shap package has no column for the base value, which is the last one.
            width, compared = reference.shape[1] - 1, min(len(reference), len(contributions[way]))
            records.append(
                {
                    "booster": name,
                    "rows": n,
                    "way": way,
                    "seconds_per_row": statistics.median(times[way]),
                    "difference": float(
                        np.abs(contributions[way][:compared, :width] - reference[:compared, :width]).max()
                    ),
                }
            )
    return records


def _parts(rows: Floats, n: int) -> list[Floats]:
    """Return the rows of one repetition in parts of n rows."""
    return [np.ascontiguousarray(rows[i * n : (i + 1) * n]) for i in range(max(1, 100 // n))]


def _shap(booster: lgb.Booster) -> Callable[[Floats], Floats] | None:
    """Return the shap package's own algorithm if it is installed; by default the package calls LightGBM."""
    try:
        shap: Any = importlib.import_module("shap")
    except ImportError:
        return None
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    return lambda part: np.asarray(explainer.shap_values(part))


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of each way, taken in turn")
    records = measure(parser.parse_args(argv).repeats)
    print(describe(("lightgbm", "numpy", "shap")))
    if not any(record["way"] == "shap.TreeExplainer" for record in records):
        print("The shap package is not installed, so it is not measured.")
    print(f"\n{'booster':24}{'rows':>8}  {'way':24}{'us per row':>12}{'relative speed':>16}{'difference':>12}")
    slow = {
        (record["booster"], record["rows"]): record["seconds_per_row"]
        for record in records
        if record["way"] == "LightGBM pred_contrib"
    }
    for record in records:
        seconds, reference = record["seconds_per_row"], slow[record["booster"], record["rows"]]
        assert isinstance(seconds, float)
        assert isinstance(reference, float)
        print(
            f"{record['booster']!s:24}{record['rows']:>8}  {record['way']!s:24}{seconds * 1e6:12.1f}"
            f"{reference / seconds:16.1f}{record['difference']:12.1e}"
        )


if __name__ == "__main__":
    main()
