"""Report sections on the quality of the model. Each function returns None if the metrics of its section are absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from models.scoring import RISK
from training.reports.blocks import BAD, GOOD, Cell, Picture, Section, Table
from training.reports.flat import bars, labels_of, part, quoted_share
from training.reports.words import (
    estimate_text,
    labels_text,
    name_text,
    number_text,
    one_in,
    rate_text,
    share_text,
    slice_text,
)


@dataclass(frozen=True, slots=True)
class Run:
    """Input of a report: the metrics, the card, and the plots by name."""

    name: str
    version: str
    digest: str
    created_at: str
    metrics: Mapping[str, Any]
    card: Mapping[str, Any]
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def drawn(self, *names: str) -> list[Picture]:
        return [self.pictures[name] for name in names if name in self.pictures]

    @property
    def best_known(self) -> str | None:
        """Kind of label for the summary: ``truth`` if available, then ``office``, then any other."""
        labels = labels_of(self.metrics)
        return next((kind for kind in ("truth", "office") if kind in labels), next(iter(labels), None))


#: Returns the text of a column from the figures of a row.
Column = Callable[[Mapping[str, Any]], str]


def number(key: str) -> Column:
    """Return the column of a number."""
    return lambda one: number_text(one.get(key))


def estimate(*keys: str, percent: bool = False) -> Column:
    """Return the column of an estimate below ``keys``, optionally in percent."""
    *above, key = keys
    return lambda one: estimate_text(part(one, *above).get(key), percent=percent)


def opened(share: str, figure: str = "recall") -> Column:
    """Return the column of a figure in percent, if an office opens ``share`` of its traffic."""
    return estimate("at_inspected_share", share, figure, percent=True)


def rows_of(
    items: Mapping[str, Any], *columns: Column, text: Callable[[str], str] = name_text
) -> list[tuple[str, ...]]:
    """Return one row per item: its name, then the columns."""
    return [(text(name), *(column(one) for column in columns)) for name, one in items.items()]


def _shares(name: str, shares: list[str]) -> tuple[str, ...]:
    """Return a heading per inspected share."""
    return tuple(f"{name}, {share_text(float(share))}" for share in shares)


def mark(met: bool | None, yes: str = "met", no: str = "missed", unknown: str = "not measured") -> Cell:
    """Return a cell with the text for a verdict: ``yes``, ``no`` or, for None, ``unknown``."""
    return Cell(unknown) if met is None else Cell(yes, GOOD) if met else Cell(no, BAD)


def summary(run: Run) -> Section | None:
    """Return the section that summarises the run in one paragraph."""
    kind = run.best_known
    if kind is None:
        return Section("short", "Summary", ("This run has no evaluation results.",))
    risk = part(labels_of(run.metrics), kind, RISK)
    share = quoted_share(run.metrics)
    at, opened_share = part(risk, "at_inspected_share", share), share_text(float(share))
    on = (
        f"{labels_text(kind)} on {number_text(risk.get('shipments'))} shipments with {number_text(risk.get('finds'))} finds "
        f"({run.metrics.get('evaluated_on', 'a file')})."
    )
    if part(at, "recall").get("value") is None:
        words = [f"Recall with {opened_share} of the traffic opened could not be measured against {on}"]
    else:
        words = [
            f"Opening {opened_share} of the traffic in this model's order reaches "
            f"{estimate_text(at.get('recall'), percent=True)} of the finds; opening as many at random reaches {opened_share}. "
            f"Measured against {on}",
            f"At the base rate of {rate_text(risk.get('base_rate'))}, an opened shipment in that share is a find with a "
            f"probability of {one_in(at.get('precision_at_base_rate'))}.",
        ]
        if float(risk.get("base_rate") or 0.0) < 0.5 * float(share):
            words.append("Most opened shipments are clean, however good the ranking is.")
    if kind == "truth":
        words.append(
            "The truth is known because the trade is simulated. The figures hold for the simulated world only."
        )
    if learned := part(run.metrics, "adapted_champion"):
        words.append(str(learned["text"]))
    if selection := part(run.metrics, "selection"):
        words.append(str(selection["text"]))
    checked = bars(run.metrics)
    rows = [(b.name, b.measured, b.required, mark(b.met)) for b in checked]
    told = [b.met for b in checked if b.met is not None]
    if told:
        words.append(f"{sum(told)} of {len(told)} acceptance bars that could be measured, set before the run, are met.")
    table = Table("Acceptance bars", ("Bar", "Measured (95 % interval)", "Required", "Verdict"), rows, words=4)
    return Section("short", "Summary", words, (table,) if rows else ())


def inspected(run: Run) -> Section | None:
    """Return the section on recall and precision per inspected share."""
    blocks: list[Table | Picture] = []
    for kind, scores in labels_of(run.metrics).items():
        first: Mapping[str, Any] = next(iter(scores.values()), {})
        shares = list(part(scores, RISK, "at_inspected_share") or part(first, "at_inspected_share"))
        heads = tuple(f"{share_text(float(share))} opened" for share in shares)
        blocks.append(
            Table(
                f"Recall of finds, against {labels_text(kind)}", ("Score", "Finds", *heads),
                rows_of(scores, number("finds"), *map(opened, shares)),
                "Recall in percent with its 95 % bootstrap interval. The share is of traffic at the base rate.",
            )
        )  # fmt: skip
        blocks += run.drawn(f"inspected_share_{kind}")
        at_base_rate: list[Column] = [_precision(share) for share in shares]
        in_window = [opened(share, "precision_in_window") for share in shares[1:2]]
        window = tuple(f"In this window, {share_text(float(share))} opened" for share in shares[1:2])
        blocks.append(
            Table(
                f"Precision of opened shipments, against {labels_text(kind)}", ("Score", *heads, *window),
                rows_of(scores, *at_base_rate, *in_window),
                "At the base rate; the last column is at the window's own prevalence, which is far higher.",
            )
        )  # fmt: skip
    if not blocks:
        return None
    words = (
        "An office opens a fixed share of its traffic. These tables show the finds if it opens the shipments that the "
        "model ranks first. Office labels contain only finds of inspections. The truth is known for simulated trade and "
        "contains all illicit shipments.",
    )
    return Section("inspected", "Finds per inspected share", words, blocks)


def _precision(share: str) -> Column:
    return lambda one: one_in(part(one, "at_inspected_share", share).get("precision_at_base_rate"))


def ranking(run: Run) -> Section | None:
    """Return the section on areas under curves with prevalences, and on recall at false-positive rates."""
    blocks: list[Table | Picture] = []
    for kind, scores in labels_of(run.metrics).items():
        first: Mapping[str, Any] = next(iter(scores.values()), {})
        at, rates = list(part(first, "pr_auc_at")), list(part(first, "recall_at_false_positive_rate"))
        areas = (estimate("pr_auc"), *(estimate("pr_auc_at", p) for p in at), estimate("roc_auc"))
        columns = ("Score", "Prevalence", "PR-AUC", *(f"PR-AUC at {float(p):g}" for p in at), "ROC-AUC")
        rows = rows_of(scores, number("prevalence"), *areas)
        blocks.append(Table(f"Areas under the curves, against {labels_text(kind)}", columns, rows))
        blocks += run.drawn(f"pr_curve_{kind}", f"score_histogram_{kind}")
        recall = (estimate("recall_at_false_positive_rate", rate, percent=True) for rate in rates)
        columns = ("Score", *(f"False-positive rate {float(rate):g}" for rate in rates))
        title = f"Recall at a false-positive rate, against {labels_text(kind)}"
        blocks.append(Table(title, columns, rows_of(scores, *recall)))
    if not blocks:
        return None
    words = (
        "PR-AUCs can be compared only at the same prevalence. Each is therefore given with its own prevalence, and again "
        "reweighted to common ones. ROC-AUC hardly changes when finds are this rare; it is given for completeness.",
    )
    return Section("ranking", "Ranking of the shipments", words, blocks)


def baselines(run: Run) -> Section | None:
    """Return the section on baselines on the same split, and the ratio of misses."""
    of_baselines, misses = part(run.metrics, "baselines"), part(run.metrics, "misses_against")
    if not of_baselines and not misses:
        return None
    kind = run.best_known or "office"
    ours = part(labels_of(run.metrics), kind, RISK)
    shares = list(part(ours, "at_inspected_share"))
    blocks: list[Table | Picture] = list(run.drawn("baselines"))
    if of_baselines:
        named = {
            "this model": ours,
            "prior alone": part(run.metrics, "parts", "prior", kind),
            "trees alone": part(run.metrics, "parts", "trees", kind),
            **{name_text(name): part(kinds, kind) for name, kinds in of_baselines.items()},
        }
        known = {name: one for name, one in named.items() if one}
        rows = rows_of(known, estimate("pr_auc"), *map(opened, shares), text=str)
        columns = ("Baseline", "PR-AUC", *_shares("Recall", shares))
        blocks.append(Table(f"Baselines on the same split, against {labels_text(kind)}", columns, rows))
    missed = (estimate("ours", percent=True), estimate("theirs", percent=True), estimate("ratio"))
    ratios = [
        (name_text(name), share_text(float(share)), *(column(one) for column in missed))
        for name, by_share in misses.items()
        for share, one in by_share.items()
    ]
    areas = rows_of(part(run.metrics, "pr_auc_against"), *map(estimate, ("ours", "theirs", "ratio")))
    if areas:
        note = "Above 1, the model ranks better. The interval is that of the ratio on the same resampled shipments."
        blocks.append(
            Table("PR-AUC against parts and baselines", ("Rival", "This model", "Rival's", "Ratio"), areas, note)
        )
    if ratios:
        columns = ("Baseline", "Opened", "Model misses", "Baseline misses", "Ratio")
        note = "Below 1, the model misses fewer finds. An interval that contains 1 shows no difference."
        blocks.append(Table("Missed finds", columns, ratios, note))
    words = ("A model that does not clearly beat these baselines is not worth its complexity.",)
    return Section("baselines", "Comparison with baselines", words, blocks)


def capacity(run: Run) -> Section | None:
    """Return the section on precision and recall by the share of the rows that an office can open."""
    levels = {"shipments": "shipments", "lines": "goods items"}
    of_run = part(run.metrics, "capacity")
    if part(of_run, "lines") == part(of_run, "shipments"):
        del levels["lines"]
    blocks = []
    for level, units in levels.items():
        slices_of_level = part(of_run, level)
        if not slices_of_level:
            continue
        rows = [
            (
                name,
                share_text(float(share)),
                number_text(at["rows"]),
                *(share_text(round(at[key], 3)) for key in ("precision", "best_precision", "recall", "best_recall")),
                f"{at['lift']:.1f}",
            )
            for name, one in slices_of_level.items()
            for share, at in part(one, "at_capacity").items()
        ]
        columns = ("Declarations", "Opened", "Rows", "Precision", "Best", "Recall", "Best", "Lift")
        lacking = "; ".join(f"{name}: {one['reason']}" for name, one in slices_of_level.items() if "reason" in one)
        blocks.append(Table(f"If an office opens the first {units}", columns, rows, lacking, words=2))
    if not blocks:
        return None
    words = (
        "Each row counts once, as in a list that is worked off from the top. Best: the most that any order could reach. "
        "A model can remember declarations of its training data, so new ones have figures of their own.",
    )
    return Section("capacity", "Finds by capacity", words, blocks)


def holdout(run: Run) -> Section | None:
    """Return the section on the holdout file, which nothing was fitted on."""
    metrics = part(run.metrics, "holdout")
    if not metrics:
        return None
    notes = [str(note) for note in metrics.get("notes") or ()]
    if not labels_of(metrics):
        return Section(
            "holdout", "Holdout file", (f"The holdout has no figures. Evaluated on {metrics['evaluated_on']}.",)
        )
    of_holdout = replace(run, metrics=metrics, pictures={})
    parts = [built for build in (inspected, ranking, capacity, baselines) if (built := build(of_holdout)) is not None]
    blocks = [block for one in parts for block in one.blocks]
    words = (f"Evaluated on {metrics['evaluated_on']}. Nothing was fitted on this file.", *notes)
    return Section("holdout", "Holdout file", words, blocks)


def calibration(run: Run) -> Section | None:
    """Return the section on predicted against observed finds."""
    blocks: list[Table | Picture] = []
    drawn: list[Picture] = []
    tops = []
    missing: list[str] = []
    for section, where in (("calibration", "same world"), ("calibration_tenth", "a tenth of the illicit traffic")):
        for kind, one in part(run.metrics, section).items():
            top = part(one, "top")
            if not top:
                continue
            figures = (number("predicted")(top), number("observed")(top), estimate("ratio")(top))
            tops.append((where, labels_text(kind), share_text(top.get("share")), *figures))
            drawn += run.drawn(f"{section}_{kind}")
            if one.get("bins_reason"):
                missing.append(f"No bins against {labels_text(kind)}, {where}: {one['bins_reason']}.")
            rows = [
                (
                    *(f"{b[key]:.2f}" for key in ("predicted_log_odds", "observed_log_odds")),
                    *(column(b) for column in (number("finds"), number("shipments"), estimate("ratio"))),
                )
                for b in one.get("bins", [])
            ]
            of_bins = ("Predicted log-odds", "Observed log-odds", "Finds", "Shipments", "Predicted over observed")
            if rows:
                blocks.append(Table(f"Bins of the score, {labels_text(kind)}, {where}", of_bins, rows, words=0))
    if tops:
        columns = ("World", "Labels", "Top share", "Predicted", "Observed", "Predicted over observed")
        blocks = [Table("Predicted and observed rate of finds at the top", columns, tops, words=2), *drawn, *blocks]
    if not blocks:
        return None
    words = (
        "A ratio of 1 means that the model predicted the observed number of finds, at the base rate. Against office labels, only "
        "inspected shipments count. The world with a tenth of the illicit traffic tests "
        "whether the correction to another base rate holds without refitting.",
        *missing,
    )
    return Section("calibration", "Calibration of the probabilities", words, blocks)


def slices(run: Run) -> Section | None:
    """Return the section on metrics per slice."""
    by_slice = part(run.metrics, "slices")
    blocks: list[Table | Picture] = list(run.drawn("slices"))
    for name, values in by_slice.items():
        shares = list(dict.fromkeys(share for one in values.values() for share in part(one, "recall")))
        shown = {slice_text(name, value): one for value, one in values.items() if one.get("finds")}
        recall = (estimate("recall", share, percent=True) for share in shares)
        rows = rows_of(
            shown, number("shipments"), number("finds"), estimate("pr_auc"), *recall,
            lambda one: share_text(one.get("false_positive_rate_red")), text=str,
        )  # fmt: skip
        without = len(values) - len(rows)
        note = f"Left out: {without} more without a find." if without else ""
        columns = ("Value", "Shipments", "Finds", "PR-AUC", *_shares("Recall", shares), "Clean in red")
        if rows:
            blocks.append(Table(f"By {name_text(name)}", columns, rows, note))
    if not by_slice:
        return None
    words = (
        "Each slice is a part of the same window and is ranked together with all others. Recall for unseen parties and "
        "networks shows whether the model learned patterns or names. Few finds give wide intervals: compare intervals, "
        "not points.",
    )
    return Section("slices", "Results by slice", words, blocks)


def false_alarms(run: Run) -> Section | None:
    """Return the section on clean shipments in red and yellow, by origin, number of items and lane."""
    blocks: list[Table | Picture] = []
    origins = part(run.metrics, "false_positives_by_origin")
    words = [
        "Origin alone must not put a shipment into the red lane. The share of clean shipments in red is therefore "
        "published for every major origin, with the largest ratio between two of them."
    ]
    rates = part(origins, "origins")
    if rates:
        ranked = dict(sorted(rates.items(), key=lambda pair: -float(pair[1].get("red_rate", 0))))
        rows = rows_of(ranked, number("clean_shipments"), _rate("red_rate"), text=str)
        rows.append(("all origins", "", share_text(origins.get("all_clean_red_rate"))))
        blocks.append(Table("Clean shipments in red, by origin", ("Origin", "Clean shipments", "In red"), rows))
    if origins:
        ratio = origins.get("ratio")
        words.append(
            f"The ratio between the origins with the highest and the lowest rate is {number_text(float(ratio))}."
            if ratio is not None
            else f"The ratio cannot be given: {origins.get('reason', 'nothing was measured')}."
        )
    cost = origins.get("cost") or []
    if cost:
        shares = list(part(cost[0], "recall"))
        limited = [
            (number_text(one.get("max_ratio")), *(estimate("recall", share, percent=True)(one) for share in shares))
            for one in cost
        ]
        blocks += run.drawn("cost_of_ratio")
        columns = ("Highest ratio allowed", *_shares("Recall", shares))
        blocks.append(Table("Recall if the ratio is limited", columns, limited, words=0))
    by_items = part(run.metrics, "false_positives_by_items")
    if by_items:
        raised = rows_of(by_items, *map(_rate, ("clean_shipments", "red_rate", "yellow_rate")), text=str)
        columns = ("Goods items", "Clean shipments", "In red", "In yellow")
        note = "The risk of a shipment is that of its riskiest item, so more items make a false alarm more likely."
        blocks.append(Table("Clean shipments in red and yellow, by number of goods items", columns, raised, note))
    lanes = part(run.metrics, "lanes")
    if lanes:
        shared = rows_of(lanes, *map(_rate, ("shipments", "clean_traffic", "finds")), text=str)
        blocks.append(Table("Lanes", ("Lane", "Shipments", "Share of clean traffic", "Share of finds"), shared))
    return Section("alarms", "False alarms", words, blocks) if blocks or origins else None


def _rate(key: str) -> Column:
    """Return the column of a share, or of a count."""
    return lambda one: share_text(one[key]) if isinstance(one.get(key), float) else number_text(one.get(key))
