"""Damaged, hostile and unusual inputs are refused with the reason, or only their row is rejected."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.readers import ColumnMapping, MappingError, Unreadable, open_table
from features.readers.errors import MAX_COLUMNS
from features.readers.quotes import MAX_QUOTED_BYTES, MAX_ROW_BYTES


def read(path: Path) -> tuple[list[str | None], list[tuple[int, str]]]:
    """Return the shipment references that were read, and line and reason of each reject."""
    ids: list[str | None] = []
    rejects: list[tuple[int, str]] = []
    with open_table(path) as reader:
        for chunk in reader:
            ids += chunk.raw.column(0).to_pylist()
            rejects += [(reject.line, reject.reason) for reject in chunk.rejected]
    return ids, rejects


@pytest.mark.parametrize("before", [0, 3, 40_000])
@pytest.mark.parametrize("size", [MAX_ROW_BYTES + 1, 3 << 20])
def test_a_row_with_an_overlong_cell_is_rejected_at_any_position(tmp_path: Path, before: int, size: int) -> None:
    lines = ["shipment_id,goods_description", *(f"A{n},some goods of a usual length" for n in range(before))]
    lines += ["B," + "x" * size, "C,last"]
    path = tmp_path / "in.csv"
    path.write_text("\n".join(lines) + "\n")
    ids, rejects = read(path)
    assert ids == [*(f"A{n}" for n in range(before)), "C"]
    assert rejects == [(before + 2, f"the row has {size + 2:,} bytes; at most {MAX_ROW_BYTES:,} are read")]


@pytest.mark.parametrize("size", [MAX_ROW_BYTES + 1, 3 << 20, MAX_QUOTED_BYTES - 1_000])
@pytest.mark.parametrize("line", ["FAKE,toys\n", "x" * 900 + "\n"])
def test_lines_of_a_long_quoted_cell_are_never_read_as_rows(tmp_path: Path, size: int, line: str) -> None:
    cell = line * (size // len(line) + 1)
    path = tmp_path / "in.csv"
    path.write_text(f'shipment_id,goods_description\nA,"usual, goods"\nB,"{cell}"\nC,"last, goods"\n')
    ids, rejects = read(path)
    assert ids == ["A", "C"]
    ((at, reason),) = rejects
    assert at == 3
    assert reason.startswith(f"the row has {len(cell) + 4:,} bytes; at most {MAX_ROW_BYTES:,} are read")
    assert f" {cell.count(line) + 1:,} lines long; if these are rows, the mark that opens the cell is stray" in reason


@pytest.mark.parametrize("size", [MAX_ROW_BYTES, MAX_QUOTED_BYTES + MAX_ROW_BYTES])
def test_a_stray_quotation_mark_without_another_one_takes_only_its_row(tmp_path: Path, size: int) -> None:
    count = size // 1_000 + 200
    filler = [f"F{n}," + "x" * 1_000 for n in range(count)]
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["shipment_id,goods_description", 'A,"stray', *filler, "Z,last"]) + "\n")
    ids, rejects = read(path)
    assert ids == [*(f"F{n}" for n in range(count)), "Z"]
    assert rejects == [(2, "a quotation mark is opened in this line and not closed")]


def test_a_long_row_within_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("shipment_id,goods_description\n" + "".join(f"{n}," + "x" * 900_000 + "\n" for n in range(4)))
    assert read(path) == (list("0123"), [])


def test_more_columns_than_the_limit_are_refused_for_every_format(tmp_path: Path) -> None:
    names = ["shipment_id", "goods_description", *(f"c{n}" for n in range(100_000))]
    wide = tmp_path / "in.csv"
    wide.write_text(",".join(names) + "\n" + ",".join("x" * len(names)) + "\n")
    with pytest.raises(Unreadable, match=f"It has 100,002 columns; at most {MAX_COLUMNS:,} are read."):
        read(wide)
    lines = tmp_path / "in.jsonl"
    lines.write_text("".join(f'{{"shipment_id": "A", "goods_description": "x", "k{n}": 1}}\n' for n in range(2_000)))
    with pytest.raises(Unreadable, match=f"It has 1,001 columns; at most {MAX_COLUMNS:,} are read."):
        read(lines)
    parquet = tmp_path / "in.parquet"
    pq.write_table(pa.table({name: ["x"] for name in names[: MAX_COLUMNS + 1]}), parquet)
    with pytest.raises(Unreadable, match="columns; at most"):
        read(parquet)


def test_as_many_columns_as_the_limit_are_read(tmp_path: Path) -> None:
    names = ["shipment_id", "goods_description", *(f"c{n}" for n in range(MAX_COLUMNS - 2))]
    path = tmp_path / "in.csv"
    path.write_text(",".join(names) + "\n" + ",".join("x" * MAX_COLUMNS) + "\n")
    assert read(path) == (["x"], [])


def test_a_json_line_with_too_many_members_is_rejected_alone(tmp_path: Path) -> None:
    members = ", ".join(f'"k{n}": 1' for n in range(5_000))
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"shipment_id": "A", "hs_code": "1"}}\n{{"shipment_id": "B", {members}}}\n')
    assert read(path) == (["A"], [(2, "5,001 members; at most 1,000 are read")])


def test_a_text_that_is_not_utf8_in_parquet_names_its_column_and_place(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    texts = pa.array([b"fine", b"\xff\xfe"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"shipment_id": ["A", "B"], "goods_description": texts}), path)
    with pytest.raises(Unreadable, match=r"damaged after row 0 \(column 'goods_description': Invalid UTF8"):
        read(path)


def test_damaged_parquet_is_read_or_refused_as_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    ids = [f"HB-{n}" for n in range(300)]
    pq.write_table(
        pa.table({"shipment_id": ids, "goods_description": ["ceramic mug"] * 300, "net_mass_kg": [1.5] * 300}), path
    )
    whole, rng = path.read_bytes(), random.Random(11)
    refused: list[str] = []
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 20)):
            damaged[rng.randrange(4, len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged[: rng.randrange(8, len(damaged))] if rng.random() < 0.3 else damaged)
        try:
            read(path)
        except Unreadable as error:
            refused.append(str(error))
    assert len(refused) > 75
    assert all(message.startswith(f"{path}: ") for message in refused)


def test_values_that_arrow_cannot_format_become_texts(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"shipment_id": ["A"], "declared_at": pa.array([2**62], pa.timestamp("us", "UTC"))}), path)
    with open_table(path) as reader:
        assert [len(chunk.raw) for chunk in reader] == [1]


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "in.csv"
    os.mkfifo(pipe)
    with pytest.raises(Unreadable, match="a named pipe or a device"):
        read(pipe)
    with pytest.raises(MappingError, match="not a regular file"):
        ColumnMapping.load(pipe)
    with pytest.raises(Unreadable, match="a named pipe or a device"):
        read(Path("/dev/zero"))


def test_an_open_pipe_is_read_as_csv_but_not_as_json_lines() -> None:
    def piped(data: bytes) -> Path:
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        return Path(f"/dev/fd/{reading}")

    assert read(piped(b"shipment_id,hs_code\nA,1\n")) == (["A"], [])
    with pytest.raises(Unreadable, match="JSON lines are read more than once, which a pipe does not allow"):
        read(piped(b'{"shipment_id": "A", "hs_code": "1"}\n'))
