"""Output of `tidewaiter demo`: the riskiest shipments of the bundled sample with their reasons, 80 columns wide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from service.files.batch import BatchReport
    from service.files.chunk_scorer import RiskyShipment

#: Invented manifests; see `service/samples/README.md` for their origin.
SAMPLE: Final = Path(__file__).resolve().parents[1] / "samples" / "manifests.csv"

_LANE_STYLES: Final = {"red": "bold red", "yellow": "yellow", "green": "green"}


def show_riskiest(report: BatchReport, out: Path, console: Console | None = None) -> None:
    """Print the riskiest shipments of a scored file, a summary, and the path ``out`` of all scores."""
    console = console or Console(highlight=False)
    table = Table(title="Riskiest shipments", title_justify="left", show_lines=True, expand=False)
    table.add_column("Shipment", no_wrap=True)
    table.add_column("Risk", justify="right", no_wrap=True)
    table.add_column("Lane", no_wrap=True)
    table.add_column("Strongest evidence for", overflow="fold", max_width=56)
    for shipment in report.riskiest:
        lane = f"[{_LANE_STYLES[shipment.lane]}]{shipment.lane}[/]"
        reasons = "\n".join(f"- {escape(reason)}" for reason in shipment.reasons) or "not explained (green)"
        table.add_row(escape(shipment.shipment_id), _risk(shipment), lane, reasons)
    console.print(table)
    lanes = ", ".join(f"{count:,} {lane}" for lane, count in report.by_lane.items())
    console.print(
        f"{report.rows_in:,} rows, {report.shipments:,} shipments: {lanes}. Risk is the probability of illicit content "
        f"at the base rate in use. All scores: {out}",
        markup=False,
    )
    if report.rows_rejected:
        console.print(f"Rows that cannot be read: {report.rows_rejected}; reasons: {report.rejects_path}", markup=False)


def _risk(shipment: RiskyShipment) -> str:
    """Return three lines: the risk, the expected number of such shipments per find, and the rank among reference traffic."""
    return f"{shipment.risk:.2g}\n1 in {shipment.one_in:,}\nrank 1 in {shipment.rank_one_in:,}"
