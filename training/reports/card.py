"""The model card: origin, training, quality and limits of a model."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from models.evidence import read_evidence
from models.scoring import RISK, RiskModel
from training.config import Run
from training.data.dataset import Dataset
from training.data.labels import MOST_LEARNING_WEIGHT, MOST_WEIGHT
from training.fitting.boosting import HeadFit, importances
from training.fitting.calibrating import share_of_finds
from training.reports.flat import bars, labels_of, part, quoted_share
from training.reports.words import estimate_text, labels_text, name_text, number_text, one_in, share_text

CardSection = dict[str, Any]


def _section(heading: str, text: list[str], columns: list[str] | None = None, rows: Any = ()) -> CardSection:
    """Return a section with the paragraphs ``text``, and a table if there are rows."""
    cells = [[str(cell) for cell in row] for row in rows]
    return {"heading": heading, "text": text, **({"table": {"columns": columns, "rows": cells}} if cells else {})}


def card_sections(name: str, version: str, card: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[CardSection]:
    """Return the sections of a card as JSON values, from the card's facts and the run's metrics."""
    return [
        _details(name, version, card),
        _use(),
        _factors(metrics),
        _measures(),
        _evaluation_data(card, metrics),
        _training_data(card),
        *_figures(metrics),
        _ethics(metrics),
        _section("Caveats and recommendations", [str(limit) for limit in card.get("limits", ())]),
        _parts(card, metrics),
    ]


def short_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics that a bundle stores: those in its card, without slices, bins and margins."""
    short: dict[str, Any] = {"evaluated_on": metrics["evaluated_on"]} if "evaluated_on" in metrics else {}
    short["labels"] = {
        kind: {name: {k: v for k, v in one.items() if k != "reliability"} for name, one in scores.items()}
        for kind, scores in labels_of(metrics).items()
    }
    for section in ("calibration", "calibration_tenth"):
        tops = {kind: {"top": part(metrics, section, kind)["top"]} for kind in part(metrics, section)
                if part(metrics, section, kind, "top")}  # fmt: skip
        if tops:
            short[section] = tops
    for section in ("parts", "lanes", "false_positives_by_origin", "misses_against", "pr_auc_against", "ceiling"):
        if metrics.get(section):
            short[section] = metrics[section]
    average = part(metrics, "left_out_typologies", "average_ratio")
    return short | ({"left_out_typologies": {"average_ratio": dict(average)}} if average else {})


def _details(name: str, version: str, card: Mapping[str, Any]) -> CardSection:
    heads = ", ".join(name_text(head) for head in part(card, "heads"))
    code = part(card, "code")
    libraries = ", ".join(f"{k} {v}" for k, v in part(code, "libraries").items())
    return _section(
        "Model details",
        [
            f"{name} {version}, created by tidewaiter {code.get('tidewaiter', '')} ({libraries}).",
            f"{card.get('description', '')}. Gradient-boosted trees on features of the manifest and of the history of its "
            f"parties up to that day, one set of trees per head ({heads}), calibrated and corrected to a base rate.",
        ],
    )


def _use() -> CardSection:
    return _section(
        "Intended use",
        [
            "For: ranking shipments, with readable reasons, for a customs office, a postal operator or a carrier that can "
            "inspect a fixed number of them; and for choosing shipments to inspect further.",
            "Users: targeting analysts, and the engineers and data scientists who support them.",
            "Not for: automatic decisions about a person or a company, detaining a shipment without a person's decision, "
            "ranking parties or countries, or traffic unlike that of its data.",
        ],
    )


def _factors(metrics: Mapping[str, Any]) -> CardSection:
    named = ", ".join(name_text(name) for name in part(metrics, "slices"))
    tried = f"Measured separately in the run's report: {named}." if named else "No slices were measured in this run."
    return _section(
        "Factors",
        [
            "The quality depends on the channel, the completeness of the manifest, the language of descriptions, whether "
            "the parties were seen before, the origin, the number of goods items, and the law of the day.",
            tried,
        ],
    )


def _measures() -> CardSection:
    return _section(
        "Metrics",
        [
            "Recall and precision if a share of traffic is opened, with traffic weighted to the base rate; PR-AUC with its "
            "prevalence; predicted over observed finds; share of clean shipments in the red lane by origin.",
            "Intervals are 95 % bootstrap intervals over shipments. Figures with too few finds are left out.",
        ],
    )


def _evaluation_data(card: Mapping[str, Any], metrics: Mapping[str, Any]) -> CardSection:
    labels = labels_of(metrics)
    counts = "; ".join(
        f"{number_text(part(scores, RISK).get('finds'))} finds by {labels_text(kind)}"
        for kind, scores in labels.items()
    )
    shipments = next((part(scores, RISK).get("shipments") for scores in labels.values()), None)
    test = part(card, "windows", "windows", "test")
    when = f", {str(test['from'])[:10]} to {str(test['to'])[:10]}" if "from" in test else ""
    if not labels:
        return _section("Evaluation data", ["There are no evaluation results."])
    return _section(
        "Evaluation data",
        [
            f"{str(metrics.get('evaluated_on', 'A labelled file'))[:1].upper()}{str(metrics.get('evaluated_on', ''))[1:]}"
            f"{when}: {number_text(shipments)} shipments, {counts}. The window begins one label delay after the data that "
            "the model was fitted, stopped and calibrated on."
            if when
            else f"{metrics.get('evaluated_on', 'A labelled file')}: {number_text(shipments)} shipments, {counts}."
        ],
    )


