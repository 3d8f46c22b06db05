from __future__ import annotations

import datetime as dt
import decimal
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.readers import Chunk, Piece, Unreadable, open_table


def read(path: Path, **options: Any) -> list[Chunk]:
    with open_table(path, **options) as reader:
        return list(reader)


def parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def jsonl(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8")
    return path


def test_parquet_values_are_converted_to_the_usual_text(tmp_path: Path) -> None:
    utc = dt.UTC
    table = pa.table(
        {
            "shipment_id": pa.array([1, 2, None], pa.int64()),
            "hs_code": pa.array([293339.0, None, 1.5]),
            "customs_value": pa.array([0.1, float("nan"), 1e-7]),
            "net_mass_kg": pa.array([0.1, 2.5, None], pa.float32()),
            "declared_at": pa.array(["2026-05-04 09:30", None, "2026-05-04 09:30:00.25"]).cast(pa.timestamp("us")),
            "consignor_account_opened_on": pa.array([dt.date(2024, 2, 11), None, None]),
            "inspected_at": pa.array(
                [dt.datetime(2026, 5, 4, 10, tzinfo=utc), None, None], pa.timestamp("ms", "Asia/Tokyo")
            ),
            "routing_countries": pa.array([["KR", "AE"], [], None]),
            "consignor_known": pa.array([True, False, None]),
            "channel": pa.array(["express", "postal", None]).dictionary_encode(),
            "consignor": pa.array([{"name": "Lianhe", "city": "Shanghai"}, None, {"name": None, "city": "Wuhan"}]),
            "freight_charge": pa.array([decimal.Decimal("1.50"), None, None]),
            "consignee_name": pa.array([b"caf\xc3\xa9", b"caf\xe9", None]),
            "agent_name": pa.nulls(3),
        }
    )
    (chunk,) = read(parquet(tmp_path / "m.parquet", table))
    got = {name: column.to_list() for name, column in chunk.columns.items()}
    assert got["shipment_id"] == ["1", "2", None]
    assert got["hs_code"] == ["293339", None, "1.5"]
    assert [float(text) for text in got["customs_value"] if text] == [0.1, 1e-7]
    assert got["customs_value"][1] is None
    assert got["net_mass_kg"] == ["0.1", "2.5", None]
    assert got["declared_at"] == ["2026-05-04T09:30:00", None, "2026-05-04T09:30:00.25"]
    assert got["inspected_at"] == ["2026-05-04T10:00:00Z", None, None]
    assert got["consignor_account_opened_on"] == ["2024-02-11", None, None]
    assert got["routing_countries"] == ["KR;AE", None, None]
    assert got["consignor_known"] == ["true", "false", None]
    assert got["channel"] == ["express", "postal", None]
    assert got["consignor_name"] == ["Lianhe", None, None]
    assert got["consignor_city"] == ["Shanghai", None, "Wuhan"]
    assert got["freight_charge"] == ["1.50", None, None]
    assert got["consignee_name"] == ["café", "café", None]
    assert got["agent_name"] == [None, None, None]
    assert chunk.lines.tolist() == [1, 2, 3]


def test_a_parquet_file_of_a_pandas_frame_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Shipment ID": ["A", "A", "B"], "HS Code": ["01", None, "02"], "Weight": [1.0, None, 2.5]})
    frame.to_parquet(tmp_path / "m.bin")
    (chunk,) = read(tmp_path / "m.bin")
    assert chunk.columns["hs_code"].to_list() == ["01", None, "02"]
    assert chunk.columns["gross_mass_kg"].to_list() == ["1", None, "2.5"]


def test_a_damaged_parquet_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = parquet(tmp_path / "m.parquet", pa.table({"shipment_id": ["A"], "hs_code": ["1"]}))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Unreadable, match="The Parquet file cannot be opened"):
        read(path)
    (tmp_path / "x.parquet").write_text("shipment_id,hs_code\nA,1\n")
    with pytest.raises(Unreadable, match="This is not a Parquet file"):
        read(tmp_path / "x.parquet")
    with pytest.raises(Unreadable, match="a header but no rows"):
        read(parquet(tmp_path / "e.parquet", pa.table({"shipment_id": pa.array([], pa.string())})))


def test_a_nested_shipment_becomes_one_row_per_item(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "m.jsonl",
        {
            "shipment_id": "A",
            "gross_mass_kg": 1.50,
            "routing_countries": ["KR", "AE"],
            "consignor": {"name": "Lianhe", "known": True},
            "items": [{"item_number": 1, "goods_description": "cup"}, {"item_number": 2, "goods_description": "mug"}],
            "extra": {"deep": [1, {"x": None}]},
        },
        {"shipment_id": "B", "goods_description": "hat", "consignor_name": "Flat Form", "late_key": 7},
    )
    (chunk,) = read(path)
    got = {name: column.to_list() for name, column in chunk.columns.items()}
    assert got["shipment_id"] == ["A", "A", "B"]
    assert got["goods_description"] == ["cup", "mug", "hat"]
    assert got["consignor_name"] == ["Lianhe", "Lianhe", "Flat Form"]
    assert got["consignor_known"] == ["true", "true", None]
    assert got["routing_countries"] == ["KR;AE", "KR;AE", None]
    assert got["item_number"] == ["1", "2", None]
    assert chunk.raw.column("extra").to_pylist()[0] == '{"deep": [1, {"x": null}]}'
    assert chunk.raw.column("late_key").to_pylist() == [None, None, "7"]
    assert chunk.lines.tolist() == [1, 1, 2]
    assert chunk.own is not None
    assert (chunk.own["gross_mass_kg"] or [])[0] == 1.5


