"""The party, route, filing and value groups, compared with plain implementations."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np
import pytest

from features.groups.base import Group, GroupInput
from features.groups.filing import FilingGroup
from features.groups.party import PartyGroup
from features.groups.route import RouteGroup
from features.groups.value import ValueGroup
from features.reference import usd_per_unit
from features.table.table import Coded, ManifestTable

NO_HISTORY = np.empty((0, 0))
POOLS: dict[str, tuple[str | None, ...]] = {
    "channel": ("postal", "express", "ocean", "truck", None),
    "transport_mode": ("1", "3", "4", "5", None),
    "filing_type": (None,),
    "declared_at": ("2014-03-05", "2024-02-29T23:59:59Z", "2026-01-01", "2026-03-31T12:00:00Z", "2055-01-01", None),
    "marketplace": ("Bazaar", None),
    "package_type": ("DR", "BX", "5h", None),
    "undg_number": ("2811", None),
    "house_id": ("RR473124829DE", "RR473124828DE", "rr 473124829 de", "H-1", None),
    "master_id": ("125-12345675", "125 12345671", "12512345675", "MAEU", None),
    "quantity": ("1", "12", "0", None),
    "quantity_unit": ("PCE", None),
    "customs_value": ("0", "790", "799.99", "148", "100", "20", "3.5", None),
    "freight_charge": ("12", "0", None),
    "currency": ("USD", "EUR", "XAU", None),
    "net_mass_kg": ("0.5", "25", "0", None),
    "gross_mass_kg": ("0.7", "30", "0", None),
    "package_count": ("1", "3", "0", None),
    "hs_code": ("610910", "610990", "3926", "392690", "290511", None),
    "origin_country": ("CN", "HK", "US", None),
    "export_country": ("CN", "HK", "DE", None),
    "consignor_country": ("CN", "HK", "CA", None),
    "consignee_country": ("US", "DE", None),
    "loading_location": ("CNPVG", "HKHKG", "PVG", None),
    "unloading_location": ("USLAX", "DEFRA", "JFK", None),
    "routing_countries": ("KR", "CN;HK", "US", "KR;CN", None),
    "carrier_id": ("DHL", "MAEU", None),
    "consignor_name": ("Example Chem Co Ltd", "Ann Lee", "ＡＮＮ ＬＥＥ", "\u0301", "Jürgen Lab", None),
    "consignee_name": ("ANN LEE", "jurgen lab", "Po Box Forwarding", "University of X", None),
    "consignor_address": ("1 Road", None),
    "consignee_address": ("Flat 5, Long Road", "Warehouse Lane", "Straße ٣", "#b", None),
    "consignor_phone": ("+86 755 1", "0044 20 1", "+1 212", "555", None),
    "consignee_phone": ("5", None),
    "consignor_email": ("a@gmail.com", "a@GMX.de", "a@example.com", None),
    "consignee_email": ("b@example.com", None),
    "consignee_postcode": ("90210", "90210-1234", "SW1A 1AA", None),
    "consignor_known": ("true", "false", None),
    "consignor_account_opened_on": ("2020-01-01", "2025-12-30", "2026-03-31", "2060-01-01", "0001-01-01", None),
    "transaction_nature": ("31", "32", "21", "11", None),
    "agent_name": ("Agent", None),
}


def table(n: int, seed: int, **override: tuple[str | None, ...]) -> ManifestTable:
    rng = np.random.default_rng(seed)
    columns: dict[str, list[str | None]] = {
        name: [pool[i] for i in rng.integers(0, len(pool), n)] for name, pool in (POOLS | override).items()
    }
    columns["shipment_id"] = [f"S{i}" for i in np.cumsum(rng.random(n) < 0.6)]
    columns["goods_description"] = ["goods"] * n
    return ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, n, receipt=2_700_000_000)


def groups() -> list[Group]:
    found: list[Group] = [PartyGroup(), RouteGroup(), FilingGroup(), ValueGroup()]
    for group in found:
        group.fit(table(400, 99, currency=("USD",)))
    return found


GROUPS = groups()
IDS = [group.name for group in GROUPS]


def columns_of(group: Group, rows: ManifestTable) -> dict[str, list[float]]:
    matrix = group.transform(rows, NO_HISTORY)
    return {feature.name: matrix[:, at].tolist() for at, feature in enumerate(group.features)}


@pytest.mark.parametrize("group", GROUPS, ids=IDS)
def test_one_shipment_and_many_have_equal_features_to_the_last_bit(group: Group) -> None:
    rows = table(250, 1)
    whole = group.transform(rows, NO_HISTORY)
    for shipment in range(rows.n_shipments):
        own = np.flatnonzero(rows.shipment == shipment)
        alone = group.transform(rows.take(own), NO_HISTORY)
        assert np.array_equal(alone.view(np.int64), whole[own].view(np.int64))


@pytest.mark.parametrize("group", GROUPS, ids=IDS)
def test_all_columns_are_overwritten_and_no_others(group: Group) -> None:
    rows = table(60, 2)
    wide = np.full((60, len(group.features) + 2), 123.25)
    group.fill(GroupInput(rows, group.texts), NO_HISTORY, wide[:, 1:-1])
    assert np.array_equal(wide[:, 1:-1], group.transform(rows, NO_HISTORY), equal_nan=True)
    assert not (wide[:, 1:-1] == 123.25).any()
    assert (wide[:, [0, -1]] == 123.25).all()
    assert group.transform(table(0, 0), NO_HISTORY).shape == (0, len(group.features))


def same(found: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(found, expected)


def text(rows: ManifestTable, name: str) -> list[str | None]:
    return rows.text(name).to_list()


def agree(left: list[str | None], right: list[str | None]) -> list[float]:
    return [math.nan if a is None or b is None else float(a == b) for a, b in zip(left, right, strict=True)]


def test_party_columns_equal_a_plain_implementation() -> None:
    rows = table(300, 3)
    found = columns_of(GROUPS[0], rows)
    opened, declared = rows.seconds("consignor_account_opened_on"), rows.declared_s[rows.shipment]
    known = opened > np.iinfo(np.int64).min
    days = [max(int(d) - int(o), 0) // 86400 for o, d in zip(opened, declared, strict=True)]
    same(found["account_age_days"], [float(d) if k else math.nan for d, k in zip(days, known, strict=True)])
    same(found["account_age_missing"], (~known).astype(float).tolist())
    same(
        found["consignor_known"],
        [{"true": 1.0, "false": 0.0}.get(v or "", math.nan) for v in text(rows, "consignor_known")],
    )
    phones, emails = text(rows, "consignor_phone"), text(rows, "consignor_email")
    contacts = zip(phones, emails, strict=True)
    same(found["consignor_contact"], [float(p is not None) + float(e is not None) for p, e in contacts])
    free = {"a@gmail.com": 1.0, "a@GMX.de": 1.0, "a@example.com": 0.0}
    same(found["consignor_free_mail"], [free.get(e or "", math.nan) for e in emails])
    codes = {"+86 755 1": ("CN",), "0044 20 1": ("GB",), "+1 212": ("US", "CA")}
    same(
        found["phone_country_contradicts"],
        [
            float(country not in codes[phone]) if phone in codes and country is not None else math.nan
            for phone, country in zip(phones, text(rows, "consignor_country"), strict=True)
        ],
    )
    faults = {"90210": 0.0, "90210-1234": 0.0, "SW1A 1AA": 1.0}
    same(
        found["postcode_malformed"],
        [
            faults.get(code or "", math.nan) if country == "US" else math.nan
            for code, country in zip(text(rows, "consignee_postcode"), text(rows, "consignee_country"), strict=True)
        ],
    )
    plain = {
        "Ann Lee": "ann lee",
        "ＡＮＮ ＬＥＥ": "ann lee",
        "ANN LEE": "ann lee",
        "Jürgen Lab": "jurgen lab",
        "\u0301": None,
    }
    senders = [plain.get(v, v) if v else None for v in text(rows, "consignor_name")]
    receivers = [plain.get(v, v) if v else None for v in text(rows, "consignee_name")]
    same(found["same_name"], agree(senders, receivers))
    assert {1.0, 0.0} <= set(found["same_name"])
    company = [None if v is None else "Co" in v.split() or "Lab" in v.split() for v in text(rows, "consignor_name")]
    same(found["consignor_company"], [math.nan if c is None else float(c) for c in company])
    gift = [float(v == "31") for v in text(rows, "transaction_nature")]
    same(found["gift_claimed"], gift)
    same(found["gift_from_company"], [g * bool(c) for g, c in zip(gift, company, strict=True)])
    forwards = zip(text(rows, "consignee_name"), text(rows, "consignee_address"), strict=True)
    same(
        found["consignee_forwarder"],
        [
            math.nan
            if name is None and address is None
            else float(name == "Po Box Forwarding" or address == "Warehouse Lane")
            for name, address in forwards
        ],
    )
    units = {"Flat 5, Long Road": (1.0, 1.0), "Warehouse Lane": (0.0, 0.0), "Straße ٣": (1.0, 0.0), "#b": (0.0, 1.0)}
    addresses = [units.get(v or "", (math.nan, math.nan)) for v in text(rows, "consignee_address")]
    same(found["consignee_address_number"], [number for number, _ in addresses])
    same(found["consignee_unit"], [unit for _, unit in addresses])


def test_route_columns_equal_a_plain_implementation() -> None:
    rows = table(300, 4)
    group = GROUPS[1]
    assert isinstance(group, RouteGroup)
    found = columns_of(group, rows)
    origin, export, consignor, consignee = (
        text(rows, f"{name}_country") for name in ("origin", "export", "consignor", "consignee")
    )
    loading = [v[:2] if v else None for v in text(rows, "loading_location")]
    unloading = [v[:2] if v else None for v in text(rows, "unloading_location")]
    same(found["origin_is_export"], agree(origin, export))
    same(found["export_is_consignor"], agree(export, consignor))
    same(found["origin_is_consignor"], agree(origin, consignor))
    same(found["loading_is_export"], agree(loading, export))
    same(found["unloading_is_consignee"], agree(unloading, consignee))
    same(found["origin_missing"], [float(v is None) for v in origin])
    passed = [v.split(";") if v else [] for v in text(rows, "routing_countries")]
    same(found["routing_countries"], [float(len(v)) for v in passed])
    ends = zip(origin, export, consignor, consignee, strict=True)
    same(found["routing_third_country"], [float(not set(v) <= set(e)) for v, e in zip(passed, ends, strict=True)])
    chapters = [v[:2] if v else None for v in text(rows, "hs_code")]
    for name, left, right in (
        ("lane", text(rows, "loading_location"), text(rows, "unloading_location")),
        ("goods", export, chapters),
        ("carrier", text(rows, "channel"), text(rows, "carrier_id")),
    ):
        shares = group.log_share_[name]
        column = {"lane": "trade_lane_share", "goods": "export_chapter_share", "carrier": "channel_carrier_share"}[name]
        expected = [shares.get(f"{a}|{b}", math.nan) for a, b in zip(left, right, strict=True)]
        same(found[column], expected)
        assert np.isfinite(expected).any()


def test_a_trade_lane_outside_the_fit_window_has_no_share() -> None:
    seen = {"loading_location": ("CNPVG",), "unloading_location": ("USLAX",)}
    group = RouteGroup()
    group.fit(table(20, 0, **seen))
    shares = columns_of(group, table(5, 0, **seen))["trade_lane_share"]
    assert shares == [0.0] * 5
    assert np.isnan(
        columns_of(group, table(5, 0, **seen | {"unloading_location": ("DEFRA",)}))["trade_lane_share"]
    ).all()


def test_a_mailing_bag_is_not_an_industrial_package() -> None:
    kinds = {"BG": 0.0, "CT": 0.0, "SA": 1.0, "5M": 1.0, "DR": 1.0}
    for kind, industrial in kinds.items():
        found = columns_of(FilingGroup(), table(20, 0, package_type=(kind,), channel=("postal",)))
        assert found["package_industrial"] == found["package_industrial_parcel"] == [industrial] * 20


def test_filing_columns_equal_a_plain_implementation() -> None:
    rows = table(300, 5)
    found = columns_of(GROUPS[2], rows)
    channel, mode = text(rows, "channel"), text(rows, "transport_mode")
    places = ("postal", "express", "air_cargo", "ocean", "truck", "rail")
    same(found["channel"], [float(places.index(v)) if v else math.nan for v in channel])
    fits = {"postal": "1345", "express": "34", "ocean": "1", "truck": "3"}
    same(
        found["mode_contradicts_channel"],
        [math.nan if c is None or m is None else float(m not in fits[c]) for c, m in zip(channel, mode, strict=True)],
    )
    package = [float(v in ("DR", "5H")) for v in text(rows, "package_type")]
    same(found["package_industrial"], package)
    parcel = [p * (c in ("postal", "express")) for p, c in zip(package, channel, strict=True)]
    same(found["package_industrial_parcel"], parcel)
    house = {"RR473124829DE": 0.0, "rr 473124829 de": 0.0, "RR473124828DE": 1.0}
    same(found["house_id_check_failed"], [house.get(v or "", math.nan) for v in text(rows, "house_id")])
    master = {"125-12345675": 0.0, "125 12345671": 1.0, "12512345675": 0.0}
    same(found["master_id_check_failed"], [master.get(v or "", math.nan) for v in text(rows, "master_id")])
    usual = (
        "goods_description", "hs_code", "currency", "origin_country", "export_country", "consignor_name",
        "consignor_address", "consignee_name", "consignee_address", "consignee_postcode",
    )  # fmt: skip
    missing = np.isnan(rows.number("customs_value")) + np.isnan(rows.number("gross_mass_kg")).astype(float)
    same(found["fields_missing"], (missing + sum(np.array([v is None for v in text(rows, n)]) for n in usual)).tolist())
    quantity = ~np.isnan(rows.number("quantity"))
    with_unit = [float(q and u is not None) for q, u in zip(quantity, text(rows, "quantity_unit"), strict=True)]
    same(found["quantity_with_unit"], with_unit)


def log(value: float) -> float:
    return float(np.log(value)) if value > 0 else math.nan


def test_value_columns_equal_a_plain_implementation() -> None:
    rows = table(300, 6)
    group = GROUPS[3]
    assert isinstance(group, ValueGroup)
    found = columns_of(group, rows)
    usd, net, gross = rows.usd("customs_value"), rows.number("net_mass_kg"), rows.number("gross_mass_kg")
    hs, freight = text(rows, "hs_code"), rows.usd("freight_charge")
    for row in range(rows.n_rows):
        own = np.flatnonzero(rows.shipment == rows.shipment[row])
        mass = gross[row] / len(own) if math.isnan(net[row]) else net[row]
        total = sum(round(usd[i] * 100) for i in own if not math.isnan(usd[i])) / 100
        day = datetime.fromtimestamp(int(rows.declared_s[rows.shipment[row]]), UTC).date()
        rate = usd_per_unit("EUR", day)
        below = 760 <= total < 800 or (rate is not None and 142.5 <= total / rate < 150)
        amount = rows.number("customs_value")[row]
        logs = {"value_per_kg": log(usd[row]) - log(mass), "value": log(usd[row]), "mass": log(mass)}
        expected = {
            "value_missing": float(math.isnan(usd[row])),
            "value_per_kg": logs["value_per_kg"],
            "mass_per_unit": log(mass) - log(rows.number("quantity")[row]),
            "freight_to_value": log(freight[row]) - log(total),
            "value_below_threshold": float(below),
            "value_round": math.nan if math.isnan(amount) else float(sum(amount % n == 0 for n in (1, 10, 100))),
            "shipment_items": float(len(own)),
            "package_count": float(np.log1p(rows.number("package_count")[row])),
            "mass_per_package": log(gross[own[0]]) - log(rows.number("package_count")[own[0]]),
        }
        for name, value in logs.items():
            median, spread = group.usual(name, hs[row] or "") or (math.nan, math.nan)
            expected[f"{name}_unusual"] = float(np.clip((value - median) / spread, -20, 20))
        for name, value in expected.items():
            np.testing.assert_equal(found[name][row], value, err_msg=f"{name} of row {row}")
    assert max(found["value_below_threshold"]) == 1.0
    assert np.array_equal(
        rows.amounts.mass,
        np.where(np.isnan(net), gross / np.bincount(rows.shipment)[rows.shipment], net),
        equal_nan=True,
    )


def test_the_euro_threshold_uses_the_rate_of_the_current_month() -> None:
    december, january = (usd_per_unit("EUR", date(year, month, 1)) for year, month in ((2022, 12), (2023, 1)))
    assert december is not None
    assert january is not None
    assert december < january
    # The value is just above 150 euros at December's rate, and just below at January's.
    rows = ManifestTable.from_columns(
        {
            name: Coded.from_list(values)
            for name, values in {
                "shipment_id": ["1", "2"],
                "goods_description": ["goods", "goods"],
                "currency": ["USD", "USD"],
                "customs_value": [f"{150 * december + 0.02:.2f}"] * 2,
                "declared_at": ["2022-12-31T23:59:59Z", "2023-01-01T00:00:00Z"],
            }.items()
        },
        2,
        receipt=1_780_000_000,
    )
    assert columns_of(GROUPS[3], rows)["value_below_threshold"] == [0.0, 1.0]


def test_amounts_of_a_table_are_computed_once() -> None:
    rows = table(10, 0)
    assert rows.amounts is rows.amounts
