"""Evidence that may only raise the risk never lowers it, all else being equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.groups.history.history import History
from features.manifest.shipment import shipment_from_json
from features.table.table import ManifestTable
from models.scoring import RiskModel
from training.worlds.own import sample

NOW = 1_790_000_000


def table_of_world(seed: int = 91, rows: int = 3000) -> ManifestTable:
    from features.table.table import Coded

    columns = {name: Coded.from_list(values) for name, values in sample(rows, seed).items()}
    return ManifestTable.from_columns(columns, rows).accepted()


@pytest.fixture(scope="module")
def matrix(champion: RiskModel) -> np.ndarray:
    table = table_of_world()
    return champion.space.transform(table, champion.history.copy().advance(table).values)


LADDERS = {
    "description_opioid_fragment": [0.0, 1.0],
    "description_precursor_fragment": [0.0, 1.0],
    "substance_opioid": [0.0, 1.0, 2.0],
    "substance_precursor": [0.0, 1.0, 2.0],
    "substance_watched": [0.0, 1.0, 2.0],
    "substance_class": [0.0, 1.0, 2.0],
    "hs_text_contradiction": [0.0, 0.5, 1.0, 2.0, 4.0],
    "hs_text_agreement": [6.0, 3.0, 1.0, 0.3, 0.0],
    "chemical_text_harmless_code": [0.0, 0.5, 1.0, 2.0, 4.0],
    "account_age_days": [4000.0, 900.0, 200.0, 60.0, 20.0, 5.0, 0.0],
    "consignor_finds": [0.0, 1.0, 2.0, 5.0],
    "consignee_finds": [0.0, 1.0, 2.0, 5.0],
    "address_finds": [0.0, 1.0, 2.0, 5.0],
    "pair_finds": [0.0, 1.0, 2.0, 5.0],
    "consignor_contact_finds": [0.0, 1.0, 2.0, 5.0],
    "consignee_contact_finds": [0.0, 1.0, 2.0, 5.0],
}


def test_every_monotone_feature_has_a_ladder(champion: RiskModel) -> None:
    assert set(champion.monotone_features) == set(LADDERS)


@pytest.mark.parametrize("name", LADDERS)
def test_risk_never_falls_as_the_evidence_grows(champion: RiskModel, matrix: np.ndarray, name: str) -> None:
    at = champion.space.names.index(name)
    before = None
    for value in LADDERS[name]:
        changed = matrix.copy()
        changed[:, at] = value
        raw = champion.predict_raw(changed)
        heads, risk = champion.calibrate(raw, changed)
        if before is not None:
            assert (raw >= before[0]).all()
            assert (heads >= before[1]).all()
            assert (risk >= before[2]).all()
        before = (raw, heads, risk)


def risk(model: RiskModel, **changes: Any) -> float:
    goods = {
        "goods_description": "household plastic containers",
        "hs_code": "392410",
        "customs_value": 40,
        "net_mass_kg": 3,
    }
    goods |= {
        key: value for key, value in changes.items() if key in ("declared_chemical", "hs_code", "goods_description")
    }
    data = {
        "shipment_id": "B-1",
        "channel": "express",
        "declared_at": "2026-09-01T08:00:00Z",
        "currency": "USD",
        "gross_mass_kg": 3.2,
        "export_country": "DE",
        "consignor": {
            "name": "Beispiel Haushaltswaren GmbH",
            "country": "DE",
            "account_opened_on": changes.get("account_opened_on", "2019-05-01"),
        },
        "consignee": {"name": "Dana Example", "address": "12 Sample Street", "postcode": "90012", "country": "US"},
        "items": [goods],
    }
    table = ManifestTable.from_shipments([shipment_from_json(data)], receipt=NOW)
    return float(model.score(table, changes.get("history") or History.empty(), update_history=False).risk[0])


def test_declaring_a_listed_precursor_raises_the_risk(champion: RiskModel) -> None:
    assert risk(champion, declared_chemical="4-anilinopiperidine") > risk(champion, declared_chemical="citric acid")


WATCHED = [
    "4-anilnopiperidine",
    "4-苯胺基哌啶",
    "N-phenylpiperidin-4-amine",
    "c1ccc(NC2CCNCC2)cc1",
    "1-acetyl-4-piperidone",
    "N-(1-phenethylpiperidin-4-yl)-N-phenylhexanamide",
]


@pytest.mark.parametrize("text", WATCHED)
def test_naming_a_watched_substance_raises_the_risk(champion: RiskModel, text: str) -> None:
    assert risk(champion, declared_chemical=text) > risk(champion, declared_chemical="citric acid")


@pytest.mark.parametrize("text", WATCHED)
def test_naming_a_watched_substance_raises_the_risk_tenfold(champion: RiskModel, text: str) -> None:
    assert risk(champion, declared_chemical=text) > 10 * risk(champion, declared_chemical="citric acid")


def test_a_newer_account_never_lowers_the_risk(champion: RiskModel) -> None:
    ages = ["2015-01-01", "2024-01-01", "2026-06-01", "2026-08-20", "2026-08-31"]
    risks = [risk(champion, account_opened_on=day) for day in ages]
    assert risks == sorted(risks)


def test_a_find_at_the_address_never_lowers_the_risk_and_raises_it_for_some(champion: RiskModel) -> None:
    shipment = {
        "shipment_id": "OLD",
        "declared_at": "2026-08-01",
        "consignor": {"name": "Beispiel Haushaltswaren GmbH", "country": "DE"},
        "consignee": {"name": "Dana Example", "address": "12 Sample Street", "postcode": "90012", "country": "US"},
        "items": [{"goods_description": "toys"}],
    }
    clean, known = History.empty(), History.empty()
    table = ManifestTable.from_shipments([shipment_from_json(shipment)], receipt=NOW)
    for history in (clean, known):
        history.advance(table)
    for _ in range(3):
        known.learn(table, np.array([True]))
    assert risk(champion, history=known) > risk(champion, history=clean)
