"""Verdicts of the gate, and the check of speed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rich.table import Table

from features.groups.history.history import History
from features.table.table import ManifestTable
from models.scoring import RiskModel

Answer = Literal["pass", "fail", "not enough data"]
NOT_ENOUGH: Final = "not enough data"
#: Widest table of verdicts in columns of text.
_WIDTH: Final = 100
_STYLES: Final = {"pass": "green", "fail": "bold red", NOT_ENOUGH: "yellow"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Answer of one check.

    Attributes:
        check: its name.
        text: what was measured, in a sentence or two.
        figures: the same as JSON values.
    """

    check: str
    answer: Answer
    text: str
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {"check": self.check, "answer": self.answer, "text": self.text, **self.figures}


def failed(verdicts: Iterable[Verdict]) -> list[str]:
    """Return the names of the failed checks."""
    return [verdict.check for verdict in verdicts if verdict.answer == "fail"]


def table_of(verdicts: Sequence[Verdict], columns: int) -> Table:
    """Return the verdicts as a table of at most 100 ``columns``."""
    table = Table(width=min(columns, _WIDTH))
    for name in ("check", "answer", "measured"):
        table.add_column(name, overflow="fold", ratio=1 if name == "measured" else None, no_wrap=name == "check")
    for verdict in verdicts:
        table.add_row(verdict.check, f"[{_STYLES[verdict.answer]}]{verdict.answer}[/]", verdict.text)
    return table


#: Largest acceptable processor time, as a multiple of that of the model in service.
_SLOWER: Final = 1.5
#: Times that each model scores the shipments. The fastest one counts, because other work only slows a run down.
_ROUNDS: Final = 5


def speed(ours: RiskModel, theirs: RiskModel, table: ManifestTable) -> Verdict:
    """Compare the processor time in which one thread scores a table, with both models in turn."""

    def seconds(model: RiskModel) -> float:
        start = time.process_time()
        model.score(table, History.empty())
        return time.process_time() - start

    rounds = [(seconds(ours), seconds(theirs)) for _ in range(_ROUNDS)]
    fastest, other = (min(one) for one in zip(*rounds, strict=True))
    times = fastest / other
    text = (
        f"{1000 * fastest:.0f} ms of processor time for {table.n_shipments:,} shipments, {times:.2f} times the model in service "
        f"(at most {_SLOWER:g})."
    )
    figures = {"seconds": fastest, "seconds_in_service": other, "times": times, "shipments": table.n_shipments}
    return Verdict("speed", "pass" if times <= _SLOWER else "fail", text, figures)
