"""Manifest fields, published typologies and text writers of each reason code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from features.groups.reason_codes import OwnReasonCode, ReasonCode
from features.reference import typologies
from models.reasons import substance_texts, texts
from models.reasons.items import DeclaredText, Renderer

#: Source of a relation without a published typology.
LEARNED: Final = "learned from the inspection results of the training window"


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """Definition of the reasons of one code.

    Attributes:
        fields: manifest fields that contain the evidence.
        typologies: ids of the published typologies that support the reason (`features.reference`).
        declared: function that writes the declared facts. The text for the leading feature is appended to them.
        render: function that writes the complete text, instead of ``declared``. Without both, the text is that for the leading
            feature.
        learned: origin of a relation without a typology.
    """

    fields: tuple[str, ...]
    typologies: tuple[str, ...] = ()
    declared: DeclaredText | None = None
    render: Renderer | None = None
    learned: str = LEARNED

    @property
    def source(self) -> str:
        """Published typologies, or a note that the model learned the relation."""
        return published(*self.typologies) if self.typologies else f"model: {self.learned}"


def published(*ids: str) -> str:
    """Return the typologies with the given ids and their published sources, as one text."""
    by_id = typologies()
    return "; ".join(
        f"{by_id[identifier].id} {by_id[identifier].name} ({by_id[identifier].source})" for identifier in ids
    )


def reason_kind(code: ReasonCode | OwnReasonCode) -> ReasonKind:
    """Return the definition of the reasons of a code. Texts of own codes consist of the meaning of the leading feature."""
    return _OWN_KIND if isinstance(code, OwnReasonCode) else REASON_KINDS[code]


def _kind(
    fields: str,
    ids: str = "",
    *,
    declared: DeclaredText | None = None,
    render: Renderer | None = None,
    learned: str = LEARNED,
) -> ReasonKind:
    return ReasonKind(tuple(fields.split()), tuple(ids.split()), declared, render, learned)


_OWN_KIND: Final = ReasonKind(())

REASON_KINDS: Final[Mapping[ReasonCode, ReasonKind]] = MappingProxyType(
    {
        ReasonCode.SUBSTANCE_DECLARED: _kind(
            "declared_chemical cas_number goods_description consignee_country export_country declared_at",
            "D5 D7 T1",
            render=substance_texts.substance,
        ),
        ReasonCode.SUBSTANCE_NAMED_OTHERWISE: _kind(
            "declared_chemical goods_description", "D5", render=substance_texts.name_variant
        ),
        ReasonCode.SUBSTANCE_CLASS: _kind(
            "declared_chemical cas_number goods_description declared_at", "T1", render=substance_texts.substance_class
        ),
        ReasonCode.SUBSTANCE_SIMILAR: _kind(
            "declared_chemical goods_description", "T1", render=substance_texts.similar_substance
        ),
        ReasonCode.SUBSTANCE_HS: _kind(
            "hs_code declared_chemical cas_number", "D6 D4", render=substance_texts.substance_and_hs
        ),
        ReasonCode.PERMIT: _kind("permit_number", render=texts.permit),
        ReasonCode.DESCRIPTION_VAGUE: _kind("goods_description", "D1 D2", declared=texts.description),
        ReasonCode.DESCRIPTION_FORM: _kind("goods_description", "D2", declared=texts.description),
        ReasonCode.DESCRIPTION_CHEMICAL: _kind("goods_description hs_code", "D3 D7 D8", declared=texts.description),
        ReasonCode.EQUIPMENT_DECLARED: _kind(
            "goods_description hs_code consignee_name", "E1 E2", declared=texts.hs_and_description
        ),
        ReasonCode.HS_CONTRADICTS_TEXT: _kind("hs_code goods_description", "D4 D3", declared=texts.hs_and_description),
        ReasonCode.HS_TEXT: _kind("goods_description hs_code", "D4 D3", declared=texts.hs_and_description),
        ReasonCode.HS_OF_INTEREST: _kind("hs_code", "D6 E1 E3", declared=texts.hs),
        ReasonCode.HS_CHAPTER: _kind("hs_code", "D3 D6", declared=texts.hs_chapter),
        ReasonCode.HS_FORM: _kind("hs_code", "M5", declared=texts.hs_digits),
        ReasonCode.VALUE_DENSITY: _kind("customs_value currency net_mass_kg hs_code", "V1", render=texts.value_density),
        ReasonCode.VALUE_MISSING: _kind("customs_value currency", "M3", declared=texts.declared_value),
        ReasonCode.VALUE_THRESHOLD: _kind("customs_value currency", "V4 V5", declared=texts.declared_value),
        ReasonCode.VALUE_HISTORY: _kind(
            "customs_value currency net_mass_kg consignor_name", "V5", declared=texts.value_and_consignor
        ),
        ReasonCode.FREIGHT_VALUE: _kind("freight_charge customs_value currency", "V2", render=texts.freight),
        ReasonCode.MASS_UNUSUAL: _kind("net_mass_kg gross_mass_kg quantity hs_code", "V3", render=texts.mass),
        ReasonCode.CONSIGNMENT_SIZE: _kind("package_count gross_mass_kg customs_value", render=texts.size),
        ReasonCode.PACKAGE_KIND: _kind("package_type undg_number channel", "V6", declared=texts.package),
        ReasonCode.ROUTE_TRANSIT: _kind(
            "origin_country export_country consignor_country routing_countries", "R1", declared=texts.route
        ),
        ReasonCode.ROUTE_RARE: _kind(
            "loading_location unloading_location hs_code export_country carrier_id", "R2", declared=texts.trade_lane
        ),
        ReasonCode.NEW_CONSIGNOR: _kind("consignor_account_opened_on consignor_name", "P1", render=texts.account),
        ReasonCode.ACCOUNT_AGE_MISSING: _kind("consignor_account_opened_on consignor_name", "P1", render=texts.account),
        ReasonCode.KNOWN_CONSIGNOR: _kind("consignor_known consignor_name", "P1", render=texts.known_consignor),
        ReasonCode.CONTACT_MISSING: _kind(
            "consignor_phone consignor_email consignee_phone consignee_email", "P2", render=texts.contact
        ),
        ReasonCode.PARTY_KIND: _kind("consignor_name consignee_name", "D8 P3", declared=texts.parties),
        ReasonCode.PARTY_CONTRADICTION: _kind(
            "consignor_country consignor_phone consignee_postcode consignee_name", "P7 P8", declared=texts.parties
        ),
        ReasonCode.ADDRESS_FORM: _kind(
            "consignee_address consignor_address", "P2 P4", declared=texts.consignee_address
        ),
        ReasonCode.ADDRESS_SHARED: _kind("consignee_address consignee_name", "P3 P5", declared=texts.consignee_address),
        ReasonCode.FORWARDER: _kind(
            "consignee_name consignee_address agent_name", "P4", declared=texts.consignee_address
        ),
        ReasonCode.NATURE_CLAIM: _kind("transaction_nature consignor_name", "D9", render=texts.nature),
        ReasonCode.EARLIER_FINDS: _kind(
            "consignor_name consignee_name consignee_address",
            declared=texts.parties,
            learned="learned from earlier inspections of these parties and addresses, as known at the time",
        ),
        ReasonCode.LINKED_FINDS: _kind(
            "consignor_name consignee_name consignee_address consignor_phone consignor_email consignee_phone "
            "consignee_email",
            declared=texts.parties,
            learned="learned from earlier inspections one step away from these parties, as known at the time",
        ),
        ReasonCode.TRADE_LANE_FINDS: _kind(
            "export_country consignee_country channel",
            declared=texts.trade_lane,
            learned="learned from earlier inspections on this trade lane, as known at the time",
        ),
        ReasonCode.CONTACT_SHARED: _kind(
            "consignor_phone consignor_email consignee_phone consignee_email", "P3 P5", declared=texts.parties
        ),
        ReasonCode.HISTORY_VOLUME: _kind("consignor_name consignee_name", "P1 P5", declared=texts.parties),
        ReasonCode.GOODS_HISTORY: _kind(
            "consignor_name hs_code",
            declared=texts.hs,
            learned="learned from the goods that the consignor sent before, as known at the time",
        ),
        ReasonCode.SPLIT_CONSIGNMENT: _kind("consignor_name consignee_name declared_at", "M4", declared=texts.parties),
        ReasonCode.FILING_KIND: _kind("filing_type channel transport_mode marketplace", declared=texts.filing),
        ReasonCode.FILING_FAULT: _kind("house_id master_id transport_mode channel", "M5", declared=texts.filing),
        ReasonCode.FILING_COMPLETENESS: _kind("filing_type quantity quantity_unit", "M3", declared=texts.filing),
    }
)
