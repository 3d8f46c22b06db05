"""The index of decisions, searches and parties, on both engines."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, update

from service.core.database.engine import Database
from service.core.database.migrations import running
from service.decisions import repository
from service.erasure.everywhere import erase_from_database
from service.inspections import pages
from service.parties.routes import PartyAnswer, SearchAnswer
from service.scoring.decision import ToErase
from service.scoring.selecting import Selection
from service.scoring.tables import Decision
from service.search import building, finding, postings, tables
from service.search.building import IndexBuilder
from service.search.finding import Finder, IndexBehind, Wanted
from service.search.tables import NEW, SearchBlock, SearchFrontier
from service.search.words import hash_of, of_filter, of_name
from tests.service.api_client import Client
from tests.service.conftest import shipment
from tests.service.store.decisions import new_decision

GOODS = ("citric acid", "cotton socks", "儿童玩具", "лимонная кислота")
LANES = ("red", "yellow", "green")


def stored(database: Database, count: int, begin: int = 0) -> None:
    """Store decisions that differ in goods, parties, lanes, channels, risks and times."""
    decisions = []
    for number in range(begin, begin + count):
        manifest = {
            "shipment_id": f"HB-{number}",
            "consignor": {"name": f"Firm {number % 7}", "country": "CN", "address": "1 Long Road", "city": "Ningbo"},
            "consignee": {"name": f"Buyer {number % 5}", "country": "US"},
            "items": [{"goods_description": GOODS[number % 4], "origin_country": "IN" if number % 3 else "CN"}],
        }
        decisions.append(
            new_decision(
                shipment_id=f"HB-{number}",
                lane=LANES[number % 3],
                channel="express" if number % 2 else None,
                risk=(number * 37 % 11) / 11,
                received_at=1_000_000 * (number * 7 % 13),
                manifest=json.dumps(manifest, ensure_ascii=False).encode(),
            )
        )
    with database.write() as connection:
        repository.record(connection, decisions, 1)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make stretches and pieces short, so that a few decisions fill several."""
    for module in (postings, building, finding, tables):
        monkeypatch.setattr(module, "STRETCH", 16)
    monkeypatch.setattr(building, "_FULL", 4)
    monkeypatch.setattr(building, "_PASS", 5)


SELECTIONS = (
    Selection(),
    Selection(lane="red"),
    Selection(lane="yellow", channel="express"),
    Selection(since=3_000_000, until=9_000_000),
    Selection(lane="green", since=2_000_000),
    Selection(q="cotton"),
    Selection(q="玩具", lane="red"),
    Selection(q="КИСЛОТА firm"),
    Selection(origin="CN", destination="US", channel="express"),
    Selection(q="socks", shipment_id="HB-5"),
    Selection(q="nothing like it"),
)


def expected(rows: list[Any], selection: Selection, order: str) -> list[int]:
    """Return the positions of a selection by looking at every row."""
    found = []
    for row in rows:
        text = bytes(row.manifest).decode().casefold()
        goods = json.loads(row.manifest)["items"][0]
        equal = all(
            getattr(selection, name) in (None, getattr(row, name)) for name in ("lane", "channel", "shipment_id")
        )
        words = all(word in text for word in (selection.q or "").casefold().split())
        times = (selection.since or 0) <= row.received_at < (selection.until or 2**62)
        if equal and words and times and selection.origin in (None, goods["origin_country"]):
            found.append((row.position, row.risk))
    if order == "riskiest":
        return [position for position, _ in sorted(found, key=lambda one: (-one[1], -one[0]))]
    return [position for position, _ in (found if order == "oldest" else reversed(found))]


@pytest.mark.both_engines
@pytest.mark.parametrize("indexed", [0, 20, 70])
def test_the_index_finds_what_a_look_at_every_row_finds(database: Database, short: None, indexed: int) -> None:
    stored(database, indexed)
    IndexBuilder(database).advance()
    stored(database, 70 - indexed, indexed)
    with database.read() as connection:
        rows = [*connection.execute(select(Decision.__table__).order_by(Decision.position))]
        assert connection.execute(select(SearchFrontier.decisions)).scalar_one() == indexed
    for selection in SELECTIONS:
        for order in ("newest", "oldest", "riskiest"):
            found, after, totals = [], None, set()
            while True:
                with database.read() as connection:
                    page = repository.page(connection, selection, order, after=after, limit=7)
                found += [row.position for row in page.rows]
                totals.add(page.total)
                after = page.following
                if after is None:
                    break
            assert found == expected(rows, selection, order), (selection, order)
            assert totals == {len(found)}


