from __future__ import annotations

import csv
import io
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.output import delimited, header_line, round_significant
from service.seen import SeenShipments

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.none()


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=8), st.sampled_from([",", "\t"]))
def test_what_is_written_is_read_back_by_any_csv_reader(rows: list[tuple[str | None, ...]], delimiter: str) -> None:
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


def test_small_risks_are_not_written_as_zero() -> None:
    risks = pa.array(
        round_significant(np.array([1e-6, 1.23456789012e-12, 4.2e-200, 0.0, 1.0, np.nan])), from_pandas=True
    )
    written = delimited(pa.table({"risk": risks}))
    assert [float(text) for text in written.decode().split()] == [1e-6, 1.23456789e-12, 4.2e-200, 0.0, 1.0]


def test_returning_shipments_are_remembered_across_calls_and_within_one() -> None:
    seen = SeenShipments(1 << 20)
    assert seen.add(["A", "B", "A"]).tolist() == [False, False, True]
    assert seen.add(["C", "B", "a"]).tolist() == [False, True, False]
    assert seen.add([]).tolist() == []


def test_many_different_shipments_are_not_mistaken_for_each_other() -> None:
    names = [f"HB-{random.Random(1).random()}-{n}" for n in range(50_000)]
    assert not SeenShipments(1 << 26).add(names).any()
