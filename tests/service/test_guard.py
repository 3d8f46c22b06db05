"""Requests that web pages of other sites send are refused, and every answer has security headers."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from service.app import create_app
from service.core.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:8000", "192.0.2.7:80", "LOCALHOST"]
)
def test_addresses_and_localhost_are_accepted(shared_client: Client, host: str) -> None:
    assert shared_client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["attacker.example", "localhost.attacker.example", "127.0.0.1.example", "", "[::1", "a@localhost.b"]
)
def test_another_name_in_host_is_refused(shared_client: Client, host: str) -> None:
    for path in ("/healthz", "/v1/schema", "/docs"):
        answer = shared_client.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert answer.json()["type"] == "urn:tidewaiter:problem:misdirected"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("hosts", [["attacker.example", "localhost"], ["localhost", "localhost"]], ids=",".join)
def test_a_request_with_several_hosts_is_refused(shared_client: Client, hosts: list[str]) -> None:
    # A value that was accepted once is not checked again.
    assert shared_client.get("/healthz", headers={"Host": "localhost"}).status_code == 200
    answer = shared_client.get("/healthz", headers=[("Host", host) for host in hosts])
    assert (answer.status_code, answer.json()["detail"]) == (421, "The request needs exactly one Host header.")


def test_a_request_without_a_host_is_refused(shared_client: Client) -> None:
    request = shared_client.asynchronous.build_request("GET", "/healthz")
    del request.headers["Host"]
    assert shared_client.portal.call(shared_client.asynchronous.send, request).status_code == 421


def test_administrators_allow_names_and_origins(settings: Settings) -> None:
    named = Settings(
        models_dir=settings.models_dir,
        allowed_hosts="tw.office.example, Other",
        allowed_origins="https://console.example",
    )
    with serving(create_app(named)) as client:
        for host in ("tw.office.example", "TW.office.example:443", "other"):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200
        headers = {"Origin": "https://console.example", "Sec-Fetch-Site": "cross-site"}
        assert client.post("/v1/score", json=shipment(), headers=headers).status_code == 200
        headers["Origin"] = "https://other.example"
        assert client.post("/v1/score", json=shipment(), headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.attacker.example"},
        {"Origin": "http://localhost:8001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/score", "/v1/score/batch", "/v1/score/csv", "/v1/substances/batch", "/v1/goods/batch"]
)
def test_a_page_of_another_site_cannot_write(client: Client, headers: dict[str, str], path: str) -> None:
    before = client.state.host.served.history.copy().sequence
    answer = client.post(path, json=shipment(), headers=headers)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:tidewaiter:problem:forbidden"
    assert client.state.host.served.history.copy().sequence == before


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_a_page_of_another_site_cannot_write_with_another_method(shared_client: Client, method: str) -> None:
    answer = shared_client.request(method, "/v1/score", headers={"Origin": "http://attacker.example"})
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:tidewaiter:problem:forbidden"


def test_a_websocket_is_closed_as_not_supported_whatever_its_origin(shared_client: Client) -> None:
    """The project's server supports no WebSocket, but another server might."""
    sent: list[Any] = []

    async def ask() -> None:
        scope = {
            "type": "websocket",
            "path": "/v1/score",
            "headers": [(b"host", b"localhost"), (b"origin", b"http://localhost")],
            "query_string": b"",
            "state": {},
        }

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await shared_client.app(scope, receive, send)

    shared_client.portal.call(ask)
    assert sent == [{"type": "websocket.close", "code": 1003}]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_services_own_page_and_the_reader_can_write(client: Client, headers: dict[str, str]) -> None:
    assert client.post("/v1/score", json=shipment(), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/score", "/v1/score/batch", "/v1/score/csv", "/v1/substances/batch", "/v1/goods/batch"]
)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_write_needs_its_content_type(shared_client: Client, path: str, kind: str | None) -> None:
    """Browsers let pages of other sites send the content types of forms, or none, without asking the service."""
    answer = shared_client.post(path, content=b"{}", headers={} if kind is None else {"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("Content-Type" if kind else "The Content-Type is missing")


@pytest.mark.parametrize(
    "path", ["/healthz", "/nothing", "/v1/substances?q=aspirin", "/docs", "/metrics", "/openapi.json"]
)
def test_every_answer_has_security_headers(shared_client: Client, path: str) -> None:
    headers = shared_client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_the_page_of_the_documentation_runs_only_its_own_scripts(shared_client: Client) -> None:
    answer = shared_client.get("/docs")
    scripts = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert len(scripts) == 1
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert address.startswith("/docs/static/")


@pytest.mark.parametrize("path", ["/v1/score/", "/docs/", "/v1/schema/", "//attacker.example/"])
def test_no_answer_repeats_the_host_in_a_redirect(shared_client: Client, path: str) -> None:
    answer = shared_client.get(path, headers={"Host": "127.0.0.1:1234"})
    # The client reads the last path as a host and asks for /, which leads to the queue.
    assert answer.status_code in (404, 405) or answer.headers["location"] == "/queue"


def test_a_file_of_which_no_row_can_be_scored_is_refused_with_the_reason(client: Client) -> None:
    rows = b"shipment_id,goods_description,net_mass_kg\n" + b",phone case,1\n" * 12_000
    kind = {"Content-Type": "text/csv"}
    refused = client.post("/v1/score/csv", content=rows, headers=kind)
    assert refused.status_code == 422
    assert "line 2: shipment_id: is missing" in refused.json()["detail"]
    late = client.post("/v1/score/csv", content=rows + b"HB-1,phone case,1\n", headers=kind)
    assert late.status_code == 200
    assert late.text.count("\n") == 12_002
