"""Key matrices: hashed data, mixing of hashes, and rounding of amounts. Saved snapshots depend on all of these."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.history.address import plain_areas, plain_contacts, plain_names, plain_postcodes, split_addresses
from features.groups.history.keys import history_keys
from features.groups.history.state import CONTACTS, Entity, KeyRow, key_row
from features.table.table import Coded, ManifestTable
from tests.effort import examples

WORD = (1 << 64) - 1
COLUMNS = tuple(contact.label for contact in CONTACTS)


def digest(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little", signed=True) if text else 0


def mixed(*parts: int) -> int:
    """Return the parts mixed with SplitMix64's finaliser, as a signed number; 0 if the second part is missing."""
    if not parts[1]:
        return 0
    word = 0x9E3779B97F4A7C15
    for part in parts:
        word = (word ^ part & WORD) * 0xBF58476D1CE4E5B9 & WORD
        word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
        word ^= word >> 31
    return (word or 1) - (word >> 63 << 64)


def expected(row: dict[str, str], cents: int, grams: int, press: int) -> dict[int, int]:
    """Return the expected keys of a shipment of one goods item by row of the key matrix."""
    code = row.pop("hs_code")
    heading = int(code[:4] or 0)
    name = {field: digest(plain_names([row[field]])[0]) for field in row}
    building, unit = (digest(part.encode()) for (part,) in split_addresses([row["consignee_address"]]))
    country, place = (
        name["consignee_country"],
        digest(plain_postcodes([row["consignee_postcode"]])[0]) or name["consignee_city"],
    )
    consignor_name, consignee_name = name["consignor_name"], name["consignee_name"]
    contacts = [digest(plain_contacts([row[field]])[0]) for field in COLUMNS]
    consignor = mixed(1, consignor_name, name["consignor_country"], 0, 0)
    consignee = mixed(2, consignee_name, place, country, 0)
    address = mixed(3, building, unit, place, country)
    building_key = mixed(4, building, 0, place, country)
    trade_lane = mixed(5, name["export_country"] if country else 0, country, name["channel"], 0)
    city = name["consignee_city"] or digest(plain_areas([row["consignee_postcode"]])[0])
    consignor_city = mixed(106, consignor, city, country) if city else 0
    pair = mixed(101, consignor, consignee, 0) if consignee else 0
    of_chapter = mixed(107, consignor, heading // 100, 0) if heading else 0
    of_heading = mixed(108, consignor, heading, 0) if heading else 0
    city_heading = mixed(110, city, country, heading) if heading else 0
    of_contacts = [mixed(kind, contact, 0, 0, 0) for kind, contact in enumerate(contacts, start=6)]
    identity = mixed(105, cents + 1, grams, press)
    for key in (
        consignor, consignee, address, building_key, trade_lane, consignor_city, city_heading, of_heading, *of_contacts,
    ):  # fmt: skip
        identity ^= key
    return {
        KeyRow.REFERENCE: digest(row["shipment_id"].encode()),
        KeyRow.IDENTITY: identity,
        KeyRow.CENTS: cents,
        KeyRow.GRAMS: grams,
        KeyRow.PRESS: press,
        KeyRow.CONSIGNOR_NAME: consignor_name,
        KeyRow.CONSIGNEE_NAME: consignee_name,
        key_row(Entity.CONSIGNOR): consignor,
        key_row(Entity.CONSIGNEE): consignee,
        key_row(Entity.ADDRESS): address,
        KeyRow.CODED: int(heading > 0),
        KeyRow.CHEMISTRY: int(heading // 100 in (28, 29, 38)),
        key_row(Entity.PAIR): pair,
        key_row(Entity.CONSIGNOR_CITY): consignor_city,
        key_row(Entity.CONSIGNOR_CHAPTER): of_chapter,
        key_row(Entity.CONSIGNOR_HEADING): of_heading,
        key_row(Entity.PAIR_HEADING): mixed(109, pair, heading, 0) if heading else 0,
        key_row(Entity.CITY_HEADING): city_heading,
        key_row(Entity.TRADE_LANE): trade_lane,
        key_row(Entity.CONSIGNOR_TRADE_LANE): mixed(104, consignor, trade_lane, 0) if trade_lane else 0,
        key_row(Entity.BUILDING): building_key,
        key_row(Entity.OCCUPANT): mixed(102, address, consignee_name, 0) if consignee_name else 0,
        key_row(Entity.CONSIGNOR_ADDRESS): mixed(103, consignor, address, 0) if address else 0,
        **{key_row(contact): key for contact, key in zip(CONTACTS, of_contacts, strict=True)},
    }


def table(rows: list[dict[str, str]]) -> ManifestTable:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: Coded.from_list([row.get(name) for row in rows]) for name in names}
    return ManifestTable.from_columns(columns, len(rows), receipt=1_800_000_000)


_name = st.sampled_from(["", "Café Ñandú, Ltd.", "Lianhe Chem", "北京化工", "O'Neil & Sons"])
_contact = st.sampled_from(["", "+1 (213) 555-0100", "Sales@Lianhe.Example", "n/a"])
_row = st.fixed_dictionaries(
    {
        "consignor_name": _name,
        "consignor_country": st.sampled_from(["", "CN", "MX"]),
        "consignee_name": _name,
        "consignee_address": st.sampled_from(["", "12 Main Street, Apt. 4-B", "P.O. Box 88", "Hauptstraße 5"]),
        "consignee_postcode": st.sampled_from(["", "90012-1234", "SW1A 1AA"]),
        "consignee_city": st.sampled_from(["", "Los Angeles"]),
        "consignee_country": st.sampled_from(["", "US", "DE"]),
        "export_country": st.sampled_from(["", "CN", "SG"]),
        "channel": st.sampled_from(["", "postal"]),
        "hs_code": st.sampled_from(["", "2905", "293339", "6109", "0302110000"]),
        **dict.fromkeys(COLUMNS, _contact),
    }
)


@examples(60)
@given(st.lists(_row, min_size=1, max_size=30))
def test_keys_are_equal_in_bulk_in_parts_and_one_by_one(rows: list[dict[str, str]]) -> None:
    rows = [{**row, "shipment_id": f"H-{i}", "goods_description": "mug"} for i, row in enumerate(rows)]
    whole = table(rows)
    keys = history_keys(whole)
    for i, row in enumerate(rows):
        declared = {name: text for name, text in row.items() if name != "goods_description"}
        wanted = expected(declared, 0, 0, 0)
        assert {key: int(keys[key, i]) for key in wanted} == wanted
    # A part of a table shares all texts of the full table.
    singles = [history_keys(whole.take(np.array([i]))) for i in range(len(rows))]
    alone = [history_keys(table([row])) for row in rows]
    half = history_keys(whole.take(np.arange(len(rows) // 2)))
    assert np.array_equal(np.concatenate(singles, axis=1), keys)
    assert np.array_equal(half, keys[:, : len(rows) // 2])
    assert np.array_equal(np.concatenate(alone, axis=1)[KeyRow.REFERENCE :], keys[KeyRow.REFERENCE :])


@pytest.mark.parametrize(
    ("dollars", "cents"),
    [("0", 0), ("0.005", 0), ("0.015", 2), ("0.025", 2), ("12.345", 1234), ("1e9", 10**11), ("999999999999", 10**12)],
)
def test_amounts_are_rounded_half_to_even_and_bounded(dollars: str, cents: int) -> None:
    assert round(float(dollars) * 100) == cents or cents == 10**12
    row = {"shipment_id": "1", "goods_description": "mug", "customs_value": dollars, "currency": "USD"}
    assert int(history_keys(table([row]))[KeyRow.CENTS, 0]) == cents


def test_amounts_of_goods_items_add_up_and_a_gross_mass_replaces_their_net_masses() -> None:
    item = {"shipment_id": "1", "goods_description": "mug", "currency": "USD"}
    rows = [
        {**item, "customs_value": "1.25", "net_mass_kg": "0.5", "hs_code": "847990"},
        {**item, "customs_value": "2.5", "net_mass_kg": "0.25", "hs_code": "820730"},
        {**item, "shipment_id": "2", "net_mass_kg": "0.5", "gross_mass_kg": "0.75", "hs_code": "691110"},
    ]
    keys = history_keys(table(rows))
    assert keys[[KeyRow.CENTS, KeyRow.GRAMS, KeyRow.PRESS]].T.tolist() == [[375, 750, 2], [0, 750, 0]]


def test_the_limit_of_the_european_union_follows_the_month_and_others_have_the_usual_one() -> None:
    times = ["2015-01-31T23:59:59Z", "2015-02-01T00:00:00Z", "2015-02-01T00:00:00Z", "1995-06-01T00:00:00Z"]
    rows = [
        {"shipment_id": str(i), "goods_description": "mug", "declared_at": time, "consignee_country": country}
        for i, (time, country) in enumerate(zip(times, ("DE", "FR", "US", "DE"), strict=True))
    ]
    limits = history_keys(table(rows))[KeyRow.LIMIT].tolist()
    # Euro reference rates of January and February 2015; without one, in 1995, one dollar counts as one euro.
    assert limits == [17_432, 17_025, 80_000, 15_000]
