"""Recognition of manifest fields by input column names.

A field is matched to a column by, in this order:

1. the exact name of the field;
2. the same letters and digits in another spelling: ``HS Code``, ``hs-code``, ``HSCODE`` and ``HsCode`` match ``hs_code``;
3. an alias in the table below. An alias is a guess. It is used only if the first two rules find no column, and it is reported
   (`Recognition.guessed`).

A unit is part of the name (``Gross Mass (kg)`` matches ``gross_mass_kg``). A column in pounds or grams therefore does not
match, and needs a mapping that converts it.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from features.manifest.fields import FIELD, FIELDS

#: Fields, each followed by its aliases in descending likelihood. `shipment_id` is the first field, so a house document number
#: is the shipment's reference if there is no better column, and otherwise the ``house_id``.
_TABLE: Final = """
shipment_id                 shipment shipment_number shipment_no shipment_ref shipment_reference consignment_id
                            consignment_number consignment parcel_id declaration_id declaration_number entry_number id
                            reference hawb hawb_number house_awb house_airwaybill house_air_waybill house_bill
                            tracking_number tracking_no tracking_id
master_id                   mawb mawb_number master_awb master_airwaybill master_air_waybill master_bill mbl
house_id                    hawb hawb_number house_awb house_airwaybill house_air_waybill house_bill hbl tracking_number
                            tracking_no tracking_id s10 item_id
filing_type                 filing entry_type message_type
channel                     logistics_channel service_channel
transport_mode              mode_of_transport mode transport
declared_at                 declared_on declaration_date declaration_time filing_date filed_at date datetime timestamp
                            arrival_date
export_country              country_of_export country_of_dispatch country_of_departure departure_country
                            dispatch_country exporting_country
routing_countries           routing countries_of_routing transit_countries
loading_location            port_of_loading place_of_loading loading_port airport_of_departure pol
unloading_location          port_of_unloading place_of_unloading port_of_discharge discharge_port unloading_port
                            airport_of_arrival pod
carrier_id                  carrier carrier_code airline scac
agent_name                  agent forwarder freight_forwarder broker declarant declarant_name
marketplace                 platform website
transaction_nature          nature_of_transaction transaction_type nature_of_goods
gross_mass_kg               gross_weight_kg gross_mass gross_weight weight_kg weight mass_kg mass total_weight
package_count               packages number_of_packages package_quantity pieces colli
package_type                type_of_packages kind_of_packages packaging
freight_charge              freight freight_charges postage shipping_cost transport_charge
currency                    currency_code value_currency invoice_currency
consignor_account_opened_on account_opened_on account_opened consignor_account_opened
consignor_known             known_consignor known_shipper
item_number                 item_no line_number line_no item_sequence sequence_number
goods_description           description_of_goods description item_description cargo_description commodity_description
                            goods contents product_description
declared_chemical           chemical chemical_name substance_name
cas_number                  cas cas_no cas_rn cas_registry_number
cus_number                  cus cus_no cus_code
hs_code                     hs hs6 hs6_code hs_number hts hts_code hts_number tariff_code tariff_number commodity_code
                            harmonized_code harmonised_code cn_code
