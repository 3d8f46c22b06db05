"""Invented shipments, and the decisions of rules on them."""

from __future__ import annotations

from typing import Any

from features.groups.history.history import History
from features.manifest.records import read_record
from features.space import FeatureSpace
from features.table.table import ManifestTable
from models.lanes import GREEN
from models.permits import Register
from models.rules import OfficeRules, Rulebook, RuleSet, Ruling, default_rules, known_names, parse_rules

SPACE = FeatureSpace()
COLUMNS = {name: column for column, name in enumerate(SPACE.names)}
RECEIPT = 1_780_000_000
FENTANYL = {"goods_description": "fentanyl citrate", "cas_number": "437-38-7"}
PRECURSOR = {"declared_chemical": "4-anilino-N-phenethylpiperidine"}
PRESS = {"goods_description": "TDP 5 tablet press machine"}
CLASS_MEMBER = {"declared_chemical": "CCCCC(=O)N(c1cccc(Cl)c1)C1CCN(CCc2ccccc2)CC1"}


def shipment(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a shipment from one known company to another."""
    return {
        "shipment_id": "HB-1",
        "channel": "express",
        "declared_at": "2026-05-04T09:30:00Z",
        "export_country": "DE",
        "consignor": {"name": "Rheinufer Chemie GmbH", "country": "DE", "account_opened_on": "2019-02-11"},
        "consignee": {"name": "Lakeside Pharma Ltd", "country": "US"},
        "items": list(items) or [{"goods_description": "ceramic mug"}],
    } | changes


def table_of(*records: dict[str, Any]) -> ManifestTable:
    return ManifestTable.from_records([read_record(record) for record in records], receipt=RECEIPT)


def ruling_on(*records: dict[str, Any], office: OfficeRules | None = None, seen: bool = True) -> Ruling:
    """Return the decision of the default rules and those of an office.

    Args:
        seen: whether the parties were seen before.
    """
    history = History.empty()
    if seen:
        for number, record in enumerate(records):
            earlier = record | {"shipment_id": f"earlier-{number}", "declared_at": "2026-01-04T09:30:00Z"}
            history.advance(table_of(earlier))
    table = table_of(*records)
    measured = SPACE.measure(table, history.advance(table).values)
    return Rulebook(COLUMNS, default_rules(), office).rule_on(table, measured.matrix, measured.substances)


def fired_for(record: dict[str, Any], office: OfficeRules | None = None, *, seen: bool = True) -> list[str]:
    return ruling_on(record, office=office, seen=seen).rule_ids(0)


def floor(record: dict[str, Any], office: OfficeRules | None = None) -> int:
    """Return the lowest lane that rules allow for a shipment."""
    fired = ruling_on(record, office=office).fired
    return GREEN if fired is None else int(fired.floor()[0])


def rule_set(text: str) -> RuleSet:
    return parse_rules(text, known_names(), "office.toml")


def only(when: str, effect: str = "at_least_red", more: str = "") -> OfficeRules:
    """Return an office with one additional rule, ``own``."""
    return OfficeRules(
        (rule_set(f"[[rule]]\nid = 'own'\nwhen = {when}\neffect = '{effect}'\nreason = 'Because'\n{more}"),)
    )


def register(*rows: str) -> OfficeRules:
    header = "permit_number,party_name,party_country,valid_from,valid_until"
    return OfficeRules(register=Register.from_text("\n".join([header, *rows]), "permits.csv"))
