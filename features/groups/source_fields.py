"""The manifest fields that each feature measures.

Evidence that rests on the same field is counted in one group (`models.evidence`), so that one statement of a declarant does not
count twice. Fields after the slash only serve as yardstick or as key: the value per kilogram measures value and mass, and the HS
code tells what is usual. Two fields are not of the manifest: ``history`` are earlier shipments, ``outcomes`` results of earlier
inspections.
"""

from __future__ import annotations

from typing import Final

_CHEMICAL: Final = "goods_description declared_chemical cas_number"
_CONSIGNEE: Final = "consignee_name consignee_address"
_VALUE: Final = "customs_value currency"
_MASS: Final = "net_mass_kg gross_mass_kg"
_ROUTE: Final = "origin_country export_country routing_countries consignor_country"

#: Feature -> fields that it measures / fields that serve as yardstick or key.
SOURCE_FIELDS: Final[dict[str, str]] = {
    # description
    "description_missing": "goods_description",
    "description_stop_word": "goods_description",
    "description_uninformative": "goods_description",
    "description_chemical_words": "goods_description",
    "description_cas": "goods_description",
    "description_grade": "goods_description",
    "description_equipment": "goods_description",
    "description_tooling": "goods_description",
    "description_medicine": "goods_description",
    # substance
    "substance_opioid": _CHEMICAL,
    "substance_precursor": _CHEMICAL,
    "substance_other": _CHEMICAL,
    "substance_benign": _CHEMICAL,
    "substance_identifier": _CHEMICAL,
    "substance_systematic": _CHEMICAL,
    "substance_disguised": _CHEMICAL,
    "substance_class": _CHEMICAL,
    "substance_similarity": _CHEMICAL,
    "substance_confidence": _CHEMICAL,
    "substance_context_permit": _CHEMICAL,
    "substance_context_standard": _CHEMICAL,
    "substance_context_mention": _CHEMICAL,
    "substance_chemical_declared": "declared_chemical",
    "substance_cas_declared": "cas_number",
    "substance_hs_agrees": f"hs_code / {_CHEMICAL}",
    "substance_listed_destination": f"{_CHEMICAL} / consignee_country declared_at",
    "substance_listed_export": f"{_CHEMICAL} / export_country declared_at",
    "substance_listed_origin": f"{_CHEMICAL} / origin_country declared_at",
    "substance_listed_un": f"{_CHEMICAL} / declared_at",
    "substance_listed_months": f"{_CHEMICAL} / declared_at",
    "permit_present": "permit_number",
    # classification
    "hs_missing": "hs_code",
    "hs_unknown": "hs_code",
    "hs_chapter": "hs_code",
    "hs_fentanyl": "hs_code",
    "hs_precursor": "hs_code",
    "hs_equipment": "hs_code",
    "hs_excipient": "hs_code",
    "hs_cover": "hs_code",
    "hs_text_contradiction": "hs_code / goods_description",
    "hs_text_agreement": "hs_code / goods_description",
    "hs_text_certainty": "goods_description",
    "hs_chemical_chapter": "hs_code",
    "text_chemical_probability": "goods_description",
    "chemical_text_harmless_code": "hs_code / goods_description",
    "harmless_text_chemical_code": "hs_code / goods_description",
    "text_doubt": "goods_description",
    "description_vagueness": "goods_description",
    # value and mass
    "value_missing": _VALUE,
    "value_usd": _VALUE,
    "mass_kg": _MASS,
    "value_per_kg": f"{_VALUE} {_MASS}",
    "value_per_kg_unusual": f"{_VALUE} {_MASS} / hs_code",
    "value_per_unit": f"{_VALUE} / quantity",
    "value_unusual": f"{_VALUE} / hs_code",
    "mass_unusual": f"{_MASS} / hs_code",
    "mass_per_unit": f"{_MASS} / quantity",
    "mass_net_share": _MASS,
    "freight_to_value": f"freight_charge {_VALUE}",
    "freight_per_kg": f"freight_charge {_MASS}",
    "value_below_threshold": _VALUE,
    "value_round": _VALUE,
    "shipment_value_usd": _VALUE,
    "shipment_mass_kg": _MASS,
    "shipment_items": "item_number",
    "package_count": "package_count",
    "mass_per_package": f"{_MASS} / package_count",
    "mass_vs_description": f"{_MASS} / goods_description quantity",
    "value_vs_description": f"{_VALUE} / goods_description quantity",
    "price_vs_description": f"{_VALUE} {_MASS} / goods_description",
    "mass_deviation": f"{_MASS} / goods_description quantity",
    "price_deviation": f"{_VALUE} {_MASS} / goods_description",
    # route
    "origin_is_export": _ROUTE,
    "export_is_consignor": _ROUTE,
    "origin_is_consignor": _ROUTE,
    "routing_countries": _ROUTE,
    "routing_third_country": f"{_ROUTE} / consignee_country",
    # parties
    "account_age_days": "consignor_account_opened_on / declared_at",
    "consignor_known": "consignor_known",
    "consignor_contact": "consignor_phone consignor_email",
    "consignee_contact": "consignee_phone consignee_email",
    "consignor_free_mail": "consignor_email",
    "consignor_company": "consignor_name",
    "consignor_chemical": "consignor_name",
    "consignee_company": "consignee_name",
    "consignee_laboratory": "consignee_name",
    "consignee_forwarder": _CONSIGNEE,
    "consignee_address_missing": "consignee_address",
    "consignee_address_number": "consignee_address",
    "consignee_unit": "consignee_address",
    "phone_country_contradicts": "consignor_phone / consignor_country",
    "postcode_malformed": "consignee_postcode / consignee_country",
    "same_name": "consignee_name consignor_name",
    "gift_from_company": "transaction_nature / consignor_name",
    "sample_claimed": "transaction_nature",
    "gift_claimed": "transaction_nature",
    "return_claimed": "transaction_nature",
    # filing
    "package_industrial": "package_type",
    "package_industrial_parcel": "package_type / channel",
    "dangerous_goods": "undg_number",
    "house_id_check_failed": "house_id",
    "master_id_check_failed": "master_id",
    "mode_contradicts_channel": "transport_mode / channel",
    # history
    "consignor_shipments": "history / consignor_name",
    "consignor_recent_1": "history / consignor_name",
    "consignor_recent_7": "history / consignor_name",
    "consignor_recent_30": "history / consignor_name",
    "consignor_recent_365": "history / consignor_name",
    "consignor_first_seen_days": "history / consignor_name",
    "consignor_consignees": "history / consignor_name",
    "consignor_new_consignees_30": "history / consignor_name",
    "consignee_consignors": "history / consignee_name",
    "consignee_new_consignors_30": "history / consignee_name",
    "address_names": "history / consignee_address",
    "address_new_names_30": "history / consignee_address",
    "address_consignors": "history / consignee_address",
    "address_press_30": "history / consignee_address",
    "pair_shipments": "history / consignor_name consignee_name",
    "pair_recent_7": "history / consignor_name consignee_name",
    "pair_recent_30": "history / consignor_name consignee_name",
    "pair_split": "history / consignor_name consignee_name",
    "delivery_split": f"history / {_CONSIGNEE}",
    "consignor_contact_names": "history / consignor_phone consignor_email",
    "consignee_contact_names": "history / consignee_phone consignee_email",
    "consignor_finds": "outcomes / consignor_name",
    "consignor_clean": "outcomes / consignor_name",
    "consignor_linked_shipments": "outcomes / consignor_name",
    "consignee_finds": "outcomes / consignee_name",
    "consignee_clean": "outcomes / consignee_name",
    "consignee_linked_shipments": "outcomes / consignee_name",
    "address_finds": "outcomes / consignee_address",
    "address_clean": "outcomes / consignee_address",
    "address_linked_shipments": "outcomes / consignee_address",
    "pair_finds": "outcomes / consignor_name consignee_name",
    "consignor_contact_finds": "outcomes / consignor_phone consignor_email",
    "consignee_contact_finds": "outcomes / consignee_phone consignee_email",
    "contact_clean": "outcomes / consignor_phone consignor_email consignee_phone consignee_email",
}


def measured_fields(feature: str) -> tuple[str, ...]:
    """Return the fields that a feature measures. Raises KeyError if they are not declared."""
    return tuple(SOURCE_FIELDS[feature].partition("/")[0].split())
