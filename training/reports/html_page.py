"""The report of a run as one page, and its sections on studies, data, parameters, features and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from training.reports import sections
from training.reports.blocks import Picture, Points, Section, Table, page
from training.reports.flat import part
from training.reports.sections import Column, Run, estimate, mark, number, rows_of
from training.reports.words import estimate_text, labels_text, name_text, number_text, share_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_FEATURES: Final = 40


def ablation(run: Run) -> Section | None:
    """Return the section on the change of PR-AUC without each group of features."""
    recall = estimate("recall_0.005", percent=True)
    rows = rows_of(
        part(run.metrics, "ablation"), number("features"), estimate("pr_auc_change"), estimate("pr_auc"), recall
    )
    if not rows:
        return None
    columns = ("Left out", "Features", "Change of PR-AUC", "PR-AUC without", "Recall at 0.5 % without")
    words = (
        "The model is retrained without each group of features in turn. Groups partly replace each other, so the losses "
        "do not add up.",
    )
    table = Table("Without a group of features", columns, rows)
    return Section("ablation", "Contribution of feature groups", words, (*run.drawn("ablation"), table))


def left_out(run: Run) -> Section | None:
    """Return the section on recall for typologies that were left out of training."""
    study = part(run.metrics, "left_out_typologies")
    named = {
        str(one.get("name") or name_text(name)): one
        for name, one in study.items()
        if name != "average_ratio" and isinstance(one, Mapping)
    }
    if not named:
        return None
    recalls = (estimate("recall_with", percent=True), estimate("recall_without", percent=True), estimate("ratio"))
    rows = rows_of(named, number("finds"), *recalls, text=str)
    words = (
        "Traffickers change their methods. Each typology is left out of training in turn. Its recall at 1 % inspected is "
        "then compared with that of a model trained with it. The average ratio of the two recalls is "
        f"{estimate_text(study.get('average_ratio'))}.",
    )
    columns = ("Typology", "Finds", "Recall if trained on", "Recall if left out", "Ratio")
    return Section("left-out", "Typologies left out of training", words, (Table("Left-out typologies", columns, rows),))


def ceiling(run: Run) -> Section | None:
    """Return the section on the ceiling, a model trained on the truth, and the share of its PR-AUC that this model reaches."""
    top = part(run.metrics, "ceiling")
    if not top:
        return None
    words = (
        f"The ceiling is the same model trained on the truth of {number_text(top.get('rows'))} rows. This model was "
        f"trained on office labels and reaches {estimate_text(top.get('share'), percent=True)} of the ceiling's PR-AUC. "
        "Low recall of the ceiling means that the world is too hard; high recall of a depth-2 tree means that it is too "
        "easy.",
    )
    ours = {"pr_auc": top.get("ours_pr_auc"), "recall_0.005": top.get("ours_recall_0.005")}
    models = {"ceiling": top, "this model": ours, "depth-2 tree": part(top, "depth_2_tree")}
    known = {name: one for name, one in models.items() if one}
    rows = rows_of(known, estimate("pr_auc"), estimate("recall_0.005", percent=True), text=str)
    note = f"PR-AUC at a prevalence of {number_text(top['prevalence'])}." if "prevalence" in top else ""
    table = Table("Ceiling", ("Model", "PR-AUC", "Recall at 0.5 %"), rows, note)
    return Section("ceiling", "Distance from the ceiling", words, (table,))


def too_easy(run: Run) -> Section | None:
    """Return the section on the check that the simulated world is not too easy, with all limits and figures."""
    check = part(run.metrics, "too_easy")
    if not check:
        return None
    words = (
        "A simulator can reveal its illicit shipments by a single field, by lengths and digits, or by texts that occur only "
        "in them. Each way is tested on the truth against a bar that was set before the run. The world contains "
        f"{number_text(check.get('illicit_shipments'))} illicit shipments among {number_text(check.get('rows'))} rows.",
    )
    rows = [
        (
            str(one.get("name")),
            estimate_text(one),
            f"{one.get('sense', '')} {number_text(one.get('limit'))}",
            mark(one.get("ok"), "holds", "broken"),
        )
        for one in check.get("bars", ())
    ]
    tables = [Table("Bars of the world", ("Check", "Value (95 % interval)", "Limit", "Verdict"), rows)] if rows else []
    figures = {key: value for key, value in check.items() if key not in ("ok", "bars", "rows", "illicit_shipments")}
    tables += nested_tables(figures, "Figures behind the bars")
    return Section("too-easy", "Difficulty of the simulated world", words, tables)


def nested_tables(value: Mapping[str, Any], title: str) -> list[Table]:
    """Return tables for a JSON object: one for its plain values, then one per nested object or list of objects."""
    plain = [(name_text(key), _plain(one)) for key, one in value.items() if not _is_nested(one)]
    tables = [Table(title, ("Figure", "Value"), plain, words=1)] if plain else []
    for key, one in value.items():
        if not _is_nested(one):
            continue
        rows = _rows(one)
        if rows is None:
            tables += nested_tables(one, name_text(key))
            continue
        columns = list(dict.fromkeys(column for _, row in rows for column in row))
        named = [name for name, _ in rows if name]
        cells = [[*([name] if named else []), *(_plain(row.get(column)) for column in columns)] for name, row in rows]
        titles = (*(["Name"] if named else []), *(name_text(column) for column in columns))
        texts = sum(all(isinstance(row.get(c), str | None) for _, row in rows) for c in columns)
        tables.append(Table(name_text(key), titles, cells, words=max(1, texts + bool(named))))
    return tables


def _is_nested(value: Any) -> bool:
    """Return whether a value needs a table: an object other than an estimate, or a list of objects."""
    if isinstance(value, Mapping):
        return "value" not in value and bool(value)
    return isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value)


def _rows(value: Any) -> list[tuple[str, Mapping[str, Any]]] | None:
    """Return name and row for each element of a list of objects or an object of flat objects; None for deeper objects."""
    if isinstance(value, Mapping):
        if not all(isinstance(one, Mapping) and not any(_is_nested(v) for v in one.values()) for one in value.values()):
            return None
        if any("value" in one for one in value.values()):
            return [(name_text(name), {"value": one}) for name, one in value.items()]
        return [(name_text(name), one) for name, one in value.items()]
    return [("", one) for one in value if isinstance(one, Mapping)]


def _plain(value: Any) -> Any:
    """Return a cell for a value without nested objects."""
    if isinstance(value, bool):
        return mark(value, "yes", "no")
    if isinstance(value, Mapping):
        return (
            estimate_text(value) if "value" in value else ", ".join(f"{k}: {number_text(v)}" for k, v in value.items())
        )
    if isinstance(value, list | tuple):
        return ", ".join(number_text(one) for one in value) or "none"
    return number_text(value)


def margins(run: Run) -> Section | None:
    """Return the section that compares simulated with published figures."""
    figures: Sequence[Mapping[str, Any]] = run.metrics.get("margins") or ()
    if not figures:
        return None
    rows = [
        (
            str(one.get("figure")),
            number_text(one.get("published")),
            number_text(one.get("simulated")),
            f"{number_text(one.get('low'))} to {number_text(one.get('high'))}",
            mark(None if one.get("simulated") is None else one.get("ok"), "inside", "outside", "too few"),
            str(one.get("source") or ""),
        )
        for one in figures
    ]
    inside = sum(one.get("ok") is True for one in figures)
    words = (
        f"{inside} of the {len(figures)} published figures that the simulator should reproduce lie within their range.",
    )
    columns = ("Figure", "Published", "Simulated", "Range", "Verdict", "Source")
    return Section("margins", "Simulated and published figures", words, (Table("Margins", columns, rows),))


def data(run: Run) -> Section | None:
    """Return the section on data, windows and labels."""
    about, windows = part(run.card, "data"), part(run.card, "windows")
    if not about and not windows:
        return None
    blocks: list[Table | Picture | Points] = []
    facts = [(name_text(key), number_text(value)) for key, value in about.items() if not isinstance(value, dict | list)]
    facts += [(f"finds, {name_text(head)}", number_text(n)) for head, n in part(about, "finds").items()]
    facts += [(f"label, {name_text(key)}", number_text(value)) for key, value in part(run.card, "label").items()]
    blocks.append(Table("Data", ("Item", "Value"), facts, words=2))
    dates = (_moment(key) for key in ("from", "to", "results_known_by"))
    rows = rows_of(part(windows, "windows"), number("shipments"), number("finds"), *dates, text=str)
    if rows:
        note = f"Windows are separated by a label delay of {number_text(windows.get('label_delay_days'))} days."
        blocks.append(Table("Windows", ("Window", "Shipments", "Finds", "From", "To", "Results known by"), rows, note))
    figures = map(number, ("finds_learned_from", "trees", "training_prevalence", "base_rate"))
    heads = rows_of(part(run.card, "heads"), *figures, _text("base_rate_is"), _text("calibrator"))
    if heads:
        columns = ("Head", "Finds", "Trees", "Training prevalence", "Base rate", "Source of base rate", "Calibrator")
        blocks.append(Table("Heads", columns, heads))
    words = (
        "The features of a row use only information from before its declaration, and a result counts from the day after "
        "it became known. Uninspected shipments are assumed to be clean in training.",
    )
    return Section("data", "Data, windows and labels", words, blocks)


def _text(key: str) -> Column:
    return lambda one: str(one.get(key, ""))


def _moment(key: str) -> Column:
    return lambda one: str(one.get(key, "")).replace("T", " ").removesuffix("Z")


def parameters(run: Run) -> Section | None:
    """Return the section on the settings of the training and the duration of its stages."""
    training = part(run.card, "training")
    rows = [(name_text(key), number_text(value)) for key, value in training.items() if not isinstance(value, Mapping)]
    for key in training:
        rows += [(f"{name_text(key)}: {name_text(k)}", number_text(v)) for k, v in part(training, key).items()]
    libraries = part(run.card, "code", "libraries")
    rows += [(f"version of {name}", str(version)) for name, version in libraries.items()]
    blocks = [Table("Parameters", ("Item", "Value"), rows, words=1)] if rows else []
    took = [(stage, f"{seconds:.1f}") for stage, seconds in run.seconds.items()]
    if took:
        blocks.append(Table("Time", ("Stage", "Seconds"), took))
    return Section("parameters", "Parameters", (), blocks) if blocks else None


def features(run: Run) -> Section | None:
    """Return the section on features by their share of the gain."""
    known = [one for one in run.card.get("features") or () if isinstance(one, Mapping)]
    if not known:
        return None
    first = sorted(known, key=lambda one: -float(one.get("share_of_gain") or 0.0))[:_MOST_FEATURES]
    rows = [
        (str(one.get("name")), str(one.get("group")), str(one.get("meaning")), share_text(one.get("share_of_gain")))
        for one in first
    ]
    words = (
        f"The {len(first)} of {len(known)} features with the largest share of the boosters' gain, with equal weight per "
        "head. Gain measures what the trees use, not causes.",
    )
    table = Table("Features", ("Feature", "Group", "Meaning", "Share of gain"), rows, words=3)
    return Section(
        "features", "Most important features", words, (*run.drawn("contributions", "feature_importance"), table)
    )


def limits(run: Run) -> Section | None:
    """Return the section on warnings and limits."""
    notes = [*part(run.card, "data").get("notes", ()), *part(run.card, "windows").get("notes", ())]
    constant = [
        f"{name_text(head)}: {one['constant']}" for head, one in part(run.card, "heads").items() if "constant" in one
    ]
    warned = [str(note) for note in (*notes, *constant)]
    lists = (
        Points(warned, "Warnings of this run"),
        Points([str(limit) for limit in run.card.get("limits", ())], "Limits"),
    )
    blocks = [block for block in lists if block.items]
    return Section("limits", "Warnings and limits", (), blocks) if blocks else None


#: Sections in order of importance.
_SECTIONS: Final = (
    sections.summary,
    sections.holdout,
    sections.inspected,
    sections.ranking,
    sections.capacity,
    sections.baselines,
    sections.calibration,
    sections.slices,
    sections.false_alarms,
    ablation,
    left_out,
    ceiling,
    too_easy,
    margins,
    data,
    parameters,
    features,
    limits,
)

#: Alternative texts by name of plot. Names of plots per kind of label lack the kind here.
_ALT_TEXTS: Final = {
    "feature_importance": "Share of gain by group of features, and of the thirty most important features.",
    "baselines": "PR-AUC of this model, of its parts and of the baselines, with intervals.",
    "contributions": "Mean contribution of each group of features to finds and to clean shipments, from evidence and from trees.",
    "slices": "Recall of each slice with its interval; the same figures are in the tables below.",
    "ablation": "Change of PR-AUC without each group of features.",
    "cost_of_ratio": "Recall against the maximum ratio of false alarms between two origins.",
    "inspected_share": "Recall and precision against the share of traffic inspected",
    "pr_curve": "Precision against recall of each score",
    "score_histogram": "Distribution of the risk of finds and of clean shipments, with the limits of the lanes",
    "calibration": "Observed against predicted rate of finds by bin",
    "calibration_tenth": "Observed against predicted rate of finds by bin, in the world with a tenth of the illicit traffic",
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
