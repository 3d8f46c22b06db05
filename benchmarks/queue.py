"""Time of a page of the queue, of decisions and of searches, without HTTP, in a store of many decisions on each engine.

Decisions repeat the manifests of some thousand simulated shipments, each with its own ids, time and risk. One in seven is red or
yellow and waits in the queue. The rows are filled in by SQL and not scored.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, func, insert, select, text, update

from benchmarks.script import Result, Size, run, say
from benchmarks.shipments import simulated
from benchmarks.tables import Table, number
from service.core.database.engine import Database
from service.decisions import repository as decisions
from service.decisions.finds import finds_before
from service.inspections import pages
from service.inspections.tables import QueueEntry
from service.parties.finding import search
from service.scoring.selecting import Selection
from service.scoring.summary import record_of
from service.scoring.tables import Decision
from service.search.finding import Finder, Order
from service.search.postings import STRETCH, Piece, Postings
from service.search.tables import FILTERS, NEW, RISKS, TIMES, SearchBlock, SearchFrontier, filters_of
from service.search.words import HASH_BITS, hash_of, hashes_of, of_party, parties_of
from tests.service.store.decisions import new_decision
from tests.service.store.engines import cluster, new_database

COUNTS: Final = {Size.quick: 20_000, Size.usual: 1_000_000, Size.full: 1_000_000}
_REPEATS: Final = {Size.quick: 5, Size.usual: 30, Size.full: 200}
_TEMPLATES: Final = 4_000
_LIMIT: Final = 50
_LANES: Final = {0: "red", 7: "yellow", 14: "yellow", 21: "yellow"}
_COPIED: Final = [
    column.name
    for column in Decision.__table__.columns
    if column.name not in ("position", "id", "shipment_id", "received_at", "risk", "history_order")
]
#: Rows of `COUNTS` from the templates: the times are a second apart.
_COPIES: Final = f"""
WITH RECURSIVE turns(turn) AS (SELECT 1 UNION ALL SELECT turn + 1 FROM turns WHERE turn < :turns)
INSERT INTO decisions (position, id, shipment_id, received_at, risk, {", ".join(_COPIED)})
SELECT position + turn * {_TEMPLATES}, id || '-' || CAST(turn AS TEXT), shipment_id || '-' || CAST(turn AS TEXT),
received_at + turn * {_TEMPLATES} * CAST(1000000 AS BIGINT), ((position + turn * {_TEMPLATES}) * 7919 % 1000003) / 1000003.0,
{", ".join(_COPIED)} FROM decisions CROSS JOIN turns WHERE position <= {_TEMPLATES}
"""
_QUEUE: Final = """
INSERT INTO queue_entries (shipment_id, decision_id, rank, lane, overridden, selected_by, minus_risk, percentile, received_at, site,
channel, position)
SELECT shipment_id, id, CASE lane WHEN 'red' THEN 0 ELSE 1 END, lane, what_if, selected_by, -risk, percentile, received_at, site,
channel, position FROM decisions WHERE lane <> 'green'
"""
#: One decision in a thousand has a find; 1009 has no factor in common with the number of templates.
_FINDS: Final = """
INSERT INTO outcomes (id, decision_id, shipment_id, content, found_at, recorded_at, learned)
SELECT id, id, shipment_id, 'fentanyl', received_at, received_at, true FROM decisions WHERE position % 1009 = 7
"""
#: What an answer has, for the pages that show it. Its reason lets a page look for the finds before it.
_REASON: Final = {
    "code": "EARLIER_FINDS",
    "text": "The consignee had a find",
    "weight": 1.0,
    "fields": ["consignee_name"],
}
_HEADS: Final = {"fentanyl_or_analogue": 1e-4, "precursor": 1e-5, "equipment": 1e-6}
_ANSWER: Final[dict[str, Any]] = {
    "reasons": [_REASON | {"source": ""}],
    "rule_ids": [],
    "content": _HEADS,
    "warnings": [],
    "items": [{"item_number": "1", "risk": 1e-4, "content": _HEADS, "substance": None}],
}
#: Decisions of which the one with the best known parties is asked for its finds.
_CANDIDATES: Final = 200


def fill(database: Database, count: int) -> None:
    """Fill a migrated store with decisions and their index. One in a hundred of the queue is claimed."""
    manifests = [json.dumps(one).encode() for one in simulated(2 * _TEMPLATES, 7)[:_TEMPLATES]]
    template = {column.name: None for column in Decision.__table__.columns}
    with database.write() as connection:
        connection.execute(insert(Decision), [template | _row(at, one) for at, one in enumerate(manifests, 1)])
        connection.execute(text(_COPIES), {"turns": count // _TEMPLATES - 1})
        connection.execute(text(_QUEUE))
        connection.execute(text(_FINDS))
        claim = update(QueueEntry).where(QueueEntry.position % 100 == 0)
        connection.execute(claim.values(claimed_by="officer", claimed_until=4_000_000_000_000_000))
        columns = [Decision.manifest, *(getattr(Decision, name) for name in FILTERS)]
        rows = connection.execute(select(*columns).where(Decision.position <= _TEMPLATES).order_by(Decision.position))
        hashes = [np.array([*(filters_of(row) | hashes_of(_record(row)))], np.uint64) for row in rows]
        numbers = connection.execute(select(Decision.received_at, Decision.risk).order_by(Decision.position)).all()
        times, risks = (np.array([0, *some]) for some in zip(*numbers, strict=True))
        for block in _blocks(hashes, times, risks):
            connection.execute(insert(SearchBlock), block)
        connection.execute(update(SearchFrontier).values(position=count, decisions=count))
        if connection.dialect.name == "postgresql":
            # The service continues after the rows that were given their positions.
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence('decisions', 'position'), :last)"), {"last": count}
            )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if connection.dialect.name == "sqlite" else "VACUUM ANALYZE"))


def _record(row: Any) -> Any:
    record = record_of(bytes(row.manifest))
    assert record is not None
    return record


def _row(position: int, manifest: bytes) -> dict[str, Any]:
    shipment = json.loads(manifest)
    changes = {
        "id": f"d{position}",
        "shipment_id": f"S{position}",
        "received_at": position * 1_000_000,
        "risk": (position * 7919 % 1_000_003) / 1_000_003,
        "lane": _LANES.get(position % 28, "green"),
        "manifest": manifest,
        "channel": shipment.get("channel"),
        "site": shipment.get("unloading_location"),
        "answer": json.dumps(_ANSWER | {"shipment_id": f"S{position}"}).encode(),
    }
    one = new_decision(**changes)
    values = {name: getattr(one, name) for name in decisions._NAMES}
    return values | {"position": position, "history_order": None, "salt": bytes(16)}


def _blocks(hashes: list[Any], times: Any, risks: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield the blocks of each stretch, as the service writes them once it is full, and the open one as a piece."""
    chance = np.random.default_rng(1)
    for first in range(0, len(times), STRETCH):
        positions = np.arange(max(first, 1), min(first + STRETCH, len(times)))
        some = [hashes[(position - 1) % len(hashes)] for position in positions]
        places = np.repeat(positions - first, [len(one) for one in some])
        own = chance.integers(0, 1 << HASH_BITS, len(positions), np.uint64)
        given = np.concatenate([*some, own]), np.concatenate([places, positions - first]).astype(np.uint16)
        order = np.lexsort(given[::-1])
        here = slice(positions[0], positions[-1] + 1)
        piece = Piece(int(positions[0]), times[here], risks[here], Postings(given[0][order], given[1][order]))
        blocks = {**piece.postings.parts(), TIMES: piece.times.tobytes(), RISKS: piece.risks.tobytes()}
        if first + STRETCH >= len(times):
            blocks = {NEW: piece.data()}
        yield [{"part": part, "first": piece.first, "data": data} for part, data in blocks.items()]


