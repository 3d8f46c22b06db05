"""Networks react to seizures and law changes, but not too early, and otherwise behave like lawful trade."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from features.manifest.fields import FIELDS
from features.reference import policy_dates
from training.worlds.own import generate
from training.worlds.own.networks.agents import REACTIONS, Craft, Network, Seizure
from training.worlds.own.networks.inspection import WatchList
from training.worlds.own.networks.laws import MOVES, LawChange, law_changes
from training.worlds.own.priors import Priors, load_priors
from training.worlds.own.trade.goods import load_catalogue
from training.worlds.own.trade.parties import CONSIGNEES, CONSIGNORS
from training.worlds.own.trade.plan import CONTENTS, HARMLESS, Consignment, Host
from training.worlds.own.world import TRUTH

Texts = NDArray[np.object_]
ROWS, SEED = 8_000, 21
FIRST, LAST = date(2025, 4, 14), date(2026, 10, 31)


def _priors(**changed: object) -> Priors:
    """Return priors with much illicit trade and many shipments per network, so that a small world has enough of both."""
    values = {
        "illicit.prevalence": 0.2,
        "illicit.shipments_per_network": 30.0,
        "illicit.network_life_days": 200.0,
        "inspection.random": 0.3,
        "inspection.watch_list": 3.0,
    }
    return load_priors().replaced(values | {name.replace("__", "."): value for name, value in changed.items()})


def _only(reaction: str) -> dict[str, float]:
    return {name: float(name == reaction) for name in REACTIONS}


class _Sent:
    """Illicit goods items of a world, in order, with the columns of office and truth."""

    def __init__(self, priors: Priors, rows: int = ROWS) -> None:
        chunks = list(generate(rows, SEED, priors=priors))
        office = {name: np.concatenate([chunk.office[name] for chunk in chunks]) for name in chunks[0].office}
        truth = {name: np.concatenate([chunk.truth[name] for chunk in chunks]) for name in chunks[0].truth}
        inside = truth["content"] != "none"
        self.columns: dict[str, Texts] = {name: column[inside] for name, column in (office | truth).items()}
        ids = office["shipment_id"]
        found = ids[(office["content"] != "") & (office["content"] != "none")]
        self.seized = np.isin(self["shipment_id"], found)
        self.traces = [set(text.split(";")) for text in self["typologies"]]
        self.content = truth["content"][inside]

    def __getitem__(self, name: str) -> Texts:
        return self.columns[name]

    def has(self, trace: str) -> NDArray[np.bool_]:
        return np.array([trace in own for own in self.traces], dtype=np.bool_)

    def days(self, name: str) -> NDArray[np.float64]:
        texts = np.where(self[name] == "", "1970-01-01T00:00:00Z", self[name])
        return texts.astype("U19").astype("datetime64[s]").astype(np.float64) / 86400


def _returns(sent: _Sent) -> int:
    """Return the number of a network's shipments to a house with an earlier seizure that the network has learned of."""
    declared, known = sent.days("declared_at"), sent.days("inspected_at")
    door = sent["consignee_address"] + "|" + sent["consignee_postcode"]
    # Flats, lockers and forwarders share addresses; houses do not.
    house = np.array(["Apt" not in t and "Locker" not in t and "Suite" not in t and "PMB" not in t for t in door])
    first: dict[tuple[str, str], float] = {}
    for i in np.flatnonzero(sent.seized & house & sent.has("P5")).tolist():
        key = str(sent["network_id"][i]), str(door[i])
        first[key] = min(first.get(key, np.inf), float(known[i]))
    count = 0
    for i in np.flatnonzero(sent.has("P5")).tolist():
        since = first.get((str(sent["network_id"][i]), str(door[i])))
        count += since is not None and declared[i] > since + 22
    return count


@pytest.fixture(scope="module")
def stubborn() -> _Sent:
    """Return shipments of networks that react neither to seizures nor to law changes."""
    return _Sent(_priors(illicit__reaction=_only("nothing"), illicit__reacts_to_law=0.0, illicit__address_uses=30.0))


@pytest.fixture(scope="module")
def wary() -> _Sent:
    """Return shipments of networks that abandon all their parties after a seizure and react to every law change."""
    return _Sent(_priors(illicit__reaction=_only("parties"), illicit__reacts_to_law=1.0, illicit__address_uses=30.0))


def test_a_network_stops_shipping_to_an_address_after_it_learns_of_a_seizure_there(
    stubborn: _Sent, wary: _Sent
) -> None:
    before, after = _returns(stubborn), _returns(wary)
    assert before > 20
    # In a small world, two addresses may be in the same block of flats, with equal texts.
    assert after <= 0.2 * before


def test_a_network_does_not_react_before_the_office_knows_of_a_seizure(wary: _Sent) -> None:
    known: dict[str, float] = {}
    for number, day, seized in zip(wary["network_id"], wary.days("inspected_at"), wary.seized, strict=True):
        if seized:
            known[number] = min(known.get(number, np.inf), float(day))
    declared = wary.days("declared_at")
    reacted = [i for i, text in enumerate(wary["reaction"]) if text.startswith("seizure")]
    assert len(reacted) > 50
    assert all(declared[i] > known[wary["network_id"][i]] + 6 for i in reacted)


