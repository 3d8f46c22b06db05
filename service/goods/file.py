"""Classification of a column of goods descriptions in a file, which appends the columns `service.goods.answers.COLUMNS`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from features.goods.answers import goods_reader
from service.files.appending import FileReport, Query, QueryColumn, Values, append_columns
from service.files.options import Progress
from service.goods.answers import COLUMNS, code_or_none, columns

_BOOLEAN_COLUMNS: Final = ("code_contradicted", "vague_flagged")
_NUMBER_COLUMNS: Final = ("code_fit", "vague")
_TYPES: Final = {
    name: pa.bool_()
    if name in _BOOLEAN_COLUMNS
    else pa.float64()
    if name in _NUMBER_COLUMNS or name.endswith("_p")
    else pa.string()
    for name in COLUMNS
}


@dataclass(slots=True)
class GoodsReport(FileReport):
    """Counts and notes of a classified file.

    Attributes:
        vague: number of rows that are flagged as vague.
        codes: number of rows with a code that can be compared.
        contradicted: number of rows whose words contradict the code.
        unreadable: number of rows with a code that cannot be read.
    """

    vague: int = 0
    codes: int = 0
    contradicted: int = 0
    unreadable: int = 0


def classify_file(
    source: Path,
    target: Path,
    *,
    column: str,
    hs_column: str | None = None,
    progress: Progress | None = None,
    excel_safe: bool = False,
) -> GoodsReport:
    """Classify the descriptions of a file. The extension of the output path determines the format.

    Args:
        column: name of the column of descriptions; case and separators may differ from those in the file.
        hs_column: name of the column of declared codes. None: `hs_code`, if the file has it.
        excel_safe: see `append_columns`.

    Raises:
        Unreadable, MappingError, OutputRefused: see `append_columns`.
    """
    report = GoodsReport()
    codes = QueryColumn(hs_column or "hs_code", "--hs-column", needed=hs_column is not None)

    def answer_all(queries: list[Query]) -> Sequence[Values]:
        # Classify each distinct pair of description and code once, because they repeat in trade.
        digits = {code: None if code is None else code_or_none(code) for code in {code for _, code in queries}}
        numbers: dict[tuple[str, str | None], int] = {}
        rows = [numbers.setdefault((text or "", digits[code]), len(numbers)) for text, code in queries]
        answers = goods_reader().classify([text for text, _ in numbers], [code for _, code in numbers])
        values = [columns(answer) for answer in answers]
        for (_, code), row in zip(queries, rows, strict=True):
            answer = answers[row]
            report.vague += answer.vague_flagged
            report.codes += answer.code_fit is not None
            report.contradicted += answer.code_contradicted is True
            report.unreadable += code is not None and bool(code.strip()) and digits[code] is None
        return [values[row] for row in rows]

    queries = [QueryColumn(column), codes]
    append_columns(source, target, queries, _TYPES, answer_all, report, progress, excel_safe=excel_safe)
    if report.unreadable == 1:
        report.notes.append("1 HS code cannot be read; its row has no code_fit.")
    elif report.unreadable:
        report.notes.append(f"{report.unreadable:,} HS codes cannot be read; their rows have no code_fit.")
    return report
