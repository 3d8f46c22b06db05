"""Tables of the report and of docs/worlds.md: figures of each left-out world.

The first table contains PR-AUC, recall at .1, .5 and 1 % inspected, the share of all hard negatives that are inspected at 1 %, and
the shares of clean shipments in the lanes. Its last column is the recall at 1 % divided by the recall of `best_of_author`. An
asterisk marks sealed worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from training.authors.leaving_out import KINDS

#: Column -> key of the figures.
_COLUMNS: Final = {
    "PR-AUC": "pr_auc",
    ".1%": "recall_0.001",
    ".5%": "recall_0.005",
    "1%": "recall_0.01",
    "hard": "hard_in_0.01",
    "red": "red_clean",
    "yell.": "yellow_clean",
}
_MODEL_NAMES: Final = {"prior": "prior", "boosters": "trees", "both": "both", "best": "best"}


def rows_of(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the table as rows of texts, with a header."""
    rows = [["left out", "model", *_COLUMNS, "of best"]]
    for name, of_world in sorted(figures["authors"].items(), key=lambda item: (item[1]["sealed"], item[0])):
        best = of_world["best"]["recall_0.01"]
        for kind in (*KINDS, "best"):
            of_kind = of_world[kind]
            rows.append(
                [
                    f"{name}{'*' if of_world['sealed'] else ''}" if kind == KINDS[0] else "",
                    _MODEL_NAMES[kind],
                    *(_number(of_kind.get(key), key) for key in _COLUMNS.values()),
                    f"{of_kind['recall_0.01'] / best:.2f}".lstrip("0") if best else "",
                ]
            )
    return rows


def _number(value: float | None, key: str) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if key.endswith("_clean") or key.startswith("hard") else f"{value:.3f}".lstrip("0")


def comparison_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the differences between the combined model and the better of prior and trees, as rows of texts with a header."""
    rows = [["left out", "PR-AUC (90 %)", "to", "at 1 % (90 %)", "to"]]
    of_world = _unsealed_first(figures, figures["comparison"]["worlds"])
    for name, of_measure in [*of_world.items(), ("mean", figures["comparison"]["mean"])]:
        row = [_marked(figures, name)]
        for one in of_measure.values():
            row += [
                f"{_signed(one['value'])} ({_signed(one['low'])} to {_signed(one['high'])})",
                _MODEL_NAMES.get(one.get("against", ""), ""),
            ]
        rows.append(row)
    return rows


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("0.", ".", 1)


def calibration_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return calibration slope, and found over stated finds in the top 1 %, of each author, as rows of texts with a header."""
    rows = [["left out", "slope", "found / stated"]]
    for name, of_author in _unsealed_first(figures, figures["calibration"].get("authors", {})).items():
        rows.append([_marked(figures, name), f"{of_author['slope']:.2f}", f"{of_author['top_ratio']:.2f}"])
    return rows


def origin_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the ratios of false-positive rates between origins, as rows of texts with a header."""
    rows = [["left out", "largest", "smallest", "ratio (90 %)", "to all", "recall", "at 3"]]
    for name, of_world in _unsealed_first(figures, figures["origins"]).items():
        ratio = of_world["largest_over_smallest"]
        if ratio is None:
            continue
        bounded, rate = of_world["bounded"], of_world["rates"]
        rows.append(
            [
                _marked(figures, name),
                *(f"{of_world[end]} {rate[of_world[end]]:.1%}" for end in ("largest", "smallest")),
                f"{ratio['value']:.1f} ({ratio['low']:.1f} to {ratio['high']:.1f})",
                f"{of_world['largest_over_overall']['value']:.1f}",
                f"{bounded['recall_without']:.3f}",
                "none" if bounded["recall"] is None else f"{bounded['recall']:.3f}",
            ]
        )
    return rows


def _unsealed_first(figures: Mapping[str, Any], of_world: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(of_world.items(), key=lambda item: (figures["authors"][item[0]]["sealed"], item[0])))


def _marked(figures: Mapping[str, Any], name: str) -> str:
    return f"{name}*" if figures["authors"].get(name, {}).get("sealed") else name


#: Title of each further table.
_FURTHER: Final = {
    "Both compared with the better of prior and trees": comparison_rows,
    "Calibrators fitted on the other authors: slope, and finds in the top 1 % divided by the stated number": calibration_rows,
    "False positives by origin at 1 % inspected, and recall if their ratio is at most 3": origin_rows,
}


def table_of(figures: Mapping[str, Any]) -> Table:
    """Return the table of left-out worlds for a terminal."""
    return _table("Worlds by authors that the model did not see", rows_of(figures), texts=2)


def further_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Return the tables of comparison, calibration and origins for a terminal."""
    return [_table(title, rows(figures), texts=1) for title, rows in _FURTHER.items()]


def _table(title: str, rows: list[list[str]], *, texts: int) -> Table:
    """Return a table whose first ``texts`` columns are texts."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, heading in enumerate(rows[0]):
        table.add_column(heading, justify="left" if number < texts else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def markdown_of(figures: Mapping[str, Any]) -> str:
    """Return the table of left-out worlds in Markdown."""
    return _markdown(rows_of(figures))


def further_markdown(figures: Mapping[str, Any]) -> str:
    """Return the tables of comparison, calibration and origins in Markdown, each below its title."""
    return "\n".join(f"{title}:\n\n{_markdown(rows(figures))}" for title, rows in _FURTHER.items())


def _markdown(rows: list[list[str]]) -> str:
    header, *others = rows
    lines = [header, ["---"] * len(header), *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