@pytest.mark.long
def test_a_restarted_network_has_a_new_number_and_new_parties() -> None:
    sent = _Sent(_priors(illicit__reaction=_only("restart"), illicit__reacts_to_law=0.0), 4_000)
    again = sent["reaction"] == "seizure:restart"
    assert again.sum() > 10
    assert not set(sent["network_id"][again]) & set(sent["network_id"][~again])


def test_the_truth_states_the_last_reaction_of_a_network(stubborn: _Sent, wary: _Sent) -> None:
    assert set(stubborn["reaction"]) == {""}
    kinds = {text.partition(":")[0] for text in wary["reaction"]}
    assert {"seizure", "law"} <= kinds
    days = {text.partition(":")[2] for text in wary["reaction"] if text.startswith("law")}
    assert {date.fromisoformat(text) for text in days} <= {change.day for change in law_changes(FIRST, LAST)}
    assert "reaction" in TRUTH
    assert "reaction" not in {field.name for field in FIELDS}


def _planned(craft: Craft, network: Network, kind: str, count: int = 400) -> list[Consignment]:
    host = Host(300, 1, 0, 0, CONSIGNORS.index(kind), CONSIGNEES.index("house"), True, True)
    rng = np.random.default_rng(1)
    return [craft.consignment(network, host, rng) for _ in range(count)]


def _share(planned: list[Consignment], trace: str) -> float:
    return float(np.mean([trace in one.traces for one in planned]))


def _moved(craft: Craft, content: str, kind: str, moves: str) -> tuple[list[Consignment], list[Consignment]]:
    """Return a network's plans before and after a law change that concerns it."""
    change = LawChange(date(2025, 11, 10), moves, (content,))
    # Two equal networks, which use all typologies of their trade.
    one, other = (craft.new_network(3, content, np.random.default_rng(2)) for _ in range(2))
    craft.after_law(other, change, np.random.default_rng(3))
    assert (one.reaction, other.reaction) == ("", "law:2025-11-10")
    return _planned(craft, one, kind), _planned(craft, other, kind)


@pytest.fixture(scope="module")
def craft() -> Craft:
    priors = load_priors().replaced(
        {"illicit.moves_to_precursors": 1.0, "illicit.repertoire": 30.0, "illicit.works_with": 1.0}
    )
    return Craft(priors, load_catalogue(priors), 5)


def test_a_listing_moves_dealers_in_finished_opioids_to_precursors(craft: Craft) -> None:
    before, after = _moved(craft, "fentanyl", "shop", "precursors")
    assert {CONTENTS[one.content] for one in before} == {"fentanyl"}
    assert {CONTENTS[one.content] for one in after} == {"precursor"}


def test_a_listing_moves_declared_chemicals_to_unlisted_neighbours(craft: Craft) -> None:
    before, after = _moved(craft, "precursor", "chemical", "neighbours")
    chemical = [[one for one in planned if one.traces & {"T1", "D5"}] for planned in (before, after)]
    assert min(len(planned) for planned in chemical) > 50
    named = [load_priors().number(f"illicit.relatives_{when}_listing") for when in ("before", "after")]
    for share, planned in zip(named, chemical, strict=True):
        assert _share(planned, "T1") == pytest.approx(share, abs=0.15)


def test_export_licences_move_shipments_to_third_countries(craft: Craft) -> None:
    before, after = _moved(craft, "precursor", "shop", "third_country")
    assert _share(after, "R1") > _share(before, "R1") + 0.1


def test_account_dates_make_networks_open_fewer_new_accounts(craft: Craft) -> None:
    before, after = _moved(craft, "fentanyl", "shop", "accounts")
    assert _share(after, "P1") < 0.8 * _share(before, "P1")
    assert sum(one.shipper > 0 for one in after) < sum(one.shipper > 0 for one in before)


def test_networks_stop_using_stop_words_when_these_are_refused(craft: Craft) -> None:
    before, after = _moved(craft, "fentanyl", "shop", "wording")
    assert _share(before, "D1") > 0
    assert _share(after, "D1") == 0


def test_a_network_reuses_no_party_of_a_seized_shipment(craft: Craft) -> None:
    for number in range(30):
        network = craft.new_network(number, "fentanyl", np.random.default_rng(number))
        seen = next(one for one in _planned(craft, network, "shop") if one.shipper and one.address)
        seizure = Seizure(310, seen.shipper, seen.address, seen.contact, 0)
        reaction = craft.after_seizure(network, seizure, np.random.default_rng(number + 100))
        after = _planned(craft, network, "shop", 60)
        again = any(one.shipper == seen.shipper or one.address == seen.address for one in after)
        assert reaction in REACTIONS
        assert not again or reaction == "nothing"


