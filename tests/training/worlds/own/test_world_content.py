"""Declarations are as informative as published indicators say, in illicit and in lawful trade."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from features.reference import benign_chemicals
from tests.training.worlds.own.whole import Whole
from training.worlds.own.priors import load_priors
from training.worlds.own.trade.goods import Catalogue, load_catalogue
from training.worlds.own.trade.names import WORDS
from training.worlds.own.trade.plan import CONTENTS, DECLARATIONS, TRADE_OF

Bools = NDArray[np.bool_]
#: Words in the names of firms that have a use for chemicals, machines or medicines. Names of shell companies lack them.
_USE = tuple(word for kind in ("university", "hospital", "maker", "industry") for word in WORDS[kind])
_FIRM = (*_USE, *WORDS["business"], *WORDS["forwarder"])


@pytest.fixture(scope="module")
def goods() -> Catalogue:
    return load_catalogue(load_priors())


def _names(texts: NDArray[np.object_], words: tuple[str, ...]) -> Bools:
    return np.array([any(word in text for word in words) for text in texts.tolist()], dtype=np.bool_)


def _numbers_of(goods: Catalogue, family: str) -> set[str]:
    return {goods.cas[i] for i in goods.of_family(family).tolist()} - {""}


def _substance(world: Whole) -> Bools:
    return np.isin(world.truth["content"], [name for name, trade in TRADE_OF.items() if trade != "equipment"])


@pytest.mark.parametrize("trade", ["opioid", "precursor", "equipment"])
def test_networks_declare_their_goods_in_each_way_about_as_often_as_in_the_priors(
    large_world: Whole, trade: str
) -> None:
    own = np.isin(large_world.truth["content"], [name for name in CONTENTS[1:] if TRADE_OF[name] == trade])
    own &= large_world.first
    for way, share in load_priors().table(f"illicit.declared_{trade}").items():
        found = np.mean(large_world.truth["declaration"][own] == way)
        # A world draws its shares, networks differ, and some shipments leave no trace.
        assert 0.3 * share < found < 2.5 * share, (way, found)
    assert set(large_world.truth["declaration"][~large_world.illicit]) == {""}
    assert set(large_world.truth["declaration"][large_world.illicit]) == set(DECLARATIONS)


def test_named_substances_have_their_name_another_name_or_their_number(world: Whole, goods: Catalogue) -> None:
    named = (world.truth["declaration"] == "named") & _substance(world)
    text = np.array([text.casefold() for text in world.office["goods_description"][named]], dtype=object)
    substances = np.concatenate([goods.of_family("raw"), goods.of_family("relative")]).tolist()
    plain = tuple(goods.name[i].casefold() for i in substances)
    aliases = tuple(alias.casefold() for i in substances for alias in goods.aliases[i])
    numbers = tuple(goods.cas[i] for i in substances if goods.cas[i])
    # Texts may be cut, and some are in the words of the chapter in another language.
    by_name, by_alias, by_number = (_names(text, words).mean() for words in (plain, aliases, numbers))
    assert by_name > 0.1
    assert by_alias > 0.1
    assert by_number > 0.05
    only = np.mean([text.startswith("cas") or text[:1].isdigit() for text in text[_names(text, numbers)]])
    assert only > 0.2


def test_lawful_firms_use_the_same_vague_words_of_chemistry(world: Whole, goods: Catalogue) -> None:
    words = tuple(
        name.casefold() for i in goods.of_family("generic").tolist() for name in (goods.name[i], *goods.aliases[i])
    )
    text = np.array([text.casefold() for text in world.office["goods_description"]], dtype=object)
    vague = (world.truth["declaration"] == "vague") & _substance(world)
    lawful = ~world.of_illicit_shipment
    used = _names(text, words)
    assert used[vague].mean() > 0.5
    assert used[lawful].sum() > used[vague].sum()
    assert used[vague].mean() > 50 * used[lawful].mean()


def test_declared_illicit_chemistry_goes_to_persons_and_shells_and_lawful_chemistry_to_firms_with_a_use(
    world: Whole, goods: Catalogue
) -> None:
    overt = np.isin(world.truth["declaration"], ("named", "vague", "other")) & _substance(world)
    chemical = np.isin(
        world.office["cas_number"], list(_numbers_of(goods, "chemical") | _numbers_of(goods, "neighbour"))
    )
    lawful = chemical & ~world.of_illicit_shipment
    private, use = (~_names(world.office["consignee_name"], _FIRM)), _names(world.office["consignee_name"], _USE)
    assert private[overt].mean() > 0.35
    # Shops sell some common chemicals to hobbyists.
    assert private[lawful].mean() < 0.5 * private[overt].mean()
    assert use[lawful].mean() > 0.35
    assert use[overt].mean() < 0.15


def test_a_declared_code_often_contradicts_illicit_chemistry_and_seldom_lawful_chemistry(
    world: Whole, goods: Catalogue
) -> None:
    chapter = np.array([code[:2] for code in world.office["hs_code"]], dtype=object)
    coded = np.array([code.isdigit() for code in world.office["hs_code"]], dtype=np.bool_)
    # Common chemicals are also in other chapters: sodium chloride in 25, urea in 31.
    of_list = {row.hs6[:2] for row in benign_chemicals()}
    fits = np.isin(chapter, ["28", "29", "30", "32", "38", "39", "13", "21", "33", "34", *of_list])
    overt = np.isin(world.truth["declaration"], ("named", "vague")) & _substance(world) & coded
    numbers = list(_numbers_of(goods, "chemical"))
    lawful = np.isin(world.office["cas_number"], numbers) & ~world.of_illicit_shipment & coded
    assert (~fits)[overt].mean() > 0.15
    assert (~fits)[lawful].mean() < 0.06


def test_networks_name_no_relative_that_is_common_trade(large_world: Whole, goods: Catalogue) -> None:
    named = (large_world.truth["declaration"] == "named") & _substance(large_world)
    common = {goods.name[i].casefold() for i in goods.of_family("neighbour").tolist()}
    text = {text.casefold() for text in large_world.office["goods_description"][named]}
    assert named.sum() > 100
    assert not text & common
    relatives = {goods.name[i].casefold() for i in goods.of_family("relative").tolist()}
    assert _names(np.array(sorted(text), dtype=object), tuple(relatives)).any()


def test_lawful_listed_goods_have_permits_and_go_to_those_who_may_hold_them(
    large_world: Whole, goods: Catalogue
) -> None:
    office, lawful = large_world.office, ~large_world.of_illicit_shipment
    numbers = _numbers_of(goods, "listed")
    names = {goods.name[i].casefold() for i in goods.of_family("licensed").tolist()}
    text = np.array([text.casefold() for text in office["goods_description"]], dtype=object)
    listed = (np.isin(office["cas_number"], list(numbers)) | np.isin(text, list(names))) & lawful
    assert listed.sum() > 60
    assert (office["permit_number"][listed] != "").mean() > 0.75
    # Unless a typing error hides it, the consignee is a firm or an institution.
    assert _names(office["consignee_name"], _FIRM)[listed].mean() > 0.95
    named = (large_world.truth["declaration"] == "named") & _substance(large_world)
    assert (office["permit_number"][named] != "").mean() < 0.2


def test_reference_standards_are_milligrams_for_laboratories(large_world: Whole) -> None:
    text = np.array([text.casefold() for text in large_world.office["goods_description"]], dtype=object)
    standard = _names(text, ("reference standard", "reference material", " crm ")) & ~large_world.of_illicit_shipment
    # Kits of standards without a listed substance have another heading.
    standard &= np.array([code.startswith("29") for code in large_world.office["hs_code"]], dtype=np.bool_)
    assert standard.sum() > 10
    net = large_world.numbers("net_mass_kg")[standard]
    assert np.nanquantile(net, 0.95) < 0.5
    assert (
        _names(large_world.office["consignee_name"][standard], (*WORDS["university"], *WORDS["hospital"])).mean() > 0.9
    )


def test_lawful_presses_go_to_firms_with_few_exceptions(world: Whole) -> None:
    text = np.array([text.casefold() for text in world.office["goods_description"]], dtype=object)
    press = _names(text, ("tablet press",))
    lawful, illicit = press & ~world.of_illicit_shipment, press & (world.truth["content"] == "equipment")
    private = ~_names(world.office["consignee_name"], _FIRM)
    assert lawful.sum() > 50
    assert private[lawful].mean() < 0.12
    assert private[illicit].mean() > 2 * private[lawful].mean()


def test_lawful_trade_has_look_alikes(world: Whole) -> None:
    lawful = ~world.of_illicit_shipment
    text = [text.casefold() for text in world.office["goods_description"][lawful]]
    for word in (
        "piperidine",
        "aniline",
        "pigment",
        "ink",
        "fentanyl test strips",
        "garlic press",
        "die cast",
        "piperine",
    ):
        assert any(word in own for own in text), word


def test_numbers_derived_from_a_substance_do_not_depend_on_its_consignor(large_world: Whole) -> None:
    office = large_world.office
    by_cas: dict[str, set[str]] = {}
    for cas, cus in zip(office["cas_number"], office["cus_number"], strict=True):
        if cas and cus:
            by_cas.setdefault(cas, set()).add(cus)
    assert len(by_cas) > 20
    assert all(len(own) == 1 for own in by_cas.values())
    # A tariff has few national lines per subheading and destination.
    lines: dict[str, set[str]] = {}
    for code, country in zip(office["hs_code"], office["consignee_country"], strict=True):
        if len(code) == 10 and code.isdigit():
            lines.setdefault(code[:6] + country, set()).add(code[6:])
    assert max(map(len, lines.values())) <= 2
