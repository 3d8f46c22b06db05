"""``/v1/jobs`` over HTTP, on both engines."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import delete, insert, select, update

from models.bundle import ModelStore
from service.app import create_app
from service.audit.proof import prove
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry, IdempotentRequest
from service.core.http.idempotency import REPLAYED
from service.core.settings import Settings
from service.jobs import child as child_process
from service.jobs.files import JobFiles, delete_files, is_small
from service.jobs.repository import NewJob
from service.jobs.tables import Job
from service.jobs.worker import Worker
from service.webhooks.sending import Deliverer
from tests.service.api.test_score_csv import full_disk
from tests.service.api_client import Client, serving
from tests.service.store.job_files import goods_csv, goods_parquet, scored_as_a_file

#: Time for a worker's process to start and score on a busy machine.
_SECONDS = 300


@pytest.fixture
def settings(tmp_path: Path, bundle: Path, url: str) -> Settings:
    store = tmp_path / "models"
    ModelStore(store).install(bundle)
    return Settings(
        models_dir=store,
        jobs_dir=tmp_path / "jobs",
        keeps_decisions=True,
        database_url=url,
        max_jobs=3,
        job_worker=False,
    )


def create(client: Client, content: bytes, name: str = "goods.csv", **fields: str) -> str:
    answer = client.post("/v1/jobs", files={"file": (name, content)}, data=fields)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["job_id"]
    assert answer.headers["Location"] == f"/v1/jobs/{job_id}"
    return job_id


def work(client: Client, settings: Settings) -> None:
    assert client.state.store is not None
    Worker(client.state.store.database, settings).work(0.0)


def shown(client: Client, job: str) -> dict[str, Any]:
    answer = client.get(f"/v1/jobs/{job}")
    assert answer.status_code == 200
    state: dict[str, Any] = answer.json()
    return state


@pytest.mark.both_engines
def test_a_file_is_queued_scored_and_downloaded(
    client: Client, settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    content = goods_csv(60, broken_every=40)
    job = create(client, content, "may.csv")
    before = shown(client, job)
    assert {key: before[key] for key in ("state", "rows_done", "rows_total", "rejected", "problem", "file_name")} == {
        "state": "queued",
        "rows_done": 0,
        "rows_total": None,
        "rejected": 0,
        "problem": None,
        "file_name": "may.csv",
    }
    for part in ("result", "rejects"):
        early = client.get(f"/v1/jobs/{job}/{part}")
        assert early.status_code == 409
        assert early.json()["detail"] == "The job is queued; try again later."
    (upload,) = (settings.jobs_dir / job).iterdir()
    assert (upload.name, upload.stat().st_mode & 0o777) == ("upload.csv", 0o600)
    work(client, settings)
    after = shown(client, job)
    assert after["state"] == "done"
    assert after["rows_done"] == after["rows_total"] == content.count(b"\n") - 1
    result, rejects = client.get(f"/v1/jobs/{job}/result"), client.get(f"/v1/jobs/{job}/rejects")
    assert (result.content, rejects.content) == scored_as_a_file(content, "may.csv", bundle, tmp_path / "file")
    assert result.headers["Content-Type"].startswith("text/csv")
    assert result.headers["Content-Disposition"] == 'attachment; filename="scores.csv"'
    assert after["rejected"] == rejects.content.count(b"\n") - 1 > 0
    assert not upload.exists()


@pytest.mark.parametrize("name", ["goods.parquet", "goods.csv.gz"])
def test_other_formats_are_read_as_by_tidewaiter_score(
    name: str, client: Client, settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    content = goods_parquet(40) if name.endswith("parquet") else gzip.compress(goods_csv(40))
    job = create(client, content, name)
    work(client, settings)
    result = client.get(f"/v1/jobs/{job}/result")
    assert result.content == scored_as_a_file(content, name, bundle, tmp_path / "file")[0]
    assert client.get(f"/v1/jobs/{job}/rejects").content == b"line,reason,row\n"


def test_mapping_explain_and_format_are_taken_from_the_form(client: Client, settings: Settings) -> None:
    content = goods_csv(30).replace(b"shipment_id", b"reference_of_ours")
    mapping = '[columns]\nshipment_id = "reference_of_ours"\ngoods_description = "goods_description"\n'
    job = create(client, content, mapping=mapping, explain="none", format="jsonl")
    work(client, settings)
    assert shown(client, job)["state"] == "done", shown(client, job)
    lines = client.get(f"/v1/jobs/{job}/result").text.splitlines()
    assert len(lines) == content.count(b"\n") - 1
    assert all('"reason_1":null' in line and line.startswith('{"reference_of_ours":"HB-7-') for line in lines)


def test_a_wrong_field_is_named_and_no_file_remains(client: Client, settings: Settings) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"mapping": "= nothing"}, "mapping: "),
        ({"mapping": '[fields]\nx = "y"'}, 'mapping: the mapping: fields.x: "numeric" or "categorical" is needed'),
        ({"explain": "some"}, "explain: expected one of none, shown, all, got 'some'"),
        ({"queue": "maybe"}, "queue: expected one of true, false, got 'maybe'"),
        ({"format": "xlsx"}, "format: expected one of csv, tsv, jsonl, parquet, got 'xlsx'"),
        ({"mapping": "x" * 70_000}, "mapping: longer than 65536 bytes"),
    ]
    for fields, problem in cases:
        answer = client.post("/v1/jobs", files={"file": ("a.csv", goods_csv(2))}, data=fields)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(problem)
        assert answer.json()["errors"][0]["field"] == next(iter(fields))
        assert list(settings.jobs_dir.iterdir()) == []
        assert client.get("/v1/jobs").json() == {"jobs": [], "next": None}


def test_a_form_without_a_file_is_refused(client: Client) -> None:
    answer = client.post("/v1/jobs", files={"mapping": ("m.toml", b"")})
    assert answer.status_code == 422
    assert "contains no file" in answer.json()["detail"]


def test_an_upload_that_does_not_reach_the_disk_is_refused_and_no_file_remains(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("service.jobs.routes.os.fsync", failing)
        answer = client.post("/v1/jobs", files={"file": ("goods.csv", goods_csv(10))})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:tidewaiter:problem:disk-full")
    assert list(settings.jobs_dir.iterdir()) == []
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_file_too_large_for_the_disk_is_refused_and_no_file_remains(client: Client, settings: Settings) -> None:
    with full_disk(1_000_000):
        answer = client.post("/v1/jobs", files={"file": ("goods.csv", b"shipment_id\n" + b"HB-1\n" * 600_000)})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:tidewaiter:problem:disk-full")
    assert list(settings.jobs_dir.iterdir()) == []
    assert client.get("/v1/jobs").json()["jobs"] == []


def keyed(client: Client, key: str, content: bytes, name: str = "goods.csv", **fields: str) -> httpx.Response:
    """Send a file with an `Idempotency-Key`. Each form has a new boundary."""
    return client.post("/v1/jobs", files={"file": (name, content)}, data=fields, headers={"Idempotency-Key": key})


def test_a_file_that_is_sent_again_with_its_key_is_one_job_even_if_the_queue_is_full(
    client: Client, settings: Settings
) -> None:
    content = goods_csv(2)
    first = keyed(client, "k", content, explain="none")
    for number in range(2):
        create(client, goods_csv(1), f"{number}.csv")
    assert keyed(client, "other", content).status_code == 503
    again = keyed(client, "k", content, explain="none")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert again.headers["Location"] == first.headers["Location"]
    # The files of the second upload are deleted, and the refused key is free.
    assert len(list(settings.jobs_dir.iterdir())) == len(client.get("/v1/jobs").json()["jobs"]) == 3
    assert client.delete(f"/v1/jobs/{first.json()['job_id']}", headers={"Idempotency-Key": "d"}).status_code == 204
    assert keyed(client, "k", content, explain="none").headers[REPLAYED] == "true"
    assert REPLAYED not in keyed(client, "other", content).headers


@pytest.mark.parametrize(
    ("content", "name", "fields"),
    [
        (goods_csv(3), "goods.csv", {"explain": "none"}),
        (goods_csv(2), "goods.tsv", {"explain": "none"}),
        (goods_csv(2), "goods.csv", {"explain": "all"}),
        (goods_csv(2), "goods.csv", {"explain": "none", "format": "jsonl"}),
    ],
)
def test_a_key_of_another_file_or_other_fields_is_refused(
    client: Client, settings: Settings, content: bytes, name: str, fields: dict[str, str]
) -> None:
    assert keyed(client, "k", goods_csv(2), explain="none").status_code == 202
    answer = keyed(client, "k", content, name, **fields)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:tidewaiter:problem:idempotency-key-reused"
    assert len(list(settings.jobs_dir.iterdir())) == len(client.get("/v1/jobs").json()["jobs"]) == 1


def test_a_refused_job_is_refused_again_with_the_first_answer(client: Client, settings: Settings) -> None:
    first, again = (keyed(client, "k", goods_csv(2), explain="some") for _ in range(2))
    assert (first.status_code, again.content, again.headers[REPLAYED]) == (422, first.content, "true")
    assert keyed(client, "k", goods_csv(2), explain="none").status_code == 422
    assert list(settings.jobs_dir.iterdir()) == []


def test_a_key_that_another_process_works_on_gets_409(client: Client) -> None:
    first = keyed(client, "k", goods_csv(2))
    assert client.state.store is not None
    with client.state.store.database.write() as connection:
        connection.execute(update(IdempotentRequest).values(status=None, body=None))
    answer = keyed(client, "k", goods_csv(2))
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert [job["job_id"] for job in client.get("/v1/jobs").json()["jobs"]] == [first.json()["job_id"]]


def test_files_that_are_sent_together_with_one_key_are_one_job(client: Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: keyed(client, "k", goods_csv(2)), range(4)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["job_id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


@pytest.mark.both_engines
def test_jobs_are_listed_in_pages_the_latest_first(client: Client) -> None:
    made = [create(client, goods_csv(1)) for _ in range(3)]
    first = client.get("/v1/jobs", params={"limit": 2}).json()
    second = client.get("/v1/jobs", params={"limit": 2, "cursor": first["next"]}).json()
    assert [job["job_id"] for page in (first, second) for job in page["jobs"]] == made[::-1]
    assert second["next"] is None


def test_too_many_open_jobs_are_refused_until_one_ends(client: Client) -> None:
    made = [create(client, goods_csv(1)) for _ in range(3)]
    refused = client.post("/v1/jobs", files={"file": ("a.csv", goods_csv(1))})
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "60"
    assert client.request("DELETE", f"/v1/jobs/{made[0]}").status_code == 204
    create(client, goods_csv(1))


def test_a_cancelled_job_has_no_files_and_no_result(client: Client, settings: Settings) -> None:
    job = create(client, goods_csv(5))
    for _ in range(2):
        assert client.request("DELETE", f"/v1/jobs/{job}").status_code == 204
    assert list(settings.jobs_dir.iterdir()) == []
    work(client, settings)
    assert shown(client, job)["state"] == "cancelled"
    assert client.get(f"/v1/jobs/{job}/result").status_code == 409


def test_a_finished_job_cannot_be_cancelled_and_its_files_can_be_deleted(client: Client, settings: Settings) -> None:
    job = create(client, goods_csv(5))
    work(client, settings)
    assert client.request("DELETE", f"/v1/jobs/{job}").status_code == 409
    assert client.state.store is not None
    assert delete_files(client.state.store.database, settings) == [job]
    gone = client.get(f"/v1/jobs/{job}/result")
    assert (gone.status_code, "deleted" in gone.json()["detail"]) == (404, True)
    assert shown(client, job)["file_name"] is None


def job_entries(database: Database, job: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    query = select(AuditEntry).where(AuditEntry.subject == job).order_by(AuditEntry.number)
    with database.read() as connection:
        rows = connection.execute(query.with_only_columns(AuditEntry.kind, AuditEntry.actor, AuditEntry.facts))
        return [(row.kind, row.actor, orjson.loads(row.facts)) for row in rows]


def salt_of(database: Database, job: str) -> bytes | None:
    with database.read() as connection:
        return connection.execute(select(Job.salt).where(Job.id == job)).scalar_one()


@pytest.mark.both_engines
def test_the_audit_chain_records_a_job_with_salted_digests_of_its_files(client: Client, settings: Settings) -> None:
    assert client.state.store is not None
    database = client.state.store.database
    content = goods_csv(60, broken_every=40)
    job = create(client, content, "list of Ms Example.csv")
    work(client, settings)
    after = shown(client, job)
    salt = salt_of(database, job)
    assert salt is not None

    def salted(content: bytes) -> str:
        return hashlib.sha256(salt + content).hexdigest()

    (created, creator, facts), (ended, worker, end) = job_entries(database, job)
    assert (created, creator, ended, worker) == ("job_created", None, "job_ended", "worker")
    assert facts["upload"] == salted(content)
    assert (facts["file_name"], facts["mapping"]) == (salted(b"list of Ms Example.csv"), None)
    assert (end["state"], end["rows_done"], end["rejected"]) == ("done", after["rows_done"], after["rejected"])
    for part in ("result", "rejects"):
        assert end[part] == salted(client.get(f"/v1/jobs/{job}/{part}").content)
    assert prove(database).fault is None
    delete_files(database, settings)
    assert salt_of(database, job) is None
    assert prove(database).fault is None


def test_the_audit_chain_records_cancelled_and_failed_jobs_with_their_actors(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.state.store is not None
    database = client.state.store.database
    failed, cancelled = create(client, b"nonsense\n1\n"), create(client, goods_csv(2))
    monkeypatch.setattr("service.jobs.routes.caller_of", lambda _: "a key")
    assert client.delete(f"/v1/jobs/{cancelled}").status_code == 204
    assert client.delete(f"/v1/jobs/{cancelled}").status_code == 204
    work(client, settings)
    ends = [job_entries(database, job)[1:] for job in (failed, cancelled)]
    assert [[(kind, actor, facts["state"]) for kind, actor, facts in end] for end in ends] == [
        [("job_ended", "worker", "failed")],
        [("job_ended", "a key", "cancelled")],
    ]
    assert prove(database).fault is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"caller": "another"}, "the table holds other values of caller"),
        ({"file_name": "another.csv"}, "the table holds other values of file_name"),
        ({"salt": None}, "its salt is missing, but its files are not deleted"),
        ({"rows_done": 1}, "the table holds other values of rows_done"),
        ({"state": "failed"}, "the table holds other values of state"),
        (None, "its row is missing in the table jobs"),
    ],
)
def test_a_changed_or_deleted_job_breaks_the_chain(
    client: Client, settings: Settings, values: dict[str, Any] | None, problem: str
) -> None:
    assert client.state.store is not None
    database = client.state.store.database
    job = create(client, goods_csv(2))
    work(client, settings)
    with database.write() as connection:
        connection.execute(delete(Job) if values is None else update(Job).values(**values))
    fault = prove(database).fault
    assert fault is not None
    assert (fault.subject, fault.problem) == (job, problem)


def test_a_job_without_an_entry_is_found(client: Client, settings: Settings) -> None:
    assert client.state.store is not None
    database = client.state.store.database
    create(client, goods_csv(2))
    with database.write() as connection:
        [row] = connection.execute(select(Job.__table__)).mappings().all()
        connection.execute(insert(Job), [{**row, "id": "another", "position": 99}])
    fault = prove(database).fault
    assert fault is not None
    assert (fault.subject, fault.problem) == ("another", "no entry records this row of the table jobs")


def test_jobs_of_earlier_versions_are_proven(client: Client, settings: Settings) -> None:
    """Such jobs have no salt and no entry for their creation."""
    assert client.state.store is not None
    database = client.state.store.database
    earlier = NewJob("earlier", None, "a.csv", ".csv", "csv", "none", None)
    row = {name: getattr(earlier, name) for name in NewJob.__slots__} | {"salt": None, "state": "queued"}
    numbers = ("created_at", "rows_done", "rejected", "chunks_done", "result_bytes", "rejects_bytes")
    zeros = dict.fromkeys((*numbers, "attempt", "file_attempt", "fruitless", "leased_until"), 0)
    files = JobFiles(settings.jobs_dir, "earlier")
    files.create()
    files.upload(".csv").write_bytes(goods_csv(2))
    with database.write() as connection:
        connection.execute(
            insert(Job), [row | zeros, {**row, **zeros, "id": "ended", "state": "done", "finished_at": 1}]
        )
    work(client, settings)
    [(kind, _, facts)] = job_entries(database, "earlier")
    assert (kind, facts["state"], facts["result"]) == ("job_ended", "done", None)
    assert prove(database).fault is None


def test_an_unknown_job_is_not_found(client: Client) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("GET", "/rejects")):
        assert client.request(method, f"/v1/jobs/nothing{path}").status_code == 404


def test_jobs_need_the_store(settings: Settings) -> None:
    with serving(create_app(settings.model_copy(update={"keeps_decisions": False}))) as client:
        answer = client.post("/v1/jobs", files={"file": ("a.csv", goods_csv(1))})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:tidewaiter:problem:store-off")


@pytest.mark.long
@pytest.mark.slow
def test_the_service_starts_a_worker_process_and_ends_it(
    settings: Settings, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker has a low priority, so on a busy machine it may need longer to end than the service allows.
    monkeypatch.setattr(child_process, "_GRACE_SECONDS", _SECONDS)
    content = goods_parquet(60)
    app = create_app(settings.model_copy(update={"job_worker": True}))
    with serving(app) as client:
        job = create(client, content, "goods.parquet")
        pause, end = threading.Event(), time.monotonic() + _SECONDS
        while shown(client, job)["state"] in ("queued", "running") and time.monotonic() < end:
            pause.wait(0.1)
        result = client.get(f"/v1/jobs/{job}/result")
        assert result.content == scored_as_a_file(content, "goods.parquet", bundle, tmp_path / "file")[0]
        assert client.state.job_worker is not None
        child = client.state.job_worker._child
        assert child is not None
        assert child.poll() is None
    assert child.returncode == 0


def test_the_service_scores_a_small_file_itself_in_less_than_two_seconds(
    settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    content = goods_csv(4)
    with serving(create_app(settings.model_copy(update={"job_worker": True}))) as client:
        before = time.process_time()
        job = create(client, content)
        pause, end = threading.Event(), time.monotonic() + _SECONDS
        while shown(client, job)["state"] in ("queued", "running") and time.monotonic() < end:
            pause.wait(0.02)
        # Its own time, because other processes may keep this one waiting.
        assert time.process_time() - before < 2.0
        result = client.get(f"/v1/jobs/{job}/result")
        assert result.content == scored_as_a_file(content, "goods.csv", bundle, tmp_path / "file")[0]
        assert client.state.job_worker is not None
        assert client.state.job_worker._child is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (goods_csv(4), True),
        (goods_csv(1000), False),
        (goods_parquet(4), False),
        (gzip.compress(goods_csv(4)), False),
        (None, False),
    ],
    ids=["small", "large", "parquet", "compressed", "missing"],
)
def test_only_small_texts_are_small(content: bytes | None, expected: bool, tmp_path: Path) -> None:
    files = JobFiles(tmp_path, "job")
    files.create()
    if content is not None:
        files.upload(".csv").write_bytes(content)
    assert is_small(files) is expected


def test_a_job_can_leave_queue_and_webhooks_alone(
    client: Client, settings: Settings, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deliverer, "work", lambda self: 0)
    hook = client.post("/v1/webhooks", json={"url": "https://office.example/hook"}).json()
    content = b"shipment_id,goods_description,declared_chemical\nA,fentanyl citrate,fentanyl\nB,cotton shirt,\n"

    def waiting() -> tuple[list[str], list[Any]]:
        queue, sent = client.get("/v1/queue").json(), client.get(f"/v1/webhooks/{hook['id']}/deliveries").json()
        return [one["shipment_id"] for one in queue["items"]], sent["deliveries"]

    job = create(client, content, queue="False")
    work(client, settings)
    after = shown(client, job)
    assert (after["state"], after["queue"]) == ("done", False)
    result = client.get(f"/v1/jobs/{job}/result").content
    assert result == scored_as_a_file(content, "goods.csv", bundle, tmp_path / "file")[0]
    decisions = client.get("/v1/decisions?sort=oldest").json()["decisions"]
    assert [(one["shipment_id"], one["lane"], one["what_if"]) for one in decisions] == [
        ("A", "red", True),
        ("B", "green", True),
    ]
    assert waiting() == ([], [])
    job = create(client, content)
    work(client, settings)
    assert shown(client, job)["queue"] is True
    assert client.get(f"/v1/jobs/{job}/result").content == result
    shipments, sent = waiting()
    assert (shipments, len(sent)) == (["A"], 1)
    assert client.state.store is not None
    assert prove(client.state.store.database).fault is None


def test_a_job_uses_the_current_lists_and_sends_red_decisions_to_webhooks(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deliverer, "work", lambda self: 0)
    hook = client.post("/v1/webhooks", json={"url": "https://office.example/hook"}).json()
    entry = {"list": "x", "kind": "name", "text": "Ocean Star Chemicals", "lane": "red", "reason": "Order"}
    assert client.post("/v1/watch-lists", json=entry).status_code == 201
    content = (
        "shipment_id,goods_description,consignor_name\nA,ceramic mug,OCEAN STAR CHEMICALS\nB,ceramic mug,Lakeside Ltd\n"
    )
    job = create(client, content.encode())
    work(client, settings)
    rows = list(csv.DictReader(io.StringIO(client.get(f"/v1/jobs/{job}/result").text)))
    assert (rows[0]["lane"], rows[0]["selected_by"]) == ("red", "watch_list")
    assert rows[0]["rule_ids"].startswith("watch_list:")
    assert rows[1]["selected_by"] != "watch_list"
    red = client.get("/v1/decisions?lane=red").json()["decisions"]
    deliveries = client.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["deliveries"]
    assert {one["decision_id"] for one in deliveries} == {one["decision_id"] for one in red} != set()
