from __future__ import annotations

import codecs
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.readers import Chunk, ColumnMapping, Unreadable, open_table
from features.readers import csv as csv_reader
from features.readers.quotes import MAX_ROW_BYTES
from features.readers.source import ByteSource
from tests.effort import examples

HEADER = "shipment_id,hs_code,goods_description\n"


def read(data: bytes | str, **options: object) -> list[Chunk]:
    content = data.encode("utf-8") if isinstance(data, str) else data
    with open_table(io.BytesIO(content), **options) as reader:  # type: ignore[arg-type]
        return list(reader)


def rows(chunks: list[Chunk]) -> list[list[str]]:
    return [[value or "" for value in row.values()] for chunk in chunks for row in chunk.raw.to_pylist()]


def lines(chunks: list[Chunk]) -> list[int]:
    return [line for chunk in chunks for line in chunk.lines.tolist()]


def rejects(chunks: list[Chunk]) -> list[tuple[int, str, str]]:
    return [(reject.line, reject.reason, reject.row) for chunk in chunks for reject in chunk.rejected]


def refusal(data: bytes | Path) -> str:
    def attempt() -> None:
        with open_table(data if isinstance(data, Path) else io.BytesIO(data)) as reader:
            list(reader)

    with pytest.raises(Unreadable) as caught:
        attempt()
    return str(caught.value)


def test_cells_are_read_as_text_without_inferring_missing_values() -> None:
    (chunk,) = read("shipment_id,hs_code,consignor_country,consignee_postcode\n007,0101,NA,00501\n8,null,nan,1e5\n")
    assert rows([chunk]) == [["007", "0101", "NA", "00501"], ["8", "null", "nan", "1e5"]]
    assert chunk.columns["consignor_country"].to_list() == ["NA", "nan"]


def test_a_blank_cell_is_missing() -> None:
    (chunk,) = read(HEADER + 'A,,x\nB,"",y\nC,   ,z\n')
    assert chunk.columns["hs_code"].to_list() == [None, None, None]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(delimiter: str) -> None:
    text = HEADER.replace(",", delimiter) + delimiter.join(["A", "392690", "cup; red, small|flat"]).join(["", "\n"])
    if delimiter in ",;|":
        text = HEADER.replace(",", delimiter) + delimiter.join(["A", "392690", '"cup; red, small|flat"']) + "\n"
    with open_table(io.BytesIO(text.encode())) as reader:
        assert reader.delimiter == delimiter
        assert rows(list(reader)) == [["A", "392690", "cup; red, small|flat"]]


def test_the_delimiter_is_detected_from_the_header() -> None:
    with open_table(io.BytesIO(b"shipment_id;Goods, as described;hs_code\nA;cup, red, small, round;1\n")) as reader:
        assert reader.delimiter == ";"


def test_a_sep_line_of_a_spreadsheet_sets_the_delimiter_and_counts_as_a_line() -> None:
    chunks = read("sep=;\nshipment_id;hs_code\nA;1\n")
    assert rows(chunks) == [["A", "1"]]
    assert lines(chunks) == [3]


@pytest.mark.parametrize(
    ("encoding", "detected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("latin-1", "latin-1"),
    ],
)
def test_the_encoding_is_detected(encoding: str, detected: str) -> None:
    text = HEADER + "Ä1,392690,Süßes für Zoë\n"
    with open_table(io.BytesIO(text.encode(encoding))) as reader:
        assert rows(list(reader)) == [["Ä1", "392690", "Süßes für Zoë"]]
        assert reader.encoding == detected


def test_utf_16_big_endian_with_a_byte_order_mark_is_read() -> None:
    assert rows(read(codecs.BOM_UTF16_BE + (HEADER + "A,1,é\n").encode("utf-16-be"))) == [["A", "1", "é"]]


def test_a_line_in_another_encoding_does_not_affect_other_lines() -> None:
    data = HEADER.encode() + "A,1,手机壳\n".encode() + b"B,2,caf\xe9\n" + "C,3,żółw\n".encode()
    with open_table(io.BytesIO(data)) as reader:
        assert [row[2] for row in rows(list(reader))] == ["手机壳", "café", "żółw"]
        assert reader.encoding == "utf-8, 1 lines latin-1"


