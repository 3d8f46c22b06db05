"""Predictions for a holdout file without rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.readers import TableReader, Unreadable
from models.bundle import load
from training.evaluation.holdout import predict_file


def test_a_file_of_which_no_row_is_read_gives_an_output_with_the_header_only(
    tmp_path: Path, small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("shipment_id,risk,note\nA-1,0.5,none\n", encoding="utf-8")
    model = load(small_bundle)
    monkeypatch.setattr(TableReader, "__iter__", lambda self: iter(()))
    assert predict_file(model, source, tmp_path / "out.csv") == 0
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "shipment_id,note,risk,item_risk\n"
    assert predict_file(model, source, tmp_path / "out.parquet") == 0
    table = pq.read_table(tmp_path / "out.parquet")
    assert (table.num_rows, table.column_names) == (0, ["shipment_id", "note", "risk", "item_risk"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv", "out.parquet"]


def test_a_file_with_a_header_only_is_refused_and_leaves_no_output(tmp_path: Path, small_bundle: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("shipment_id,note\n", encoding="utf-8")
    with pytest.raises(Unreadable, match="a header but no rows"):
        predict_file(load(small_bundle), source, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == [source]
