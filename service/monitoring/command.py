"""``tidewaiter monitor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from service.files.command import BundleDir


def monitor(
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the report as JSON; - for standard output."),
    ] = None,
    bundle: BundleDir = None,
) -> None:
    """Show how well the office finds, and whether its traffic still is that of the model's reference."""
    from service.core.commands import load_model, open_database, to_stdout, write_json
    from service.core.database.times import now_us
    from service.monitoring.report import report

    model = load_model(bundle)
    with open_database(existing=True) as database:
        made = report(database, model, now_us())
    if json_file is not None:
        write_json(json_file, made)
    if json_file != Path("-"):
        for one in _shown(made):
            to_stdout().print(one, markup=False)


def _shown(made: dict[str, Any]) -> list[Any]:
    """Return the report as tables and lines for the terminal."""
    from rich.table import Table

    precision = Table(title="Finds among inspected shipments", title_justify="left")
    for name in ("group", "lane", "selected by chance", "inspected", "finds", "precision", "interval of 95 %"):
        precision.add_column(name)
    for row in made["precision"]:
        chance = "yes" if row["by_chance"] else ""
        figures = (f"{row['inspected']:,}", f"{row['finds']:,}", f"{row['precision']:.3f}")
        precision.add_row(
            row["group"] or "all", row["lane"], chance, *figures, f"{row['low']:.3f} to {row['high']:.3f}"
        )
    drift = Table(title="Drift against the reference", title_justify="left")
    for name in ("series", "statistic", "threshold", "", "group", "reference", "latest"):
        drift.add_column(name)
    for one in made["drift"]:
        group = one["groups"][0] if one["groups"] else None
        figures = (
            ("", "", "") if group is None else (group["group"], f"{group['reference']:.3%}", f"{group['latest']:.3%}")
        )
        alarm = "ALARM" if one["alarm"] else ""
        drift.add_row(one["series"], f"{one['statistic']:.1f}", f"{one['threshold']:.1f}", alarm, *figures)
    return [*_lines(made), precision, drift, *_alarms(made)]


def _lines(made: dict[str, Any]) -> list[str]:
    recall, delay = made["top_decile_recall"], made["labels"]["delay_days"]
    lines = [f"Finds expected from the risks: {made['expected_finds']:,.3g}; observed: {made['observed_finds']:,} "]
    lines[0] += f"({made['observed_low']:,.3g} to {made['observed_high']:,.3g})" + (
        "" if made["agree"] else ". DISAGREE"
    )
    if made["text"]:
        lines.append(made["text"])
    known = "not known: no exploration with a result, or no find"
    if recall["value"] is not None:
        known = f"{recall['value']:.2f} ({recall['low']:.2f} to {recall['high']:.2f}); of all shipments at least "
        known += f"{made['recall_at_least']:.3f}"
    lines.append(f"Recall within the top decile of scores: {known}")
    if delay["median"] is not None:
        lines.append(f"Results after {delay['median']:.1f} days (median), {delay['p90']:.1f} (90 %)")
    ages = [age for age in made["labels"]["by_age"] if age["red"]]
    if ages:
        parts = [f"{age['share']:.0%} of {age['from_days']} to {age['to_days']} days" for age in ages]
        lines.append(f"Red without a result: {', '.join(parts)}")
    return lines


def _alarms(made: dict[str, Any]) -> list[str]:
    lines = []
    for one in made["drift"]:
        if one["alarm"]:
            groups = [
                group["group"] + (f" ({', '.join(group['names'])})" if group["names"] else "")
                for group in one["groups"]
            ]
            lines.append(f"{one['series']}: {'; '.join(groups)}. {one['advice']}")
    for name, period in made["reference"].items():
        if period["weeks"] < period["weeks_needed"]:
            lines.append(f"Reference of {name}: {period['weeks']} of {period['weeks_needed']} full weeks.")
    return lines


COMMANDS = (monitor,)
