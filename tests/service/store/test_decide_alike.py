"""200 shipments get equal decisions by every way: single, batch, file, job, stream, shadow, backtest and the MLflow model."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from models.bundle import ModelStore, load
from service.app import create_app
from service.backtests import backtest as backtests
from service.backtests import shadow
from service.backtests.backtest import Past, Period, contender
from service.backtests.shadow import Follower
from service.backtests.tables import ShadowScore
from service.cli import run
from service.core.database.engine import Database
from service.core.settings import Settings
from service.history.key import Sealer, secret_of
from service.jobs.repository import Jobs
from service.jobs.worker import Worker
from service.lists import repository as lists
from service.lists.matching import PERMITS, WATCH_ENTRIES
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tests.service.store.job_files import queue, results_of
from tests.service.test_rules_everywhere import GOODS, RULES, flat
from training.registry.pyfunc_model import score_frame

COUNT = 200
#: Lane, cause, rules, risk and percentile.
Decided = tuple[str, str, str, float, float]
ALWAYS = Period(0, 2**55)


def records() -> list[dict[str, Any]]:
    """Return shipments of few parties in the order of their time. Every seventh is an earlier one with other goods or words."""
    found: list[dict[str, Any]] = []
    for number in range(COUNT):
        amends = number % 7 == 6
        of = number - 6 if amends else number
        found.append(
            {
                "shipment_id": f"HB-{of:03d}",
                "channel": "express",
                "declared_at": f"2026-05-{4 + number // 20:02d}T{number % 20:02d}:30:00Z",
                "export_country": "CN",
                "currency": "USD",
                "consignor": {"name": f"Example Trading {of % 9}", "country": "CN"},
                "consignee": {"name": ["Lakeside Pharma Ltd", "Dana Example"][of % 2], "country": "US"},
                "items": [
                    {"net_mass_kg": 1 + of % 5, "customs_value": 7 * (1 + of % 11), **item}
                    for item in GOODS[(of + 3 * amends) % len(GOODS)]
                ],
            }
        )
    return found


def office(folder: Path, bundle: Path) -> Settings:
    """Return the settings of a service with rules, and with a watch list and a permit in its store."""
    ModelStore(folder / "models").install(bundle)
    (folder / "office.toml").write_text(RULES, encoding="utf-8")
    settings = Settings(
        models_dir=folder / "models",
        rules=str(folder / "office.toml"),
        keeps_decisions=True,
        database_url=SecretStr(f"sqlite:///{folder / 'store.db'}"),
        journal_dir=folder / "journal",
        jobs_dir=folder / "jobs",
        job_worker=False,
        random_share=0.02,
        random_key=SecretStr("of the test"),
    )
    database = Database(settings.database_url.get_secret_value())
    database.migrate()
    watched = {"list_name": "seizures", "kind": "name", "text": "Example Trading 4", "country": "", "place": ""}
    lists.add(
        database,
        WATCH_ENTRIES,
        [watched | {"threshold": 95.0, "lane": "yellow", "source": "", "reason": "seized", "expires_at": None}],
        None,
    )
    permit = {"permit_number": "IP-2026-0042", "party_name": "Lakeside Pharma Ltd", "party_country": "US"}
    rest = {"valid_from": "", "valid_until": "", "substance": "", "reason": "", "expires_at": None}
    lists.add(database, PERMITS, [permit | rest], None)
    database.close()
    return settings


def rules(ids: str) -> str:
    """Return the ids of rules without those of entries, which each store makes anew."""
    return re.sub(r"watch_list:[^;]+", "watch_list", ids)


def answered(results: Iterable[Mapping[str, Any]]) -> list[Decided]:
    return [
        (one["lane"], one["selected_by"] or "", rules(";".join(one["rule_ids"])), one["risk"], one["percentile"])
        for one in results
    ]


def of_rows(rows: Iterable[Mapping[Any, Any]]) -> list[Decided]:
    """Return the decisions from the rows of a file or frame. Adjacent rows of a shipment have the same."""
    found: list[Decided] = []
    last = None
    for row in rows:
        if row["shipment_id"] != last:
            last = row["shipment_id"]
            texts = ["" if pd.isna(row[name]) else str(row[name]) for name in ("lane", "selected_by", "rule_ids")]
            found.append((texts[0], texts[1], rules(texts[2]), float(row["risk"]), float(row["percentile"])))
    return found


def of_csv(content: bytes | str) -> list[Decided]:
    text = content.decode() if isinstance(content, bytes) else content
    return of_rows(csv.DictReader(io.StringIO(text)))


def assert_alike(found: list[Decided], expected: list[Decided], digits: float = 0.0) -> None:
    """Compare decisions. Files carry 9 significant digits."""
    assert [one[:3] for one in found] == [one[:3] for one in expected]
    for one, other in zip(found, expected, strict=True):
        for value, wanted in zip(one[3:], other[3:], strict=True):
            assert math.isclose(value, wanted, rel_tol=digits), (one, other)


@pytest.fixture
def service(tmp_path: Path, bundle: Path) -> Iterator[tuple[Client, Settings]]:
    settings = office(tmp_path, bundle)
    with serving(create_app(settings)) as client:
        yield client, settings


def new_client(tmp_path: Path, bundle: Path, name: str) -> tuple[Settings, Any]:
    (tmp_path / name).mkdir()
    settings = office(tmp_path / name, bundle)
    return settings, serving(create_app(settings))


def text_of(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.mark.slow
def test_every_way_of_scoring_decides_alike(
    service: tuple[Client, Settings], tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, settings = service
    shipments = records()
    rows = [row for record in shipments for row in flat(record)]
    database = Database(settings.database_url.get_secret_value())
    past = Past(database, Sealer(secret_of(settings)), settings)
    shadow.start(database, bundle, "test")
    expected = answered([client.post("/v1/score", json=record).json() for record in shipments])
    # The comparison covers what each part of a decision does.
    assert {cause for _, cause, _, _, _ in expected} >= {"score", "rule", "watch_list", "unread", "random", ""}
    assert any("changed-declaration" in names for _, _, names, _, _ in expected)
    with database.read() as connection:
        stored = connection.execute(select(Decision.__table__).order_by(Decision.position)).all()
    assert [(one.lane, one.selected_by or "", one.risk) for one in stored] == [(a, b, c) for a, b, _, c, _ in expected]

    follower = Follower(past)
    follower.step()
    with database.read() as connection:
        shadowed = connection.execute(select(ShadowScore.__table__).order_by(ShadowScore.position)).all()
    assert [(one.lane, one.risk, one.percentile) for one in shadowed] == [(a, d, e) for a, _, _, d, e in expected]
    assert_same(shadow.report(database))

    again = contender(past, load(bundle), settings.score_settings())
    assert_same(backtests.backtest(past, ALWAYS, [again]))
    again = contender(past, load(bundle), settings.score_settings())
    replayed = [
        decided
        for batch in backtests.batches(past, ALWAYS, [again])
        for _, scores in again.scored(batch)
        for decided in answered(scores.answers(0, len(scores)))
    ]
    assert replayed == expected
    frame = pd.DataFrame(rows).replace("", None)
    in_frame = score_frame(load(bundle), frame, client.state.lists.settings)
    assert_alike(of_rows(frame[["shipment_id"]].join(in_frame).to_dict("records")), expected)
    database.close()

    _, running = new_client(tmp_path, bundle, "batch")
    with running as other:
        batch = other.post("/v1/score/batch", json={"shipments": shipments}).json()["results"]
    assert answered(batch) == expected
    _, running = new_client(tmp_path, bundle, "stream")
    with running as other:
        upload = other.post("/v1/score/csv", content=text_of(rows), headers={"Content-Type": "text/csv"}).text
    assert_alike(of_csv(upload), expected, 1e-8)
    files(tmp_path, bundle, text_of(rows), expected, monkeypatch)


def files(tmp_path: Path, bundle: Path, text: str, expected: list[Decided], monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare a file that a command scores, a job, and a backtest of what the job has stored."""
    (tmp_path / "job").mkdir()
    settings = office(tmp_path / "job", bundle)
    database = Database(settings.database_url.get_secret_value())
    jobs = Jobs(database)
    job = queue(jobs, settings, text.encode())
    assert Worker(database, settings).work_once()
    assert_alike(of_csv(results_of(jobs, settings, job)[0]), expected, 1e-8)
    past = Past(database, Sealer(secret_of(settings)), settings)
    assert_same(backtests.backtest(past, ALWAYS, [contender(past, load(bundle), settings.score_settings())]))
    database.close()
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text, encoding="utf-8")
    for name, value in (
        ("STORE", "on"),
        ("DATABASE_URL", settings.database_url.get_secret_value()),
        ("MODELS_DIR", str(settings.models_dir)),
        ("RULES", str(settings.rules)),
        ("RANDOM_SHARE", "0.02"),
        ("RANDOM_KEY", "of the test"),
    ):
        monkeypatch.setenv(f"TIDEWAITER_{name}", value)
    assert run(["score", str(source), str(target), "--lists"]) == 0
    assert_alike(of_csv(target.read_bytes()), expected, 1e-8)


def assert_same(comparison: dict[str, Any]) -> None:
    """Check that both sides open the same shipments."""
    assert comparison["decisions"] == COUNT
    for name in ("as_decided", "equal_number"):
        parts = comparison[name]
        assert parts["only_first"]["shipments"] == parts["only_second"]["shipments"] == 0
        assert parts["first"] == parts["second"] == parts["both"]
        assert parts["both"]["shipments"] > 0
