from __future__ import annotations

import io
from pathlib import Path

import pytest

from features.readers import Chunk, ColumnMapping, MappingError, open_table

MAPPINGS = Path(__file__).parents[3] / "docs" / "mappings"
SAMPLE = Path(__file__).parents[4] / "shared" / "samples" / "kcs_import_declarations.csv"

# Invented rows in the layout of the published sample.
DECLARATIONS = """\
Declaration ID,Date,Office ID,Process Type,Import Type,Import Use,Payment Type,Mode of Transport,Declarant ID,\
Importer ID,Seller ID,Courier ID,HS6 Code,Country of Departure,Country of Origin,Tax Rate,Tax Type,\
Country of Origin Indicator,Net Mass,Item Price
90000001,2021-04-01,40,B,11,21,11,40,AAAA001,BBBB001,CCCC001,,071080,CN,CN,8.0,A,G,1.5,120.25
90000002,2021-04-02,20,B,11,21,11,50,AAAA002,BBBB002,,DDDD01,392690,JP,TH,8.0,A,Y,4.7,0.0
90000003,2021-04-02,20,B,11,21,11,90,AAAA002,BBBB002,,,392690,NA,NA,8.0,A,Y,4.7,17
"""


def read(text: str, toml: str, decimal: str | None = None) -> Chunk:
    with open_table(io.BytesIO(text.encode()), mapping=ColumnMapping.from_text(toml, "m.toml")) as reader:
        (chunk,) = reader
        assert reader.decimal == decimal
        return chunk


def refused(toml: str, columns: str | None = None) -> str:
    def attempt() -> None:
        mapping = ColumnMapping.from_text(toml, "m.toml")
        mapping.bind((columns or "shipment_id").split(","))

    with pytest.raises(MappingError) as caught:
        attempt()
    return str(caught.value)


def test_the_documented_mapping_reads_its_layout() -> None:
    mapping = ColumnMapping.load(MAPPINGS / "kcs.toml")
    with open_table(io.BytesIO(DECLARATIONS.encode()), mapping=mapping) as reader:
        (chunk,) = reader
    got = {name: column.to_list() for name, column in chunk.columns.items()}
    assert got["shipment_id"] == ["90000001", "90000002", "90000003"]
    assert got["hs_code"] == ["071080", "392690", "392690"]
    assert got["transport_mode"] == ["4", "5", None]
    assert got["channel"] == ["air_cargo", "postal", None]
    assert got["consignor_name"] == ["CCCC001", None, None]
    assert got["export_country"] == ["CN", "JP", "NA"]
    assert got["net_mass_kg"] == ["1.5", "4.7", "4.7"]
    assert got["consignee_country"] == ["KR"] * 3
    assert got["currency"] == ["USD"] * 3
    assert chunk.raw.column_names[0] == "Declaration ID"
    assert chunk.raw.num_columns == 20
    assert reader.recognised["Tax Rate"] is None
    assert reader.recognised["Mode of Transport"] == "channel, transport_mode"


@pytest.mark.skipif(not SAMPLE.exists(), reason="the published sample is not part of this repository")
def test_every_row_of_the_published_sample_is_read() -> None:
    with open_table(SAMPLE, mapping=ColumnMapping.load(MAPPINGS / "kcs.toml")) as reader:
        assert sum(chunk.n_rows for chunk in reader) == 8481


def test_units_dates_and_codes_are_converted() -> None:
    chunk = read(
        "Ref;Grams;When;Art;Ort;Strasse\nA;1.500,5;04.05.2026;L;Köln;Ring\nB;x;heute;Q;;Weg\nC;;01.02.2026 13:30;;Bonn;\n",
        '[columns]\nshipment_id = "ref"\nnet_mass_kg = "Grams"\ndeclared_at = "When"\ntransport_mode = "Art"\n'
        'consignor_address = ["Strasse", "Ort"]\n[join]\nconsignor_address = ", "\n[scale]\nnet_mass_kg = 0.001\n'
        '[dates]\ndeclared_at = ["%d.%m.%Y", "%d.%m.%Y %H:%M"]\n[values.transport_mode]\nL = 4\nQ = ""\n'
        "[constants]\npackage_count = 1\nconsignor_known = true\n",
        decimal=",",
    )
    got = {name: column.to_list() for name, column in chunk.columns.items()}
    assert got["net_mass_kg"] == ["1,5005", "x", None]
    assert got["declared_at"] == ["2026-05-04T00:00:00Z", "heute", "2026-02-01T13:30:00Z"]
    assert got["transport_mode"] == ["4", None, None]
    assert got["consignor_address"] == ["Ring, Köln", "Weg", "Bonn"]
    assert got["package_count"] == ["1"] * 3
    assert got["consignor_known"] == ["true"] * 3


