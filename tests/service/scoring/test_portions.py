"""Large requests are scored in portions, with the answers of a single table. Further fields cannot fill the memory."""

from __future__ import annotations

from typing import Any

import pytest

from features.manifest.records import read_record
from service.app import create_app
from service.core.settings import Settings
from service.scoring import portions
from service.scoring.portions import MOST_FURTHER, further_names, portions_of
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def records(count: int) -> list[dict[str, Any]]:
    """Return shipments of the same parties. One cannot be read, and one has the ``shipment_id`` of the next."""
    made = [
        shipment(shipment_id=f"S-{number}", further={f"f{number % 3}": number}) | {"items": shipment()["items"] * 3}
        for number in range(count)
    ]
    made[4]["shipment_id"] = made[5]["shipment_id"]
    made[7] = {"shipment_id": "S-7"}
    return made


def answered(settings: Settings, query: str, sent: list[dict[str, Any]]) -> dict[str, Any]:
    with serving(create_app(settings)) as client:
        answer = client.post(f"/v1/score/batch?explain=all&{query}", json={"shipments": sent}).json()
        # The state of the history afterwards.
        after = client.post("/v1/score?explain=all", json=shipment(shipment_id="after")).json()
    for one in (*answer["results"], after):
        del one["decision_id"]
    return {"answer": answer, "after": after}


@pytest.mark.parametrize("query", ["update_history=true", "update_history=false"])
@pytest.mark.parametrize("limit", ["_MOST_ROWS", "_MOST_CELLS"])
def test_portions_give_the_answers_of_one_table(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, query: str, limit: str
) -> None:
    sent = records(12)
    one_table = answered(settings, query, sent)
    monkeypatch.setattr(portions, limit, 7)
    made = list(portions_of((index, read_record(record)) for index, record in enumerate(sent) if index != 7))
    assert len(made) > 4
    assert answered(settings, query, sent) == one_table


def test_a_portion_is_bounded_in_goods_items_and_in_cells_of_further_fields() -> None:
    wide = [shipment(shipment_id=f"S-{n}", further={f"{n}-{k}": k for k in range(100)}) for n in range(400)]
    long = [shipment(shipment_id=f"L-{n}") | {"items": shipment()["items"] * 999} for n in range(7)]
    readable = [(index, read_record(record)) for index, record in enumerate(wide + long)]
    made = list(portions_of(readable))
    assert [one for portion in made for one in portion] == readable
    for portion in made:
        rows = sum(len(record.items) for _, record in portion)
        names = set().union(*(further_names(record) for _, record in portion))
        assert rows <= 5_000
        assert rows * len(names) <= 1_700_000
    assert 4 <= len(made) <= 20


def test_a_shipment_with_too_many_further_fields_is_refused_alone(client: Client) -> None:
    names = [f"name {number}" for number in range(MOST_FURTHER + 1)]
    first, last = names[:-1], names[-1:]
    items = [{"goods_description": "toy", "further": dict.fromkeys(some, 1)} for some in (first, last)]
    sent = [shipment(shipment_id="many", items=items), shipment(shipment_id="most", further=dict.fromkeys(first, 1))]
    answer = client.post("/v1/score/batch", json={"shipments": sent}).json()
    assert [one["shipment_id"] for one in answer["results"]] == ["most"]
    [refused] = answer["rejected"]
    assert refused["problems"] == [{"field": "further", "problem": "got 201 different names; at most 200 are accepted"}]