def test_json_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "m.jsonl", '{"shipment_id": 12345678901234567890123, "customs_value": 1.10, "hs_code": "0101"}'
    )
    (chunk,) = read(path)
    assert chunk.columns["shipment_id"].to_list() == ["12345678901234567890123"]
    assert chunk.columns["customs_value"].to_list() == ["1.10"]


def test_an_invalid_line_is_rejected_with_its_number_and_reading_continues(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "m.ndjson",
        {"shipment_id": "A", "hs_code": "1"},
        '{"shipment_id": "B",',
        "",
        "[1, 2]",
        {"shipment_id": "C", "items": "none"},
        {"shipment_id": "D", "hs_code": "1"},
    )
    (chunk,) = read(path)
    assert chunk.columns["shipment_id"].to_list() == ["A", "D"]
    assert [(reject.line, reject.position) for reject in chunk.rejected] == [(2, 1), (4, 1), (5, 1)]
    assert chunk.rejected[0].reason.startswith("not JSON: ")
    assert chunk.rejected[1].reason == "not an object: a list"
    assert chunk.rejected[2].reason == "items: a list of goods items is needed, got a text"
    assert chunk.rejected[0].row == '{"shipment_id": "B",'


def test_json_lines_are_detected_by_content_and_may_be_compressed(tmp_path: Path) -> None:
    (tmp_path / "upload.txt").write_bytes(gzip.compress(b'{"shipment_id": "A", "hs_code": "1"}\n'))
    (chunk,) = read(tmp_path / "upload.txt")
    assert chunk.columns["shipment_id"].to_list() == ["A"]


def test_a_jsonl_file_without_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"No line is a JSON object \(not JSON"):
        read(jsonl(tmp_path / "m.jsonl", "nonsense", "more"))


def test_an_item_field_outside_the_items_is_ignored(tmp_path: Path) -> None:
    (chunk,) = read(
        jsonl(tmp_path / "m.jsonl", {"shipment_id": "A", "hs_code": "99", "items": [{"goods_description": "cup"}]})
    )
    assert "hs_code" not in chunk.columns


def test_an_unpaired_surrogate_is_rejected(tmp_path: Path) -> None:
    whole, half = '{"shipment_id": "A", "hs_code": "\\ud83d\\ude00"}', '{"shipment_id": "B", "x": [{"\\uDC00": 1}]}'
    (chunk,) = read(jsonl(tmp_path / "m.jsonl", whole, half))
    assert chunk.columns["hs_code"].to_list() == ["😀"]
    assert [(reject.line, reject.reason) for reject in chunk.rejected] == [(2, "not text: an unpaired surrogate")]


def test_each_line_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    lines = b'\xef\xbb\xbf{"shipment_id": "A"}\n\xef\xbb\xbf{"shipment_id": "B"}\n'
    (tmp_path / "m.jsonl").write_bytes(lines)
    (chunk,) = read(tmp_path / "m.jsonl")
    assert chunk.columns["shipment_id"].to_list() == ["A", "B"]


def test_values_of_one_key_may_have_different_types(tmp_path: Path) -> None:
    values = ["cup", 1.50, 7, True, None, ["a", 2, None], {"x": 1}, [[1]]]
    lines = [json.dumps({"shipment_id": str(n), "more": value}) for n, value in enumerate(values * 100)]
    (chunk,) = read(jsonl(tmp_path / "m.jsonl", *lines))
    texts = ["cup", "1.5", "7", "true", None, "a;2;", '{"x": 1}', "[[1]]"]
    assert chunk.raw.column("more").to_pylist() == texts * 100
    assert chunk.own is not None
    assert chunk.own["more"] == values * 100


def test_text_and_number_columns_keep_their_values_when_joined_and_split() -> None:
    texts = Piece(pa.table({"a": ["x", None], "b": ["y", ""]}), np.array([1, 2]), 10, own={"a": None, "b": None})
    numbers = Piece(pa.table({"a": ["3"], "b": ["z"]}), np.array([3]), 5, own={"a": [3], "b": None})
    joined = texts + numbers
    assert joined.own == {"a": ["x", None, 3], "b": None}
    first, rest = joined.split(1)
    assert (first.own, rest.own) == ({"a": ["x"], "b": None}, {"a": [None, 3], "b": None})
    assert (numbers + texts).own == {"a": [3, "x", None], "b": None}
