"""Jobs in the queue, and workers that score them, on both engines."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import OperationalError

from models.bundle import ModelStore, load
from service.cli import run
from service.core.database.engine import Database
from service.core.errors import DatabaseAway
from service.core.settings import Settings
from service.decisions.repository import record
from service.jobs.files import JobFiles, delete_files
from service.jobs.repository import Jobs, Lost, Progress, QueueFull, now
from service.jobs.tables import Job
from service.jobs.work import growing_path
from service.jobs.worker import MOST_FRUITLESS, Worker
from service.scoring.decision import NewDecision
from service.scoring.tables import Decision
from tests.models.small_model import manifest
from tests.service.store.job_files import goods_csv, goods_parquet, queue, results_of, row_of, scored_as_a_file

CHUNK = 60


@pytest.fixture
def settings(tmp_path: Path, bundle: Path, url: str) -> Settings:
    store = tmp_path / "models"
    ModelStore(store).install(bundle)
    return Settings(models_dir=store, jobs_dir=tmp_path / "jobs", database_url=url, max_jobs=3)


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def worker(database: Database, settings: Settings, **options: Any) -> Worker:
    return Worker(database, settings, rows_per_chunk=CHUNK, **options)


class Interrupting:
    """Recorder that raises once, at call number ``chunk``, as if the database went away."""

    def __init__(self, chunk: int) -> None:
        self._left = chunk

    def __call__(self, database: Database, connection: Connection, decisions: Sequence[NewDecision], at: int) -> None:
        self._left -= 1
        if self._left == 0:
            raise OperationalError("INSERT", {}, Exception("the database went away"))
        record(connection, decisions, at)


@pytest.mark.parametrize(
    ("name", "content"),
    [("goods.csv", goods_csv(300, broken_every=50)), ("goods.parquet", goods_parquet(300))],
    ids=["csv", "parquet"],
)
def test_a_job_gives_the_bytes_of_tidewaiter_score(
    name: str, content: bytes, database: Database, jobs: Jobs, settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    out = tmp_path / f"out{Path(name).suffix}"
    assert run(["score", str(tmp_path / name), str(out), "--bundle", str(bundle)]) == 0
    job = queue(jobs, settings, content, name)
    assert Worker(database, settings).work_once()
    result, rejects = results_of(jobs, settings, job)
    assert result == out.read_bytes()
    if name == "goods.csv":
        assert rejects == Path(f"{out}.rejects.csv").read_bytes()
        assert rejects.count(b"\n") > 5
    shown = row_of(jobs, job)
    assert shown.rows_done == shown.rows_total > 500


def test_a_worker_keeps_its_model_while_the_pointer_to_it_is_lost(
    database: Database, jobs: Jobs, settings: Settings, bundle: Path, other_bundle: Path
) -> None:
    running = worker(database, settings)

    def digest() -> str:
        job = queue(jobs, settings, goods_csv(1))
        assert running.work_once()
        rows = list(csv.DictReader(io.StringIO(results_of(jobs, settings, job)[0].decode())))
        return rows[0]["bundle_digest"]

    assert digest() == load(bundle).digest
    (settings.models_dir / "current").unlink()
    assert digest() == load(bundle).digest
    ModelStore(settings.models_dir).install(other_bundle)
    assert digest() == load(other_bundle).digest


def test_a_job_protects_cells_that_a_spreadsheet_would_compute_if_the_setting_is_on(
    database: Database, jobs: Jobs, settings: Settings
) -> None:
    content = b"shipment_id,goods_description,net_mass_kg\nA1,=1+1,2\n=2+2,x,2,surplus\n"
    for safe, written in ((False, b"=1+1"), (True, b"'=1+1")):
        job = queue(jobs, settings, content)
        assert Worker(database, settings.model_copy(update={"excel_safe": safe})).work_once()
        result, rejects = results_of(jobs, settings, job)
        assert b"," + written + b"," in result
        assert (b"'=2+2" in rejects) is safe


def test_a_job_gives_the_bytes_of_tidewaiter_score_with_the_lists_in_force(
    database: Database,
    jobs: Jobs,
    settings: Settings,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
) -> None:
    content = goods_csv(300)
    table = csv.DictReader(io.StringIO(content.decode()))
    wanted = next(row["consignor_name"] for row in table if row["consignor_name"])
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    entries = tmp_path / "entries.csv"
    entries.write_text(f'list,kind,text,lane,reason\noffice,name,"{wanted}",red,Order 1\n')
    assert run(["lists", "import", str(entries)]) == 0
    source, plain, listed = tmp_path / "goods.csv", tmp_path / "plain.csv", tmp_path / "listed.csv"
    source.write_bytes(content)
    assert run(["score", str(source), str(plain), "--bundle", str(bundle)]) == 0
    assert run(["score", str(source), str(listed), "--bundle", str(bundle), "--lists"]) == 0
    job = queue(jobs, settings, content, "goods.csv")
    assert Worker(database, settings).work_once()
    result, _ = results_of(jobs, settings, job)
    assert result == listed.read_bytes()
    assert b"watch_list" in result
    assert b"watch_list" not in plain.read_bytes()


def test_the_option_for_lists_needs_the_store(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_STORE", "off")
    source, out = tmp_path / "goods.csv", tmp_path / "out.csv"
    source.write_bytes(goods_csv(10))
    assert run(["score", str(source), str(out), "--bundle", str(bundle), "--lists"]) == 2
    assert "switched off by TIDEWAITER_STORE" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("name", ["goods.csv", "goods.parquet"])
@pytest.mark.parametrize("chunk", [1, pytest.param(4, marks=pytest.mark.long)])
def test_a_job_continues_after_the_last_committed_chunk(
    name: str, chunk: int, database: Database, jobs: Jobs, settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    content = goods_csv(300, broken_every=50) if name.endswith("csv") else goods_parquet(300)
    job = queue(jobs, settings, content, name)
    first = worker(database, settings, record=Interrupting(chunk))
    with pytest.raises(DatabaseAway):
        first.work_once()
    assert row_of(jobs, job).chunks_done == chunk - 1
    # Bytes written after the last commit must be dropped.
    with growing_path(JobFiles(settings.jobs_dir, job), 1, name.partition(".")[2]).open("ab") as file:
        file.write(b"lost" * 100_000)
    jobs.release(first.owner)
    assert worker(database, settings).work_once()
    assert results_of(jobs, settings, job) == scored_as_a_file(content, name, bundle, tmp_path / "file", CHUNK)
    assert row_of(jobs, job).attempt == 2
    with database.read() as connection:
        stored = connection.execute(
            select(Decision.shipment_id, Decision.via, Decision.what_if, Decision.history_order).order_by(
                Decision.position
            )
        ).all()
    expected_ids = dict.fromkeys(str(cells) for cells in manifest(300, 7)["shipment_id"])
    assert [row.shipment_id for row in stored] == list(expected_ids)
    assert {tuple(row)[1:] for row in stored} == {("job", False, None)}


def test_a_job_that_continues_judges_changed_declarations_as_one_without_interruption(
    database: Database, jobs: Jobs, settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    header, *others = goods_csv(100).decode().splitlines()
    first = dict(zip(header.split(","), next(csv.reader(others[:1])), strict=True))
    opioid = first | {"shipment_id": "CHANGED", "goods_description": "fentanyl hydrochloride powder"}
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header.split(","), lineterminator="\n")
    # The first declaration is in the first chunk, which the second attempt does not score again.
    writer.writeheader()
    writer.writerow(opioid)
    out.write("\n".join(others) + "\n")
    writer.writerow(opioid | {"goods_description": "baby dress"})
    writer.writerow(opioid | {"shipment_id": "OTHER", "goods_description": "baby dress"})
    content = out.getvalue().encode()
    job = queue(jobs, settings, content)
    interrupted = worker(database, settings, record=Interrupting(2))
    with pytest.raises(DatabaseAway):
        interrupted.work_once()
    assert row_of(jobs, job).chunks_done == 1
    jobs.release(interrupted.owner)
    assert worker(database, settings).work_once()
    result, rejects = results_of(jobs, settings, job)
    assert (result, rejects) == scored_as_a_file(content, "goods.csv", bundle, tmp_path / "file", CHUNK)
    lanes = [row["lane"] for row in csv.DictReader(io.StringIO(result.decode()))]
    assert (lanes[0], lanes[-2]) == ("red", "red")
    assert lanes[-1] in ("red", "yellow")
    with database.read() as connection:
        stored = connection.execute(
            select(Decision.shipment_id, Decision.lane).order_by(Decision.position.desc()).limit(2)
        ).all()
    assert [tuple(one) for one in stored] == [("OTHER", lanes[-1]), ("CHANGED", "red")]


@pytest.mark.both_engines
def test_a_worker_that_ends_between_the_decisions_of_a_chunk_stores_each_once(
    database: Database, jobs: Jobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.work._AT_ONCE", 7)
    job = queue(jobs, settings, goods_csv(100))
    first = worker(database, settings, record=Interrupting(3))
    with pytest.raises(DatabaseAway):
        first.work_once()
    # Two parts of the first chunk are stored, but not its progress.
    with database.read() as connection:
        assert len(connection.execute(select(Decision.id)).all()) == 14
    assert row_of(jobs, job).chunks_done == 0
    jobs.release(first.owner)
    assert worker(database, settings).work_once()
    with database.read() as connection:
        stored = connection.execute(select(Decision.shipment_id).order_by(Decision.position)).scalars().all()
    assert stored == list(dict.fromkeys(manifest(100, 7)["shipment_id"]))


def test_a_what_if_job_that_is_interrupted_stores_each_decision_once(
    database: Database, jobs: Jobs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.work._AT_ONCE", 7)
    job = queue(jobs, settings, goods_csv(100), what_if=True)
    first = worker(database, settings, record=Interrupting(2))
    with pytest.raises(DatabaseAway):
        first.work_once()
    assert row_of(jobs, job).chunks_done == 1
    jobs.release(first.owner)
    assert worker(database, settings).work_once()
    with database.read() as connection:
        stored = connection.execute(select(Decision.shipment_id).order_by(Decision.position)).scalars().all()
    assert stored == list(dict.fromkeys(manifest(100, 7)["shipment_id"]))


def test_a_job_that_continues_with_another_model_starts_again(
    database: Database, jobs: Jobs, settings: Settings, other_bundle: Path, tmp_path: Path
) -> None:
    content = goods_csv(200)
    job = queue(jobs, settings, content)
    first = worker(database, settings, record=Interrupting(3))
    with pytest.raises(DatabaseAway):
        first.work_once()
    jobs.release(first.owner)
    ModelStore(settings.models_dir).install(other_bundle)
    assert worker(database, settings).work_once()
    assert results_of(jobs, settings, job) == scored_as_a_file(content, "goods.csv", other_bundle, tmp_path / "file")


def test_a_job_whose_results_are_missing_starts_again(
    database: Database, jobs: Jobs, settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    content = goods_csv(200)
    job = queue(jobs, settings, content)
    first = worker(database, settings, record=Interrupting(3))
    with pytest.raises(DatabaseAway):
        first.work_once()
    jobs.release(first.owner)
    JobFiles(settings.jobs_dir, job).result(1, "csv").write_bytes(b"")
    assert worker(database, settings).work_once()
    assert results_of(jobs, settings, job) == scored_as_a_file(content, "goods.csv", bundle, tmp_path / "file")


@pytest.mark.both_engines
def test_a_job_has_one_worker_at_a_time_and_a_worker_without_a_lease_changes_nothing(
    database: Database, jobs: Jobs, settings: Settings
) -> None:
    job = queue(jobs, settings, goods_csv(5))
    first = jobs.take("first", 60)
    assert first is not None
    assert jobs.take("second", 60) is None
    jobs.renew(first, 0.0)
    second = jobs.take("second", 60)
    assert second is not None
    assert second.job.attempt == 2
    with pytest.raises(Lost):
        jobs.renew(first, 60)
    with pytest.raises(Lost), database.write() as connection:
        jobs.advance(connection, first, Progress(5, 0, 1, 100, 0))
    with pytest.raises(Lost):
        jobs.finish(first)
    assert row_of(jobs, job).rows_done == 0


@pytest.mark.both_engines
def test_workers_that_take_jobs_at_the_same_time_get_different_ones(jobs: Jobs, settings: Settings) -> None:
    expected = {queue(jobs, settings, goods_csv(2)) for _ in range(3)}
    taken: list[str] = []

    def take(owner: str) -> None:
        lease = jobs.take(owner, 60)
        if lease is not None:
            taken.append(lease.job.id)

    threads = [threading.Thread(target=take, args=(f"worker {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(expected)


@pytest.mark.both_engines
def test_a_cancelled_job_ends_at_the_next_chunk_without_files(
    database: Database, jobs: Jobs, settings: Settings
) -> None:
    job = queue(jobs, settings, goods_csv(200))
    chunks = 0

    def cancelling(*_: object) -> None:
        nonlocal chunks
        chunks += 1

    class Cancelling(Worker):
        def _model(self) -> Any:
            # Cancel after the worker has leased the job and before its first commit.
            assert jobs.cancel(job)
            JobFiles(settings.jobs_dir, job).delete()
            jobs.files_deleted([job])
            return Worker._model(self)

    assert Cancelling(database, settings, record=cancelling, rows_per_chunk=CHUNK).work_once()
    assert chunks == 0
    assert row_of(jobs, job).state == "cancelled"
    assert not JobFiles(settings.jobs_dir, job).folder.exists()
    assert not jobs.cancel(job)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"%PDF-1.7 not a table", "This is a PDF, not a table of text"),
        (b"alpha,beta\n1,2\n", "No column is recognised"),
    ],
)
def test_a_file_that_cannot_be_read_fails_with_its_name_and_the_problem(
    content: bytes, problem: str, database: Database, jobs: Jobs, settings: Settings
) -> None:
    job = queue(jobs, settings, content, "may.csv")
    assert worker(database, settings).work_once()
    row = row_of(jobs, job)
    assert row.state == "failed"
    assert "may.csv" in row.problem
    assert problem in row.problem
    assert not worker(database, settings).work_once()


def test_a_job_whose_upload_is_missing_fails(database: Database, jobs: Jobs, settings: Settings) -> None:
    job = queue(jobs, settings, goods_csv(5))
    JobFiles(settings.jobs_dir, job).delete()
    assert worker(database, settings).work_once()
    assert "The uploaded file is gone" in row_of(jobs, job).problem


def test_a_file_that_always_ends_its_worker_fails_after_some_attempts(
    database: Database, jobs: Jobs, settings: Settings
) -> None:
    job = queue(jobs, settings, goods_csv(5))
    for _ in range(MOST_FRUITLESS):
        lease = jobs.take("dying", 60)
        assert lease is not None
        jobs.renew(lease, 0.0)
    assert worker(database, settings).work_once()
    assert row_of(jobs, job).state == "failed"
    assert "ended 10 times at the same place" in row_of(jobs, job).problem


def test_a_stopped_worker_returns_its_job_to_the_queue(
    database: Database, jobs: Jobs, settings: Settings, bundle: Path, tmp_path: Path
) -> None:
    content = goods_csv(200)
    job = queue(jobs, settings, content)
    stop = threading.Event()

    def stopping(*_: object) -> None:
        stop.set()

    worker(database, settings, record=stopping, stop=stop).work(0.0)
    row = row_of(jobs, job)
    assert (row.state, row.chunks_done) == ("queued", 1)
    worker(database, settings).work(0.0)
    assert results_of(jobs, settings, job) == scored_as_a_file(content, "goods.csv", bundle, tmp_path / "file")


@pytest.mark.both_engines
def test_the_queue_has_a_limit(jobs: Jobs, settings: Settings) -> None:
    for _ in range(3):
        queue(jobs, settings, b"x")
    with pytest.raises(QueueFull):
        queue(jobs, settings, b"x")
    lease = jobs.take("one", 60)
    assert lease is not None
    jobs.finish(lease)
    queue(jobs, settings, b"x")


@pytest.mark.both_engines
def test_old_files_of_ended_jobs_are_deleted_and_open_jobs_keep_their_files(
    database: Database, jobs: Jobs, settings: Settings
) -> None:
    old = queue(jobs, settings, goods_csv(5))
    young = queue(jobs, settings, goods_csv(5))
    waiting = queue(jobs, settings, goods_csv(5))
    working = worker(database, settings)
    assert working.work_once()
    assert working.work_once()
    hour = 3_600_000_000
    with database.write() as connection:
        connection.execute(update(Job).where(Job.id == old).values(finished_at=now() - hour))
    assert delete_files(database, settings, now() - hour // 2) == [old]
    left = {path.name for path in settings.jobs_dir.iterdir()}
    assert left == {young, waiting}
    assert row_of(jobs, old).file_name is None
    assert delete_files(database, settings, now() - hour // 2) == []


def test_only_the_owner_may_read_the_files(database: Database, jobs: Jobs, settings: Settings) -> None:
    job = queue(jobs, settings, goods_parquet(40), "goods.parquet")
    worker(database, settings).work_once()
    folder = JobFiles(settings.jobs_dir, job).folder
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"result-1.parquet": 0o600, "rejects-1.csv": 0o600}
