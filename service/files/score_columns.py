"""Score columns of a scored file as Arrow arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.table.table import ManifestTable
from models.scoring import Scores
from models.scoring.scores import N_REASONS


def empty_columns(names: Sequence[str]) -> dict[str, Any]:
    """Return score columns without rows: name -> Arrow array of the column's type."""
    return {name: pa.array([], _type(name)) for name in names}


def _type(name: str) -> pa.DataType:
    if name.startswith("risk") or name in ("percentile", "item_risk"):
        return pa.float64()
    if name in ("one_in", "rank_one_in"):
        return pa.int64()
    return pa.bool_() if name == "substance_hit" else pa.string()


def columns_of(
    names: Sequence[str], scores: Scores, table: ManifestTable, warnings: Mapping[int, str]
) -> dict[str, Any]:
    """Return the score columns of the n rows of a table: name -> Arrow array (n,).

    A column is dictionary-encoded if the rows of a shipment share its value, or if most rows have no value.

    Args:
        names: the columns to return, in order.
        scores: scores of the table's shipments and rows.
        warnings: row -> text of its warnings.
    """
    per_row: Any = pa.array(table.shipment.astype(np.int32))
    first_rows = np.zeros(table.n_rows, dtype=np.int32)

    def number(values: NDArray[np.float64]) -> Any:
        return pa.DictionaryArray.from_arrays(per_row, pa.array(round_significant(values)))

    def text(values: Any) -> Any:
        return pa.DictionaryArray.from_arrays(per_row, pa.array(values, pa.string()))

    def constant(value: str) -> Any:
        return pa.DictionaryArray.from_arrays(first_rows, pa.array([value]))

    by_shipment = dict(zip(scores.explained, scores.explained.texts(N_REASONS), strict=True))
    for shipment, first in scores.ruling.first_texts().items():
        by_shipment[shipment] = [first, *by_shipment.get(shipment, [])]
    reasons = list(by_shipment.values())
    reason_codes = _codes(list(by_shipment), len(scores))[table.shipment]
    matches = [match for match in scores.substances if match is not None]
    hits = np.array([match is not None for match in scores.substances], dtype=bool)
    match_codes = _codes(np.flatnonzero(hits), table.n_rows)
    hits[hits] = [match.hit for match in matches]
    of_shipment, rule_texts = scores.ruling.rule_texts(len(scores))
    rule_codes = of_shipment[table.shipment]
    unread = sorted(scores.ruling.unread)
    columns: dict[str, Any] = {
        "risk": number(scores.risk),
        "percentile": number(scores.percentile),
        **{f"risk_{head}": number(values) for head, values in scores.heads.items()},
        "item_risk": pa.array(round_significant(scores.item_risk)),
        "lane": text(scores.lane.astype(object)),
        "selected_by": text(scores.selected_by),
        **{
            f"reason_{n + 1}": _sparse(reason_codes, [texts[n] if n < len(texts) else None for texts in reasons])
            for n in range(N_REASONS)
        },
        "substance": _sparse(match_codes, [match.substance for match in matches]),
        "substance_kind": _sparse(match_codes, [match.kind for match in matches]),
        "substance_hit": pa.array(hits),
        "warnings": _sparse(_codes(list(warnings), table.n_rows), list(warnings.values())),
        "model_version": constant(scores.model.version),
        "bundle_digest": constant(scores.model.digest),
        "one_in": pa.DictionaryArray.from_arrays(per_row, pa.array(scores.one_in)),
        "rank_one_in": pa.DictionaryArray.from_arrays(per_row, pa.array(scores.rank_one_in)),
        "rule_ids": _sparse(rule_codes, rule_texts),
        "unread": _sparse(
            _codes(list(unread), len(scores))[table.shipment],
            [scores.ruling.unread_text(shipment) for shipment in unread],
        ),
    }
    return {name: columns[name] for name in names}


def _codes(selected: Any, n: int) -> NDArray[np.int32]:
    """Return codes (n,): the rank of each selected index, and -1 for other indices."""
    codes = np.full(n, -1, dtype=np.int32)
    codes[selected] = np.arange(len(selected), dtype=np.int32)
    return codes


def _sparse(codes: NDArray[np.int32], texts: Sequence[str | None]) -> Any:
    """Return a column of texts by code; null if the code is -1."""
    indices: Any = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))


def round_significant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round values in [0, 1] to 9 significant digits. Each result is the float nearest to the decimal number; NaN stays NaN.

    The shortest decimal representation of such a float has at most 9 digits.
    """
    rounded = np.asarray(values, dtype=np.float64).copy()
    # Powers of ten up to 1e22 are exact floats, so the division is correctly rounded. Other values are rounded one by one.
    plain = np.isfinite(rounded) & (np.abs(rounded) >= 1e-13) & (np.abs(rounded) < 1e9)
    scale = 10.0 ** (8 - np.floor(np.log10(np.abs(rounded[plain]))))
    rounded[plain] = np.rint(rounded[plain] * scale) / scale
    tiny = np.isfinite(rounded) & (rounded != 0.0) & ~plain
    rounded[tiny] = [float(f"{value:.9g}") for value in rounded[tiny].tolist()]
    return rounded
