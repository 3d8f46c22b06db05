"""Resolution of a column of chemical names in a file, which appends the columns `service.substances.answers.COLUMNS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final

import pyarrow as pa

from service.files.appending import FileReport, Query, QueryColumn, Values, append_columns, is_blank
from service.files.options import Progress
from service.substances.answers import COLUMNS, Question, columns

#: Number of cached answers, because lists of chemicals repeat names. They take some tens of megabytes.
_CACHED: Final = 65_536
_BOOLEAN_COLUMNS: Final = ("hit", "listed", "us_class", "cn_class")
_NUMBER_COLUMNS: Final = ("confidence", "similarity")
_TYPES: Final = {
    name: pa.bool_() if name in _BOOLEAN_COLUMNS else pa.float64() if name in _NUMBER_COLUMNS else pa.string()
    for name in COLUMNS
}
_BLANK: Final = (None,) * len(COLUMNS)


@dataclass(slots=True)
class SubstanceReport(FileReport):
    """Counts and notes of a resolved file.

    Attributes:
        by_kind: number of rows per kind of match.
        hits: number of rows that declare a watched substance.
    """

    hits: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)


def resolve_file(
    source: Path,
    target: Path,
    *,
    column: str,
    on: date,
    jurisdiction: str | None = None,
    progress: Progress | None = None,
    excel_safe: bool = False,
) -> SubstanceReport:
    """Resolve one column of a file. The extension of the output path determines the format.

    Args:
        column: name of the column to read; case and separators may differ from those in the file.
        on: day whose law applies.
        jurisdiction: jurisdiction whose law applies; None for all.
        excel_safe: see `append_columns`.

    Raises:
        Unreadable, MappingError, OutputRefused: see `append_columns`.
    """
    report = SubstanceReport()

    @lru_cache(maxsize=_CACHED)
    def answer(text: str) -> Values:
        return columns(Question(text, on, jurisdiction))

    def answer_all(queries: list[Query]) -> Sequence[Values]:
        answers = [_BLANK if is_blank(text) else answer((text or "").strip()) for (text,) in queries]
        report.hits += sum(values[1] is True for values in answers)
        report.by_kind.update(values[0] for values in answers if values[0])
        return answers

    query = [QueryColumn(column)]
    append_columns(source, target, query, _TYPES, answer_all, report, progress, excel_safe=excel_safe)
    return report
