"""Default evidence entries: their sources, their documentation and their log-odds for typical shipments."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from features.groups.history.history import History
from features.manifest.fields import HEADS
from features.manifest.shipment import shipment_from_json
from features.reference import statistics, typologies
from features.table.table import ManifestTable
from models.evidence import Prior, read_evidence
from models.scoring import DEFAULT_BASE_RATES, RiskModel

EVIDENCE = read_evidence()
OPIOID, PRECURSOR, EQUIPMENT = HEADS
PRIVATE = {"name": "Dana Example", "address": "12 Sample Street", "postcode": "90012", "country": "US"}
HOSPITAL = {**PRIVATE, "name": "Example University Hospital"}
FACTORY = {**PRIVATE, "name": "Example Coatings LLC"}


@pytest.fixture(scope="module")
def prior(trained: RiskModel) -> Prior:
    return Prior(EVIDENCE, tuple(HEADS), trained.space.names)


@pytest.fixture(scope="module")
def log_odds(trained: RiskModel, prior: Prior) -> Any:
    def weigh(text: str, head: str, **changes: Any) -> float:
        """Return the log-odds of a head for a shipment with one goods item.

        ``changes`` are fields of the item, the ``consignee``, and the consignor's ``country`` and opening day of its account
        (``opened``).
        """
        item = {"goods_description": text, "net_mass_kg": 0.5, "customs_value": 60}
        item |= {key: value for key, value in changes.items() if key not in ("consignee", "country", "opened")}
        country = changes.get("country", "CN")
        shipment = {
            "shipment_id": "X",
            "channel": "express",
            "declared_at": "2026-10-01T08:00:00Z",
            "currency": "USD",
            "export_country": country,
            "consignor": {
                "name": "Sample Trading Co Ltd",
                "country": country,
                "account_opened_on": changes.get("opened", "2018-01-01"),
            },
            "consignee": changes.get("consignee", PRIVATE),
            "items": [item],
        }
        table = ManifestTable.from_shipments([shipment_from_json(shipment)], receipt=1_790_000_000)
        matrix = trained.space.transform(table, History.empty().advance(table).values)
        return float(prior.log_odds(matrix)[0, list(HEADS).index(head)])

    return weigh


def test_base_values_are_the_default_base_rates(prior: Prior) -> None:
    rates = np.array([DEFAULT_BASE_RATES[head] for head in HEADS])
    assert np.abs(prior.base - np.log(rates / (1 - rates))).max() < 0.01


def test_every_entry_gives_its_source_or_the_reason_for_an_assumption() -> None:
    assert all(len(entry.source) > 10 for entry in EVIDENCE.entries)
    later = [entry.id for entry in EVIDENCE.entries if entry.dated > EVIDENCE.dated]
    assert not later, "set `dated` of the table [evidence] to the day of the latest entry"


def test_cited_typologies_and_figures_exist() -> None:
    known = set(typologies()) | {f"S{row.id}" for row in statistics()}
    cited = {entry.id: re.findall(r"\b[DEMPRSTV]\d+\b", entry.source) for entry in EVIDENCE.entries}
    assert {entry: ids for entry, ids in cited.items() if not known.issuperset(ids)} == {}
    assert sum(bool(ids) for ids in cited.values()) > 60


@pytest.mark.parametrize(
    ("text", "head", "fields"),
    [
        ("fentanyl hydrochloride", OPIOID, {}),
        ("brake pads", OPIOID, {"cas_number": "59708-52-0", "hs_code": "870830"}),
        ("carfentanil", OPIOID, {"hs_code": "290529"}),
        ("N-phenyl-N-[1-(2-phenylethyl)piperidin-4-yl]propanamide", OPIOID, {"hs_code": "293333"}),
        ("4-anilinopiperidine", PRECURSOR, {}),
        ("plastic beads", PRECURSOR, {"cas_number": "79099-07-3"}),
    ],
)
def test_an_unlicensed_controlled_substance_has_log_odds_near_zero_or_above(
    log_odds: Any, text: str, head: str, fields: dict[str, Any]
) -> None:
    assert log_odds(text, head, **fields) > -0.5
    if not fields.get("cas_number"):
        assert log_odds(text, head, **fields) > log_odds("cotton t-shirt", head) + 10


#: log(recall / false hits per shipment) by kind of match, from docs/evidence.md.
LIMITS = {"named": 15.9, "identifier": 15.9, "systematic": 15.9, "class": 14.3, "translated": 15.8, "misspelt": 15.9}


def test_weights_of_listed_substances_stay_below_the_limits_from_false_hits() -> None:
    weights = {entry.id: entry.log_odds for entry in EVIDENCE.entries}
    for name in ("opioid", "precursor"):
        for kind, limit in LIMITS.items():
            assert weights[f"{name}_{kind}_listed"] <= limit
        assert weights[f"{name}_listed_by_un"] == weights[f"{name}_named_listed"] - 1.5


ORDER = [
    ("carfentanil", {}, "titanium dioxide pigment", {"consignee": FACTORY, "opened": "2026-09-25"}),
    (
        "remifentanil powder",
        {},
        "remifentanil powder for injection vials",
        {"consignee": HOSPITAL, "hs_code": "300490"},
    ),
    ("fentanyl citrate", {}, "phone case", {"hs_code": "293333", "opened": "2026-09-28"}),
    ("organic intermediate powder 99%", {}, "cotton t-shirt", {"opened": "2026-09-28"}),
    ("cotton t-shirt", {"opened": "2026-09-28"}, "cotton t-shirt", {}),
]


@pytest.mark.parametrize(("first", "of_first", "second", "of_second"), ORDER)
def test_stronger_evidence_ranks_higher(
    log_odds: Any, first: str, of_first: dict[str, Any], second: str, of_second: dict[str, Any]
) -> None:
    assert log_odds(first, OPIOID, **of_first) > log_odds(second, OPIOID, **of_second)


@pytest.mark.parametrize("kind", ["opioid", "precursor"])
def test_a_part_of_a_name_weighs_less_than_a_name_that_no_recorded_law_lists(kind: str) -> None:
    weight = {entry.id: entry.log_odds for entry in EVIDENCE.entries}
    assert weight[f"{kind}_fragment"] < weight[f"{kind}_declared"]


def test_a_packed_medicine_is_no_binder(log_odds: Any) -> None:
    plain = {head: log_odds("cotton gloves", head, hs_code="611610") for head in HEADS}
    medicine = {head: log_odds("remedy for colds", head, hs_code="300490") for head in HEADS}
    binder = {head: log_odds("remedy for colds", head, hs_code="391231") for head in HEADS}
    assert medicine[OPIOID] > plain[OPIOID]
    assert binder[EQUIPMENT] - 1.0 > medicine[EQUIPMENT]


@pytest.mark.parametrize(
    ("name", "ordinary", "weak", "strong"),
    [("house_id_check_failed", 0.0, np.nan, 1.0), ("consignor_chemistry_turn", 0.0, 0.75, 0.95)],
)
def test_faults_and_sudden_changes_raise_the_prior_a_little(
    trained: RiskModel, prior: Prior, name: str, ordinary: float, weak: float, strong: float
) -> None:
    column = trained.space.names.index(name)
    matrix = np.zeros((3, len(trained.space.names)))
    matrix[:, column] = ordinary, weak, strong
    usual, unknown, found = prior.log_odds(matrix)[:, : len(HEADS) - 1]
    assert (unknown == usual).all()
    assert ((found > usual + 0.3) & (found < usual + 1.5)).all()


@pytest.mark.parametrize("consignee", [HOSPITAL, FACTORY])
def test_a_permit_that_no_register_confirms_changes_nothing(log_odds: Any, consignee: dict[str, Any]) -> None:
    without = log_odds("fentanyl", OPIOID, consignee=consignee)
    assert log_odds("fentanyl", OPIOID, consignee=consignee, permit_number="IP-2026-0042") == without


def test_a_press_to_a_private_person_is_stronger_than_to_a_company(log_odds: Any) -> None:
    press = log_odds("TDP 5 tablet press die set", EQUIPMENT)
    assert (
        press
        > log_odds("TDP 5 tablet press die set", EQUIPMENT, consignee=FACTORY)
        > log_odds("cotton t-shirt", EQUIPMENT) + 3
    )


def test_the_country_of_origin_alone_changes_nothing(log_odds: Any) -> None:
    assert log_odds("cotton t-shirt", OPIOID, country="CN") == log_odds("cotton t-shirt", OPIOID, country="CA")


@pytest.mark.parametrize("name", ["substance_opioid", "substance_precursor", "substance_class", "consignor_finds"])
def test_the_prior_never_falls_as_monotone_evidence_grows(trained: RiskModel, prior: Prior, name: str) -> None:
    matrix = np.random.default_rng(3).choice([0.0, 1.0, 2.0, np.nan], (4000, len(trained.space.names)))
    before = None
    for value in (0.0, 1.0, 2.0, 5.0):
        matrix[:, trained.space.names.index(name)] = value
        after = prior.log_odds(matrix)
        assert before is None or (after >= before).all()
        before = after


def test_a_standard_by_the_gram_is_no_laboratory_pack(log_odds: Any) -> None:
    laboratory = {**PRIVATE, "name": "Example Forensic Laboratory"}
    weights = [log_odds(f"acetylfentanyl CRM {amount}", OPIOID, consignee=laboratory) for amount in ("25 mg", "25 g")]
    assert weights[1] > weights[0] + 2
