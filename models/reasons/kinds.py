"""Which reasons there are: the manifest fields behind each, its published typologies, and how it is told."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

from features.reference import typologies
from models.reasons import substance_texts, texts
from models.reasons.source import LEARNED_FROM, Facts, ReasonKind, Renderer


def published(*ids: str) -> str:
    """Typologies of the reference data by their ids, each with its published source."""
    known = typologies()
    return "; ".join(
        f"{known[identifier].id} {known[identifier].name} ({known[identifier].source})" for identifier in ids
    )


def _kind(
    fields: str, *ids: str, facts: Facts | None = None, render: Renderer | None = None, learned: str = LEARNED_FROM
) -> ReasonKind:
    return ReasonKind(tuple(fields.split()), published(*ids) if ids else f"model: {learned}", facts, render)


@lru_cache(maxsize=1)
def reason_kinds() -> MappingProxyType[str, ReasonKind]:
    """The reasons by code. A code that is not here is told by its leading feature's meaning."""
    return MappingProxyType(
        {
            "SUBSTANCE_DECLARED": _kind(
                "declared_chemical cas_number goods_description consignee_country export_country declared_at",
                "D5",
                "D7",
                "T1",
                render=substance_texts.substance,
            ),
            "SUBSTANCE_NAME_VARIANT": _kind(
                "declared_chemical goods_description", "D5", render=substance_texts.substance_otherwise
            ),
            "SUBSTANCE_CLASS": _kind(
                "declared_chemical cas_number goods_description declared_at",
                "T1",
                render=substance_texts.substance_class,
            ),
            "SUBSTANCE_SIMILAR": _kind(
                "declared_chemical goods_description", "T1", render=substance_texts.substance_similar
            ),
            "SUBSTANCE_HS": _kind(
                "hs_code declared_chemical cas_number", "D6", "D4", render=substance_texts.substance_and_hs
            ),
            "PERMIT": _kind("permit_number", render=texts.permit),
            "DESCRIPTION_VAGUE": _kind("goods_description", "D1", "D2", facts=texts.description),
            "DESCRIPTION_FORM": _kind("goods_description", "D2", facts=texts.description),
            "DESCRIPTION_CHEMICAL": _kind("goods_description hs_code", "D3", "D7", "D8", facts=texts.description),
            "EQUIPMENT_DECLARED": _kind(
                "goods_description hs_code consignee_name", "E1", "E2", facts=texts.hs_and_text
            ),
            "HS_CONTRADICTS_TEXT": _kind("hs_code goods_description", "D4", "D3", facts=texts.hs_and_text),
            "HS_TEXT": _kind("goods_description hs_code", "D4", "D3", facts=texts.hs_and_text),
            "HS_OF_INTEREST": _kind("hs_code", "D6", "E1", "E3", facts=texts.hs),
            "HS_CHAPTER": _kind("hs_code", "D3", "D6", facts=texts.hs),
            "HS_FORM": _kind("hs_code", "M5", facts=texts.hs),
            "VALUE_DENSITY": _kind("customs_value currency net_mass_kg hs_code", "V1", render=texts.value_density),
            "VALUE_MISSING": _kind("customs_value currency", "M3", facts=texts.declared_value),
            "VALUE_THRESHOLD": _kind("customs_value currency", "V4", "V5", facts=texts.declared_value),
            "VALUE_HISTORY": _kind(
                "customs_value currency net_mass_kg consignor_name", "V5", facts=texts.value_history
            ),
            "FREIGHT_VALUE": _kind("freight_charge customs_value currency", "V2", render=texts.freight),
            "MASS_UNUSUAL": _kind("net_mass_kg gross_mass_kg quantity hs_code", "V3", render=texts.mass),
            "CONSIGNMENT_SIZE": _kind("package_count gross_mass_kg customs_value", facts=texts.size),
            "PACKAGE_KIND": _kind("package_type undg_number channel", "V6", facts=texts.package),
            "ROUTE_TRANSIT": _kind(
                "origin_country export_country consignor_country routing_countries", "R1", facts=texts.route
            ),
            "ROUTE_RARE": _kind(
                "loading_location unloading_location hs_code export_country carrier_id", "R2", facts=texts.lane
            ),
            "NEW_CONSIGNOR": _kind("consignor_account_opened_on consignor_name", "P1", render=texts.account),
            "ACCOUNT_AGE_MISSING": _kind("consignor_account_opened_on consignor_name", "P1", render=texts.account),
            "KNOWN_CONSIGNOR": _kind("consignor_known consignor_name", "P1", render=texts.known_consignor),
            "CONTACT_MISSING": _kind(
                "consignor_phone consignor_email consignee_phone consignee_email", "P2", render=texts.contact
            ),
            "PARTY_KIND": _kind("consignor_name consignee_name", "D8", "P3", facts=texts.parties),
            "PARTY_CONTRADICTION": _kind(
                "consignor_country consignor_phone consignee_postcode consignee_name", "P7", "P8", facts=texts.parties
            ),
            "ADDRESS_FORM": _kind("consignee_address consignor_address", "P2", "P4", facts=texts.consignee_address),
            "ADDRESS_SHARED": _kind("consignee_address consignee_name", "P3", "P5", facts=texts.consignee_address),
            "FORWARDER": _kind("consignee_name consignee_address agent_name", "P4", facts=texts.consignee_address),
            "NATURE_CLAIM": _kind("transaction_nature consignor_name", "D9", render=texts.nature),
            "EARLIER_FINDS": _kind(
                "consignor_name consignee_name consignee_address",
                facts=texts.parties,
                learned="learned from earlier inspections of these parties and addresses, as known at the time",
            ),
            "LINKED_FINDS": _kind(
                "consignor_name consignee_name consignee_address consignor_phone consignor_email consignee_phone "
                "consignee_email",
                facts=texts.parties,
                learned="learned from earlier inspections one step away from these parties, as known at the time",
            ),
            "TRADE_LANE_FINDS": _kind(
                "export_country consignee_country channel",
                facts=texts.lane,
                learned="learned from earlier inspections on this lane, as known at the time",
            ),
            "CONTACT_SHARED": _kind(
                "consignor_phone consignor_email consignee_phone consignee_email", "P3", "P5", facts=texts.parties
            ),
            "HISTORY_VOLUME": _kind("consignor_name consignee_name", "P1", "P5", facts=texts.parties),
            "SPLIT_CONSIGNMENT": _kind("consignor_name consignee_name declared_at", "M4", facts=texts.parties),
            "FILING_KIND": _kind("filing_type channel transport_mode marketplace", facts=texts.filing),
            "FILING_FAULT": _kind("house_id master_id transport_mode channel", "M5", facts=texts.filing),
            "FILING_COMPLETENESS": _kind("filing_type quantity quantity_unit", "M3", facts=texts.filing),
        }
    )
