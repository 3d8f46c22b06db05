"""Simulated margins against the published figures and priors behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.world.whole import Whole
from training.world.priors import FILE, BadPrior, load_priors


def _share(mask: np.ndarray, of: np.ndarray) -> float:
    return float(mask[of].mean())


def test_violations_of_honest_shipments_are_as_common_as_published(world: Whole) -> None:
    violated = world.truth["violation"] != ""
    honest = world.first & ~world.of_illicit_shipment
    assert _share(violated, honest) == pytest.approx(0.09, abs=0.008)
    assert _share(violated, honest & (world.office["channel"] == "express")) == pytest.approx(0.02, abs=0.005)
    assert _share(violated, honest & (world.office["filing_type"] == "T86")) == pytest.approx(0.12, abs=0.025)


def test_networks_ship_at_the_prior_rate_and_every_content_occurs(world: Whole) -> None:
    assert _share(world.of_illicit_shipment, world.first) == pytest.approx(0.008, abs=0.0015)
    contents, counts = np.unique(world.truth["content"][world.illicit].astype(str), return_counts=True)
    assert contents.tolist() == ["analogue", "equipment", "fentanyl", "other_opioid", "precursor"]
    assert counts.min() >= 20
    # One item of a shipment holds it; the others are what they are declared to be.
    assert world.illicit.sum() == (world.of_illicit_shipment & world.first).sum()


def test_entry_type_86_and_section_321_end_on_their_day(world: Whole) -> None:
    small = np.isin(world.office["filing_type"], ("T86", "S321"))
    before = world.office["declared_at"] < "2025-08-29"
    us = world.office["consignee_country"] == "US"
    assert _share(small, us & before) > 0.2
    assert not small[~before].any()
    assert not small[~us].any()


def test_china_and_the_post_lose_their_published_parts_of_the_traffic_to_the_united_states(world: Whole) -> None:
    day, us = world.office["declared_at"], world.office["consignee_country"] == "US"
    from_china = np.isin(world.office["consignor_country"], ("CN", "HK")) & us & world.first
    first = from_china & (day < "2025-05-02")
    second = from_china & (day >= "2025-05-02") & (day < "2025-08-29")
    # 18 days against 119, of about the same season: a quarter of the daily volume is left.
    assert (second.sum() / 119) / (first.sum() / 18) == pytest.approx(0.25, abs=0.05)
    postal = (world.office["channel"] == "postal") & us & world.first
    before = (postal & (day >= "2025-05-02") & (day < "2025-08-29")).sum() / 119
    after = (postal & (day >= "2025-08-29") & (day < "2025-11-01")).sum() / 64
    assert after / before == pytest.approx(0.19, abs=0.05)


def test_account_dates_appear_from_the_rule_on(world: Whole) -> None:
    shown = world.office["consignor_account_opened_on"] != ""
    air = np.isin(world.office["channel"], ("express", "air_cargo")) & world.first
    day = world.office["declared_at"]
    shares = [
        _share(shown, air & (day >= a) & (day < b))
        for a, b in (("2025", "2025-11-21"), ("2026-01", "2026-03"), ("2026-08", "2027"))
    ]
    assert shares[0] < 0.2 < shares[1] < shares[2]
    assert shares[2] > 0.6


def test_masses_values_and_channels_are_near_their_sources(world: Whole) -> None:
    parcels = world.first & np.isin(world.office["channel"], ("express", "air_cargo", "postal"))
    gross = world.numbers("gross_mass_kg")
    # Published for e-commerce parcels: 46 % under 0.5 kg, 89 % under 2 kg; business consignments are in here too.
    assert 0.30 < _share(gross < 0.5, parcels) < 0.50
    assert 0.65 < _share(gross < 2, parcels) < 0.92
    us = world.first & (world.office["consignee_country"] == "US") & (world.office["declared_at"] < "2025-05-02")
    assert _share(world.office["channel"] == "postal", us) == pytest.approx(0.08, abs=0.02)
    assert _share(world.office["channel"] == "truck", us) == pytest.approx(0.07, abs=0.02)
    assert _share(world.office["consignor_country"] == "CN", us) == pytest.approx(0.60, abs=0.03)
    value = world.numbers("customs_value")[us & (world.office["currency"] == "USD")]
    assert 12 < np.nanmedian(value) < 60


def test_classification_is_present_and_as_long_as_each_channel_has_it(world: Whole) -> None:
    code = world.office["hs_code"]
    present = code != ""
    assert 0.5 < _share(present, world.office["channel"] == "postal") < 0.75
    assert _share(present, world.office["filing_type"] == "T86") > 0.97
    good = present & (world.truth["violation"] == "")
    lengths = np.array([len(text) for text in code])
    assert set(lengths[good]) == {6, 8, 10}
    assert all(text.isdigit() for text in code[good])
    # Chapters below ten keep their zero.
    assert any(text.startswith("09") for text in code[good])


def test_parties_repeat_with_heavy_tails_and_many_are_seen_once(world: Whole) -> None:
    honest = world.first & ~world.of_illicit_shipment
    _, shippers = np.unique(world.office["consignor_name"][honest].astype(str), return_counts=True)
    assert 0.15 < shippers[shippers == 1].sum() / shippers.sum() < 0.45
    assert np.sort(shippers)[::-1][: len(shippers) // 100].sum() > 0.15 * shippers.sum()
    address = world.office["consignee_address"][honest] + world.office["consignee_postcode"][honest]
    name = world.office["consignee_name"][honest]
    tenants: dict[str, set[str]] = {}
    for door, who in zip(address.tolist(), name.tolist(), strict=True):
        tenants.setdefault(door, set()).add(who)
    # Blocks of flats, lockers and forwarders: honest addresses with several names are nothing rare.
    assert sum(len(names) >= 3 for names in tenants.values()) > 100


def test_the_licit_trade_that_looks_illicit_is_there(world: Whole) -> None:
    honest = ~world.of_illicit_shipment
    text = np.array([text.lower() for text in world.office["goods_description"]], dtype=object)
    for words in (
        "fentanyl test strip",
        "tablet press",
        "piperid",
        "fentanyl transdermal",
        "capsule filling",
        "propionyl chloride",
    ):
        assert sum(words in t for t in text[honest]) >= 3, words
    permits = world.office["permit_number"] != ""
    assert permits[honest].sum() > 50


def test_inspections_have_their_shares_delays_and_imperfect_detection(world: Whole) -> None:
    inspection = world.office["inspection"]
    assert _share(inspection == "targeted", world.first) == pytest.approx(0.0505, abs=0.006)
    assert _share(inspection == "random", world.first) == pytest.approx(0.0475, abs=0.006)
    probability = world.office["selection_probability"]
    assert set(probability[inspection == "random"]) == {"0.05"}
    assert set(probability[inspection == "targeted"]) == {"1", ""}
    opened = inspection != "none"
    inside = opened & world.illicit
    found = world.office["content"] == world.truth["content"]
    assert 0.85 < _share(found, inside) < 0.99
    declared, known = (
        world.office[name][opened].astype("U19").astype("datetime64[s]") for name in ("declared_at", "inspected_at")
    )
    delay = (known - declared).astype(float) / 86400
    assert delay.min() >= 1
    assert np.quantile(delay, 0.99) <= 20
    # Nothing is found where nothing was.
    assert not (opened & ~world.of_illicit_shipment & (world.office["content"] != "none")).any()
    by_shipment = world.office["content_level"] == "shipment"
    assert by_shipment.any()
    assert set(world.office["content"][by_shipment]) <= set(world.truth["content"][world.illicit])


def test_a_random_selection_finds_what_the_traffic_holds(world: Whole) -> None:
    drawn = world.first & (world.office["inspection"] == "random")
    # Targeting has taken its part out before: the random share finds the rest, at most the prevalence.
    assert 0.001 < _share(world.of_illicit_shipment, drawn) < 0.011


def test_every_prior_says_what_stands_behind_it() -> None:
    priors = load_priors()
    assert {prior.basis for prior in priors.by_name.values()} == {"published", "assumed"}
    assert all(len(prior.source) > 10 for prior in priors.by_name.values())


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('basis = "published"', 'basis = "known"', "has basis 'known'; expected one of published, assumed"),
        ("value = 0.93", "value = 1.93", "inspection.detection is 1.93; a probability is between 0 and 1"),
        ("1 = 0.78", "1 = 0.70", "items.per_shipment sums to 0.92; shares must sum to 1"),
        ("value = 0.19", "value = nan", "postal_to_us_multiplier is nan; expected a finite number"),
        ('value = "2025-04-14"', 'value = "14/04/2025"', "expected a date YYYY-MM-DD"),
        ('source = "median life', 'source = "" # "', "illicit.network_life_days names no source"),
        ("mon = 1.10", "mon = -1.10", "calendar.weekdays has a negative entry"),
        ("value = 170", "value = 0", "illicit.network_life_days is 0.0; expected a number above 0"),
        ('kind = "day"', 'kind = "days"', "has kind 'days'; expected one of probability"),
    ],
)
def test_a_prior_that_cannot_be_used_is_named(tmp_path: Path, before: str, after: str, message: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "priors.toml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(BadPrior) as caught:
        load_priors(path)
    assert message in str(caught.value)


def test_an_unknown_prior_or_another_kind_of_it_is_refused() -> None:
    priors = load_priors()
    with pytest.raises(BadPrior, match="no prior illicit\\.nothing; known are"):
        priors.number("illicit.nothing")
    with pytest.raises(BadPrior, match=r"calendar\.first_day is no number"):
        priors.number("calendar.first_day")
    with pytest.raises(BadPrior, match=r"noise\.all is no table"):
        priors.table("noise.all")
    with pytest.raises(BadPrior, match=r"noise\.all is no date"):
        priors.day("noise.all")
