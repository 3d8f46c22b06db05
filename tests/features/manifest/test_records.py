"""Tests of flat records: scoring and the domain types read JSON in the same way."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.manifest.fields import FIELDS, ITEM_NAMES, LABEL_NAMES, Kind
from features.manifest.records import FURTHER, HEAD_NAMES, Record, read_record
from features.manifest.shipment import Refused, record_of, shipment_of
from features.table.table import ManifestTable

RECEIPT = 1_790_000_000
_texts = st.sampled_from(
    ["", " ", "A  B", "A B", " mug\u00a0cup ", "CN", "china", "usd", "EUR", "XPF", "1,234.5", "-3", "1e13", "inf", "5.0",
     "2026-05-04", "2026-05-04T09:30:00Z", "2026-05-04 09:30+02:00", "2099-01-01", "4", "air", "392690", "3926.90.0",
     "77-92-9", "77-92-8", "USLAX", "lax", "yes", "express", "pigeon"]
)  # fmt: skip
_values = _texts | st.none() | st.booleans() | st.integers(-3, 10**7) | st.floats() | st.lists(_texts, max_size=2)
_items = st.dictionaries(
    st.sampled_from([*ITEM_NAMES, *LABEL_NAMES, FURTHER, "colour"]),
    _values | st.dictionaries(st.sampled_from(["Duty", "Office"]), _values, max_size=2),
    max_size=8,
).map(lambda item: {"goods_description": "ceramic mug"} | item)
_parties = st.dictionaries(st.sampled_from(["name", "country", "phone", "known", "nmae"]), _values, max_size=4)
_shipments = st.builds(
    lambda fields, sender, receiver, items, number: (
        {"shipment_id": f"S{number}"} | fields | {"consignor": sender, "consignee": receiver, "items": items}
    ),
    st.dictionaries(st.sampled_from([*HEAD_NAMES, FURTHER, "colour"]), _values, max_size=12),
    _parties | _texts,
    _parties,
    st.lists(_items, min_size=1, max_size=3),
    st.integers(0, 3),
)


def records_of(data: list[Any]) -> list[Record]:
    records = []
    for one in data:
        try:
            records.append(read_record(one))
        except Refused:
            continue
    return records


def rows(table: ManifestTable) -> list[tuple[Any, ...]]:
    """Return all values of each row, comparable between tables."""
    texts = [table.text(f.name).to_list() for f in FIELDS if f.kind not in (Kind.NUMBER, Kind.TIME)]
    numbers = [table.number(f.name).tolist() for f in FIELDS if f.kind is Kind.NUMBER]
    numbers += [table.usd(name).tolist() for name in ("customs_value", "freight_charge")]
    times = [table.seconds(f.name).tolist() for f in FIELDS if f.kind is Kind.TIME]
    others = [table.declared_s[table.shipment].tolist(), table.refused.tolist(), table.warning_texts()]
    refusals = [table.refusals().get(row) for row in range(table.n_rows)]
    return [
        tuple("missing" if value != value else value for value in row)
        for row in zip(*texts, *numbers, *times, *others, refusals, strict=True)
    ]


@given(st.lists(_shipments, max_size=4))
def test_reading_one_record_or_many_gives_the_same_rows(data: list[Any]) -> None:
    records = records_of(data)
    for number, record in enumerate(records):
        record.texts[0] = f"S{number}"
    together = ManifestTable.from_records(records, receipt=RECEIPT)
    alone = [ManifestTable.from_records([record], receipt=RECEIPT) for record in records]
    assert rows(together) == [row for table in alone for row in rows(table)]


@given(st.lists(_shipments, max_size=4))
def test_records_and_domain_shipments_give_the_same_table(data: list[Any]) -> None:
    records = records_of(data)
    again = [record_of(shipment_of(record)) for record in records]
    flat, domain = (ManifestTable.from_records(some, receipt=RECEIPT) for some in (records, again))
    assert rows(flat) == rows(domain)
    assert {name: column.to_list() for name, column in flat.raw.items()} == {
        name: column.to_list() for name, column in domain.raw.items()
    }
    assert [flat.further(name).to_list() for name in flat.further_names] == [
        domain.further(name).to_list() for name in domain.further_names
    ]


@given(st.lists(_shipments, min_size=1, max_size=4))
def test_records_and_their_columns_give_the_same_table(data: list[Any]) -> None:
    table = ManifestTable.from_records(records_of(data), receipt=RECEIPT)
    columns = ManifestTable.from_columns(table.raw, table.n_rows, receipt=RECEIPT)
    assert columns.shipment.tolist() == table.shipment.tolist()
    # Columns carry everything except the notes of a record.
    assert [(*row[:-2], row[-1]) for row in rows(columns)] == [(*row[:-2], row[-1]) for row in rows(table)]


@pytest.mark.parametrize("kind", [OrderedDict, MappingProxyType])
def test_any_mapping_type_is_read_as_an_object(kind: Any) -> None:
    item = kind({"goods_description": np.str_(" mug "), FURTHER: kind({"Duty": 5})})
    record = read_record(kind({"shipment_id": "S1", "consignee": kind({"name": "Dana"}), "items": [item]}))
    table = ManifestTable.from_records([record], receipt=RECEIPT)
    assert table.declared("goods_description").to_list() == ["mug"]
    assert table.declared("consignee_name").to_list() == ["Dana"]
    assert table.further("Duty").to_list() == ["5"]
    assert table.warning_texts() == [""]


def test_declared_texts_stay_as_written_and_absent_ones_are_none() -> None:
    record = read_record({"shipment_id": " A  1 ", "items": [{"goods_description": "mug"}, {"hs_code": "6911.10"}]})
    table = ManifestTable.from_records([record], receipt=RECEIPT)
    assert table.declared("shipment_id").to_list() == ["A  1", "A  1"]
    assert table.text("shipment_id").to_list() == ["A 1", "A 1"]
    assert table.declared("hs_code").to_list() == [None, "6911.10"]
    assert table.declared("currency").to_list() == [None, None]
