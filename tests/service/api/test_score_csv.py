"""``POST /v1/score/csv`` scores a CSV; an incomplete response breaks the connection."""

from __future__ import annotations

import csv
import gzip
import io
import resource
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from features.readers import Unreadable
from service.app import create_app
from service.core.settings import Settings
from tests.models.small_model import manifest
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment

CSV = {"Content-Type": "text/csv"}


def csv_of(shipments: int, seed: int = 3) -> bytes:
    columns = manifest(shipments, seed=seed)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if value is None else value for value in row] for row in zip(*columns.values(), strict=True)])
    return out.getvalue().encode()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def test_rows_keep_their_order_and_their_own_columns(client: Client) -> None:
    sent = rows_of(csv_of(300))
    answer = client.post("/v1/score/csv", content=csv_of(300), headers=CSV)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    got = rows_of(answer.content)
    assert [{name: row[name] for name in sent[0]} for row in got] == sent
    assert all(0.0 < float(row["risk"]) < 1.0 and row["error"] == "" for row in got)
    assert list(got[0])[-1] == "error"
    assert answer.content.endswith(b"\n")


def test_cells_that_a_spreadsheet_would_evaluate_are_protected_if_the_setting_is_on(settings: Settings) -> None:
    body = b"shipment_id,goods_description,net_mass_kg\nHB-1,=1+1,2.5\n"
    for chosen, written in ((settings, "=1+1"), (settings.model_copy(update={"excel_safe": True}), "'=1+1")):
        with serving(create_app(chosen)) as client:
            (row,) = rows_of(client.post("/v1/score/csv", content=body, headers=CSV).content)
        assert row["goods_description"] == written


def test_a_csv_and_a_post_get_the_same_score(settings: Settings) -> None:
    body = b"shipment_id,declared_at,goods_description,net_mass_kg\nHB-1,2026-10-01T08:00:00Z,ceramic mug,2.5\n"
    record = {
        "shipment_id": "HB-1",
        "declared_at": "2026-10-01T08:00:00Z",
        "items": [{"goods_description": "ceramic mug", "net_mass_kg": 2.5}],
    }
    with serving(create_app(settings)) as client:
        posted = client.post("/v1/score?update_history=false", json=record).json()
        row = rows_of(client.post("/v1/score/csv?update_history=false", content=body, headers=CSV).content)[0]
    assert float(row["risk"]) == float(f"{posted['risk']:.9g}")
    assert row["bundle_digest"] == posted["model"]["digest"]


@pytest.mark.parametrize("form", ["gzip transfer", "gzip file", "multipart", "multipart gzip"])
def test_a_file_may_be_uploaded_in_several_ways(shared_client: Client, form: str) -> None:
    content = csv_of(20)
    path = "/v1/score/csv?update_history=false"
    plain = shared_client.post(path, content=content, headers=CSV).content
    if form == "gzip transfer":
        answer = shared_client.post(path, content=gzip.compress(content), headers={**CSV, "Content-Encoding": "gzip"})
    elif form == "gzip file":
        answer = shared_client.post(path, content=gzip.compress(content), headers={"Content-Type": "application/gzip"})
    elif form == "multipart":
        answer = shared_client.post(path, data={"note": "x"}, files={"file": ("m.csv", content, "text/csv")})
    elif form == "multipart gzip":
        answer = shared_client.post(path, files={"upload": ("m.csv.gz", gzip.compress(content))})
    else:
        answer = shared_client.post(path, content=content)
    assert answer.status_code == 200, answer.text
    assert answer.content == plain


