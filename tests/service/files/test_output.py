from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from service.files.delimited import delimited, header_line, json_lines
from service.files.score_columns import round_significant

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.none()


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=8), st.sampled_from([",", "\t"]))
def test_written_csv_is_read_back_equal_by_other_csv_readers(
    rows: list[tuple[str | None, ...]], delimiter: str
) -> None:
    columns = [pa.array([row[index] for row in rows], pa.string()) for index in range(3)]
    text = header_line(["a", 'b"', "c,d"], delimiter) + delimited(pa.table(columns, names=["a", "b", "c"]), delimiter)
    read = list(csv.reader(io.StringIO(text.decode(), newline=""), delimiter=delimiter))
    assert read == [["a", 'b"', "c,d"], *([value or "" for value in row] for row in rows)]


def test_a_slice_writes_its_own_rows_only() -> None:
    table = pa.table({"a": ["1", "2", "3"], "b": ["x,y", None, "z"]})
    assert delimited(table.slice(1, 2)) == b"2,\n3,z\n"
    assert delimited(table.slice(3)) == b""


def test_cells_have_quotation_marks_only_where_needed() -> None:
    table = pa.table({"a": ["plain", "a,b", 'c"d', "e\nf", " g "]})
    assert delimited(table) == b'plain\n"a,b"\n"c""d"\n"e\nf"\n g \n'


@given(st.floats(0.0, 1.0) | st.floats(1e-300, 1e-3))
def test_numbers_carry_nine_significant_digits(value: float) -> None:
    rounded = float(round_significant(np.array([value]))[0])
    assert rounded == pytest.approx(value, rel=5.1e-9, abs=0)
    assert float(f"{rounded:.9g}") == rounded


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT.map(str), inner, max_size=2),
    max_leaves=3,
)


@given(
    st.lists(st.tuples(TEXT, st.none() | st.floats(), st.none() | st.booleans(), TEXT, _JSON), max_size=20),
    st.integers(0, 3),
    st.booleans(),
)
def test_json_lines_equal_the_json_of_each_row(rows: list[tuple[Any, ...]], first: int, given: bool) -> None:
    text, number, truth, own_text, own_json = (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 5
    names = ["text", 'number "1"', "truth", "coded", "coded number", "own", "ownß"]
    kinds = pa.string(), pa.float64(), pa.bool_()
    plain = [pa.array(values, kind) for values, kind in zip((text, number, truth), kinds, strict=True)]
    columns = [
        *plain,
        pa.array(text, pa.string()).dictionary_encode(),
        plain[1].dictionary_encode(),
        pa.array(own_text, pa.string()),
        pa.array([None if value is None else str(value) for value in own_json], pa.string()),
    ]
    table = pa.table(columns, names=names).slice(first)
    own = {"own": None, "ownß": own_json[first:]} if given else None
    finite = [value if value is not None and np.isfinite(value) else None for value in number]
    texts = [value or None for value in text]
    last = own_json if given else [None if value is None else str(value) or None for value in own_json]
    of_own = own_text if given else [value or None for value in own_text]
    expected = [
        to_json(dict(zip(names, values, strict=True))) + b"\n"
        for values in zip(texts, finite, truth, texts, finite, of_own, last, strict=True)
    ][first:]
    assert json_lines(table, own).tobytes() == b"".join(expected)


def test_small_risks_are_not_written_as_zero() -> None:
    risks = pa.array(
        round_significant(np.array([1e-6, 1.23456789012e-12, 4.2e-200, 0.0, 1.0, np.nan])), from_pandas=True
    )
    written = delimited(pa.table({"risk": risks}))
    assert [float(text) for text in written.decode().split()] == [1e-6, 1.23456789e-12, 4.2e-200, 0.0, 1.0]


def plainly(columns: list[list[str | None]], delimiter: str) -> bytes:
    """Return the expected CSV lines, built cell by cell."""

    def cell(text: str) -> str:
        quoted = any(mark in text for mark in f'{delimiter}"\r\n')
        return '"' + text.replace('"', '""') + '"' if quoted else text

    lines = [delimiter.join(cell(text or "") for text in row) + "\n" for row in zip(*columns, strict=True)]
    return "".join(lines).encode()


CELLS = st.lists(
    st.none() | st.text(st.sampled_from('ab,"\n\r\t;é😀 '), max_size=5) | st.text(alphabet="xyz", max_size=80),
    max_size=9,
)


@given(CELLS, CELLS, st.sampled_from([",", "\t"]), st.integers(0, 3), st.integers(0, 3))
def test_every_shape_of_column_is_written_like_its_plain_texts(
    first: list[str | None], second: list[str | None], delimiter: str, begin: int, cut: int
) -> None:
    n = min(len(first), len(second))
    texts = [first[:n], second[:n]]
    arrays = [pa.array(column, pa.string()) for column in texts]
    encoded = [array.dictionary_encode() for array in arrays]
    split = [pa.chunked_array([array[:cut].dictionary_encode(), array[cut:].dictionary_encode()]) for array in arrays]
    backwards: Any = np.arange(n)[::-1]
    pointing = [
        pa.DictionaryArray.from_arrays(backwards.astype(np.int8), array.take(pa.array(backwards))) for array in arrays
    ]
    wanted = plainly([column[begin:] for column in texts], delimiter)
    forms: list[Any] = [arrays, encoded, split, pointing, [arrays[0], split[1]]]
    for columns in forms:
        assert delimited(pa.table(columns, names=["a", "b"]).slice(begin), delimiter) == wanted
    assert delimited(pa.table({"a": arrays[0]})) == plainly([texts[0]], ",")


def test_values_of_other_types_are_written_like_their_texts() -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3]),
            "x": pa.array([0.25, None, 1e-7]).dictionary_encode(),
            "t": pa.array([True, False, None]),
            "f": pa.array([float("nan"), 2.0, 0.1]),
            "none": pa.nulls(3),
        }
    )
    assert delimited(table) == b"1,0.25,true,,\n,,false,2,\n3,1e-7,,0.1,\n"
