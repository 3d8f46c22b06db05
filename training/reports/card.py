"""The model card: origin, training, quality and limits of a model."""

from __future__ import annotations

import hashlib
import json
import math
import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from models.evidence import read_evidence
from models.lanes import RED_SHARE, YELLOW_SHARE
from models.scoring import RISK, RiskModel
from training.config import Run
from training.data.dataset import Dataset
from training.data.labels import MOST_LEARNING_WEIGHT, MOST_WEIGHT
from training.fitting.boosting import HeadFit, importances
from training.fitting.calibrating import share_of_finds
from training.reports.card_sections import card_sections, short_metrics

#: Libraries whose versions affect the bytes of a bundle.
_LIBRARIES: Final = ("lightgbm", "numpy", "scipy")

_LIMITS: Final = (
    "It ranks shipments for a person who decides; a lane is a recommendation, not a finding.",
    "It uses only manifests and earlier results. It cannot detect a flawless declaration by an inconspicuous party.",
    "Probabilities depend on the base rate in use. The default base rates are assumed; an office should set its own.",
    "Uninspected shipments are assumed to be clean in training, so patterns that were never inspected count as harmless.",
    "Error rates by origin are part of this card. Origin alone must not be a reason to inspect.",
    "Trade and concealment change: compare scores with the results of random inspections, and retrain.",
)
_SIMULATED: Final = (
    "It was trained on simulated trade, whose priors are partly assumed. The figures below hold for that world. "
    "Retrain on an office's own data before relying on it."
)


def created_at(data: Dataset) -> str:
    """Return the creation time of a bundle: SOURCE_DATE_EPOCH if set, otherwise the last day of its data.

    A rerun on the same data therefore gives equal bytes. For data without times, return the current time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        moment = datetime.fromtimestamp(int(epoch), UTC)
    elif data.has_times:
        moment = datetime.fromtimestamp(int(data.table.declared_s[-1]), UTC).replace(hour=0, minute=0, second=0)
    else:
        moment = datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def model_version(run: Run) -> str:
    """Return the last day of the data (``untimed`` without times), and eight hexadecimal digits of a hash.

    The hash covers the data, the label, the seed, the number of threads and the parameters of the boosters.
    """
    data, config = run.data, run.config
    hashed = json.dumps(
        [data.digest, config.label, config.positive, config.seed, config.threads, config.params.to_json(), config.seeds]
    )
    short = hashlib.sha256(hashed.encode()).hexdigest()[:8]
    return f"{data.span()[1].replace('-', '.')}-{short}" if data.has_times else f"untimed-{short}"


def code_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("tidewaiter")
    except PackageNotFoundError:
        return "0+checkout"


def data_card(data: Dataset) -> dict[str, Any]:
    """Return source, digest, size and time span of the data."""
    finds = data.labels.shipment_find(data.table)
    out: dict[str, Any] = {
        # Paths differ between machines, so the card contains only the file's name and digest.
        "source": data.source if data.truth is not None else Path(data.source).name,
        "sha256": data.digest,
        "goods_items": data.table.n_rows,
        "shipments": data.table.n_shipments,
        "inspected_shipments": int(data.labels.inspected.sum()),
        "finds": {head: int(finds[:, k].sum()) for k, head in enumerate(data.labels.heads)},
        "rows_refused": data.rows_refused,
        "notes": list(data.notes),
    }
    if data.has_times:
        out["from"], out["to"] = data.span()
    return out


def build_card(
    model: RiskModel,
    run: Run,
    metrics: dict[str, Any],
    first: dict[str, HeadFit],
    final: dict[str, HeadFit],
    clean_kept: dict[str, float],
) -> dict[str, Any]:
    """Return a model card as JSON values: facts for programs, and ``sections`` for readers."""
    data, config, windows = run.data, run.config, run.windows
    gain = importances(dict(model.boosters), model.space.names)
    own = model.heads == (RISK,)
    evidence = model.evidence if model.evidence is not None else read_evidence()
    heads = {
        head: {
            "trees": fit.trees,
            "trees_common_to_all_heads": fit.common,
            "finds_learned_from": fit.finds,
            "training_prevalence": model.prevalence[head],
            "base_rate": model.base_rates[head],
            "base_rate_is": "the share of finds in its data" if own and fit.finds else "assumed",
            "calibrator": model.calibrators[head].kind,
            "calibrator_share_of_finds": round(share_of_finds(model.calibrators[head]), 3),
            "prior_factor": evidence.factors.get(head, 1.0),
            "shrinkage_of_trees": round(fit.shrinkage, 3),
            "slope_of_prior": round(fit.slope, 3),
            **({"constant": "no find to learn from: it returns the prior of evidence"} if fit.constant else {}),
        }
        for head, fit in final.items()
    }
    card: dict[str, Any] = {
        "description": (
            f"Probability that the column {config.label!r} marks a find" if own
            else "Probability, from the manifest alone, that a shipment contains fentanyl or an analogue, a precursor, "
            "or press equipment"
        ),
        "limits": [*((_SIMULATED,) if data.truth is not None else ()), *_LIMITS],
        "data": data_card(data),
        **({"label": {"column": config.label, "positive": config.positive}} if own else {}),
        "windows": windows.to_json(data.shipment_has_find(), data.labels.known_s),
        "heads": heads,
        "evidence": {
            "title": evidence.title,
            "dated": evidence.dated.isoformat(),
            "sha256": evidence.digest,
            "entries": len(model.prior.entries),
        },
        "training": {
            "seed": config.seed,
            "threads": config.threads,
            "parameters": config.params.to_json(),
            "trees_before_refit": {head: fit.trees for head, fit in first.items()},
            "share_of_clean_shipments_kept": clean_kept,
            "largest_weight": MOST_WEIGHT,
            "largest_weight_while_learning": MOST_LEARNING_WEIGHT,
        },
        "lanes": {"red_share": RED_SHARE, "yellow_share": YELLOW_SHARE},
        "metrics": short_metrics(metrics),
        "monotone": {name: "rises" if sign > 0 else "falls" for name, sign in model.monotone_features.items()},
        "code": {"tidewaiter": code_version(), "libraries": {name: version(name) for name in _LIBRARIES}},
        "features": [
            {"name": f.name, "group": f.group, "meaning": f.meaning, "share_of_gain": round(gain[f.name], 6)}
            for f in model.space.features
        ],
    }  # fmt: skip
    finite: dict[str, Any] = _finite(card)
    return finite | {"sections": card_sections(model.name, model.version, finite, metrics)}


def run_document(model: RiskModel, digest: str, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the content of ``metrics.json``: all metrics of a run, and its model, data, windows and parameters."""
    about = {key: model.card[key] for key in ("data", "windows", "training")}
    document: dict[str, Any] = _finite({"model": {"version": model.version, "digest": digest}, **about, **metrics})
    return document


def _finite(value: Any) -> Any:
    """Return JSON values with None in place of infinite numbers and NaN."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
