"""Own labels on declarations that training never saw: the model, logistic regression and LightGBM with default settings.

Rows with equal texts and codes form a group, whatever their identifier, date, mass and price. For each seed, a share of the groups
is removed from training and becomes the test. All three learn from the same rows; the regression has the model's features, and
LightGBM the raw columns.

    python -m benchmarks.own_labels FILE --mapping FILE.toml --label COLUMN [--positive VALUE] [--seeds N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
from scipy.stats import t

from benchmarks.script import say
from features.groups.own.keys import Key, KeyHasher
from features.readers import ColumnMapping, open_table
from training.config import TrainConfig
from training.data.sources import from_file
from training.pipeline import train

#: Share of the groups that become the test.
_TEST: Final = 0.3
MODEL: Final = "model"
RIVALS: Final = ("logistic_regression", "default_lightgbm")


def rows_and_groups(options: argparse.Namespace) -> tuple[pa.Table, np.ndarray]:
    """Return the rows of the file with a label, as declared, and the group (n,) of each."""
    mapping = ColumnMapping.load(options.mapping) if options.mapping else None
    with open_table(options.file, mapping=mapping) as reader:
        raw = pa.concat_tables([chunk.raw for chunk in reader])
    data = from_file(options.file, mapping=mapping, label=options.label, positive=options.positive, in_order=False)
    assert data.own is not None
    texts = KeyHasher(data.table, data.own).hashes(Key("texts", "", data.own.texts))
    group = np.where(texts == 0, np.arange(1, len(texts) + 1), texts)
    known = np.flatnonzero(data.labels.inspected[data.table.shipment])
    _, first, of_row = np.unique(group[known], return_index=True, return_inverse=True)
    # Groups are numbered in the order of the file.
    return raw.take(data.data_row[known] - 1), np.argsort(np.argsort(first))[of_row]


def split(group: np.ndarray, seed: int) -> np.ndarray:
    """Return whether each row (n,) belongs to the test: the rows of a random share of the groups."""
    groups = int(group.max()) + 1
    chosen = np.zeros(groups, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(groups)[: round(_TEST * groups)]] = True
    return np.asarray(chosen[group])


def figures(rows: pa.Table, test: np.ndarray, options: argparse.Namespace, seed: int) -> dict[str, float]:
    """Train on the rows outside the test, and return the PR-AUC of each contestant on the test."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch) / name for name in ("train.csv", "holdout.csv")]
        for path, part in zip(paths, (~test, test), strict=True):
            pyarrow.csv.write_csv(rows.filter(pa.array(part)), path)
        result = train(
            TrainConfig(
                data=paths[0], mapping=options.mapping, label=options.label, positive=options.positive,
                holdout=paths[1], predictions=Path(scratch) / "scored.csv", track=False, threads=options.threads, seed=seed,
            )
        )  # fmt: skip
    against = result.metrics["holdout"]["pr_auc_against"]
    return {MODEL: against[RIVALS[0]]["ours"]["value"], **{name: against[name]["theirs"]["value"] for name in RIVALS}}


def summary(each: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Return means and half 95 % intervals over the seeds: of each contestant, and of the model's paired lead over each rival."""
    columns = {name: np.array([one[name] for one in each]) for name in (MODEL, *RIVALS)}
    columns |= {f"{MODEL} over {name}": columns[MODEL] - columns[name] for name in RIVALS}
    factor = float(t.ppf(0.975, len(each) - 1)) / np.sqrt(len(each))
    return {name: (float(of.mean()), float(factor * of.std(ddof=1))) for name, of in columns.items()}


def main() -> None:
    """Measure, print the figures and save them if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--mapping", type=Path)
    parser.add_argument("--label", required=True)
    parser.add_argument("--positive")
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows, group = rows_and_groups(options)
    say(f"{rows.num_rows:,} rows, {int(group.max()) + 1:,} groups")
    each = []
    for seed in range(options.seeds):
        each.append(figures(rows, split(group, seed), options, seed))
        say(f"seed {seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in each[-1].items()))
    found = summary(each)
    for name, (mean, half) in found.items():
        print(f"{name:32} {mean:+.3f} ± {half:.3f}")
    if options.json:
        options.json.write_text(json.dumps({"each": each, "summary": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
