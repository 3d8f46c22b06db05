"""Put the prior of evidence before the trees of a model: ``python -m tools.add_prior OLD_BUNDLE NEW_BUNDLE``.

The trees of a model that was trained without a prior already contain part of the evidence and the habits of their simulator. So
they are shrunk: every leaf value is multiplied by one factor per head (``--keep``); 0 leaves the prior alone. Lanes and percentiles
are fitted again on the lanes window of a simulated world that the model has not seen, as in training.

The prior states odds at the default base rates, and calibrators keep these odds. Calibrators fitted on the simulated world would
adapt to its lawful trade in listed goods, which has no permits: their slopes would be 0.2 to 0.4 where law decides, and declared
fentanyl from an unlicensed sender would fall from even odds to one in 40,000.
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
from models.lanes import Lanes
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel
from models.trees import StoredRows
from tools.upgrade_bundle import upgrade
from training.data.planning import plan
from training.data.sources import simulated
from training.data.window_features import FeatureSource, WindowFeatures, replay_history
from training.fitting.calibrating import (
    HeldOutScores,
    base_rate_weights,
    illicit_probability,
    risk_log_odds,
)

#: Default share of the trees that is kept.
KEEP: Final = 0.2


@dataclass(frozen=True, slots=True)
class World:
    """Name of a simulated world, and the features of its lanes window."""

    source: str
    lanes: WindowFeatures

    @classmethod
    def simulate(cls, model: RiskModel, rows: int, seed: int) -> World:
        """Simulate goods items and compute their features in the model's space."""
        data = simulated(rows, seed)
        windows = plan(data, with_test=True, seed=seed)
        history, _ = replay_history(data)
        return cls(data.source, FeatureSource(data, history).transform(windows.lanes, model.space, windows.fit))


def with_prior(model: RiskModel, evidence: Evidence, keep: Mapping[str, float], world: World) -> RiskModel:
    """Return the model with the prior of this evidence before its trees, and lanes and percentiles of the world.

    Each head's trees are multiplied by ``keep``. Calibrators keep the odds that the prior states.
    """
    factors = {head: factor * keep[head] for head, factor in model.factors.items()}
    rows = world.lanes.matrix if model.check is None else model.check.rows
    bare = replace(
        model,
        factors=factors,
        evidence=evidence,
        check=StoredRows.of([model.boosters[head] for head in model.heads], rows, list(factors.values())),
        card=_card(model.card, evidence, keep, world),
    )
    calibrators = _as_stated(bare)
    held_out = HeldOutScores.of(bare.predict_raw(world.lanes.matrix), world.lanes)
    lanes, reference = _lanes(held_out, calibrators, model)
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


def _card(card: Mapping[str, Any], evidence: Evidence, keep: Mapping[str, float], world: World) -> dict[str, Any]:
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
            "calibrators": "the odds that the prior states",
        },
    }


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.add_prior", description=__doc__.partition("\n")[0])
    parser.add_argument("old", type=Path, help="folder of the bundle, also of an older protocol")
    parser.add_argument("new", type=Path, help="folder to write; it must not exist")
    parser.add_argument("--evidence", type=Path, default=DEFAULT, help="file of evidence")
    parser.add_argument("--keep", action="append", default=[], help="share of the trees to keep, 0.2 or precursor=0.2")
    parser.add_argument("--rows", type=int, default=600_000, help="goods items to simulate")
    parser.add_argument("--seed", type=int, default=20_261_127, help="seed of the simulated world")
    options = parser.parse_args()
    try:
        model, evidence = _load(options.old), read_evidence(options.evidence)
        keep = _keep(options.keep, model.heads)
        new = with_prior(model, evidence, keep, World.simulate(model, options.rows, options.seed))
        digest = save(new, options.new)
        print(f"{options.new}: {model.name} {model.version} with prior, digest {digest}")
    except (BundleRefused, EvidenceFault, FileExistsError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 4
    return 0


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