def test_a_time_zone_in_a_date_format_is_applied() -> None:
    chunk = read(
        "id2,t\nA,2026-05-04 01:00 +0900\n",
        '[columns]\nshipment_id = "id2"\ndeclared_at = "t"\n[dates]\ndeclared_at = "%Y-%m-%d %H:%M %z"\n',
    )
    assert chunk.columns["declared_at"].to_list() == ["2026-05-03T16:00:00Z"]


def test_scaling_is_exact_in_decimal() -> None:
    chunk = read(
        "id2,m\nA,1100\nB,3\nC,0.1\n",
        '[columns]\nshipment_id = "id2"\nnet_mass_kg = "m"\n[scale]\nnet_mass_kg = 0.001\n',
    )
    assert chunk.columns["net_mass_kg"].to_list() == ["1.1", "0.003", "0.0001"]


def test_unmapped_columns_are_recognised_by_field_name_but_not_by_alias() -> None:
    chunk = read(
        "Ref,HS Code,Weight,channel\nA,1,2,postal\n",
        '[columns]\nshipment_id = "Ref"\n[constants]\nchannel = "express"\n',
    )
    assert set(chunk.columns) == {"shipment_id", "hs_code", "channel"}
    assert chunk.columns["channel"].to_list() == ["express"]


def test_a_label_column_can_be_mapped() -> None:
    chunk = read(
        "Ref,Result\nA,CLEAN\nB,FEN\n",
        '[columns]\nshipment_id="Ref"\ncontent="Result"\n[values.content]\nCLEAN="none"\nFEN="fentanyl"\n',
    )
    assert chunk.columns["content"].to_list() == ["none", "fentanyl"]


@pytest.mark.parametrize(
    ("toml", "columns", "problem"),
    [
        ("[columns", None, "m.toml: TOML: "),
        ("[colums]\nx = 1", None, "colums: there is no such key; valid ones are files, columns"),
        ('[columns]\nhs = "HS"', None, "columns.hs: there is no such field; the nearest are 'hs_code'"),
        ("[columns]\nhs_code = 3", None, "columns.hs_code"),
        ('[columns]\nhs_code = ""', None, "columns.hs_code: a column name is empty"),
        (
            '[columns]\nhs_code = "HS Cod"',
            "Ref,HS Code",
            "columns.hs_code: the file has no column 'HS Cod'; the nearest are 'HS Code'",
        ),
        (
            '[columns]\nhs_code = "HS"\n[constants]\nhs_code = "1"',
            None,
            "constants.hs_code: the field also has a column",
        ),
        ('[join]\nhs_code = ";"', None, "join.hs_code: columns.hs_code is not a list"),
        ("[scale]\nhs_code = 2", None, "scale.hs_code: only numbers can be scaled"),
        ("[scale]\nnet_mass_kg = -1", None, "scale.net_mass_kg: a number above 0 is needed, got -1"),
        ("[scale]\nnet_mass_kg = nan", None, "scale.net_mass_kg: a number above 0 is needed"),
        ('[dates]\nnet_mass_kg = "%Y"', None, "dates.net_mass_kg: only times have a date format"),
        ('[dates]\ndeclared_at = "dd.mm.yyyy"', None, "dates.declared_at: a format such as %d.%m.%Y is needed"),
        ('[files]\ndecimal = "comma"', None, "files.decimal"),
        (
            '[files]\ndelimeter = ";"',
            None,
            "files.delimeter: there is no such key; valid ones are delimiter, encoding, decimal",
        ),
    ],
)
def test_an_invalid_mapping_is_refused_with_file_key_and_remedy(toml: str, columns: str | None, problem: str) -> None:
    message = refused(toml, columns)
    assert message.startswith("m.toml: ")
    assert problem in message


def test_a_missing_mapping_file_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"none\.toml: file: it cannot be read"):
        ColumnMapping.load(tmp_path / "none.toml")
