from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.readers import TableReader, open_table
from features.readers.csv import CsvPieces
from features.readers.decimals import find_decimal
from features.readers.source import ByteSource

IDS = st.lists(st.sampled_from(["A", "B", " A ", "C  D", "C D", ""]), min_size=1, max_size=40)


def content(ids: list[str]) -> bytes:
    body = "".join(f"{one},{number}\n" + ("x,y,z\n" if number % 7 == 3 else "") for number, one in enumerate(ids))
    return ("shipment_id,goods_description\n" + body).encode()


@given(IDS, st.integers(1, 12))
def test_chunks_keep_shipments_whole_and_rows_in_order(ids: list[str], size: int) -> None:
    with open_table(io.BytesIO(content(ids)), rows_per_chunk=size) as reader:
        chunks = list(reader)
    got = [value or "" for chunk in chunks for value in chunk.raw.column("shipment_id").to_pylist()]
    assert got == ids
    ends = [chunk.raw.column("shipment_id").to_pylist()[-1] for chunk in chunks if chunk.n_rows]
    begins = [chunk.raw.column("shipment_id").to_pylist()[0] for chunk in chunks if chunk.n_rows]
    for end, begin in zip(ends, begins[1:], strict=False):
        assert not end or not begin or " ".join(end.split()) != " ".join(begin.split())
    positions = [
        (reject.line, chunk.lines.tolist()[reject.position - 1] if reject.position else None)
        for chunk in chunks
        for reject in chunk.rejected
    ]
    assert len(positions) == sum(number % 7 == 3 for number in range(len(ids)))
    assert all(before is None or before == line - 1 for line, before in positions)


def test_chunks_end_near_the_requested_size() -> None:
    ids = [f"S{number // 3}" for number in range(1000)]
    with open_table(io.BytesIO(content(ids)), rows_per_chunk=100) as reader:
        sizes = [chunk.n_rows for chunk in reader]
    assert sizes[:-1] == [99] * (len(sizes) - 1)


def test_a_shipment_above_the_row_limit_is_split_with_a_note() -> None:
    pieces = CsvPieces(ByteSource(io.BytesIO(content(["A"] * 25 + ["B"]))))
    with TableReader(pieces, "big.csv", rows_per_chunk=5, max_shipment_rows=10) as reader:
        sizes = [chunk.n_rows for chunk in reader]
        assert sum(sizes) == 26
        assert max(sizes) <= 10
        assert "The shipment in line 2 has more than 10 rows; it is read in parts of that size." in reader.notes


def test_each_row_without_a_reference_is_a_shipment() -> None:
    with open_table(io.BytesIO(b"goods_description\ncup\nmug\nhat\n"), rows_per_chunk=2) as reader:
        assert [chunk.n_rows for chunk in reader] == [2, 1]


def test_a_file_of_only_rejected_rows_gives_an_empty_chunk() -> None:
    with open_table(io.BytesIO(b"shipment_id,hs_code\nA,1,2\nB,1,2\n")) as reader:
        (chunk,) = reader
    assert chunk.n_rows == 0
    assert [reject.line for reject in chunk.rejected] == [2, 3]


def test_a_reader_can_be_read_only_once() -> None:
    with open_table(io.BytesIO(b"shipment_id,hs_code\nA,1\n")) as reader:
        list(reader)
        with pytest.raises(RuntimeError, match="has been read already"):
            list(reader)


@pytest.mark.parametrize(
    ("values", "delimiter", "expected"),
    [
        (["1,5", "2"], ",", ","),
        (["1.234,56"], ";", ","),
        (["1.5", "1,500"], ";", None),
        (["1,500", "2"], ";", ","),
        (["1,500", "2"], ",", None),
        (["1,234.56", "1,5", "1.25"], ";", None),
        (["0,125"], ",", ","),
        (["1.234.567"], ";", ","),
        (["12", "x", ""], ";", None),
    ],
)
def test_the_decimal_comma_is_inferred_from_the_values(values: list[str], delimiter: str, expected: str | None) -> None:
    assert find_decimal(values, delimiter) == expected


@given(
    st.lists(st.sampled_from(["A", "B", " A", "C  D", "C D", "\u00a0A", "É", "", " ", "\t"]), min_size=1, max_size=30)
)
def test_chunks_of_one_row_still_contain_whole_shipments(ids: list[str]) -> None:
    with open_table(io.BytesIO(content(ids)), rows_per_chunk=1) as reader:
        sizes = [chunk.n_rows for chunk in reader if chunk.n_rows]
    normal = [" ".join(one.split()) for one in ids]
    starts = [row for row, one in enumerate(normal) if not row or not one or one != normal[row - 1]]
    assert sizes == [end - start for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)]


def test_chunks_of_wide_rows_have_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.readers.reader.BYTES_PER_CHUNK", 10_000)
    wide = "".join(f"S{number},{'x' * 500}\n" for number in range(200))
    with open_table(io.BytesIO(("shipment_id,goods_description\n" + wide).encode()), rows_per_chunk=100) as reader:
        sizes = [chunk.n_rows for chunk in reader]
    assert sum(sizes) == 200
    assert max(sizes) <= 10_000 // 500


def test_a_chunk_reports_the_bytes_read_so_far() -> None:
    data = content([f"S{number}" for number in range(500)])
    with open_table(io.BytesIO(data), rows_per_chunk=100) as reader:
        read = [chunk.bytes_read for chunk in reader]
    assert read == sorted(read)
    assert read[-1] == len(data)
