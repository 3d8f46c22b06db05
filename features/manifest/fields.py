"""The manifest's fields: the single definition for readers, table, JSON form, schema page and validation.

The flat name of a party's field is the level followed by the nested name: ``consignor`` + ``name`` gives ``consignor_name``.
Item and shipment fields have no prefix. Masses are in kilograms, times in UTC, and amounts in the shipment's currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Level(StrEnum):
    """Level of a field in the JSON form."""

    SHIPMENT = "shipment"
    CONSIGNOR = "consignor"
    CONSIGNEE = "consignee"
    ITEM = "item"
    LABEL = "label"


class Kind(StrEnum):
    """Kind of a value. It determines the normalisation (`features.table.normalise`)."""

    ID = "identifier"
    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    COUNTRY = "country"
    COUNTRIES = "countries"
    CURRENCY = "currency"
    LOCATION = "location"
    HS = "hs"
    CAS = "cas"
    CODE = "code"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Field:
    """Manifest field.

    ``name`` is the flat column name and ``key`` the name in its JSON object. ``codes`` contains the accepted values with their
    meanings if the list is closed.
    """

    name: str
    level: Level
    kind: Kind
    description: str
    example: str | float | int | bool | None = None
    unit: str | None = None
    codes: MappingProxyType[str, str] | None = field(default=None, hash=False)

    @property
    def key(self) -> str:
        if self.level in (Level.CONSIGNOR, Level.CONSIGNEE):
            return self.name.removeprefix(f"{self.level.value}_")
        return self.name


def _codes(**pairs: str) -> MappingProxyType[str, str]:
    return MappingProxyType({key.lstrip("_"): meaning for key, meaning in pairs.items()})


CHANNELS: Final = _codes(
    postal="international mail",
    express="express carrier",
    air_cargo="general air cargo",
    ocean="sea freight",
    truck="road freight",
    rail="rail freight",
)

# UN/ECE Recommendation 19. Customs data add a second digit (40, 10, ...) to the same codes.
TRANSPORT_MODES: Final = _codes(_1="sea", _2="rail", _3="road", _4="air", _5="mail")

# UPU EDI messaging standard, code list 136, as printed on the CN 23.
TRANSACTION_NATURES: Final = _codes(
    _11="sale of goods", _21="returned goods", _31="gift", _32="commercial sample", _91="documents", _99="other"
)

# Filings as in the customs data models listed in docs/manifest.md.
FILING_TYPES: Final = _codes(
    ACAS_STD="ACAS, standard air cargo",
    ACAS_EXP="ACAS, express",
    ACAS_ECOM="ACAS, e-commerce",
    ACAS_POST="ACAS, postal",
    **{f"ICS2_F{n}": f"ICS2 entry summary declaration F{n}" for n in (*range(20, 34), *range(40, 46))},
    ITMATT="UPU item attributes (postal)",
    T86="United States entry type 86",
    S321="United States section 321 manifest",
    T11="United States informal entry",
    T01="United States formal entry",
    CUSCAR="EDIFACT cargo report",
    CUSDEC="EDIFACT customs declaration",
    SAD="single administrative document",
)

CONTENTS: Final = _codes(
    none="inspected and clean",
    fentanyl="fentanyl",
    analogue="a fentanyl analogue",
    other_opioid="another synthetic opioid",
    precursor="a fentanyl precursor",
    equipment="tablet-press equipment",
    other_contraband="other contraband: neither a find nor clean",
)
#: Content that no head detects; it is not clean either.
OTHER_CONTRABAND: Final = "other_contraband"
CONTENT_LEVELS: Final = _codes(item="the find belongs to this item", shipment="the find belongs to no single item")
INSPECTIONS: Final = _codes(
    none="not inspected", random="selected at random", targeted="selected by a rule, a score or a lead"
)

_S, _R, _E, _I, _L = Level.SHIPMENT, Level.CONSIGNOR, Level.CONSIGNEE, Level.ITEM, Level.LABEL


def _party(level: Level, role: str, examples: tuple[str, ...]) -> tuple[Field, ...]:
    name, address, city, postcode, country, phone, email = examples
    p = level.value
    return (
        Field(f"{p}_name", level, Kind.TEXT, f"Name of the {role}", name),
        Field(f"{p}_address", level, Kind.TEXT, f"Street and number of the {role}", address),
        Field(f"{p}_city", level, Kind.TEXT, f"City of the {role}", city),
        Field(
            f"{p}_postcode", level, Kind.TEXT, f"Postcode of the {role}; kept as text, leading zeros matter", postcode
        ),
        Field(f"{p}_country", level, Kind.COUNTRY, f"Country of the {role}, ISO 3166-1 alpha-2", country),
        Field(f"{p}_phone", level, Kind.TEXT, f"Telephone number of the {role}", phone),
        Field(f"{p}_email", level, Kind.TEXT, f"E-mail address of the {role}", email),
    )


FIELDS: Final[tuple[Field, ...]] = (
    Field("shipment_id", _S, Kind.ID, "The shipment's own reference; required", "HB-2026-000184"),
    Field("master_id", _S, Kind.ID, "Master air waybill, dispatch or bill of lading", "999-12345675"),
    Field("house_id", _S, Kind.ID, "House air waybill, bill of lading or UPU S10 item identifier", "LK123456785CN"),
    Field("filing_type", _S, Kind.CODE, "Kind of filing that the record comes from", "ACAS_ECOM", codes=FILING_TYPES),
    Field("channel", _S, Kind.CODE, "Logistics channel", "express", codes=CHANNELS),
    Field(
        "transport_mode", _S, Kind.CODE, "Mode of transport at the border, UN/ECE Rec 19", "4", codes=TRANSPORT_MODES
    ),
    Field(
        "declared_at", _S, Kind.TIME, "Time at which the advance data was lodged, ISO 8601, UTC", "2026-05-04T09:30:00Z"
    ),
    Field("export_country", _S, Kind.COUNTRY, "Country of dispatch, ISO 3166-1 alpha-2", "CN"),
    Field("routing_countries", _S, Kind.COUNTRIES, "Countries passed on the way; `;`-separated in files", "KR"),
    Field("loading_location", _S, Kind.LOCATION, "Place of loading, UN/LOCODE (IATA codes are converted)", "CNPVG"),
    Field("unloading_location", _S, Kind.LOCATION, "Place of unloading, UN/LOCODE (IATA codes are converted)", "USLAX"),
    Field("carrier_id", _S, Kind.ID, "Carrier: IATA airline code, SCAC or postal operator", "CK"),
    Field("agent_name", _S, Kind.TEXT, "Freight agent or broker", "Harbour Gate Forwarding"),
    Field("marketplace", _S, Kind.TEXT, "Platform on which the goods were sold", "shop.example"),
    Field("transaction_nature", _S, Kind.CODE, "Nature of transaction, UPU list", "11", codes=TRANSACTION_NATURES),
    Field("gross_mass_kg", _S, Kind.NUMBER, "Gross mass of the shipment", 1.25, unit="kg"),
    Field("package_count", _S, Kind.NUMBER, "Number of packages", 1, unit="packages"),
    Field("package_type", _S, Kind.CODE, "Package type, UN/ECE Rec 21", "CT"),
    Field("freight_charge", _S, Kind.NUMBER, "Transport or postage charge", 14.5, unit="currency"),
    Field("currency", _S, Kind.CURRENCY, "Currency of all amounts of the shipment, ISO 4217", "USD"),
    *_party(
        _R,
        "consignor",
        (
            "Lianhe Novelty Trading",
            "88 Example Road",
            "Shanghai",
            "200120",
            "CN",
            "+86 21 5550 0100",
            "sales@lianhe.example",
        ),
    ),
    Field("consignor_account_opened_on", _R, Kind.TIME, "Day the carrier opened the consignor's account", "2024-02-11"),
    Field("consignor_known", _R, Kind.FLAG, "Whether the consignor is a verified known consignor", True),
    *_party(
        _E,
        "consignee",
        ("Dana Example", "12 Sample Street", "Los Angeles", "90012", "US", "+1 213 555 0100", "dana@mail.example"),
    ),
    Field("item_number", _I, Kind.ID, "The item's number within the shipment", "1"),
    Field("goods_description", _I, Kind.TEXT, "Goods as described on the manifest", "silicone phone case"),
    Field("declared_chemical", _I, Kind.TEXT, "Chemical as declared: name, CAS or structure", "citric acid"),
    Field("cas_number", _I, Kind.CAS, "CAS Registry Number", "77-92-9"),
    Field("cus_number", _I, Kind.ID, "EU customs union and statistics number (ECICS)", "0021321-5"),
    Field("hs_code", _I, Kind.HS, "Harmonized System code, 4 to 10 digits, exactly as declared", "392690"),
    Field("origin_country", _I, Kind.COUNTRY, "Country of origin of the goods, ISO 3166-1 alpha-2", "CN"),
    Field("net_mass_kg", _I, Kind.NUMBER, "Net mass of the item", 1.1, unit="kg"),
    Field("quantity", _I, Kind.NUMBER, "Number of units of the item", 10, unit="quantity_unit"),
    Field("quantity_unit", _I, Kind.CODE, "Unit of quantity, UN/ECE Rec 20", "C62"),
    Field("customs_value", _I, Kind.NUMBER, "Declared value of the item", 24.9, unit="currency"),
    Field("undg_number", _I, Kind.ID, "UN dangerous goods number", "1993"),
    Field("permit_number", _I, Kind.ID, "Import or export permit for the goods", "IP-2026-0042"),
    Field("content", _L, Kind.CODE, "Result of an inspection; blank if not known", "none", codes=CONTENTS),
    Field(
        "content_level",
        _L,
        Kind.CODE,
        "Whether the find belongs to the item or the shipment",
        "item",
        codes=CONTENT_LEVELS,
    ),
    Field("inspected_at", _L, Kind.TIME, "Time at which the result was known", "2026-05-06T15:00:00Z"),
    Field("inspection", _L, Kind.CODE, "Method by which the shipment was selected", "random", codes=INSPECTIONS),
    Field(
        "selection_probability", _L, Kind.NUMBER, "Probability with which the shipment was selected, in (0, 1]", 0.02
    ),
)

FIELD: Final[MappingProxyType[str, Field]] = MappingProxyType({field.name: field for field in FIELDS})
LABEL_NAMES: Final = tuple(field.name for field in FIELDS if field.level is Level.LABEL)
MANIFEST_NAMES: Final = tuple(field.name for field in FIELDS if field.level is not Level.LABEL)
ITEM_NAMES: Final = tuple(field.name for field in FIELDS if field.level is Level.ITEM)

#: Heads of the model in fixed order, and the contents that each head detects.
HEADS: Final[MappingProxyType[str, frozenset[str]]] = MappingProxyType(
    {
        "fentanyl_or_analogue": frozenset({"fentanyl", "analogue", "other_opioid"}),
        "precursor": frozenset({"precursor"}),
        "equipment": frozenset({"equipment"}),
    }
)
