"""``POST /v1/score`` scores one shipment with its evidence."""

from __future__ import annotations

import gzip
import json
import time
import uuid
from pathlib import Path

import pytest

from features.groups.history.history import History
from features.manifest.shipment import shipment_from_json
from features.table.table import ManifestTable
from models.bundle import load
from service.app import create_app
from service.core.examples import EXAMPLE_PRECURSOR
from service.core.http.schemas import Score
from service.core.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def test_the_response_equals_the_score_of_the_model_and_matches_its_schema(client: Client, bundle: Path) -> None:
    answer = client.post("/v1/score?explain=all&reasons=100", json=shipment()).json()
    model = load(bundle)
    table = ManifestTable.from_shipments([shipment_from_json(shipment())])
    expected = model.score(table, model.history.copy(), explain="all").shipment(0)
    assert uuid.UUID(answer.pop("decision_id")).version == 7
    assert {**answer, "decision_id": None} == json.loads(json.dumps(expected))
    Score.model_validate({**answer, "decision_id": "x"})
    assert answer["model"]["digest"] == model.digest
    assert answer["explains"]["base_value"] + sum(reason["weight"] for reason in answer["reasons"]) == pytest.approx(
        answer["explains"]["raw_score"], abs=1e-9
    )


def test_invalid_fields_are_scored_with_warnings(shared_client: Client) -> None:
    answer = shared_client.post(
        "/v1/score",
        json=shipment(channel="pigeon", gross_mass_kg="a lot", colour="red", declared_at="2199-01-01T00:00:00Z"),
    )
    assert answer.status_code == 200
    warned = {warning["field"]: warning["problem"] for warning in answer.json()["warnings"]}
    assert {"channel", "gross_mass_kg", "colour", "declared_at"} <= set(warned)
    assert "pigeon" in warned["channel"]
    assert "future" in warned["declared_at"]


def test_a_missing_time_becomes_the_time_of_receipt(client: Client) -> None:
    now = time.gmtime()
    # The time of receipt becomes the newest time in the history, so a shipment of last year is late.
    assert client.post("/v1/score", json=shipment(declared_at=None)).json()["late"] is False
    old = f"{now.tm_year - 1}-01-05T10:00:00Z"
    assert client.post("/v1/score", json=shipment(shipment_id="HB-2", declared_at=old)).json()["late"] is True


def test_a_shipment_updates_the_history_unless_update_history_is_false(client: Client) -> None:
    def features_of(shipment_id: str) -> tuple[float, str]:
        record = shipment(shipment_id=shipment_id, declared_at="2026-10-02T10:00:00Z")
        answer = client.post("/v1/score?update_history=false&explain=all", json=record)
        return float(answer.json()["risk"]), json.dumps(answer.json()["reasons"])

    first = features_of("HB-A")
    assert features_of("HB-A") == first
    for number in range(20):
        record = shipment(shipment_id=f"HB-{number}", declared_at="2026-10-01T10:00:00Z")
        assert client.post("/v1/score", json=record).status_code == 200
    assert features_of("HB-A") != first


def test_the_explain_parameter_selects_the_explained_shipments(client: Client) -> None:
    def explained(explain: str) -> bool:
        answer = client.post(f"/v1/score?update_history=false&explain={explain}", json=shipment()).json()
        assert bool(answer["reasons"]) == (answer["explains"] is not None)
        return bool(answer["reasons"])

    assert explained("all")
    assert not explained("none")


def test_a_randomly_selected_shipment_is_red_and_marked_random(settings: Settings) -> None:
    chosen = Settings(models_dir=settings.models_dir, random_share=1.0, random_key="a key of the office")
    with serving(create_app(chosen)) as client:
        answer = client.post("/v1/score?actions=acas", json=shipment()).json()
    assert (answer["lane"], answer["selected_by"]) == ("red", "random")
    assert answer["action"] == {"code": "8H", "name": "RFS"}
    assert answer["reasons"]


def test_the_acas_action_follows_the_lane_and_is_never_do_not_load(client: Client, bundle: Path) -> None:
    of_lane = {"red": {"code": "8H", "name": "RFS"}, "yellow": {"code": "7H", "name": "RFI"}, "green": None}
    seen = set()
    for number in range(40):
        item = {"goods_description": "chemical raw material", "cas_number": "77-92-9", "net_mass_kg": 1 + number * 3}
        record = shipment(shipment_id=f"HB-{number}", items=[{**item, "customs_value": 1 + 40 / (number + 1)}])
        answer = client.post("/v1/score?actions=acas", json=record).json()
        assert answer["action"] == of_lane[answer["lane"]]
        seen.add(answer["lane"])
    assert len(seen) > 1
    assert "action" not in client.post("/v1/score", json=shipment()).json()


def test_base_rates_change_the_risk_but_not_the_lane(settings: Settings) -> None:
    def scored(**changes: object) -> dict[str, object]:
        changed = Settings(models_dir=settings.models_dir, **changes)  # type: ignore[arg-type]
        with serving(create_app(changed)) as client:
            answer: dict[str, object] = client.post("/v1/score", json=EXAMPLE_PRECURSOR).json()
            return answer

    few, many = scored(), scored(base_rates={"precursor": 0.01})
    assert float(str(many["risk"])) > 100 * float(str(few["risk"]))
    assert (many["lane"], many["percentile"]) == (few["lane"], few["percentile"])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(json.dumps(shipment()).encode(), mtime=0), {"Content-Encoding": "gzip"}),
        (b"\xef\xbb\xbf" + json.dumps(shipment()).encode(), {}),
        (json.dumps(shipment()).encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}),
        (json.dumps(shipment()).encode(), {"Content-Type": "application/vnd.carrier+json"}),
    ],
    ids=["gzip", "byte order mark", "utf-16", "another json type"],
)
def test_a_body_may_use_other_encodings(shared_client: Client, body: bytes, headers: dict[str, str]) -> None:
    all_headers = {"Content-Type": "application/json", **headers}
    plain = shared_client.post("/v1/score?update_history=false", json=shipment()).json()
    other = shared_client.post("/v1/score?update_history=false", content=body, headers=all_headers)
    assert other.status_code == 200, other.text
    assert other.json()["risk"] == plain["risk"]


def test_flat_and_nested_json_get_the_same_score(shared_client: Client) -> None:
    nested = shipment()
    flat = {key: value for key, value in nested.items() if key not in ("consignor", "consignee", "items")}
    for party in ("consignor", "consignee"):
        flat.update({f"{party}_{key}": value for key, value in nested[party].items()})
    flat.update(nested["items"][0])
    scores = [shared_client.post("/v1/score?update_history=false", json=body).json() for body in (nested, flat)]
    assert scores[0]["risk"] == scores[1]["risk"]


def test_scoring_does_not_change_the_history_of_the_bundle(client: Client) -> None:
    served = client.state.host.served
    before = served.model.history.sequence
    assert isinstance(served.model.history, History)
    client.post("/v1/score", json=shipment())
    assert served.model.history.sequence == before