def test_windows_quotation_marks_are_read_and_name_the_encoding() -> None:
    with open_table(io.BytesIO(HEADER.encode() + b"A,1,\x93cup\x94 \x80 5\n")) as reader:
        assert rows(list(reader))[0][2] == "“cup” € 5"
        assert reader.encoding == "cp1252"


def test_gzip_is_detected_without_a_file_name_suffix(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(gzip.compress((HEADER + "A,1,x\n").encode()) + gzip.compress(b"B,2,y\n"))
    with open_table(path) as reader:
        assert [row[0] for row in rows(list(reader))] == ["A", "B"]
        assert reader.bytes_read == reader.approx_bytes == path.stat().st_size


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_numbers_are_correct_for_every_line_ending(end: str) -> None:
    chunks = read(end.join(["shipment_id,hs_code", "A,1", "", "B,2", "C,3,4,5", "D,4"]))
    assert rows(chunks) == [["A", "1"], ["B", "2"], ["D", "4"]]
    assert lines(chunks) == [2, 4, 6]
    assert rejects(chunks) == [(5, "4 cells where the header has 2", "C,3,4,5")]


def test_line_numbers_count_line_breaks_inside_quotation_marks() -> None:
    chunks = read('shipment_id,"goods\ndescription"\nA,"a\nb\r\nc"\n\nB,x\nC,1,2\n"D\n",y\n')
    assert lines(chunks) == [3, 7, 9]
    assert rejects(chunks) == [(8, "3 cells where the header has 2", "C,1,2")]
    assert rows(chunks)[0] == ["A", "a\nb\r\nc"]


def test_short_rows_are_padded_with_a_note() -> None:
    (chunk,) = read(HEADER + 'A,1,x\nB,"2,5"\nC\nD,4,y\n')
    assert rows([chunk]) == [["A", "1", "x"], ["B", "2,5", ""], ["C", "", ""], ["D", "4", "y"]]
    assert [(note.line, note.position, note.text) for note in chunk.notes] == [
        (3, 1, "only 2 of 3 cells; the missing ones are read as blank"),
        (4, 2, "only 1 of 3 cells; the missing ones are read as blank"),
    ]


def test_surplus_blank_cells_are_dropped_and_other_surplus_cells_reject_the_row() -> None:
    (chunk,) = read(HEADER + 'A,1,x,,\nB,2,y, ,"",\nC,3,z,,!\nD,4,w\n')
    assert rows([chunk]) == [["A", "1", "x"], ["B", "2", "y"], ["D", "4", "w"]]
    assert [(r.line, r.row, r.position) for r in chunk.rejected] == [(4, "C,3,z,,!", 2)]


def test_a_row_of_blank_cells_is_a_row_but_a_blank_line_is_not() -> None:
    chunks = read(HEADER + "A,1,x\n,,\n\n   \nB,2,y\n")
    assert rows(chunks) == [["A", "1", "x"], ["", "", ""], ["B", "2", "y"]]
    assert lines(chunks) == [2, 3, 6]


def test_quotation_marks_inside_unquoted_cells_are_ordinary_characters() -> None:
    assert rows(read(HEADER + 'A,1,pipe 5" x 2"\nB,2,"5"" pipe"\nC,3,"5" pipe\n')) == [
        ["A", "1", 'pipe 5" x 2"'],
        ["B", "2", '5" pipe'],
        ["C", "3", "5 pipe"],
    ]


def test_an_unclosed_quotation_mark_rejects_only_its_row() -> None:
    chunks = read(HEADER + 'A,1,x\nB,2,"open\nC,3,z\nD,4,w\n')
    assert [row[0] for row in rows(chunks)] == ["A", "C", "D"]
    assert rejects(chunks) == [(3, "a quotation mark is opened in this line and not closed", 'B,2,"open')]


def test_the_quotation_mark_of_a_later_row_does_not_close_an_unclosed_one() -> None:
    chunks = read(HEADER + 'A,"1,x\nB,2,y\nC,3,"fine, really"\nD,4,w\n')
    assert [row[0] for row in rows(chunks)] == ["B", "C", "D"]
    assert [line for line, _, _ in rejects(chunks)] == [2]


def test_an_unclosed_quotation_mark_in_a_long_file_rejects_only_its_row() -> None:
    filler = "".join(f"F{n},1,{'x' * 1000}\n" for n in range(2 * MAX_ROW_BYTES // 1000))
    chunks = read(HEADER + 'A,1,"open\n' + filler)
    assert sum(chunk.n_rows for chunk in chunks) == 2 * MAX_ROW_BYTES // 1000
    assert [line for line, _, _ in rejects(chunks)] == [2]


def test_an_unclosed_quotation_mark_does_not_buffer_the_rest_of_the_file() -> None:
    filler = "".join(f"F{n},1,{'x' * 1000}\n" for n in range(6 * MAX_ROW_BYTES // 1000))
    source = ByteSource(io.BytesIO((HEADER + 'A,1,"open\n' + filler).encode()))
    pieces = csv_reader.CsvPieces(source, block_bytes=MAX_ROW_BYTES // 4)
    largest = max(piece.table.nbytes for piece in pieces)
    assert largest < 2 * MAX_ROW_BYTES


def test_a_row_of_several_lines_with_an_unclosed_quotation_mark_is_rejected_completely() -> None:
    chunks = read(HEADER + '"A\n1",2,"open\nB,3,y\n')
    assert [row[0] for row in rows(chunks)] == ["B"]
    assert rejects(chunks)[0][0] == 2
    assert rejects(chunks)[0][2] == '"A\n1",2,"open'


def test_the_first_of_two_columns_with_one_name_is_used_and_both_are_kept() -> None:
    with open_table(io.BytesIO(b"shipment_id,hs_code,hs_code,Hs Code\nA,1,2,3\n")) as reader:
        (chunk,) = reader
        assert chunk.columns["hs_code"].to_list() == ["1"]
        assert chunk.raw.column_names == ["shipment_id", "hs_code", "hs_code", "Hs Code"]
        assert reader.notes == [
            "The column 'hs_code' occurs more than once; the first is used for hs_code.",
            "'hs_code' and 'Hs Code' mean the same; the first is used for hs_code.",
        ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The file is empty"),
        (b"\n\n  \n", "only blank lines"),
        (b"shipment_id,hs_code\n", "a header but no rows"),
        (b"a,b\n1,2\n", "No column is recognised; the first are 'a', 'b'"),
        (b"PK\x03\x04" + bytes(50), "Excel (.xlsx)"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "password-protected"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"shipment_id,\x00\x01\x02\nA,1\n", "binary data"),
        (gzip.compress(b"", mtime=0), "The file is empty"),
        (gzip.compress((HEADER + "A,1,x\n" * 5000).encode(), mtime=0)[:-9], "is truncated"),
        (gzip.compress((HEADER + "A,1,x\n").encode(), mtime=0)[:-6] + b"\x01\x02\x03\x04\x05\x06", "damaged"),
        (gzip.compress(b"PK\x03\x04" + bytes(50), mtime=0), "Excel (.xlsx)"),
        (b'"shipment_id,hs_code\n' + b"A,1\n" * 100, "opens a quotation mark and never closes it"),
        (b"shipment_id,hs_code\nA," + b"9" * (17 << 20), "longer than 8 MiB"),
    ],
)
def test_a_file_that_is_not_a_manifest_is_refused_with_the_reason(data: bytes, message: str) -> None:
    assert message in refusal(data)


def test_missing_files_and_folders_are_refused_with_their_path(tmp_path: Path) -> None:
    assert "There is no such file" in refusal(tmp_path / "none.csv")
    assert str(tmp_path / "none.csv") in refusal(tmp_path / "none.csv")
    assert "This is a folder" in refusal(tmp_path)


def test_a_mapping_may_set_encoding_and_delimiter() -> None:
    mapping = ColumnMapping.from_text('[files]\nencoding = "cp850"\ndelimiter = ":"\n')
    data = "shipment_id:goods_description\nA:Gefäß\n".encode("cp850")
    assert rows(read(data, mapping=mapping)) == [["A", "Gefäß"]]
    nonsense = ColumnMapping.from_text('[files]\nencoding = "klingon"\n')
    with pytest.raises(Unreadable, match="'klingon' is not known"):
        read(data, mapping=nonsense)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8) | st.text(
    alphabet='a",;\n\r\t é', max_size=8
)
TABLE = st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8)
RELAXED = examples(150)


def as_csv(table: list[list[str]], delimiter: str, end: str, *, quote_all: bool) -> str:
    """Return the table as CSV by RFC 4180. Python's writer does not quote a lone carriage return."""

    def cell(text: str) -> str:
        must_quote = quote_all or any(mark in text for mark in (delimiter, '"', "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if must_quote else text

    header = ["shipment_id", "hs_code", "goods_description"]
    return "".join(delimiter.join(map(cell, row)) + end for row in [header, *table])


@RELAXED
@given(TABLE, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.booleans())
@example([['"', '",\n', '""'], ["\r", "\n", "\r\n"]], ",", "\n", False)
def test_any_cell_is_read_back_unchanged(table: list[list[str]], delimiter: str, end: str, quote_all: bool) -> None:
    chunks = read(as_csv(table, delimiter, end, quote_all=quote_all))
    assert rows(chunks) == table
    assert rejects(chunks) == []


@RELAXED
@given(TABLE, st.integers(1, 60), st.integers(1, 5))
def test_block_and_chunk_sizes_do_not_change_the_result(
    table: list[list[str]], block_bytes: int, rows_per_chunk: int
) -> None:
    data = as_csv(table, ",", "\n", quote_all=False).encode()
    whole = read(data)
    assert rows(read(data, rows_per_chunk=rows_per_chunk)) == rows(whole)
    small = csv_reader.CsvPieces(ByteSource(io.BytesIO(data)), block_bytes=len(HEADER) + block_bytes)
    pieces = list(small)
    assert [line for piece in pieces for line in piece.lines.tolist()] == lines(whole)
    assert [list(row.values()) for piece in pieces for row in piece.table.to_pylist()] == [
        [value or None for value in row] for row in table
    ]


UNTIDY = st.lists(
    st.sampled_from(["a", '"', '""', ",", "\n", "\r\n", "\r", "b c", '5" x', ",,", "é"]), max_size=40
).map("".join)


@RELAXED
@given(UNTIDY, st.integers(1, 40))
@example('"a\nb,"c"\n', 5)
@example('a,"b"c\n"\n', 1)
def test_malformed_text_loses_no_rows_or_line_numbers(body: str, block_bytes: int) -> None:
    data = (HEADER + "first,1,x\n" + body).encode()
    chunks = read(data)
    numbers = lines(chunks) + [line for line, _, _ in rejects(chunks)]
    assert len(set(numbers)) == len(numbers)
    physical = data.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(physical[line - 1].strip() for line in numbers)
    pieces = list(csv_reader.CsvPieces(ByteSource(io.BytesIO(data)), block_bytes=len(HEADER) + block_bytes))
    assert [line for piece in pieces for line in piece.lines.tolist()] == lines(chunks)
    assert [(r.line, r.reason, r.row) for piece in pieces for r in piece.rejected] == rejects(chunks)


@RELAXED
@given(st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_every_row_is_read_or_rejected(widths: list[int]) -> None:
    body = "".join(",".join(["v"] * width) + "\n" for width in widths)
    chunks = read(HEADER + body)
    refused = {line for line, _, _ in rejects(chunks)}
    assert refused == {index + 2 for index, width in enumerate(widths) if width > 3}
    assert lines(chunks) == [index + 2 for index, width in enumerate(widths) if width <= 3]


@given(
    st.lists(
        st.sampled_from([0x41, 0x80, 0xBF, 0xC2, 0xC3, 0xE0, 0xA0, 0xED, 0x9F, 0xF0, 0x90, 0xF4, 0x8F]), max_size=6
    )
)
def test_utf_8_and_latin_1_are_distinguished_as_in_python(cell: list[int]) -> None:
    try:
        expected = bytes(cell).decode("utf-8")
    except UnicodeDecodeError:
        expected = (
            bytes(cell).decode("latin-1").translate({code: bytes([code]).decode("cp1252") for code in (0x80, 0x9F)})
        )
    (row,) = rows(read(HEADER.encode() + b"A," + bytes(cell) + b"x,b\n"))
    assert row[1] == expected + "x"