def test_full_stretches_are_cut_into_parts_once(database: Database, short: None) -> None:
    stored(database, 50)
    builder = IndexBuilder(database)
    builder.advance()
    with database.read() as connection:
        first = [*connection.execute(select(SearchBlock.first).where(SearchBlock.part == NEW)).scalars()]
        closed = set(connection.execute(select(SearchBlock.first).where(SearchBlock.part >= 0)).scalars())
    assert min(first) >= 48
    assert closed == {1, 16, 32}
    builder.advance()
    with database.read() as connection:
        assert connection.execute(select(SearchFrontier.decisions)).scalar_one() == 50


@pytest.mark.both_engines
def test_one_worker_at_a_time_extends_the_index(database: Database) -> None:
    stored(database, 3)
    first, second = IndexBuilder(database), IndexBuilder(database)
    first.advance()
    stored(database, 3, 3)
    second.advance()
    with database.read() as connection:
        assert connection.execute(select(SearchFrontier.decisions)).scalar_one() == 3
    with database.write() as connection:
        connection.execute(update(SearchFrontier).values(lease_until=0))
    second.advance()
    with database.read() as connection:
        assert connection.execute(select(SearchFrontier.decisions)).scalar_one() == 6


@pytest.mark.both_engines
def test_decisions_of_an_earlier_version_are_found_after_the_upgrade(database: Database) -> None:
    stored(database, 6)
    with database.write() as connection:
        running.downgrade(connection, "0010")
    with database.write() as connection:
        running.upgrade(connection)
    IndexBuilder(database).advance()
    with database.read() as connection:
        assert len(Finder(connection, words=True).find(Wanted.by(Selection(q="cotton")))) == 2
        page = pages.waiting(connection, Selection(q="cotton"), "riskiest", held=None, after=None, limit=9, now=1)
    assert {one.shipment_id for one in page.rows} == {"HB-1"}


def test_lists_work_and_words_wait_while_the_index_is_far_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_MOST_ROWS", 2)
    monkeypatch.setattr(finding, "_MOST_MANIFESTS", 2)
    stored(database, 9)
    with database.read() as connection:
        page = repository.page(connection, Selection(lane="red"), "newest", after=None, limit=2)
        assert ([row.shipment_id for row in page.rows], page.total) == (["HB-6", "HB-3"], 3)
        page = repository.page(connection, Selection(lane="red"), "newest", after=page.following, limit=2)
        assert [row.shipment_id for row in page.rows] == ["HB-0"]
        with pytest.raises(IndexBehind, match="still lacks 9 decisions"):
            repository.page(connection, Selection(q="cotton"), "newest", after=None, limit=2)


@pytest.mark.both_engines
@pytest.mark.parametrize("is_closed", [False, True])
def test_an_erasure_leaves_only_the_values_of_kept_columns(database: Database, short: None, is_closed: bool) -> None:
    stored(database, 20 if is_closed else 6)
    IndexBuilder(database).advance()
    erase_from_database(database, ToErase(shipment_id="HB-1"), None)
    with database.read() as connection:
        finder = Finder(connection, words=True)
        [buyers, goods, lane, express] = finder.positions(
            [hash_of(one) for one in (of_name("buyer"), "cotton", of_filter("lane", "yellow"), "channel=express")]
        )
        blocks = connection.execute(select(SearchBlock.__table__).where(SearchBlock.part >= NEW)).all()
        [position] = connection.execute(select(Decision.position).where(Decision.shipment_id == "HB-1")).scalars()
    assert position not in buyers
    assert position not in goods
    assert position in lane
    assert position in express
    remaining = 0
    for block in blocks:
        data = bytes(block.data)
        pairs = (
            postings.Piece.read(block.first, data).postings
            if block.part == NEW
            else postings.read_block(data, block.part)
        )
        if block.first // 16 == position // 16:
            remaining += int(np.count_nonzero(pairs.places == position % 16))
    assert remaining == 2


@pytest.mark.both_engines
def test_an_erasure_during_a_pass_is_not_undone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(database, 3)
    original = building.hashes_of_row
    erased: list[int] = []

    def erasing(row: Any, **options: Any) -> set[int]:
        if not erased:
            erased.append(1)
            erase_from_database(database, ToErase(shipment_id="HB-1"), None)
        return original(row, **options)

    monkeypatch.setattr(building, "hashes_of_row", erasing)
    IndexBuilder(database).advance()
    with database.read() as connection:
        found = Finder(connection, words=True).find(Wanted.by(Selection(q="cotton")))
        assert connection.execute(select(func.count()).select_from(Decision)).scalar_one() == 3
    assert len(found) == 0


def scored(client: Client, **changes: Any) -> str:
    answer = client.post("/v1/score", json=shipment(**changes))
    assert answer.status_code == 200, answer.text
    decision_id: str = answer.json()["decision_id"]
    return decision_id


