"""Sections of the model card, under the usual headings (Mitchell et al., Model Cards for Model Reporting, 2019).

The bundle's ``CARD.md``, the run's ``model_card.md`` and a section of the report use these sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.scoring import RISK
from training.reports.bars import bars
from training.reports.flat import labels_of, part
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
        _use(card),
        _factors(metrics),
        _measures(metrics),
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
    for section in ("parts", "lanes", "false_positives_by_origin", "misses_against", "ceiling"):
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


def _use(card: Mapping[str, Any]) -> CardSection:
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


def _measures(metrics: Mapping[str, Any]) -> CardSection:
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
            else f"In its calibration, finds have a weight of {share_text(share)} and the prior has the rest"
        )
        weight = f", whose prior counts {share_text(one['prior_factor'])}" if one["prior_factor"] != 1.0 else ""
        text.append(f"{name_text(head)}{weight}: {learned}. {calibrated}.")
    rows = [
        [words, labels_text(kind), estimate_text(one.get("pr_auc")),
         estimate_text(part(one, "at_inspected_share", "0.005").get("recall"), percent=True)]
        for name, words in (("prior", "prior alone"), ("trees", "trees alone"), ("both", "both"))
        for kind, one in part(metrics, "parts", name).items()
    ]  # fmt: skip
    return _section("Prior and trees", text, ["Score", "Against", "PR-AUC", "Recall, 0.5 % opened"], rows)


def _figures(metrics: Mapping[str, Any]) -> list[CardSection]:
    rows = []
    for kind, scores in labels_of(metrics).items():
        for name, one in scores.items():
            at = part(one, "at_inspected_share", "0.005")
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
    columns = ["Score", "Against", "Finds", "PR-AUC at prevalence", "Recall, 0.5 % opened", "Precision at base rate"]
    sections = [_section("Quantitative analyses", ["Each score separately, with 95 % intervals."], columns, rows)]
    checked = bars(metrics)
    if checked:
        verdict = {True: "met", False: "missed", None: "not measured"}
        rows_of_bars = [[bar.name, bar.measured, bar.required, verdict[bar.met]] for bar in checked]
        text = ["Acceptance bars for the simulated world, set before the run."]
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