def test_an_unreadable_row_keeps_its_place_and_gets_the_reason(shared_client: Client) -> None:
    body = (
        b"shipment_id,goods_description,net_mass_kg\n"
        b"HB-1,phone case,1\n,phone case,1\nHB-3,phone case,inf\nHB-4,phone case,1,too,many\nHB-5,phone case,1\n"
    )
    rows = rows_of(shared_client.post("/v1/score/csv", content=body, headers=CSV).content)
    assert [row["shipment_id"] for row in rows] == ["HB-1", "", "HB-3", "HB-4", "HB-5"]
    assert [bool(row["risk"]) for row in rows] == [True, False, False, False, True]
    assert [row["error"].partition(":")[0] for row in rows] == ["", "line 3", "line 4", "line 5", ""]
    assert "shipment_id" in rows[1]["error"]
    assert "net_mass_kg" in rows[2]["error"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "words"),
    [
        (b"", CSV, 422, "empty"),
        (b"\n\n", CSV, 422, "blank lines"),
        (b"shipment_id,goods_description\n", CSV, 422, "no rows"),
        (b"a,b\n1,2\n", CSV, 422, "No column is recognised"),
        (b"\x00\x01\x02\x03" * 10, CSV, 422, "binary"),
        (gzip.compress(csv_of(3), mtime=0)[:-9], {"Content-Type": "application/gzip"}, 422, "cut off"),
        (b"{}", {"Content-Type": "application/json"}, 415, "text/csv"),
        (b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 422, "no file"),
        (b"--x\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=x"}, 422, "multipart"),
        (b"", {"Content-Type": "multipart/form-data"}, 422, "boundary"),
    ],
    ids=[
        "nothing",
        "blank",
        "header only",
        "unknown columns",
        "binary",
        "cut gzip",
        "json",
        "no file",
        "bad form",
        "no mark",
    ],
)
def test_an_unreadable_file_is_refused_before_anything_is_sent(
    shared_client: Client, content: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = shared_client.post("/v1/score/csv", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert "/tmp" not in answer.text


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "gzip"])
def test_a_file_over_the_limit_is_refused_during_the_upload(settings: Settings, packed: bool) -> None:
    small = Settings(models_dir=settings.models_dir, max_csv_bytes=100_000)
    content = csv_of(1) + b"HB-9,,,,,,,,phone case,,,,,\n" * 10_000
    with serving(create_app(small)) as client:
        headers = {**CSV, **({"Content-Encoding": "gzip"} if packed else {})}
        answer = client.post("/v1/score/csv", content=gzip.compress(content) if packed else content, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["limit_bytes"] == 100_000


def test_a_file_updates_the_history_unless_update_history_is_false(client: Client) -> None:
    history = client.state.host.served.history
    start = history.copy().sequence
    client.post("/v1/score/csv?update_history=false", content=csv_of(50), headers=CSV)
    assert history.copy().sequence == start
    client.post("/v1/score/csv", content=csv_of(50), headers=CSV)
    assert history.copy().sequence == start + 50


def test_the_scores_of_a_what_if_file_do_not_depend_on_the_chunk_size(settings: Settings) -> None:
    answers = []
    for rows in (100, 5_000):
        chunked = Settings(models_dir=settings.models_dir, csv_rows_per_chunk=rows)
        with serving(create_app(chunked)) as client:
            path = "/v1/score/csv?update_history=false"
            answers.append(client.post(path, content=csv_of(400), headers=CSV).content)
    assert answers[0] == answers[1]


def test_explain_all_explains_every_shipment_of_a_file(client: Client) -> None:
    rows = rows_of(client.post("/v1/score/csv?explain=all", content=csv_of(1200), headers=CSV).content)
    assert all(row["reason_1"] for row in rows)


def test_a_failure_after_the_first_byte_breaks_the_connection(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(*_: object, **__: object) -> Iterator[bytes]:
        yield b"shipment_id,risk\n"
        yield b"HB-1,0.1\n"
        raise Unreadable("the uploaded file", "It ends in the middle of a row.", "Send it again.")

    monkeypatch.setattr("service.files.routes.score_csv_stream", failing)
    # This transport raises the error; a server breaks the connection instead.
    with pytest.raises(Unreadable, match="middle of a row"):
        client.post("/v1/score/csv", content=csv_of(3), headers=CSV)
    assert client.state.csv_requests.borrowed_tokens == 0


def test_a_file_over_the_limit_of_concurrent_files_is_busy(client: Client) -> None:
    for _ in range(client.state.settings.max_csv_requests):
        client.portal.call(client.state.csv_requests.acquire_on_behalf_of_nowait, object())
    answer = client.post("/v1/score/csv", content=csv_of(3), headers=CSV)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["type"] == "urn:tidewaiter:problem:busy"
    assert client.post("/v1/score", json=shipment()).status_code == 200


def test_an_upload_in_progress_does_not_block_other_files(settings: Settings) -> None:
    body = csv_of(30)
    others = []
    with serving(create_app(settings.model_copy(update={"max_csv_requests": 1}))) as client:

        async def slow() -> AsyncIterator[bytes]:
            yield body[:1_000]
            others.append(await client.asynchronous.post("/v1/score/csv", content=body, headers=CSV))
            yield body[1_000:]

        first = client.post("/v1/score/csv", content=slow(), headers=CSV)
        assert [answer.status_code for answer in (first, *others)] == [200, 200]
        assert len(rows_of(first.content)) == len(rows_of(others[0].content)) == len(rows_of(body))
        assert client.state.csv_requests.borrowed_tokens == 0


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Limit the files that this process writes to ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [1_020_000, 3_000_000], ids=["written at the end", "written on arrival"])
def test_an_upload_that_the_disk_cannot_hold_is_refused_with_the_reason(client: Client, size: int) -> None:
    row = b"HB-1,phone case\n"
    with full_disk(1_000_000):
        answer = client.post(
            "/v1/score/csv", content=b"shipment_id,goods_description\n" + row * (size // len(row)), headers=CSV
        )
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:tidewaiter:problem:disk-full")
        assert int(answer.headers["retry-after"]) > 0
        assert (client.state.uploads.used, client.state.csv_requests.borrowed_tokens) == (0, 0)
        assert client.post("/v1/score/csv", content=csv_of(3), headers=CSV).status_code == 200


def test_uploads_leave_no_files_behind(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    with serving(create_app(Settings(models_dir=settings.models_dir, upload_dir=folder))) as client:
        assert client.post("/v1/score/csv", content=csv_of(30), headers=CSV).status_code == 200
        assert client.post("/v1/score/csv", content=b"a,b\n1,2\n", headers=CSV).status_code == 422
    assert list(folder.iterdir()) == []
    assert tempfile.gettempdir() != str(folder)