def _requests(connection: Connection) -> dict[str, Callable[[Connection], Any]]:
    """Return a function per kind of page."""
    sites = select(Decision.site).where(Decision.site.is_not(None), Decision.position <= _TEMPLATES)
    site = connection.execute(sites.group_by(Decision.site).order_by(func.count().desc()).limit(1)).scalar_one()
    count = connection.execute(select(func.max(Decision.position))).scalar_one()
    given: dict[str, Selection] = {
        "all": Selection(),
        "words": Selection(q="cotton"),
        "destination": Selection(destination="US"),
        "site": Selection(site=site),
        "site, lane, time": Selection(site=site, lane="red", since=count * 500_000),
    }
    asked: dict[str, Callable[[Connection], Any]] = {}

    def queued(selection: Selection, order: pages.Order, *, held: bool | None = None) -> Callable[[Connection], Any]:
        return lambda to: pages.waiting(to, selection, order, held=held, after=None, limit=_LIMIT, now=1)

    def listed(selection: Selection, order: Order) -> Callable[[Connection], Any]:
        return lambda to: decisions.page(to, selection, order, after=None, limit=_LIMIT)

    for name, selection in given.items():
        asked[f"queue: {name}"] = queued(selection, "riskiest")
        asked[f"decisions: {name}"] = listed(selection, "riskiest")
    asked["queue: newest"] = queued(Selection(), "newest")
    asked["queue: site, held, newest"] = queued(given["site"], "newest", held=True)
    asked["queue: words, newest"] = queued(given["words"], "newest")
    asked["decisions: newest"] = listed(Selection(), "newest")
    asked["search: one word"] = lambda to: search(to, "cotton", after=None, limit=_LIMIT)
    asked["one decision, finds"] = partial(finds_before, decision=_best_known(connection, count))
    asked["search: three words"] = lambda to: search(to, "cotton shirt blue", after=None, limit=_LIMIT)
    return asked


