"""Shipments for requests, and the requests of each server."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from benchmarks.servers.catalogue import KINDS, OURS, Kind, RequestInputs
from benchmarks.shipments import Record, flat_rows, never_seen, simulated, systematic_names, with_names, words
from features.manifest.fields import MANIFEST_NAMES
from features.manifest.records import read_record
from features.manifest.shipment import shipment_to_json
from features.table.table import Coded, ManifestTable
from models.bundle import champion_dir, load
from tests.service.opsin_need import reads_names


@pytest.fixture(scope="module")
def shipments() -> list[Record]:
    return simulated(60, 3)


def test_shipments_are_newer_than_the_models_history_and_not_in_the_future(shipments: list[Record]) -> None:
    table = ManifestTable.from_records([read_record(record) for record in shipments])
    fields = [problem.field for row in range(table.n_rows) for problem in table.warnings_of_row(row)]
    assert "declared_at" not in fields
    assert not load(champion_dir()).history.advance(table).late.any()


def test_a_shipment_as_rows_is_the_same_shipment(shipments: list[Record]) -> None:
    assert len(shipments) > 1
    rows = [row for record in shipments for row in flat_rows(record)]
    assert all(set(row) <= set(MANIFEST_NAMES) for row in rows)
    columns = {name: Coded.from_list([row.get(name) for row in rows]) for name in MANIFEST_NAMES}
    table = ManifestTable.from_columns(columns, len(rows)).accepted()
    assert [shipment_to_json(shipment) for shipment in table.to_shipments()] == shipments


def test_new_texts_differ_between_shipments_and_seeds(shipments: list[Record]) -> None:
    first, second = never_seen(shipments, 1), never_seen(shipments, 2)
    texts = [item["goods_description"] for part in (first, second) for record in part for item in record["items"]]
    assert len(set(texts)) == len(texts)
    assert never_seen(shipments, 1) == first
    assert [record["shipment_id"] for record in first] == [record["shipment_id"] for record in shipments]
    assert never_seen(shipments, 1, 0.0) == shipments


def test_the_requested_number_of_words_is_made() -> None:
    assert len(words(random.Random(1), 7).split()) == 7


def test_systematic_names_are_distinct_and_reach_opsin(shipments: list[Record]) -> None:
    names = list(systematic_names())
    assert len(set(names)) == len(names) > 1_000
    named = with_names(shipments)
    assert [record["items"][0]["goods_description"] for record in named] == names[: len(named)]
    assert all(reads_names([record]) for record in named)
    without = [record for record in shipments if not reads_names([record])]
    assert len(without) > len(shipments) // 2
    assert not any(reads_names([record]) for record in never_seen(without, 1))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_every_server_gets_one_request_per_shipment_or_row(kind: Kind, shipments: list[Record]) -> None:
    numbers = [[0.5, 1.0], [2.0, 3.0], [4.0, 5.0]]
    requests = kind.requests(RequestInputs(shipments, numbers)).items
    assert len(requests) == (len(shipments) if kind.given == "manifests" else len(numbers))
    head, _, body = requests[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /")
    assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
    text = json.dumps(json.loads(body))
    expected = shipments[1]["shipment_id"] if kind.given == "manifests" else json.dumps(numbers[1])
    assert expected in text
    assert str(4711) in kind.command(Path("scratch"), 4711)


def test_the_service_comes_first_and_servers_have_their_own_files() -> None:
    assert (KINDS[0].name, KINDS[0].given) == (OURS, "manifests")
    assert len({kind.slug for kind in KINDS}) == len(KINDS)