def test_networks_differ_in_their_typologies(craft: Craft) -> None:
    usual = Craft(load_priors(), load_catalogue(load_priors()), 5)
    ways = {frozenset(usual.new_network(n, "precursor", np.random.default_rng(n)).repertoire) for n in range(30)}
    assert len(ways) > 20


def test_law_changes_are_those_of_the_reference_tables_within_the_calendar() -> None:
    changes = law_changes(FIRST, LAST)
    assert all(FIRST <= change.day <= LAST and change.moves in MOVES and change.contents for change in changes)
    assert list(changes) == sorted(changes, key=lambda change: change.day)
    days = {change.day for change in changes}
    assert {row.date for row in policy_dates() if FIRST <= row.date <= LAST} <= days
    assert {change.moves for change in changes} == set(MOVES)
    assert not law_changes(date(1950, 1, 1), date(1950, 12, 31))


def test_parcels_of_a_split_consignment_share_parties_trade_lane_and_day(stubborn: _Sent) -> None:
    parcels = np.flatnonzero(stubborn.has("M4"))
    assert len(parcels) > 50
    declared = stubborn.days("declared_at")
    for i in parcels.tolist():
        before = next(j for j in range(i - 1, -1, -1) if stubborn["network_id"][j] == stubborn["network_id"][i])
        assert declared[i] - declared[before] < 2
        for name in ("consignor_address", "consignor_country", "consignee_address", "consignee_country", "channel"):
            # One of the two may have lost its address to a typing error.
            assert "" in (stubborn[name][i], stubborn[name][before]) or stubborn[name][i] == stubborn[name][before]


def test_a_contact_may_belong_to_several_shippers(stubborn: _Sent) -> None:
    names: dict[str, set[str]] = {}
    for phone, name in zip(stubborn["consignor_phone"], stubborn["consignor_name"], strict=True):
        if phone:
            names.setdefault(phone, set()).add(name)
    assert sum(len(own) >= 3 for own in names.values()) > 5


def test_networks_omit_contacts_as_often_as_lawful_declarants_overall(craft: Craft) -> None:
    silence = [craft.new_network(n, "fentanyl", np.random.default_rng(n)).silence for n in range(400)]
    assert np.mean(silence) == pytest.approx(load_priors().number("habit.no_contact"), abs=0.05)
    # Networks differ from each other.
    assert min(silence) < 0.1 < 0.8 < max(silence)


def test_a_watch_list_contains_a_number_from_the_time_its_find_is_known() -> None:
    watched = WatchList()
    number = np.array([7, 2**63 + 5], dtype=np.uint64)
    assert not watched.holds(number, np.array([100, 100])).any()
    watched.add(number, np.array([50, 200]))
    assert watched.holds(number, np.array([50, 199])).tolist() == [True, False]
    assert watched.holds(np.array([8], dtype=np.uint64), np.array([10**9])).tolist() == [False]
    # An earlier find moves the time; a later one does not.
    watched.add(number, np.array([90, 150]))
    assert watched.holds(number, np.array([60, 150])).tolist() == [True, True]


def test_the_office_inspects_more_shipments_to_parties_with_finds(stubborn: _Sent) -> None:
    declared, known = stubborn.days("declared_at"), stubborn.days("inspected_at")
    door = stubborn["consignee_address"] + "|" + stubborn["consignee_postcode"]
    since: dict[str, float] = {}
    listed = np.zeros(len(door), dtype=np.bool_)
    for i in range(len(door)):
        listed[i] = since.get(str(door[i]), np.inf) <= declared[i]
        for j in np.flatnonzero(stubborn.seized[: i + 1] & (door[: i + 1] == door[i])).tolist():
            since[str(door[i])] = min(since.get(str(door[i]), np.inf), float(known[j]))
    targeted = stubborn["inspection"] == "targeted"
    assert listed.sum() > 50
    assert targeted[listed].mean() > 1.2 * targeted[~listed].mean()


def test_overt_goods_go_from_own_shippers_to_own_recipients_for_any_host(craft: Craft) -> None:
    # The host is a well-known chemical firm that supplies industry regularly.
    host = Host(300, 1, 0, 0, CONSIGNORS.index("chemical"), CONSIGNEES.index("industry"), False, False)
    rng = np.random.default_rng(4)
    networks = [craft.new_network(number, "precursor", rng) for number in range(20)]
    planned = [craft.consignment(network, host, rng) for network in networks for _ in range(20)]
    overt = [one for one in planned if one.declaration != HARMLESS]
    harmless = [one for one in planned if one.declaration == HARMLESS]
    assert min(len(overt), len(harmless)) > 60
    assert all(one.shipper > 0 and one.consignee > 0 for one in overt)
    kinds = {CONSIGNEES[one.consignee_kind] for one in overt}
    assert kinds == {"house", "flat", "pickup", "business", "forwarder"}
    # Networks do not replace well-known parties if they declare harmless goods.
    assert not any(one.shipper or one.consignee for one in harmless)
