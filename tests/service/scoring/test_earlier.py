"""A shipment that is declared again with other content keeps the lane it had, until an officer decides."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from features.groups.history.declarations import CONTENT_ROWS, Content, Declarations
from models.bundle import ModelStore, load
from service.app import create_app
from service.core.settings import Settings
from tests.effort import examples
from tests.service.api_client import Client, serving
from training.registry.pyfunc_model import score_frame

RED = "fentanyl hydrochloride powder"
FLAT = {
    "shipment_id": "S1",
    "house_id": "H1",
    "channel": "postal",
    "declared_at": "2026-11-01T10:00:00Z",
    "consignor_name": "Yixing Trading",
    "consignor_country": "CN",
    "consignee_name": "John Smith",
    "consignee_country": "US",
    "net_mass_kg": "0.5",
    "customs_value": "40",
    "currency": "USD",
}
Served = Callable[..., AbstractContextManager[Client]]


def manifest(words: str = RED, **changes: str) -> dict[str, Any]:
    flat = FLAT | {"goods_description": words} | changes
    nested: dict[str, Any] = {"items": [{}], "consignor": {}, "consignee": {}}
    for name, value in flat.items():
        role, _, key = name.partition("_")
        if role in ("consignor", "consignee"):
            nested[role][key] = value
        elif name in ("goods_description", "net_mass_kg", "customs_value"):
            nested["items"][0][name] = value
        elif value:
            nested[name] = value
    return nested


@pytest.fixture
def served(tmp_path: Path, bundle: Path) -> Served:
    ModelStore(tmp_path / "models").install(bundle)

    def serve(**changes: Any) -> AbstractContextManager[Client]:
        url = f"sqlite:///{tmp_path}/store.db"
        return serving(
            create_app(
                Settings(models_dir=tmp_path / "models", keeps_decisions=True, database_url=SecretStr(url), **changes)
            )
        )

    return serve


@pytest.fixture
def stored(served: Served) -> Iterator[Client]:
    with served() as client:
        yield client


def post(client: Client, words: str = RED, query: str = "", **changes: str) -> dict[str, Any]:
    answer = client.post(f"/v1/score{query}", json=manifest(words, **changes))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_replaced_words_keep_the_lane_and_the_answer_names_decision_and_change(stored: Client) -> None:
    first = post(stored)
    second = post(stored, "baby dress")
    assert (first["lane"], second["lane"], second["selected_by"]) == ("red", "red", "rule")
    assert second["risk"] <= first["risk"]
    assert "changed-declaration" in second["rule_ids"]
    assert second["earlier"] == {
        "decision_id": first["decision_id"],
        "lane": "red",
        "declared_at": "2026-11-01T10:00:00Z",
        "same": ["shipment_id"],
        "changed": [{"field": "goods_description", "old": RED, "new": "baby dress"}],
    }
    reason = second["reasons"][0]
    assert (reason["code"], reason["weight"]) == ("CHANGED", None)
    assert f"goods_description from '{RED}' to 'baby dress'" in reason["text"]
    assert [row["lane"] for row in stored.get("/v1/queue").json()["items"]] == ["red"]


def test_of_two_rows_of_one_request_the_second_names_the_decision_of_the_first(stored: Client) -> None:
    rows = {"shipments": [manifest(), manifest("baby dress")]}
    first, second = stored.post("/v1/score/batch", json=rows).json()["results"]
    assert (second["lane"], second["earlier"]["decision_id"]) == ("red", first["decision_id"])
    kept = stored.get(f"/v1/decisions/{second['decision_id']}").json()["answer"]
    assert kept["earlier"]["decision_id"] == first["decision_id"]


@pytest.mark.parametrize("same", [RED, RED.upper(), f" {RED.replace(' ', '  ')}"])
def test_the_same_content_says_nothing(client: Client, same: str) -> None:
    post(client)
    again = post(client, same, declared_at="2026-11-02T10:00:00Z")
    assert "earlier" not in again
    assert again["selected_by"] != "rule" or "changed-declaration" not in again["rule_ids"]


def test_without_a_store_the_answer_names_only_the_fields(client: Client) -> None:
    post(client)
    second = post(client, "baby dress")
    assert second["lane"] == "red"
    assert second["earlier"]["decision_id"] is None
    assert second["earlier"]["changed"] == [{"field": "goods_description", "old": None, "new": None}]


def test_a_what_if_sees_the_earlier_declaration_and_leaves_none(client: Client) -> None:
    post(client, query="?update_history=false")
    assert "earlier" not in post(client, "baby dress", query="?update_history=false")
    post(client)
    assert post(client, "baby dress", query="?update_history=false")["lane"] == "red"


@pytest.mark.parametrize(
    ("changes", "is_raised"),
    [
        ({"shipment_id": "S2", "consignee_name": "Other Name"}, True),
        ({"shipment_id": "S2", "house_id": "H2", "customs_value": "40.5"}, True),
        ({"shipment_id": "S2", "house_id": "H2", "customs_value": "45"}, False),
        ({"shipment_id": "S2", "house_id": "H2", "consignee_name": "Other Name"}, False),
        ({"shipment_id": "S2", "declared_at": "2026-12-01T11:00:00Z"}, False),
    ],
)
def test_another_id_for_the_same_goods_is_at_least_yellow(
    client: Client, changes: dict[str, str], is_raised: bool
) -> None:
    post(client)
    answer = post(client, "baby dress", **changes)
    assert ("changed-declaration" in answer["rule_ids"]) == is_raised
    assert not is_raised or answer["lane"] in ("yellow", "red")


def test_an_outcome_ends_it_and_an_override_sets_it(stored: Client) -> None:
    first = post(stored)
    found = {"content": "none", "found_at": "2026-11-02T00:00:00Z", "by": "Officer"}
    assert stored.post(f"/v1/decisions/{first['decision_id']}/outcome", json=found).status_code == 201
    afresh = post(stored, "baby dress")
    assert "changed-declaration" not in afresh["rule_ids"]
    # It takes the place of the decided one.
    assert post(stored, "baby shoes")["earlier"]["decision_id"] == afresh["decision_id"]
    other = post(stored, shipment_id="S9", house_id="H9", consignor_name="Other", consignee_name="Another")
    override = {"lane": "green", "reason": "known"}
    assert stored.post(f"/v1/decisions/{other['decision_id']}/override", json=override).status_code == 201
    assert stored.get("/v1/queue").json()["items"] == []
    changes = {"shipment_id": "S9", "house_id": "H9", "consignor_name": "Other", "consignee_name": "Another"}
    assert "changed-declaration" not in post(stored, "baby dress", **changes)["rule_ids"]


def test_a_repeated_request_leaves_the_decision_that_officers_decide_on(stored: Client) -> None:
    first = post(stored)
    assert post(stored)["decision_id"] == first["decision_id"]
    renamed = post(stored, "baby dress", shipment_id="S2", house_id="H2", query="?update_history=false")
    assert renamed["earlier"]["decision_id"] == first["decision_id"]
    found = {"content": "none", "found_at": "2026-11-02T00:00:00Z", "by": "Officer"}
    assert stored.post(f"/v1/decisions/{first['decision_id']}/outcome", json=found).status_code == 201
    assert "changed-declaration" not in post(stored, "baby dress", shipment_id="S2", house_id="H2")["rule_ids"]


def test_an_erased_declaration_keeps_its_lane_but_shows_no_words(stored: Client) -> None:
    first = post(stored)
    assert stored.post("/v1/erasures", json={"decision_id": first["decision_id"]}).status_code == 200
    again = post(stored, "baby dress")
    assert again["lane"] == "red"
    assert again["earlier"]["changed"] == [{"field": "goods_description", "old": None, "new": None}]
    assert RED not in str(again)


def test_a_restart_remembers(served: Served) -> None:
    with served() as client:
        first = post(client)
    for _ in range(2):
        with served() as client:
            again = post(client, "baby dress")
            assert (again["lane"], again["earlier"]["decision_id"]) == ("red", first["decision_id"])


def test_a_declaration_without_a_time_makes_no_later_one_late(client: Client) -> None:
    post(client, "socks", shipment_id="A", declared_at="")
    assert not post(client, "socks", shipment_id="B", declared_at="2026-05-01")["late"]
    post(client, "socks", shipment_id="C", declared_at="")
    assert not post(client, "socks", shipment_id="D", declared_at="2026-05-02")["late"]
    assert post(client, "socks", shipment_id="E", declared_at="2026-04-01")["late"]


def test_the_pyfunc_sees_earlier_rows(bundle: Path) -> None:
    other = FLAT | {"shipment_id": "S0", "house_id": "", "consignor_name": "Z", "goods_description": "socks"}
    frame = pd.DataFrame([FLAT | {"goods_description": RED}, other, FLAT | {"goods_description": "baby dress"}])
    scored = score_frame(load(bundle), frame)
    assert scored["lane"].tolist()[::2] == ["red", "red"]
    assert scored["selected_by"].tolist()[2] == "rule"


@pytest.mark.parametrize("apart", [False, True])
def test_a_file_sees_earlier_rows_and_those_of_the_file_before(tmp_path: Path, bundle: Path, apart: bool) -> None:
    from service.cli import main

    other = FLAT | {"shipment_id": "S0", "house_id": "", "consignor_name": "Z", "goods_description": "socks"}
    first, second = FLAT | {"goods_description": RED}, FLAT | {"goods_description": "baby dress"}
    parts = {"before.csv": [first, other], "in.csv": [second] if apart else [first, other, second]}
    for name, content in parts.items():
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, [*FLAT, "goods_description"])
            writer.writeheader()
            writer.writerows(content)
    arguments = ["score", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), "--bundle", str(bundle)]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *(["--history", str(tmp_path / "before.csv")] if apart else [])])
    assert ended.value.code == 0
    last = pd.read_csv(tmp_path / "out.csv", dtype=str).iloc[-1]
    assert (last["lane"], last["selected_by"]) == ("red", "rule")
    assert last["reason_1"].startswith("Declared with the same shipment_id and other content on 2026-11-01, red.")


@pytest.mark.parametrize(("later_s", "remembered"), [(0, 1), (86_400, 1), (86_401, 2)])
def test_a_declaration_that_comes_again_within_a_day_is_remembered_once(later_s: int, remembered: int) -> None:
    content = np.zeros((CONTENT_ROWS, 3), dtype=np.int64)
    content[Content.SHIPMENT], content[Content.PARTIES], content[Content.GOODS] = [1, 1, 2], 200, [5, 5, 6]
    content[Content.GRAMS], content[Content.TIME] = 500, [1_000, 1_000 + later_s, 1_000]
    declared = Declarations(1000)
    [renamed] = declared.judge(content, np.array([1, 1, 0], dtype=np.int8), orders=np.array([1, 2, 3])).values()
    assert renamed.order == remembered


CONTENT = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 2), st.integers(0, 2), st.integers(1, 3), st.integers(0, 2)),
    max_size=12,
)


@examples(60, deadline=None)
@given(CONTENT)
def test_one_by_one_equals_together(shipments: list[tuple[int, int, int, int, int]]) -> None:
    content = np.zeros((CONTENT_ROWS, len(shipments)), dtype=np.int64)
    for column, (shipment, house, parties, goods, _) in enumerate(shipments):
        content[:3, column] = shipment, house and 100 + house, parties and 200 + parties
        content[[Content.GOODS, Content.GRAMS, Content.TIME], column] = goods, 500, 1_000 * column
    lanes = np.array([lane for *_, lane in shipments], dtype=np.int8)
    together, apart = Declarations(1000), Declarations(1000)
    unchanged = apart.judge(content, lanes, update=False)
    one_by_one = {
        column: one
        for column in range(len(shipments))
        for one in apart.judge(np.ascontiguousarray(content[:, [column]]), lanes[[column]]).values()
    }
    assert together.judge(content, lanes) == one_by_one == unchanged