def _best_known(connection: Connection, count: int) -> Any:
    """Return a decision whose parties, addresses and contacts are in many others."""
    finder = Finder(connection, words=True)
    query = select(Decision.__table__).where(Decision.position > count - _CANDIDATES)

    def others(row: Any) -> int:
        parties = parties_of(_record(row))
        words = {of_party(one.id) for one in parties}.union(*(one.links for one in parties))
        return sum(map(len, finder.positions([hash_of(word) for word in words])))

    return max(connection.execute(query), key=others)


def measure(size: Size) -> Result:
    """Return per engine and kind of page the times in seconds."""
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder, cluster() as server:
        for name, url in {
            "sqlite": f"sqlite:///{Path(folder) / 'store.db'}",
            "postgresql": new_database(server.url),
        }.items():
            database = Database(url)
            database.migrate()
            say(f"filling {name}")
            fill(database, COUNTS[size])
            with database.read() as connection:
                asked = _requests(connection)
            for kind, request in asked.items():
                of_kind = times.setdefault(kind, {}).setdefault(name, [])
                for _ in range(_REPEATS[size] + 2):
                    start = perf_counter()
                    with database.read() as connection:
                        request(connection)
                    of_kind.append(perf_counter() - start)
                del of_kind[:2]
                say(f"{name}, {kind}: {1e3 * np.median(of_kind):.0f} ms")
            database.close()
    return {"times": times, "decisions": COUNTS[size]}


def tables(result: Result) -> list[Table]:
    """Return the table of `measure`'s figures."""
    engines = ("sqlite", "postgresql")
    rows = [
        (kind, *(number(1e3 * float(np.quantile(of[one], level))) for one in engines for level in (0.5, 0.95)))
        for kind, of in result["times"].items()
    ]
    columns = ("page", *(f"{one}, {level}, ms" for one in engines for level in ("p50", "p95")))
    return [Table("Pages of many decisions", columns, tuple(rows), f"{result['decisions']:,} decisions in the store.")]


if __name__ == "__main__":
    run("queue", __doc__, measure, tables)
