"""The HTML report of a run: one page for screen and paper, without scripts or external resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from training.reports import details, sections
from training.reports.blocks import Picture, Points, Section, Table, page
from training.reports.sections import Run
from training.reports.words import labels_text, name_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Sections in order of importance.
_SECTIONS: Final = (
    sections.summary,
    sections.inspected,
    sections.ranking,
    sections.baselines,
    sections.calibration,
    sections.slices,
    sections.false_alarms,
    details.ablation,
    details.left_out,
    details.ceiling,
    details.too_easy,
    details.margins,
    details.data,
    details.parameters,
    details.features,
    details.limits,
)

#: Alternative texts by name of plot. Names of plots per kind of label lack the kind here.
_ALT_TEXTS: Final = {
    "feature_importance": "Share of gain by group of features, and of the thirty most important features.",
    "baselines": "Recall of this model and of the baselines, with intervals.",
    "slices": "Recall of each slice with its interval; the same figures are in the tables below.",
    "ablation": "Change of PR-AUC without each group of features.",
    "cost_of_ratio": "Recall against the maximum ratio of false alarms between two origins.",
    "inspected_share": "Recall and precision against the share of traffic inspected",
    "reliability": "Observed against predicted log-odds of each score",
    "confusion_at_capacity": "Finds and clean shipments above and below three capacities",
    "calibration": "Observed against predicted log-odds by bin",
    "calibration_tenth": "Observed against predicted log-odds by bin, in the world with a tenth of the illicit traffic",
}


def pictures(figures: Mapping[str, Figure]) -> dict[str, Picture]:
    """Return figures as embedded pictures, each with an alternative text."""
    from training.reports.plots import svg_uri

    drawn = {}
    for name, figure in figures.items():
        stem, _, kind = name.rpartition("_")
        alt_text = _ALT_TEXTS.get(name) or f"{_ALT_TEXTS.get(stem, name_text(name))}, against {labels_text(kind)}."
        drawn[name] = Picture(svg_uri(figure, name), alt_text)
    return drawn


def run_report(run: Run) -> str:
    """Return the report of a run without sections that lack metrics."""
    built = [section for build in _SECTIONS if (section := build(run)) is not None]
    card = _card(run.card)
    if card is not None:
        built.append(card)
    about: dict[str, Any] = {"Model": run.version, "Digest of the bundle": run.digest}
    if run.metrics.get("evaluated_on"):
        about["Evaluated on"] = run.metrics["evaluated_on"]
    data = run.card.get("data")
    if isinstance(data, Mapping):
        about["Data"] = data.get("source", "")
    about["Created"] = run.created_at
    subtitle = "Evaluation results of this model, the data behind them, and their limits"
    return page(f"{run.name} {run.version}", subtitle, about, built)


def _card(card: Mapping[str, Any]) -> Section | None:
    blocks: list[Table | Points | Picture] = []
    for one in card.get("sections") or ():
        blocks.append(Points(one.get("text", ()), one["heading"]))
        table = one.get("table")
        if table:
            blocks.append(Table("", tuple(table["columns"]), table["rows"], words=len(table["columns"])))
    words = ("The card that the bundle of the model contains.",)
    return Section("card", "Model card", words, blocks) if blocks else None
