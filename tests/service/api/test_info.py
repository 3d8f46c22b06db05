"""Endpoints about the service, request ids, the access log and the documentation."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest

from features.manifest.fields import FIELD, MANIFEST_NAMES
from models.scoring.scores import ALL_SCORE_COLUMNS
from models.trees.forest import COMPILED
from service.app import create_app
from service.core.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT
from service.core.settings import Settings
from service.status.routes import OUTPUT_MEANINGS, ManifestSchema, ModelDescription, Readiness
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def test_the_model_endpoint_describes_the_model_in_service(shared_client: Client) -> None:
    described = ModelDescription.model_validate(shared_client.get("/v1/model").json())
    model = shared_client.state.host.served.model
    assert (described.name, described.version, described.digest) == ("tidewaiter", "1", model.digest)
    assert [feature.name for feature in described.features] == list(model.space.names)
    assert all(feature.meaning and feature.reason for feature in described.features)
    assert {rate.head: rate.source for rate in described.base_rates} == dict.fromkeys(model.heads, "assumed")
    assert described.lanes.red == model.lanes.red
    assert any("person decides" in limit for limit in described.limits)


@pytest.mark.parametrize("kernels", [True, False])
def test_the_kernels_setting_selects_the_predictor(settings: Settings, kernels: bool) -> None:
    with serving(create_app(Settings(models_dir=settings.models_dir, kernels=kernels))) as client:
        described = ModelDescription.model_validate(client.get("/v1/model").json())
    assert described.predictor == ("kernels" if kernels and COMPILED else "lightgbm")


@pytest.mark.parametrize("names", [[], ["features.loops", "models.kernels.more"]])
def test_uncompiled_modules_are_logged_once_at_start_up(
    settings: Settings, names: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("features.compiled.uncompiled", lambda: names)
    with serving(create_app(settings)) as client:
        client.post("/v1/score", json=shipment())
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "modules_uncompiled" in line]
    assert [event["level"] for event in events] == ["warning"] * bool(names)
    for event in events:
        assert "2 modules run uncompiled, many times slower: features.loops, models.kernels.more" in event["problem"]


def test_a_base_rate_of_the_office_is_marked_as_configured(settings: Settings) -> None:
    chosen = Settings(models_dir=settings.models_dir, base_rates={"precursor": 2e-6})
    with serving(create_app(chosen)) as client:
        rates = {rate["head"]: rate for rate in client.get("/v1/model").json()["base_rates"]}
    assert (rates["precursor"]["rate"], rates["precursor"]["source"]) == (2e-6, "configured")
    assert rates["equipment"]["source"] == "assumed"


def test_the_schema_lists_every_column_with_its_codes_and_units(shared_client: Client) -> None:
    schema = ManifestSchema.model_validate(shared_client.get("/v1/schema").json())
    assert [column.name for column in schema.columns] == list(MANIFEST_NAMES)
    columns = {column.name: column for column in schema.columns}
    assert columns["gross_mass_kg"].unit == "kg"
    assert columns["channel"].codes == dict(FIELD["channel"].codes or {})
    assert (columns["consignor_name"].level, columns["consignor_name"].key) == ("consignor", "name")
    assert [column.name for column in schema.output_columns] == list(ALL_SCORE_COLUMNS)
    assert schema.limits["batch_shipments"] == 1000


def test_every_output_column_has_a_description() -> None:
    assert tuple(OUTPUT_MEANINGS) == ALL_SCORE_COLUMNS


def test_liveness_and_readiness_are_separate_endpoints(shared_client: Client) -> None:
    assert shared_client.get("/healthz").json() == {"status": "ok"}
    assert Readiness.model_validate(shared_client.get("/readyz").json()).refused is None


def test_metrics_count_requests_and_shipments(client: Client) -> None:
    client.post("/v1/score", json=shipment())
    client.post("/v1/score/batch", json={"shipments": [shipment(shipment_id="HB-2"), {}]})
    body = b"shipment_id,goods_description\nHB-3,phone case\nHB-4,phone case\n"
    client.post("/v1/score/csv", content=body, headers={"Content-Type": "text/csv"})
    client.request("BREW", "/coffee")
    text = client.get("/metrics").text
    scored = [
        float(line.split()[-1]) for line in text.splitlines() if line.startswith("tidewaiter_shipments_scored_total{")
    ]
    assert sum(scored) == 4
    assert 'tidewaiter_shipments_refused_total{via="batch"} 1.0' in text
    assert 'tidewaiter_requests_total{method="POST",route="/v1/score",status="200"} 1.0' in text
    assert 'tidewaiter_requests_total{method="other",route="unmatched",status="404"} 1.0' in text
    assert 'tidewaiter_request_seconds_count{route="/v1/score"} 1.0' in text
    assert f'digest="{client.state.host.served.model.digest}"' in text


@pytest.mark.parametrize("sent", ["abc-1", "0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"])
def test_a_request_id_is_echoed(shared_client: Client, sent: str) -> None:
    assert shared_client.get("/healthz", headers={"X-Request-ID": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", [None, "", "two words", "x" * 129, 'a"b', "é".encode().decode("latin-1")])
def test_a_request_id_that_could_forge_a_log_line_is_replaced(shared_client: Client, sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent.encode("latin-1")}
    request_id = shared_client.get("/healthz", headers=headers).headers["x-request-id"]
    assert uuid.UUID(request_id).version == 4


def test_the_log_has_one_line_per_request_without_manifest_data(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(create_app(settings)) as client:
        client.post("/v1/score", json=shipment(), headers={"X-Request-ID": "find-me"})
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "find-me" in line]
    assert len(lines) == 1
    line: dict[str, Any] = lines[0]
    assert (line["event"], line["status"], line["scored"], line["path"]) == ("request", 200, 1, "/v1/score")
    assert line["ms"] > 0
    assert "Dana" not in json.dumps(line)


def test_the_openapi_document_describes_requests_responses_and_errors(shared_client: Client) -> None:
    document = shared_client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for component, names in {
        "Shipment": ["shipment_id", "channel", "consignor", "consignee", "items"],
        "GoodsItem": ["goods_description", "cas_number", "hs_code", "customs_value"],
        "Consignor": ["name", "account_opened_on"],
        "Score": ["risk", "lane", "reasons", "decision_id"],
        "Problem": ["type", "title", "status", "detail", "instance", "errors"],
    }.items():
        assert set(names) <= set(schemas[component]["properties"]), component
    assert "`postal` international mail" in schemas["Shipment"]["properties"]["channel"]["description"]
    assert "HTTPValidationError" not in schemas
    score = document["paths"]["/v1/score"]["post"]
    examples = score["requestBody"]["content"]["application/json"]["examples"]
    assert [example["value"] for example in examples.values()] == [EXAMPLE_SHIPMENT, EXAMPLE_PRECURSOR]
    assert {"200", "413", "415", "422", "500", "503"} <= set(score["responses"])
    for status, response in score["responses"].items():
        if status != "200":
            assert list(response["content"]) == ["application/problem+json"]
    references = json.dumps(document)
    for name in {part.split('"')[0] for part in references.split("#/components/schemas/")[1:]}:
        assert name in schemas, f"{name} is referenced but not defined"


@pytest.mark.parametrize("example", [EXAMPLE_SHIPMENT, EXAMPLE_PRECURSOR], ids=["goods", "precursor"])
def test_the_documented_examples_are_scored_without_warnings(shared_client: Client, example: dict[str, Any]) -> None:
    answer = shared_client.post("/v1/score?update_history=false", json=example)
    assert answer.status_code == 200
    assert answer.json()["warnings"] == []


def test_the_documentation_page_loads_everything_from_this_service(shared_client: Client) -> None:
    answer = shared_client.get("/docs")
    assert answer.status_code == 200
    assert "/openapi.json" in answer.text
    sources = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(sources) >= 2
    for source in sources:
        assert source.startswith("/docs/static/")
        assert shared_client.get(source).status_code == 200
