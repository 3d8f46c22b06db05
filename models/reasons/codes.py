"""The texts of reasons: one row per reason code, with its manifest fields, published typologies and text.

A text is a template with places in braces, or a function where the leading feature decides what is written. `PLACES` lists the
writers of the places. Entries of evidence have templates with the same places (`evidence.toml`), which replace the text of their
code. ``{measured}`` is the value of the leading feature, in the words that stand beside its `Column`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from features.groups.reason_codes import OwnReasonCode, ReasonCode
from features.reference import statistics, typologies
from models.reasons import goods_texts, law_texts, shipment_texts, value_texts
from models.reasons.items import Evidence, FactWriter, Renderer

#: Source of a relation without a published typology.
LEARNED: Final = "learned from the inspection results of the training window"
#: The place of the text for the value of the leading feature.
MEASURED: Final = "measured"
_PLACE: Final = re.compile(r"\{(\w+)\}")
_SOURCE_CODE: Final = re.compile(r"(?<!UPU )\b[A-Z]\d{1,3}\b")


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """Definition of the reasons of one code.

    Attributes:
        fields: manifest fields that contain the evidence.
        typologies: ids of the published typologies that support the reason (`features.reference`).
        text: template, or function that writes the complete text.
        learned: origin of a relation without a typology.
    """

    fields: tuple[str, ...]
    typologies: tuple[str, ...]
    text: str | Renderer
    learned: str = LEARNED

    @property
    def source(self) -> str:
        """Published typologies, or a note that the model learned the relation."""
        return published(*self.typologies) if self.typologies else f"model: {self.learned}"

    def texts(self, evidence: Evidence) -> list[str]:
        """Return the text of each item."""
        return fill(self.text, evidence) if isinstance(self.text, str) else self.text(evidence)


def published(*ids: str) -> str:
    """Return the typologies with the given ids and their published sources, as one text."""
    by_id = typologies()
    return "; ".join(f"{by_id[identifier].name} ({by_id[identifier].source})" for identifier in ids)


def cited(source: str) -> str:
    """Return the source of an entry with the ids of typologies and published figures replaced by their titles."""
    titles, figures = typologies(), {f"S{figure.id}": figure for figure in statistics()}

    def title(code: re.Match[str]) -> str:
        if code[0] in figures:
            figure = figures[code[0]]
            return ", ".join(filter(None, (figure.publisher, figure.period)))
        if code[0] not in titles:
            return code[0]
        # The source may follow in parentheses.
        named = source[code.end() :].startswith(" (")
        return titles[code[0]].name if named else published(code[0])

    return _SOURCE_CODE.sub(title, source)


def reason_kind(code: ReasonCode | OwnReasonCode) -> ReasonKind:
    """Return the definition of the reasons of a code."""
    return _OWN_KIND if isinstance(code, OwnReasonCode) else REASON_KINDS[code]


#: First word of a reason code -> words for its subject, under which an answer adds up reasons of little weight.
_SUBJECTS: Final = {
    "substance": "SUBSTANCE PERMIT",
    "goods": "DESCRIPTION EQUIPMENT HS",
    "value and mass": "VALUE FREIGHT MASS CONSIGNMENT PACKAGE",
    "route": "ROUTE TRADE",
    "filing": "FILING",
    "history": "EARLIER LINKED HISTORY GOODS SPLIT",
}
_SUBJECT_OF: Final = {word: subject for subject, words in _SUBJECTS.items() for word in words.split()}


def subject(code: ReasonCode | OwnReasonCode) -> str:
    """Return words for the subject of a reason code."""
    if isinstance(code, OwnReasonCode):
        return "fields of the office"
    return _SUBJECT_OF.get(code.partition("_")[0], "parties")


def fill(template: str, evidence: Evidence) -> list[str]:
    """Return the text of each item: the template with its places filled."""
    columns: list[Sequence[str]] = []
    # Literals and places alternate.
    for position, part in enumerate(_PLACE.split(template)):
        if not position % 2:
            columns.append([part] * len(evidence.items))
        else:
            columns.append(evidence.measured if part == MEASURED else evidence.items.facts(PLACES[part]))
    return ["".join(parts) for parts in zip(*columns, strict=True)]


#: Place in a template -> writer of its text.
PLACES: Final[Mapping[str, FactWriter]] = MappingProxyType(
    {
        # Places of the entries of evidence, which `models.evidence.reading.PLACES` allows.
        "declared": goods_texts.naming,
        "law": law_texts.law,
        "permit": goods_texts.permit,
        "permit_number": shipment_texts.quoted("permit_number"),
        "similar": goods_texts.resemblance("No structure resembles a listed substance"),
        "goods": shipment_texts.quoted("goods_description"),
        "hs": goods_texts.hs,
        "items": shipment_texts.item_count,
        "mass": shipment_texts.kilograms("net_mass_kg", "gross_mass_kg"),
        "mass_for_goods": value_texts.mass_for_goods,
        "gross_mass": shipment_texts.kilograms("gross_mass_kg", "net_mass_kg"),
        "value": shipment_texts.amount("customs_value"),
        "freight": shipment_texts.amount("freight_charge", "Freight of "),
        "consignor": shipment_texts.quoted("consignor_name"),
        "consignor_country": shipment_texts.country("consignor_country"),
        "consignor_line": shipment_texts.business_line("consignor_name"),
        "consignee_line": shipment_texts.business_line("consignee_name"),
        "consignor_clean": shipment_texts.counted("consignor_clean", "earlier clean inspection"),
        **{name: shipment_texts.counted(name, "earlier find") for name in shipment_texts.FINDS},
        "account": shipment_texts.account,
        "consignee": shipment_texts.quoted("consignee_name"),
        "address": shipment_texts.quoted("consignee_address"),
        "route": shipment_texts.route,
        # Facts in the texts of reason codes, complete with the words for a missing field.
        "substance": goods_texts.substance,
        "name_variant": goods_texts.name_variant,
        "substance_class": goods_texts.substance_class,
        "resemblance": goods_texts.resemblance("No substance is named whose structure only resembles a listed one"),
        "permit_fact": goods_texts.permit_fact,
        "description": goods_texts.description,
        "hs_fact": goods_texts.hs_fact,
        "hs_and_description": goods_texts.hs_and_description,
        "hs_chapter": goods_texts.hs_chapter,
        "hs_digits": goods_texts.hs_digits,
        "declared_value": value_texts.declared_value,
        "package": shipment_texts.package,
        "route_fact": shipment_texts.route_fact,
        "trade_lane": shipment_texts.trade_lane,
        "known_consignor": shipment_texts.known_consignor,
        "consignee_address": shipment_texts.consignee_address,
        "filing": shipment_texts.filing,
        "filing_kind": shipment_texts.filing_kind,
    }
)


def _kind(fields: str, text: str | Renderer, ids: str = "", *, learned: str = LEARNED) -> ReasonKind:
    return ReasonKind(tuple(fields.split()), tuple(ids.split()), text, learned)


_OWN_KIND: Final = ReasonKind((), (), lambda evidence: [text.removeprefix(". ") for text in evidence.measured])

REASON_KINDS: Final[Mapping[ReasonCode, ReasonKind]] = MappingProxyType(
    {
        ReasonCode.SUBSTANCE_DECLARED: _kind(
            "declared_chemical cas_number goods_description consignee_country export_country declared_at",
            "{substance}",
            "D5 D7 T1",
        ),
        ReasonCode.SUBSTANCE_NAMED_OTHERWISE: _kind("declared_chemical goods_description", "{name_variant}", "D5"),
        ReasonCode.SUBSTANCE_CLASS: _kind(
            "declared_chemical cas_number goods_description declared_at", "{substance_class}", "T1"
        ),
        ReasonCode.SUBSTANCE_SIMILAR: _kind("declared_chemical goods_description", "{resemblance}", "T1"),
        ReasonCode.SUBSTANCE_HS: _kind("hs_code declared_chemical cas_number", goods_texts.substance_and_hs, "D6 D4"),
        ReasonCode.PERMIT: _kind("permit_number", "{permit_fact}"),
        ReasonCode.DESCRIPTION_VAGUE: _kind("goods_description", "{description}{measured}", "D1 D2"),
        ReasonCode.DESCRIPTION_FORM: _kind("goods_description", goods_texts.description_words, "D2"),
        ReasonCode.DESCRIPTION_CHEMICAL: _kind("goods_description hs_code", goods_texts.description_words, "D3 D7 D8"),
        ReasonCode.EQUIPMENT_DECLARED: _kind(
            "goods_description hs_code consignee_name", "{hs_and_description}{measured}", "E1 E2"
        ),
        ReasonCode.HS_CONTRADICTS_TEXT: _kind("hs_code goods_description", "{hs_and_description}{measured}", "D4 D3"),
        ReasonCode.HS_TEXT: _kind(
            "goods_description hs_code",
            goods_texts.reading,
            learned="learned from the words of goods and the HS codes under which they were declared",
        ),
        ReasonCode.HS_OF_INTEREST: _kind("hs_code", "{hs_fact}{measured}", "D6 E1 E3"),
        ReasonCode.HS_CHAPTER: _kind("hs_code", "{hs_chapter}{measured}", "D3 D6"),
        ReasonCode.HS_FORM: _kind("hs_code", "{hs_digits}{measured}", "M5"),
        ReasonCode.VALUE_DENSITY: _kind("customs_value currency net_mass_kg hs_code", value_texts.value_density, "V1"),
        ReasonCode.VALUE_MISSING: _kind("customs_value currency", "{declared_value}{measured}", "M3"),
        ReasonCode.VALUE_THRESHOLD: _kind("customs_value currency", "{declared_value}{measured}", "V4 V5"),
        ReasonCode.VALUE_HISTORY: _kind(
            "customs_value currency net_mass_kg consignor_name",
            "{declared_value}, consignor is {consignor}{measured}",
            "V5",
        ),
        ReasonCode.FREIGHT_VALUE: _kind("freight_charge customs_value currency", value_texts.freight, "V2"),
        ReasonCode.MASS_UNUSUAL: _kind("net_mass_kg gross_mass_kg quantity hs_code", value_texts.mass, "V3"),
        ReasonCode.CONSIGNMENT_SIZE: _kind("package_count gross_mass_kg customs_value", value_texts.size),
        ReasonCode.PACKAGE_KIND: _kind("package_type undg_number channel", "{package}{measured}", "V6"),
        ReasonCode.ROUTE_TRANSIT: _kind(
            "origin_country export_country consignor_country routing_countries", "{route_fact}{measured}", "R1"
        ),
        ReasonCode.ROUTE_RARE: _kind(
            "loading_location unloading_location hs_code export_country carrier_id", "{trade_lane}{measured}", "R2"
        ),
        ReasonCode.NEW_CONSIGNOR: _kind(
            "consignor_account_opened_on consignor_name", shipment_texts.account_and_value, "P1"
        ),
        ReasonCode.ACCOUNT_AGE_MISSING: _kind(
            "consignor_account_opened_on consignor_name", shipment_texts.account_and_value, "P1"
        ),
        ReasonCode.KNOWN_CONSIGNOR: _kind("consignor_known consignor_name", "{known_consignor}", "P1"),
        ReasonCode.CONTACT_MISSING: _kind(
            "consignor_phone consignor_email consignee_phone consignee_email", shipment_texts.contact, "P2"
        ),
        ReasonCode.PARTY_KIND: _kind(
            "consignor_name consignee_name", "From {consignor} to {consignee}{measured}", "D8 P3"
        ),
        ReasonCode.PARTY_CONTRADICTION: _kind(
            "consignor_country consignor_phone consignee_postcode consignee_name",
            "From {consignor} to {consignee}{measured}",
            "P7 P8",
        ),
        ReasonCode.ADDRESS_FORM: _kind("consignee_address consignor_address", "{consignee_address}{measured}", "P2 P4"),
        ReasonCode.ADDRESS_SHARED: _kind("consignee_address consignee_name", "{consignee_address}{measured}", "P3 P5"),
        ReasonCode.FORWARDER: _kind(
            "consignee_name consignee_address agent_name", "{consignee_address}{measured}", "P4"
        ),
        ReasonCode.NATURE_CLAIM: _kind("transaction_nature consignor_name", shipment_texts.nature, "D9"),
        ReasonCode.EARLIER_FINDS: _kind(
            "consignor_name consignee_name consignee_address",
            "From {consignor} to {consignee}{measured}",
            learned="learned from earlier inspections of these parties and addresses, as known at the time",
        ),
        ReasonCode.LINKED_FINDS: _kind(
            "consignor_name consignee_name consignee_address consignor_phone consignor_email consignee_phone consignee_email",
            "From {consignor} to {consignee}{measured}",
            learned="learned from earlier inspections one step away from these parties, as known at the time",
        ),
        ReasonCode.TRADE_LANE_FINDS: _kind(
            "export_country consignee_country channel",
            "{trade_lane}{measured}",
            learned="learned from earlier inspections on this trade lane, as known at the time",
        ),
        ReasonCode.CONTACT_SHARED: _kind(
            "consignor_phone consignor_email consignee_phone consignee_email",
            "From {consignor} to {consignee}{measured}",
            "P3 P5",
        ),
        ReasonCode.HISTORY_VOLUME: _kind(
            "consignor_name consignee_name", "From {consignor} to {consignee}{measured}", "P1 P5"
        ),
        ReasonCode.GOODS_HISTORY: _kind(
            "consignor_name hs_code",
            "{hs_fact}{measured}",
            learned="learned from the goods that the consignor sent before, as known at the time",
        ),
        ReasonCode.SPLIT_CONSIGNMENT: _kind(
            "consignor_name consignee_name declared_at", "From {consignor} to {consignee}{measured}", "M4"
        ),
        ReasonCode.FILING_KIND: _kind("filing_type channel transport_mode marketplace", "{filing_kind}{measured}"),
        ReasonCode.FILING_FAULT: _kind("house_id master_id transport_mode channel", "{filing}{measured}", "M5"),
        ReasonCode.FILING_COMPLETENESS: _kind("filing_type quantity quantity_unit", "{filing}{measured}", "M3"),
    }
)
