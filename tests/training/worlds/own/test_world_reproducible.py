"""Generated worlds: reproducibility, number and order of rows, and output files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from features.manifest.fields import FIELDS, LABEL_NAMES, MANIFEST_NAMES
from training.worlds.own import WorldChunk, generate, sample, write
from training.worlds.own.world import TRUTH


def _digest(chunks: list[WorldChunk]) -> str:
    total = hashlib.sha256()
    for table in ("office", "truth"):
        for name in getattr(chunks[0], table):
            total.update("\n".join(str(v) for chunk in chunks for v in getattr(chunk, table)[name]).encode())
    return total.hexdigest()


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    assert _digest(list(generate(3_000, 4))) == _digest(list(generate(3_000, 4)))
    assert _digest(list(generate(3_000, 4))) != _digest(list(generate(3_000, 5)))


@pytest.mark.parametrize("rows", [1, 2, 9, 501, 20_000])
def test_the_world_has_exactly_the_requested_number_of_rows(rows: int) -> None:
    chunks = list(generate(rows, 3))
    assert sum(chunk.n_rows for chunk in chunks) == rows
    for chunk in chunks:
        assert all(len(column) == chunk.n_rows for column in (*chunk.office.values(), *chunk.truth.values()))


def test_columns_are_those_of_the_manifest_and_its_labels_in_order() -> None:
    chunk = next(generate(50, 1))
    assert tuple(chunk.office) == tuple(field.name for field in FIELDS) == (*MANIFEST_NAMES, *LABEL_NAMES)
    assert tuple(chunk.truth) == TRUTH
    assert all(isinstance(value, str) for column in chunk.office.values() for value in column)


def test_rows_are_ordered_by_declaration_and_items_of_a_shipment_are_adjacent() -> None:
    table = sample(8_000, 6)
    assert table["declared_at"] == sorted(table["declared_at"])
    assert "2025-04-14" <= table["declared_at"][0] < table["declared_at"][-1] <= "2026-10-31T23:59:59Z"
    seen: set[str] = set()
    previous = ""
    for shipment, item in zip(table["shipment_id"], table["item_number"], strict=True):
        if shipment != previous:
            assert shipment not in seen
            assert item == "1"
            seen.add(shipment)
        previous = shipment


def test_shipment_fields_are_equal_on_each_row_of_a_shipment() -> None:
    table = sample(4_000, 6)
    for name in ("declared_at", "consignor_name", "gross_mass_kg", "house_id", "inspection", "consignee_postcode"):
        for i in range(1, 4_000):
            if table["shipment_id"][i] == table["shipment_id"][i - 1]:
                assert table[name][i] == table[name][i - 1]


@pytest.mark.parametrize(
    ("rows", "seed", "message"), [(0, 1, "rows is 0; expected at least 1"), (5, -1, "seed is -1; expected 0 or more")]
)
def test_an_invalid_world_is_refused(rows: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        next(generate(rows, seed))
    assert message in str(caught.value)


def test_csv_and_parquet_contain_the_same_world_and_a_separate_truth(tmp_path: Path) -> None:
    rows_done: list[int] = []
    assert write(tmp_path / "w.csv", tmp_path / "truth.csv", 3_000, 8, rows_done.append) == 3_000
    write(tmp_path / "w.parquet", tmp_path / "truth.parquet", 3_000, 8)
    assert rows_done[-1] == 3_000
    text = pc.ConvertOptions(column_types={field.name: "string" for field in FIELDS}, strings_can_be_null=False)
    from_csv = pc.read_csv(tmp_path / "w.csv", convert_options=text).to_pydict()
    from_parquet = pq.read_table(tmp_path / "w.parquet").to_pydict()
    assert {name: [v or "" for v in column] for name, column in from_parquet.items()} == from_csv == sample(3_000, 8)
    truth = pq.read_table(tmp_path / "truth.parquet")
    assert truth.column_names == list(TRUTH)
    assert truth["shipment_id"].to_pylist() == from_csv["shipment_id"]
    assert not set(TRUTH) - {"shipment_id", "item_number", "content"} & set(from_csv)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["truth.csv", "truth.parquet", "w.csv", "w.parquet"]


def test_an_unknown_format_and_one_path_for_both_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        write(tmp_path / "w.xlsx", None, 10, 1)
    assert "got the extension '.xlsx', but expected .csv, .parquet or .pq" in str(caught.value)
    with pytest.raises(ValueError) as caught:
        write(tmp_path / "w.csv", tmp_path / "w.csv", 10, 1)
    assert "the truth needs a separate file" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_no_file_that_looks_complete(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "w.csv", tmp_path / "t.parquet", 100, 1, stop)
    assert list(tmp_path.iterdir()) == []


def test_office_tables_do_not_reveal_uninspected_content() -> None:
    for chunk in generate(20_000, 9):
        closed = chunk.office["inspection"] == "none"
        for name in ("content", "content_level", "inspected_at", "selection_probability"):
            assert set(chunk.office[name][closed]) == {""}
        opened = ~closed
        assert set(chunk.office["content"][opened]) <= {
            "none",
            "fentanyl",
            "analogue",
            "other_opioid",
            "precursor",
            "equipment",
        }
        assert np.all(chunk.office["inspected_at"][opened] > chunk.office["declared_at"][opened])
