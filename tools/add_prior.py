"""Put the prior of evidence before the trees of a model: ``python -m tools.add_prior OLD_BUNDLE NEW_BUNDLE``.

The trees of a model that was trained without a prior already contain part of the evidence and the habits of their simulator. So
they are shrunk: every leaf value is multiplied by one factor per head (``--keep``); 0 leaves the prior alone. Lanes and percentiles
are fitted again on windows of a simulated world that the model has not seen, as in training.

The prior states odds at the default base rates, and calibrators keep these odds (``--calibration prior``). Calibrators that are
fitted on the simulated world (``--calibration world``) adapt to its lawful trade in listed goods, which has no permits. Their
slopes are 0.2 to 0.4 where law decides, and declared fentanyl from an unlicensed sender falls from even odds to one in 40,000.

``--compare`` prints, for several factors, how the model ranks in the test window of that world, and writes no bundle.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.bundle import BundleRefused, load, save
from models.calibration import Calibrator, ReferenceScores
from models.evidence import Evidence, EvidenceFault, read_evidence
from models.evidence.reading import DEFAULT
from models.lanes import LANE_NAMES, RED, Lanes
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel
from models.trees import StoredRows
from tools.upgrade_bundle import upgrade
from training.data.dataset import Bools, Dataset
from training.data.planning import plan
from training.data.sources import simulated
from training.data.window_features import FeatureSource, WindowFeatures, replay_history
from training.data.windows import Window
from training.fitting.calibrating import (
    DETECTION,
    HeldOutScores,
    base_rate_weights,
    fit_calibrators,
    illicit_probability,
    risk_log_odds,
)

#: Factors that ``--compare`` tries.
COMPARED: Final = (0.0, 0.1, 0.2, 0.35, 0.5, 1.0)
#: Default share of the trees that is kept.
KEEP: Final = 0.2
_SHARES: Final = (0.001, 0.005, 0.01)


@dataclass(frozen=True, slots=True)
class World:
    """Features of a simulated world's calibrate, lanes and test windows, and whether each test shipment is illicit, shape (n,)."""

    source: str
    calibrate: WindowFeatures
    lanes: WindowFeatures
    test: WindowFeatures
    illicit: Bools

    @classmethod
    def simulate(cls, model: RiskModel, rows: int, seed: int) -> World:
        """Simulate goods items and compute their features in the model's space."""
        data = simulated(rows, seed)
        windows = plan(data, with_test=True, seed=seed)
        if windows.test is None:
            raise ValueError("The world is too small for a test window; simulate more rows.")
        history, _ = replay_history(data)
        source = FeatureSource(data, history)
        calibrate, lanes, test = (
            source.transform(window, model.space, windows.fit)
            for window in (windows.calibrate, windows.lanes, windows.test)
        )
        return cls(data.source, calibrate, lanes, test, _illicit(data, windows.test))


def _illicit(data: Dataset, window: Window) -> Bools:
    truth = data.truth_of_shipment()
    assert truth is not None
    return np.asarray(truth[window.shipments].any(axis=1))


def with_prior(
    model: RiskModel, evidence: Evidence, keep: Mapping[str, float], world: World, *, fitted: bool = False
) -> RiskModel:
    """Return the model with the prior of this evidence before its trees, and lanes and percentiles of the world.

    Each head's trees are multiplied by ``keep``. Calibrators are fitted on the world if ``fitted``; otherwise they keep the odds
    that the prior states.
    """
    factors = {head: factor * keep[head] for head, factor in model.factors.items()}
    rows = world.test.matrix if model.check is None else model.check.rows
    bare = replace(
        model,
        factors=factors,
        evidence=evidence,
        check=StoredRows.of([model.boosters[head] for head in model.heads], rows, list(factors.values())),
        card=_card(model.card, evidence, keep, world, fitted=fitted),
    )
    held_out = {
        name: HeldOutScores.of(bare.predict_raw(features.matrix), features)
        for name, features in (("calibrate", world.calibrate), ("lanes", world.lanes))
    }
    heads = model.heads
    calibrators = (
        fit_calibrators(HeldOutScores.concatenate(list(held_out.values())), heads, detection=DETECTION)
        if fitted
        else _as_stated(bare)
    )
    lanes, reference = _lanes(held_out["lanes"], calibrators, model)
    return replace(
        bare,
        calibrators=calibrators,
        prevalence={name: calibrator.prevalence for name, calibrator in calibrators.items()},
        lanes=lanes,
        reference=reference,
        digest="",
    )


def _as_stated(model: RiskModel) -> dict[str, Calibrator]:
    """Return calibrators that keep the prior's odds at the default base rates. Trees count relative to their mean."""
    nothing = np.zeros((1, len(model.space.names)))
    calibrators = {}
    for head, base in zip(model.heads, model.prior.base.tolist(), strict=True):
        of_trees = float(model.explain_rows(nothing, head)[0, -1]) - base
        calibrators[head] = Calibrator((0.0,), -of_trees, (1.0, 1.0), "intercept", 0, 0, DEFAULT_BASE_RATES[head])
    return {**calibrators, RISK: Calibrator.identity(sum(DEFAULT_BASE_RATES.values()))}


