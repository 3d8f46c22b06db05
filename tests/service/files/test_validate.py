from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from features.readers import ColumnMapping, Unreadable
from service.files.validate import ValidationReport, validate_file

MESSY = (
    "Shipment ID;Goods Description;Weight;HS Code;Country of Origin;declared_at;Colour\n"
    "A;cup;1,5;6912;CN;2026-05-04;red\n"
    "B;mug;heavy;69.1;Atlantis;2026-05-04;blue\n"
    "B;hat;2,5;;;yesterday;\n"
    "C;cup;0,5;6912\n"
    ";;1;;;;\n"
    "D;a;b;c;d;e;f;g\n"
)


@pytest.fixture
def messy(tmp_path: Path) -> ValidationReport:
    path = tmp_path / "messy.csv"
    path.write_bytes(MESSY.encode("latin-1"))
    return validate_file(path)


def test_recognised_guessed_missing_and_lost_columns_are_reported_separately(messy: ValidationReport) -> None:
    assert {one.name: (one.source, one.how) for one in messy.fields} == {
        "shipment_id": ("Shipment ID", "name"),
        "goods_description": ("Goods Description", "name"),
        "hs_code": ("HS Code", "name"),
        "declared_at": ("declared_at", "name"),
        "gross_mass_kg": ("Weight", "alias"),
        "origin_country": ("Country of Origin", "alias"),
    }
    assert messy.guessed == {"gross_mass_kg": "Weight", "origin_country": "Country of Origin"}
    assert messy.lost == ["Colour"]
    assert "consignor_name" in messy.missing
    assert "hs_code" not in messy.missing


def test_rows_shipments_refusals_and_the_files_form_are_counted(messy: ValidationReport) -> None:
    assert (messy.rows, messy.shipments, messy.refused) == (6, 3, 2)
    assert (messy.encoding, messy.delimiter, messy.decimal) == ("utf-8", ";", ",")
    assert [line for line, _ in messy.refusals] == [6, 7]
    assert messy.refusals[0][1].startswith("shipment_id: is missing")
    assert messy.notes == ["Line 5: only 4 of 7 cells; the missing ones are read as blank."]


def test_each_field_reports_its_counts_and_its_bad_values_with_their_lines(messy: ValidationReport) -> None:
    fields = {one.name: one for one in messy.fields}
    assert fields["gross_mass_kg"].filled == 4
    assert fields["gross_mass_kg"].warned == 2
    weight = fields["gross_mass_kg"].examples[0]
    assert (weight.line, weight.value) == (3, "heavy")
    assert "is not a number" in weight.problem
    assert fields["origin_country"].warned == 1
    assert fields["origin_country"].examples[0].value == "Atlantis"
    assert fields["declared_at"].examples[0].line == 4
    assert fields["shipment_id"].warned == 0


def test_the_report_fits_eighty_columns_and_shows_everything(messy: ValidationReport) -> None:
    shown_text = io.StringIO()
    messy.print(Console(width=80, file=shown_text))
    text = shown_text.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    for shown in (
        "guessed",
        "Colour",
        "heavy",
        "consignor_name",
        "6 rows",
        "decimal ','",
        "delimiter ';'",
        "line 6: shipment_id: is missing",
    ):
        assert shown in text
    assert "…" not in text


def test_the_report_is_plain_json_too(messy: ValidationReport) -> None:
    data = json.loads(json.dumps(messy.to_json()))
    assert data["rows"] == 6
    assert data["fields"][0]["name"] == "shipment_id"


def test_a_mapping_and_its_constants_are_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("Ref,Text,Kind\nA,cup,x\n")
    mapping = ColumnMapping.from_text(
        '[columns]\nshipment_id="Ref"\ngoods_description=["Text","Kind"]\n[constants]\nchannel="express"\n'
    )
    report = validate_file(path, mapping)
    assert {one.name: (one.source, one.how) for one in report.fields} == {
        "shipment_id": ("Ref", "mapping"),
        "goods_description": ("Text + Kind", "mapping"),
        "channel": ("= express", "constant"),
    }
    assert report.lost == []


def test_unreadable_files_are_refused_as_in_scoring(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="There is no such file"):
        validate_file(tmp_path / "none.csv")
