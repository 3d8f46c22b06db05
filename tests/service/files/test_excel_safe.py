"""Cells that a spreadsheet would evaluate as formulas, and files that protect against them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scoring import RiskModel
from service.core.excel_safe import safe_cell, safe_table
from service.files.batch import score_file
from service.files.options import ScoreOptions
from service.files.routes import score_csv_stream
from tests.models.small_model import train
from tests.service.files.test_batch import as_csv, goods, table_of, write

FORMULA = '=HYPERLINK("http://attacker.example";"open")'


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return train()


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (FORMULA, "'" + FORMULA),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1+1", "'-1+1"),
        ("+49 30 1234", "'+49 30 1234"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("cup;=1+1", "cup;'=1+1"),
        ("cup\n=1+1", "cup\n'=1+1"),
        ("-5.3", "-5.3"),
        ("+4930123", "+4930123"),
        ("1e-5", "1e-5"),
        ("a=b", "a=b"),
        ("", ""),
        ("\u94a2\u94c1", "\u94a2\u94c1"),
    ],
)
def test_texts_that_begin_a_formula_get_an_apostrophe(text: str, safe: str) -> None:
    assert safe_cell(text) == safe
    assert safe_table(pa.table({text: [text]})).to_pydict() == {safe: [safe]}


@given(st.text(st.sampled_from("=+-@;\t\r\n a1.,\uff1d"), max_size=8) | st.text(max_size=4))
def test_no_protected_text_begins_a_formula_in_any_cell_of_any_locale(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    safe = safe_cell(text)
    assert safe_cell(safe) == safe or safe.startswith("'")
    assert safe_table(pa.table({"x": [text, None]}))["x"].to_pylist() == [safe, None]
    assert safe_table(pa.table({"x": pa.array([text, None]).dictionary_encode()}))["x"].to_pylist() == [safe, None]
    if safe != text or not text:
        for cell in safe.replace("\n", ";").replace("\r", ";").replace("\t", ";").split(";"):
            assert cell[:1] not in {*"=+-@", "\uff1d"}


def test_numbers_of_a_table_are_not_changed() -> None:
    table = pa.table({"n": [-1.5, 2.0], "d": pa.array([-1, 2]).dictionary_encode(), "b": [True, False]})
    assert safe_table(table).equals(table)


def test_a_scored_file_and_its_rejects_contain_no_formula(tmp_path: Path, model: RiskModel) -> None:
    columns = goods(3)
    columns["consignee_name"][0] = FORMULA
    text = as_csv(columns, ["=1+1", *["x"] * len(columns)])
    source = write(tmp_path / "in.csv", text)
    for out in ("out.csv", "out.tsv"):
        report = score_file(source, tmp_path / out, model, ScoreOptions(excel_safe=True))
        delimiter = "\t" if out.endswith("tsv") else ","
        rows = list(csv.DictReader(io.StringIO((tmp_path / out).read_text(), newline=""), delimiter=delimiter))
        assert rows[0]["consignee_name"] == "'" + FORMULA
        assert rows[0]["customs_value"] == columns["customs_value"][0]
        assert report.rejects_path is not None
        assert table_of(report.rejects_path)[0]["row"].startswith("'=1+1,x,")
    score_file(source, tmp_path / "out.csv", model)
    assert table_of(tmp_path / "out.csv")[0]["consignee_name"] == FORMULA


def test_a_streamed_upload_contains_no_formula(tmp_path: Path, model: RiskModel) -> None:
    columns = goods(2)
    columns["consignee_name"][0] = FORMULA
    source = write(tmp_path / "in.csv", as_csv(columns, [FORMULA, *["x"] * len(columns)]))
    options = ScoreOptions(excel_safe=True)
    text = b"".join(score_csv_stream(source, model, model.history.copy(), options)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert rows[0]["consignee_name"] == "'" + FORMULA
    assert rows[-1]["shipment_id"] == "'" + FORMULA
