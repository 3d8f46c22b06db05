"""Start of the history of a scored file, scoring in order of time, and the warning about lanes that do not fit."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from features.groups.history.history import History
from models.bundle import ModelStore
from models.lanes import Lanes
from models.scoring import RiskModel, ScoreSettings
from service.app import create_app
from service.core.settings import Settings
from service.files.batch import BatchReport, score_file
from service.files.options import ScoreOptions
from tests.models.small_model import train
from tests.service.api_client import serving
from tests.service.files.test_batch import as_csv, goods

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return train()


def scored(
    folder: Path, text: str, model: RiskModel, options: ScoreOptions, history: History
) -> tuple[BatchReport, Rows]:
    (folder / "in.csv").write_text(text, encoding="utf-8")
    report = score_file(folder / "in.csv", folder / "out.csv", model, options, history=history)
    return report, list(csv.DictReader(io.StringIO((folder / "out.csv").read_text(encoding="utf-8"))))


def shuffled(text: str) -> str:
    """Return a file with its shipments in another order; the rows of a shipment stay together."""
    header, *lines = text.splitlines()
    whole: dict[str, list[str]] = {}
    for line in lines:
        whole.setdefault(line.partition(",")[0], []).append(line)
    ids = sorted(whole, key=lambda one: one[::-1])
    return "\n".join([header, *(line for one in ids for line in whole[one])]) + "\n"


def by_row(rows: Rows) -> dict[tuple[str, str], str]:
    return {(row["shipment_id"], row["item_number"]): row["risk"] for row in rows}


@pytest.mark.parametrize("rows_per_chunk", [17, 4_096])
def test_sorting_scores_in_order_of_time_and_writes_in_order_of_the_file(
    tmp_path: Path, model: RiskModel, rows_per_chunk: int
) -> None:
    text = as_csv(goods(60))
    _, in_order = scored(tmp_path, text, model, ScoreOptions(), History.empty())
    mixed = shuffled(text)
    options = ScoreOptions(in_time_order=True, rows_per_chunk=rows_per_chunk)
    report, rows = scored(tmp_path, mixed, model, options, History.empty())
    assert [row["shipment_id"] for row in rows] == [line.partition(",")[0] for line in mixed.splitlines()[1:]]
    assert by_row(rows) == by_row(in_order)
    assert report.rows_late == 0
    late, unsorted = scored(tmp_path, mixed, model, ScoreOptions(), History.empty())
    assert late.rows_late > 0
    assert by_row(unsorted) != by_row(in_order)


def test_late_rows_are_counted(tmp_path: Path, model: RiskModel) -> None:
    text = "shipment_id,declared_at,goods_description\nA,2026-06-05,cup\nB,2026-06-04,mug\nB,2026-06-04,hat\nC,2026-06-06,hat\n"
    report, _ = scored(tmp_path, text, model, ScoreOptions(), History.empty())
    assert report.rows_late == 2


def test_an_earlier_file_is_replayed_first(tmp_path: Path, model: RiskModel) -> None:
    text = as_csv(goods(80))
    header, *lines = text.splitlines()
    cut = next(place for place, line in enumerate(lines) if line.startswith("HB-7-000040"))
    _, whole = scored(tmp_path, text, model, ScoreOptions(), History.empty())
    (tmp_path / "earlier.csv").write_text("\n".join([header, *lines[:cut]]) + "\n", encoding="utf-8")
    later = "\n".join([header, *lines[cut:]]) + "\n"
    history = History.empty()
    _, rows = scored(tmp_path, later, model, ScoreOptions(history_file=tmp_path / "earlier.csv"), history)
    assert by_row(rows) == by_row(whole[cut:])
    assert by_row(rows) != by_row(scored(tmp_path, later, model, ScoreOptions(), History.empty())[1])
    assert history.sequence == 80


def test_a_service_begins_with_an_earlier_file_as_score_does(tmp_path: Path, models: Path) -> None:
    header, *lines = as_csv(goods(80)).splitlines()
    cut = next(place for place, line in enumerate(lines) if line.startswith("HB-7-000040"))
    earlier, later = ("\n".join([header, *part]) + "\n" for part in (lines[:cut], lines[cut:]))
    (tmp_path / "earlier.csv").write_text(earlier, encoding="utf-8")
    (tmp_path / "office.csv").write_text(earlier.replace("net_mass_kg", "kilos"), encoding="utf-8")
    (tmp_path / "office.toml").write_text('[columns]\nnet_mass_kg = "kilos"\n', encoding="utf-8")
    model = ModelStore(models).load()
    options = ScoreOptions(history_file=tmp_path / "earlier.csv")
    _, expected = scored(tmp_path, later, model, options, model.history.copy())
    _, without = scored(tmp_path, later, model, ScoreOptions(), model.history.copy())
    office, mapping = tmp_path / "office.csv", tmp_path / "office.toml"
    with serving(create_app(Settings(models_dir=models, history_file=office, history_mapping=mapping))) as client:
        assert client.get("/v1/model").json()["history"] == "snapshot"
        answer = client.post("/v1/score/csv", content=later.encode(), headers={"Content-Type": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert by_row(rows) == by_row(expected) != by_row(without)
    assert [row["lane"] for row in rows] == [row["lane"] for row in expected]


def with_lanes(model: RiskModel, red: float, yellow: float) -> RiskModel:
    return replace(model, lanes=Lanes(red, yellow), digest=model.digest)


def test_lanes_that_do_not_fit_are_reported_from_two_thousand_shipments_on(tmp_path: Path, model: RiskModel) -> None:
    all_red = with_lanes(model, -50.0, -50.0)
    options = ScoreOptions(explain="none")
    report, _ = scored(tmp_path, as_csv(goods(2_000)), all_red, options, History.empty())
    assert report.lane_warning == (
        "100 % red, designed for 0.5 %; 0 % yellow, designed for 2 %: run `tidewaiter adapt`"
    )
    report, _ = scored(tmp_path, as_csv(goods(1_999)), all_red, options, History.empty())
    assert report.lane_warning is None


def test_the_random_share_does_not_count(tmp_path: Path, model: RiskModel) -> None:
    # Half of the shipments are red at random, none by its score.
    settings = ScoreSettings(random_share=0.5, random_key="key")
    none_red = with_lanes(model, 50.0, 49.0)
    report, _ = scored(
        tmp_path, as_csv(goods(4_200)), none_red, ScoreOptions(explain="none", settings=settings), History.empty()
    )
    assert report.by_lane["red"] > 2_000
    assert report.lane_warning is not None
    assert report.lane_warning.startswith("0 % red")