QINGHE = {
    "name": "青禾精细化工",
    "country": "CN",
    "address": "青年路 12 号",
    "city": "宁波",
    "phone": "+86 574 5555 0187",
}
MERIDIAN = {"name": "Meridian Sample Imports", "country": "MX", "address": "Calle 5", "city": "Puebla"}
OTHER = {"name": "Volga Trade", "country": "KZ", "phone": "0086-574-55550187"}


def found_by(client: Client, text: str) -> dict[str, Any]:
    answer = client.get("/v1/search", params={"q": text})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    SearchAnswer.model_validate(found)
    return found


@pytest.mark.both_engines
def test_a_search_finds_parties_and_shipments_in_any_script(stored_client: Client) -> None:
    first = scored(stored_client, shipment_id="A", consignor=QINGHE, consignee=MERIDIAN)
    scored(stored_client, shipment_id="B", consignor=OTHER, items=[{"goods_description": "лимонная кислота"}])
    for text in ("青禾", "化工 精细", "MERIDIAN sample", "宁波", "0187 5555"):
        found = found_by(stored_client, text)
        assert [row["shipment_id"] for row in found["shipments"]] == ["A"], text
        assert (found["total"], found["next"]) == (1, None)
    assert [(one["name"], one["role"], one["country"]) for one in found_by(stored_client, "青禾")["parties"]] == [
        ("青禾精细化工", "consignor", "CN")
    ]
    assert [row["shipment_id"] for row in found_by(stored_client, "Кислота")["shipments"]] == ["B"]
    assert found_by(stored_client, "кислота")["parties"] == []
    assert found_by(stored_client, "zzz") == {"parties": [], "shipments": [], "next": None, "total": 0}
    assert stored_client.get("/v1/search?q=!!").json()["errors"][0]["field"] == "q"
    assert stored_client.get("/v1/search").status_code == 422

    stored_client.post(
        f"/v1/decisions/{first}/outcome", json={"content": "precursor", "found_at": "2026-05-04", "by": "x"}
    )
    [party] = found_by(stored_client, "青禾精细化工")["parties"]
    assert (party["shipments"], party["finds"]) == (1, 1)
    answer = stored_client.get(f"/v1/parties/{party['id']}")
    known = answer.json()
    PartyAnswer.model_validate(known)
    assert (known["names"], known["roles"], known["total"]) == (["青禾精细化工"], ["consignor"], 1)
    assert [(one["decision_id"], one["content"]) for one in known["finds"]] == [(first, "precursor")]
    assert [row["consignee"] for row in known["shipments"]] == ["Meridian Sample Imports"]
    assert {(one["name"], one["by"]) for one in known["links"]} == {
        ("Meridian Sample Imports", "shipment"),
        ("Volga Trade", "phone"),
    }


def test_an_erased_party_is_unknown(stored_client: Client) -> None:
    scored(stored_client, shipment_id="A", consignor=QINGHE)
    [party] = found_by(stored_client, "青禾")["parties"]
    assert stored_client.post("/v1/erasures", json={"shipment_id": "A"}).status_code == 200
    assert found_by(stored_client, "青禾")["shipments"] == found_by(stored_client, "青禾")["parties"] == []
    answer = stored_client.get(f"/v1/parties/{party['id']}")
    assert (answer.status_code, answer.json()["detail"]) == (404, f"No stored shipment has the party '{party['id']}'.")
    assert stored_client.get("/v1/decisions?shipment_id=A").json()["total"] == 1


@pytest.mark.both_engines
def test_pages_of_a_search_follow_each_other(stored_client: Client) -> None:
    for name in "ABC":
        scored(stored_client, shipment_id=name, consignor=QINGHE)
    page = stored_client.get("/v1/search?q=青禾&limit=2").json()
    assert ([row["shipment_id"] for row in page["shipments"]], page["total"]) == (["C", "B"], 3)
    page = stored_client.get("/v1/search", params={"q": "青禾", "limit": 2, "cursor": page["next"]}).json()
    assert ([row["shipment_id"] for row in page["shipments"]], page["parties"], page["next"]) == (["A"], [], None)


def test_the_queue_is_searched_for_words_and_countries(stored_client: Client) -> None:
    ids = {
        name: scored(stored_client, shipment_id=name, items=[{"goods_description": goods}])
        for name, goods in (("A", "citric acid"), ("B", "cotton socks"), ("C", "acid of citrus"))
    }
    for decision_id in ids.values():
        stored_client.post(f"/v1/decisions/{decision_id}/override", json={"lane": "red", "reason": "a test"})
    for query, names in (("q=acid", {"A", "C"}), ("q=ACID citric", {"A"}), ("q=socks&lane=yellow", set())):
        page = stored_client.get(f"/v1/queue?{query}").json()
        assert ({row["shipment_id"] for row in page["items"]}, page["total"]) == (names, len(names))
    assert stored_client.get("/v1/queue?destination=us").json()["total"] == 3
    assert stored_client.get("/v1/queue?destination=CA").json()["total"] == 0
