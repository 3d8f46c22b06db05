"""Lawful trade: its relations, goods, years and descriptions."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.training.worlds.own.whole import Whole
from training.worlds.own import WorldChunk, generate
from training.worlds.own.priors import load_priors
from training.worlds.own.trade.descriptions import Phrasebook
from training.worlds.own.trade.geography import build_trade_lanes, load_geography
from training.worlds.own.trade.goods import FAMILIES, load_catalogue
from training.worlds.own.trade.names import WORDS, build_names
from training.worlds.own.trade.nomenclature import commercial_name, subheadings
from training.worlds.own.trade.parties import CONSIGNORS, Parties, Register

Texts = NDArray[np.object_]


def _named(texts: Texts, kinds: tuple[str, ...]) -> NDArray[np.bool_]:
    words = [word for kind in kinds for word in WORDS[kind]]
    return np.array([any(word in text for word in words) for text in texts.tolist()], dtype=np.bool_)


def _column(chunks: list[WorldChunk], name: str) -> Texts:
    return np.concatenate([chunk.office[name] for chunk in chunks])


def _repeated(world: Whole, rows: NDArray[np.bool_]) -> float:
    """Return the share of shipments whose pair of consignor and consignee address occurs more than once."""
    pair = world.office["consignor_name"] + world.office["consignee_address"] + world.office["consignee_postcode"]
    _, inverse, count = np.unique(pair[rows].astype(str), return_inverse=True, return_counts=True)
    return float((count[inverse] > 1).mean())


def test_firms_have_regular_customers_and_private_consignees_hardly_return(
    world: Whole,
) -> None:
    known = world.first & (world.office["consignor_name"] != "") & (world.office["consignee_address"] != "")
    trade = _named(world.office["consignor_name"], ("chemical", "pharma", "machinery", "laboratory", "trader"))
    firm = _named(world.office["consignee_name"], ("business", "university", "hospital", "maker"))
    assert _repeated(world, known & trade & firm) > 0.2
    sellers = known & _named(world.office["consignor_name"], ("marketplace",)) & ~firm
    assert _repeated(world, sellers) < 0.12


def test_consignors_keep_carrier_currency_and_packaging(world: Whole) -> None:
    rows = world.first & (world.office["consignor_name"] != "") & (world.office["channel"] == "air_cargo")
    who = (world.office["consignor_name"] + world.office["consignor_city"])[rows].astype(str)
    _, inverse, count = np.unique(who, return_inverse=True, return_counts=True)
    often = count[inverse] >= 8
    for name, least in (("carrier_id", 0.6), ("currency", 0.9), ("package_type", 0.5)):
        value = world.office[name][rows].astype(str)
        usual = []
        for code in np.unique(inverse[often]):
            _, own = np.unique(value[inverse == code], return_counts=True)
            usual.append(own.max() / own.sum())
        assert np.mean(usual) > least, name


@pytest.fixture(scope="module")
def register() -> Register:
    priors = load_priors()
    geography = load_geography(priors, np.random.default_rng(0))
    names = build_names([str(code) for code in geography.codes], geography.locale, 0)
    return Register(priors, geography, names, build_trade_lanes(priors, geography), 50_000, 1)


@given(number=st.integers(1, 2**63), destination=st.integers(0, 20), u=st.floats(0, 0.999), seed=st.integers(0, 99))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_regular_customer_is_always_the_same_and_others_are_random(
    register: Register, number: int, destination: int, u: float, seed: int
) -> None:
    n = len(CONSIGNORS)
    same = np.full(n, number, dtype=np.uint64)
    parties = Parties(np.arange(n), np.zeros(n, dtype=np.int64), same, same, np.zeros(n, dtype=np.int64), same)
    draws = np.random.default_rng(seed).random((2, 3, n))
    where, chance = np.full(n, destination), np.full(n, u)
    first, second = (register.relations(parties, where, chance, one) for one in draws)
    standing = u < load_priors().row("relation.standing", CONSIGNORS)
    assert np.array_equal(first[:, standing], second[:, standing])
    assert np.array_equal(first[:, ~standing], draws[0][:, ~standing])
    assert ((first >= 0) & (first < 1)).all()


def test_traders_deal_in_thousands_of_subheadings() -> None:
    goods = load_catalogue(load_priors())
    business = goods.of_family("business")
    assert len({goods.hs6[i] for i in business.tolist()}) > 3000
    assert len({goods.hs6[i] for i in goods.of_family("consumer").tolist()}) > 700
    assert np.isfinite(goods.kg).all()
    assert goods.kg.min() > 0
    assert goods.usd.min() > 0
    assert goods.family.max() < len(FAMILIES)


def test_a_sample_of_a_year_has_many_subheadings_with_heavy_tails(world: Whole) -> None:
    six = np.array([code[:6] for code in world.office["hs_code"] if len(code) >= 6])
    codes, count = np.unique(six, return_counts=True)
    assert len(codes) > 1500
    assert np.sort(count)[::-1][:100].sum() > 0.3 * count.sum()


def test_names_of_goods_are_commercial_not_legal() -> None:
    assert commercial_name("Shirts; men's or boys', of cotton, knitted or crocheted") == "mens cotton knitted shirts"
    assert commercial_name("Machinery; n.e.c. in heading no. 8479") == "machinery"
    assert commercial_name("Wire; 3mm or more, of heading no. 7217, other than coated") == "wire"
    assert commercial_name("Other goods n.e.s.") == ""
    names = [row.name for row in subheadings(load_priors())]
    assert max(map(len, names)) <= 48
    for word in ("nec", "nes", "other", "heading", "excluding", "exceeding", "than", "item"):
        assert not [name for name in names if word in name.split()], word
    assert not [name for name in names if set(name) & set(";(),.0123456789")]


def test_a_later_month_has_texts_that_earlier_ones_do_not(world: Whole) -> None:
    text = np.array([t.casefold() for t in world.office["goods_description"]], dtype=object)
    n = len(text)
    for illicit in (False, True):
        rows = world.illicit if illicit else ~world.of_illicit_shipment
        fit = set(text[: int(0.55 * n)][rows[: int(0.55 * n)]]) | set(text[: int(0.55 * n)])
        late = text[int(0.9 * n) :][rows[int(0.9 * n) :]]
        new = np.mean([t not in fit for t in late])
        assert 0.15 < new < 0.75, (illicit, new)


def test_text_forms_appear_over_the_calendar(world: Whole) -> None:
    text = world.office["goods_description"]
    n = len(text)
    quarter = n // 4
    for mark in (" | ", "["):
        early = np.mean([mark in t for t in text[:quarter]])
        late = np.mean([mark in t for t in text[-quarter:]])
        assert early < 0.002, mark
        assert late > 0.003, mark


def test_declarants_write_in_the_languages_of_their_countries(world: Whole) -> None:
    text, origin = world.office["goods_description"], world.office["consignor_country"]
    chinese = np.array([any("\u4e00" <= char <= "\u9fff" for char in t) for t in text])
    assert 0.005 < chinese[np.isin(origin, ("CN", "HK"))].mean() < 0.1
    assert not chinese[np.isin(origin, ("US", "GB", "MX"))].mean() > 0.002
    spanish = np.array([any(word in t for word in ("camiseta", "ropa de", "bolso", "juguete")) for t in text])
    assert spanish[origin == "MX"].mean() > 5 * spanish[origin == "GB"].mean()


@given(st.text(max_size=120))
def test_any_legal_text_gives_a_short_name_or_an_empty_one(text: str) -> None:
    name = commercial_name(text)
    assert len(name) <= 48 or " " not in name
    assert name == " ".join(name.split())


@pytest.mark.long
def test_a_later_day_has_the_wordings_of_an_earlier_one_and_new_ones() -> None:
    goods, rng = load_catalogue(load_priors()), np.random.default_rng(3)
    some = goods.of_family("consumer")[:40]
    rows = np.zeros(len(goods.name))
    rows[some] = 500
    book = Phrasebook(load_priors(), goods, ["CN"], rows, rng)
    good = np.repeat(some, 400)
    u, plain = rng.random(len(good)), np.zeros(len(good), dtype=np.int64)
    early, late = (
        set(book.describe(good, u, plain, plain > 0, np.full(len(good), when)).tolist()) for when in (0.0, 1.0)
    )
    assert len(late - early) > 0.4 * len(late)
    # The plain names stay in use.
    assert {goods.name[i] for i in set(good.tolist())} <= early & late


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2017-01-01", "2017-12-31"),
        pytest.param("2021-06-01", "2022-05-31", marks=pytest.mark.long),
        pytest.param("2027-01-01", "2027-03-31", marks=pytest.mark.long),
    ],
)
def test_the_calendar_may_begin_in_2017_or_later(first: str, last: str) -> None:
    days = date.fromisoformat(first), date.fromisoformat(last)
    chunks = list(generate(3_000, 5, first_day=days[0], last_day=days[1]))
    day = _column(chunks, "declared_at")
    assert first <= day[0][:10] <= day[-1][:10] <= last
    assert sum(chunk.n_rows for chunk in chunks) == 3_000
    assert (_column(chunks, "shipment_id")[0]).startswith(f"HB-{first[:4]}")


@pytest.mark.parametrize(("first", "last"), [("2016-12-31", "2018-01-01"), ("2019-01-02", "2019-01-01")])
def test_an_empty_or_too_early_calendar_is_refused(first: str, last: str) -> None:
    with pytest.raises(ValueError, match=r"expected a first day from 2017-01-01 on and a last day not before it"):
        next(generate(10, 1, first_day=date.fromisoformat(first), last_day=date.fromisoformat(last)))


def test_a_calendar_of_one_day_gives_a_world(world: Whole) -> None:
    day = date(2024, 2, 29)
    chunks = list(generate(500, 5, first_day=day, last_day=day))
    assert {text[:10] for text in _column(chunks, "declared_at")} == {"2024-02-29"}


@pytest.mark.long
def test_codes_and_filings_are_those_of_their_time() -> None:
    early = list(generate(12_000, 5, first_day=date(2018, 1, 1), last_day=date(2018, 5, 31)))
    late = list(generate(12_000, 5, first_day=date(2024, 7, 1), last_day=date(2024, 12, 31)))
    filings = [set(_column(chunks, "filing_type")) for chunks in (early, late)]
    new = {"T86", "ACAS_STD", "ACAS_EXP", "ACAS_ECOM", "ACAS_POST", "ICS2_F24", "ICS2_F32", "ICS2_F43", "ICS2_F20"}
    assert filings[0] & new == set()
    assert new <= filings[1]
    codes = [{code[:6] for code in _column(chunks, "hs_code")} for chunks in (early, late)]
    assert codes[0] & {"293334", "293336", "382219"} == set()
    assert "382219" in codes[1]


@pytest.mark.long
def test_mail_without_advance_data_lacks_most_fields_and_other_channels_lack_none() -> None:
    chunks = list(generate(15_000, 5, first_day=date(2017, 1, 1), last_day=date(2017, 12, 31)))
    mail = _column(chunks, "channel") == "postal"
    city, hs, text = (_column(chunks, name) != "" for name in ("consignor_city", "hs_code", "goods_description"))
    assert 0.3 < city[mail].mean() < 0.75
    assert city[~mail].all()
    assert hs[mail & ~city].mean() < 0.06
    assert text.all()