def _lanes(
    scores: HeldOutScores, calibrators: Mapping[str, Calibrator], model: RiskModel
) -> tuple[Lanes, ReferenceScores]:
    """Return lanes and percentiles at the base rates, as `training.stages` fits them."""
    risk = risk_log_odds(scores, calibrators, model.heads)
    traffic = base_rate_weights(illicit_probability(scores, risk), sum(model.base_rates.values()))
    return Lanes.from_scores(risk, traffic), ReferenceScores.from_scores(risk, traffic)


def _card(
    card: Mapping[str, Any], evidence: Evidence, keep: Mapping[str, float], world: World, *, fitted: bool
) -> dict[str, Any]:
    """Return the card with the origin of the prior, without the figures of the old model, which do not hold for the new one."""
    unchanged = {key: value for key, value in card.items() if key not in ("metrics", "sections", "lanes")}
    return {
        **unchanged,
        "evidence": {
            "title": evidence.title,
            "dated": evidence.dated.isoformat(),
            "sha256": evidence.digest,
            "entries": len(evidence.entries),
            "share of the trees kept": dict(keep),
            "lanes and percentiles": f"fitted on {world.source}",
            "calibrators": "fitted on the same world" if fitted else "the odds that the prior states",
        },
    }


def ranking(model: RiskModel, world: World) -> dict[str, float]:
    """Return figures of the test window: average precision, recall at small shares, and lanes of clean shipments."""
    from sklearn.metrics import average_precision_score

    _, items = model.calibrate(model.predict_raw(world.test.matrix))
    risk = np.maximum.reduceat(items, world.test.first_row)
    order, lanes = np.argsort(-risk, kind="stable"), model.lanes.assign(risk)
    recalls = {
        f"recall at {share:.1%}": float(world.illicit[order[: round(share * len(order))]].sum() / world.illicit.sum())
        for share in _SHARES
    }
    clean = ~world.illicit
    in_lane = {f"clean {LANE_NAMES[lane]}": float((lanes[clean] == lane).mean()) for lane in (RED, RED - 1)}
    return {"PR-AUC": float(average_precision_score(world.illicit, risk)), **recalls, **in_lane}


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.add_prior", description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path, help="folder of the bundle, also of an older protocol")
    parser.add_argument("new", type=Path, nargs="?", help="folder to write; it must not exist")
    parser.add_argument("--evidence", type=Path, default=DEFAULT, help="file of evidence")
    parser.add_argument("--keep", action="append", default=[], help="share of the trees to keep, 0.2 or precursor=0.2")
    parser.add_argument("--rows", type=int, default=600_000, help="goods items to simulate")
    parser.add_argument("--seed", type=int, default=20_261_127, help="seed of the simulated world")
    parser.add_argument(
        "--calibration", choices=("prior", "world"), default="prior", help="keep the prior's odds, or fit on the world"
    )
    parser.add_argument("--compare", action="store_true", help="print rankings for several shares; write nothing")
    options = parser.parse_args()
    try:
        model, evidence = _load(options.old), read_evidence(options.evidence)
        keep = _keep(options.keep, model.heads)
        if options.new is None and not options.compare:
            raise ValueError("name a folder for the new bundle, or --compare")
        world = World.simulate(model, options.rows, options.seed)
        if options.compare:
            _compare(model, evidence, world)
        if options.new is not None:
            new = with_prior(model, evidence, keep, world, fitted=options.calibration == "world")
            digest = save(new, options.new)
            print(f"{options.new}: {model.name} {model.version} with prior, digest {digest}")
    except (BundleRefused, EvidenceFault, FileExistsError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    return 0


def _compare(model: RiskModel, evidence: Evidence, world: World) -> None:
    figures = ranking(model, world)
    print("| trees kept | " + " | ".join(figures) + " |\n|" + "---|" * (len(figures) + 1))
    print("| all, no prior | " + " | ".join(f"{value:.4f}" for value in figures.values()) + " |")
    for share in COMPARED:
        figures = ranking(with_prior(model, evidence, dict.fromkeys(model.heads, share), world), world)
        print(f"| {share:g} | " + " | ".join(f"{value:.4f}" for value in figures.values()) + " |", flush=True)


def _keep(options: list[str], heads: tuple[str, ...]) -> dict[str, float]:
    """Return the share of the trees to keep per head."""
    keep = dict.fromkeys(heads, KEEP)
    for option in options:
        head, _, share = option.rpartition("=")
        if head not in ("", *heads) or not 0.0 <= float(share) <= 1.0:
            raise ValueError(f"--keep {option}: give a share from 0 to 1, or HEAD=SHARE with a head of {list(heads)}")
        keep.update(dict.fromkeys([head] if head else heads, float(share)))
    return keep


def _load(folder: Path) -> RiskModel:
    """Load a bundle, also of an older protocol."""
    with tempfile.TemporaryDirectory() as temporary:
        upgraded = Path(temporary) / "bundle"
        upgrade(folder, upgraded)
        return load(upgraded)


if __name__ == "__main__":
    sys.exit(main())