def _training_data(card: Mapping[str, Any]) -> CardSection:
    about = part(card, "data")
    span = f", {about['from']} to {about['to']}" if "from" in about else ""
    finds = ", ".join(f"{number_text(n)} {name_text(head)}" for head, n in part(about, "finds").items())
    text = [
        f"{about.get('source')}{span}: {number_text(about.get('shipments'))} shipments with "
        f"{number_text(about.get('goods_items'))} goods items, {number_text(about.get('inspected_shipments'))} inspected, "
        f"finds: {finds}. SHA-256 {about.get('sha256')}.",
        "Uninspected shipments are assumed to be clean in training.",
    ]
    return _section("Training data", [*text, *(str(note) for note in about.get("notes", ()))])


def _parts(card: Mapping[str, Any], metrics: Mapping[str, Any]) -> CardSection:
    """Return the section on the prior of evidence and the trees that correct it."""
    text = [
        "A raw score is the prior of evidence plus trees that learned what the prior leaves unexplained. The values of the trees "
        "are multiplied by a factor that grows with the number of finds, so that few finds hardly change the prior."
    ]
    for head, one in part(card, "heads").items():
        if "shrinkage_of_trees" not in one:
            continue
        finds, share = one["finds_learned_from"], one["calibrator_share_of_finds"]
        learned = (
            f"its trees learned from {number_text(finds)} finds, starting from {share_text(one['slope_of_prior'])} of the "
            f"prior's log-odds, and their values count {share_text(one['shrinkage_of_trees'])}"
            if finds
            else "no find to learn from, so the score is the prior"
        )
        calibrated = (
            "Its probabilities are those that the prior states"
            if not share
            else "Its probabilities have the scale of its trees; held-out finds calibrate the risk"
            if share == 1.0
            else f"In its calibration, finds have a weight of {share_text(share)} and the prior has the rest"
        )
        weight = f", whose prior counts {share_text(one['prior_factor'])}" if one["prior_factor"] != 1.0 else ""
        text.append(f"{name_text(head)}{weight}: {learned}. {calibrated}.")
    share = quoted_share(metrics)
    rows = [
        [words, labels_text(kind), estimate_text(one.get("pr_auc")),
         estimate_text(part(one, "at_inspected_share", share).get("recall"), percent=True)]
        for name, words in (("prior", "prior alone"), ("trees", "trees alone"), ("both", "both"))
        for kind, one in part(metrics, "parts", name).items()
    ]  # fmt: skip
    return _section(
        "Prior and trees", text, ["Score", "Against", "PR-AUC", f"Recall, {share_text(float(share))} opened"], rows
    )


def _figures(metrics: Mapping[str, Any]) -> list[CardSection]:
    rows, share = [], quoted_share(metrics)
    for kind, scores in labels_of(metrics).items():
        for name, one in scores.items():
            at = part(one, "at_inspected_share", share)
            rows.append(
                [
                    name_text(name),
                    labels_text(kind),
                    number_text(one.get("finds")),
                    f"{estimate_text(one.get('pr_auc'))} at {number_text(one.get('prevalence'))}",
                    estimate_text(at.get("recall"), percent=True),
                    one_in(at.get("precision_at_base_rate")),
                ]
            )
    opened = f"Recall, {share_text(float(share))} opened"
    columns = ["Score", "Against", "Finds", "PR-AUC at prevalence", opened, "Precision at base rate"]
    sections = [_section("Quantitative analyses", ["Each score separately, with 95 % intervals."], columns, rows)]
    checked = bars(metrics)
    if checked:
        verdict = {True: "met", False: "missed", None: "not measured"}
        rows_of_bars = [[bar.name, bar.measured, bar.required, verdict[bar.met]] for bar in checked]
        text = ["Acceptance bars, set before the run."]
        sections.append(_section("Bars", text, ["Bar", "Measured", "Required", "Verdict"], rows_of_bars))
    return sections


def _ethics(metrics: Mapping[str, Any]) -> CardSection:
    origins = part(metrics, "false_positives_by_origin")
    ratio = origins.get("ratio")
    text = [
        "Opening a clean shipment costs its sender and receiver time. A person decides; origin alone must not put a "
        "shipment into the red lane.",
        f"Share of clean shipments in red, ratio of the highest to the lowest origin: {ratio:.2f}."
        if isinstance(ratio, float)
        else f"The ratio of false alarms between origins cannot be given: {origins.get('reason', 'not measured')}.",
    ]
    rows = [
        [origin, number_text(one.get("clean_shipments")), share_text(one.get("red_rate"))]
        for origin, one in part(origins, "origins").items()
    ]
    return _section("Ethical considerations", text, ["Origin", "Clean shipments", "Of them in red"], rows)


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
            "calibrator_share_of_finds": round(share_of_finds(model.calibrators[head], fit.slope), 3),
            "prior_factor": evidence.factors.get(head, 1.0),
            "shrinkage_of_trees": round(fit.shrinkage, 3),
            "slope_of_prior": round(fit.slope, 3),
            **({"share_of_logistic_regression": fit.linear[0]} if fit.linear[0] else {}),
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
        "lanes": {"red_share": model.lanes.red_share, "yellow_share": model.lanes.yellow_share},
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
