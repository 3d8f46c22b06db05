"""Permits in scores: only one in the office's register counts, and outweighs the evidence of a listing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from features.manifest.shipment import shipment_from_json
from features.table.table import ManifestTable
from models.evidence import EntryWeights, read_evidence
from models.permits import Register, mark_permits
from models.rules import OfficeRules
from models.scoring import RiskModel, Scores, ScoreSettings

REGISTER = Register.from_text(
    "permit_number,party_name,party_country,valid_from,valid_until\n"
    "IP-2026-0042,Example University Hospital,US,2026-01-01,2026-12-31\n"
)
HOSPITAL = {"name": "Example University Hospital", "country": "US"}


@pytest.fixture(scope="module")
def with_prior(trained: RiskModel) -> RiskModel:
    return replace(trained, evidence=read_evidence())


def scored(
    model: RiskModel, permit: str | None, consignee: dict[str, Any] = HOSPITAL, register: Register | None = None
) -> Scores:
    item = {"goods_description": "remifentanil powder for injection", "net_mass_kg": 1, "permit_number": permit}
    shipment = {
        "shipment_id": "X",
        "declared_at": "2026-10-01T08:00:00Z",
        "consignor": {"name": "Beispiel Pharma GmbH", "country": "DE"},
        "consignee": consignee,
        "items": [item],
    }
    table = ManifestTable.from_shipments([shipment_from_json(shipment)], receipt=1_790_000_000)
    settings = ScoreSettings(rules=OfficeRules(register=register))
    return model.score(table, model.history.copy(), settings=settings, explain="all")


def test_a_placeholder_counts_as_no_permit(with_prior: RiskModel) -> None:
    without = scored(with_prior, None).explained[0]
    for placeholder in ("N/A", "12345", "0000"):
        explained = scored(with_prior, placeholder).explained[0]
        assert explained.raw_score == without.raw_score
        assert "no permit" in explained.texts(1)[0]


def opioid_log_odds(model: RiskModel, permit: str | None, register: Register | None) -> float:
    """Return the raw log-odds of the opioid head, as scoring computes them."""
    table = scored(model, permit, register=register).table
    matrix = model.space.transform(table, model.history.copy().advance(table, update=False).values)
    mark_permits(table, matrix, {name: column for column, name in enumerate(model.space.names)}, register)
    return float(model.predict_raw(matrix)[0, model.heads.index("fentanyl_or_analogue")])


def test_only_a_registered_permit_lowers_the_score(with_prior: RiskModel) -> None:
    none, declared, registered = (
        opioid_log_odds(with_prior, permit, register)
        for permit, register in ((None, REGISTER), ("IP-2026-0042", None), ("IP-2026-0042", REGISTER))
    )
    assert declared == none
    assert none - registered > 14.0
    # Another head may lie further above its base value then.
    heads = [scored(with_prior, permit, register=REGISTER).explained[0].head for permit in (None, "IP-2026-0042")]
    assert heads[0] == "fentanyl_or_analogue" != heads[1]


def test_a_permit_of_another_party_or_of_a_private_person_does_not_count_as_registered(with_prior: RiskModel) -> None:
    private = {"name": "Dana Example", "country": "US"}
    for consignee in (private, {"name": "Other Example Clinic", "country": "US"}):
        with_register = scored(with_prior, "IP-2026-0042", consignee, REGISTER).explained[0]
        assert with_register.raw_score == scored(with_prior, "IP-2026-0042", consignee).explained[0].raw_score
    assert (
        scored(with_prior, "IP-2026-0042", private).explained[0].raw_score
        == scored(with_prior, None, private).explained[0].raw_score
    )


def test_the_weight_of_each_entry_is_available_for_rules(with_prior: RiskModel) -> None:
    scores = scored(with_prior, None)
    matrix = with_prior.space.transform(
        scores.table, with_prior.history.copy().advance(scores.table, update=False).values
    )
    weights = EntryWeights(with_prior.prior, matrix)
    assert weights.column("opioid_named_listed").tolist() == [15.6]
    assert weights.column("press").tolist() == pytest.approx([float("nan")], nan_ok=True)
    with pytest.raises(KeyError):
        weights.column("no_such_entry")
