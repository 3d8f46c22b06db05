"""Invented shipments, chemicals and goods, for the documentation and the warm-up."""

from __future__ import annotations

from typing import Any, Final

EXAMPLE_SHIPMENT: Final[dict[str, Any]] = {
    "shipment_id": "HB-2026-000184",
    "filing_type": "ACAS_ECOM",
    "channel": "express",
    "transport_mode": "4",
    "declared_at": "2026-05-04T09:30:00Z",
    "export_country": "CN",
    "routing_countries": ["KR"],
    "loading_location": "CNPVG",
    "unloading_location": "USLAX",
    "carrier_id": "CK",
    "gross_mass_kg": 1.25,
    "package_count": 1,
    "package_type": "CT",
    "currency": "USD",
    "consignor": {"name": "Lianhe Novelty Trading", "address": "88 Example Road", "city": "Shanghai", "country": "CN"},
    "consignee": {
        "name": "Dana Example",
        "address": "12 Sample Street",
        "city": "Los Angeles",
        "postcode": "90012",
        "country": "US",
    },
    "items": [
        {
            "item_number": "1",
            "goods_description": "silicone phone case",
            "hs_code": "392690",
            "origin_country": "CN",
            "net_mass_kg": 1.1,
            "quantity": 10,
            "quantity_unit": "C62",
            "customs_value": 24.9,
        }
    ],
}
EXAMPLE_PRECURSOR: Final[dict[str, Any]] = {
    "shipment_id": "HB-2026-000187",
    "channel": "air_cargo",
    "declared_at": "2026-05-04T11:05:00Z",
    "export_country": "CN",
    "currency": "USD",
    "gross_mass_kg": 26,
    "consignor": {"name": "Qinghe Fine Chemical", "country": "CN", "account_opened_on": "2026-04-20"},
    "consignee": {"name": "Meridian Sample Imports", "city": "Guadalajara", "country": "MX"},
    "items": [
        {
            "goods_description": "N-phenethyl-4-piperidone",
            "cas_number": "39742-60-4",
            "hs_code": "293339",
            "net_mass_kg": 25,
            "customs_value": 4100,
        }
    ],
}

#: Queries about chemicals: example name -> (summary, text).
EXAMPLE_QUERIES: Final = {
    "listed": ("A listed opioid, by name", "fentanyl"),
    "unlisted": (
        "An analogue that no list names, by its systematic name",
        "N-(3-chlorophenyl)-N-[1-(2-phenylethyl)piperidin-4-yl]pentanamide",
    ),
    "harmless": ("A common chemical whose name is near that of a precursor", "2-piperidone"),
}

#: Goods descriptions: example name -> (summary, text, declared HS code or none).
EXAMPLE_GOODS: Final[dict[str, tuple[str, str, str | None]]] = {
    "fits": ("A description that fits its code", "mens cotton t-shirt", "610910"),
    "contradicted": ("A description that contradicts its code: citrus fruit", "brake pads", "080510"),
    "vague": ("A description that customs would reject", "gift", None),
    "chinese": ("A Chinese description", "硅胶手机壳", "3926909790"),
}