origin_country              country_of_origin origin coo
net_mass_kg                 net_weight_kg net_mass net_weight
quantity                    qty units number_of_units
quantity_unit               unit_of_quantity unit uom unit_of_measure
customs_value               declared_value value item_value goods_value invoice_value item_price statistical_value
undg_number                 undg un_number un_no dangerous_goods_number
permit_number               permit permit_no licence_number license_number
"""

_ROLES: Final = {
    "consignor": ("consignor", "shipper", "sender", "exporter", "seller"),
    "consignee": ("consignee", "receiver", "recipient", "addressee", "importer", "buyer"),
}
#: Forms of party columns. ``{}`` stands for a word for the role, as in shipper_name and name_of_shipper.
_PARTY_FORMS: Final = {
    "name": ("{}_name", "{}", "name_of_{}", "{}_company"),
    "address": ("{}_address", "address_of_{}", "{}_street", "{}_address_line_1", "{}_street_address"),
    "city": ("{}_city", "city_of_{}", "{}_town"),
    "postcode": ("{}_postcode", "{}_postal_code", "{}_zip", "{}_zip_code", "postcode_of_{}"),
    "country": ("{}_country", "{}_country_code", "country_of_{}"),
    "phone": ("{}_phone", "{}_telephone", "{}_phone_number", "{}_tel"),
    "email": ("{}_email", "{}_mail", "email_of_{}"),
}


def _aliases() -> dict[str, tuple[str, ...]]:
    aliases: dict[str, list[str]] = {}
    words: list[str] = []
    for line in _TABLE.strip().splitlines():
        first, *more = line.split()
        if line.startswith(" "):
            words += (first, *more)
        else:
            words = aliases[first] = more
    for level, roles in _ROLES.items():
        for key, forms in _PARTY_FORMS.items():
            names = [form.format(role) for role in roles for form in forms]
            aliases[f"{level}_{key}"] = [name for name in names if name != f"{level}_{key}"]
    return {name: tuple(aliases[name]) for name in FIELD if name in aliases}


#: Field -> aliases in descending likelihood, in the order of the manifest.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(_aliases())


def squeeze(name: str) -> str:
    """Return the letters and digits of a column name in one case."""
    return "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char.isalnum())


_BY_SPELLING: Final = {squeeze(item.name): item.name for item in FIELDS}
_BY_ALIAS: Final = {name: [squeeze(alias) for alias in aliases] for name, aliases in ALIASES.items()}


@dataclass(frozen=True, slots=True)
class Recognition:
    """Assignment of input columns to fields.

    Attributes:
        position: field -> index of its input column.
        guessed: field -> input column name, for columns that match by alias.
        notes: remarks for the user on duplicate names and on columns with a lower priority than another one.
    """

    position: Mapping[str, int]
    guessed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def recognise(names: Sequence[str], *, guess: bool = True, taken: frozenset[int] = frozenset()) -> Recognition:
    """Recognise manifest fields among input column names. Among equal names, the first one counts.

    Args:
        guess: whether aliases are allowed.
        taken: indices of columns to ignore, because a mapping assigns them.
    """
    notes: list[str] = []
    position: dict[str, int] = {}
    guessed: dict[str, str] = {}
    free: dict[str, int] = {}
    for exact in (True, False):
        for index, name in enumerate(names):
            if index in taken or index in position.values():
                continue
            field = (name if name in FIELD else None) if exact else _BY_SPELLING.get(squeeze(name))
            if field is None:
                if not exact:
                    free.setdefault(squeeze(name), index)
            elif field in position:
                if not exact or name in FIELD:
                    winner = names[position[field]]
                    twice = (
                        f"The column {name!r} occurs more than once"
                        if winner == name
                        else f"{winner!r} and {name!r} mean the same"
                    )
                    note = f"{twice}; the first is used for {field}."
                    if note not in notes:
                        notes.append(note)
            else:
                position[field] = index
    if guess:
        for item in FIELDS:
            if item.name in position:
                continue
            alias = next((alias for alias in _BY_ALIAS.get(item.name, ()) if alias in free), None)
            if alias is not None:
                index = free.pop(alias)
                position[item.name] = index
                guessed[item.name] = names[index]
        for spelling, index in free.items():
            other = next((other for other, aliases in _BY_ALIAS.items() if spelling in aliases), None)
            if other is not None:
                notes.append(f"{names[index]!r} could mean {other} too; {names[position[other]]!r} is used.")
    return Recognition(MappingProxyType(position), MappingProxyType(guessed), tuple(notes))


def nearest(name: str, valid: Sequence[str], count: int = 3) -> list[str]:
    """Return up to ``count`` of the valid names that are most similar to ``name``, the best first."""
    by_spelling: dict[str, str] = {}
    for candidate in valid:
        by_spelling.setdefault(squeeze(candidate), candidate)
    close = difflib.get_close_matches(squeeze(name), by_spelling, n=count, cutoff=0.5)
    return [by_spelling[spelling] for spelling in close]
