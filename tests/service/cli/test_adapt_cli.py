"""``tidewaiter adapt`` and ``promote --bundle``."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.bundle import ModelStore, load, save
from service.cli import run
from service.scoring.record import TrafficRecord
from service.training.gate import foreign
from tests.models.small_model import table_of, train
from tests.training.adapting.conftest import office, write
from training.gate.checks import Verdict


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    return write(tmp_path / "earlier.csv", office(1_200))


def test_an_adapted_bundle_is_promoted_and_scores(
    earlier: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verdicts: list[Verdict]
) -> None:
    arguments = [
        "adapt",
        "--data",
        str(earlier),
        "--bundle-from",
        str(bundle),
        "--json",
        "report.json",
        "--no-tracking",
    ]
    assert run([*arguments, "--bundle", "adapted"]) == 0
    assert run([*arguments, "--bundle", "again"]) == 0
    digest = load(tmp_path / "adapted").digest
    assert load(tmp_path / "again").digest == digest
    output = capsys.readouterr().out
    assert "Learned from 1,200 shipments" in output
    assert "Score later files with it, never these." in output
    assert "tidewaiter promote --bundle adapted" in output
    assert json.loads(Path("report.json").read_text())["parent"]["digest"] == load(bundle).digest
    assert not Path("mlflow.db").exists()
    assert run([*arguments, "--bundle", "small", "--entities", "30"]) == 0
    assert (
        max(load(tmp_path / "small").history.sizes().values())
        == 30
        < load(tmp_path / "adapted").history.sizes()["consignor"]
    )
    capsys.readouterr()
    assert run(["promote", "--bundle", "adapted"]) == 0
    assert ModelStore(tmp_path / "var" / "models").load().digest == digest
    output = capsys.readouterr().out
    assert digest[:12] in output
    assert "Predicts content (fentanyl_or_analogue, precursor, equipment); base rate 1.6e-06" in output
    later = write(tmp_path / "later.csv", office(30, seed=8))
    assert run(["score", str(later), "scores.csv", "--history", "none", "--sort"]) == 0
    with Path("scores.csv").open(encoding="utf-8") as file:
        assert {row["bundle_digest"] for row in csv.DictReader(file)} == {digest}


def test_further_files_and_a_mapping_are_read(earlier: Path, bundle: Path, tmp_path: Path) -> None:
    columns = office(1_100, seed=4)
    columns["kilos"] = columns.pop("net_mass_kg")
    more = gzip.compress(write(tmp_path / "more.csv", columns).read_bytes())
    (tmp_path / "more.csv.gz").write_bytes(more)
    common = ["--bundle-from", str(bundle), "--no-tracking", "--json", "report.json"]
    assert run(["adapt", "--data", str(earlier), "more.csv.gz", *common, "--bundle", "two"]) == 0
    assert json.loads(Path("report.json").read_text())["data"]["shipments"] == 2_300
    for mapping, unknown in ((None, True), ("m.toml", False)):
        Path("m.toml").write_text('[columns]\nnet_mass_kg = "kilos"\n')
        mapped = [] if mapping is None else ["--mapping", mapping]
        assert run(["adapt", "--data", "more.csv", *mapped, *common, "--bundle", f"mapped-{mapping}"]) == 0
        not_judged = {one["what"] for one in json.loads(Path("report.json").read_text())["not_judged"]}
        assert ("field net_mass_kg" in not_judged) == unknown


def test_the_record_of_the_service_is_read_with_its_rotated_files(bundle: Path, tmp_path: Path) -> None:
    record = TrafficRecord(tmp_path / "traffic.jsonl", max_bytes=400_000, files=5)
    for seed in range(4):
        record.add(table_of(office(300, seed)))
    assert Path("traffic.jsonl.1").exists()
    assert run(["adapt", "--from-log", "traffic.jsonl", "--bundle-from", str(bundle), "--bundle", "out", "--no-tracking",
                "--json", "report.json"]) == 0  # fmt: skip
    assert json.loads(Path("report.json").read_text())["data"]["shipments"] == 1_200


def test_too_few_shipments_end_with_3_and_write_nothing(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write(tmp_path / "few.csv", office(999))
    assert run(["adapt", "--data", str(few), "--bundle-from", str(bundle), "--bundle", "out"]) == 3
    assert "few.csv: 999 shipments can be read; adapting needs at least 1,000" in capsys.readouterr().err
    assert not Path("out").exists()
    assert not Path("mlflow.db").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--bundle", "out"], 2, "Name the earlier manifests with --data FILE..."),
        (["--data", "earlier.csv", "--from-log", "x.jsonl", "--bundle", "out"], 2, "Name the earlier manifests"),
        (["--from-log", "x.jsonl", "--mapping", "m.toml", "--bundle", "out"], 2, "--mapping needs --data"),
        (["--data", "earlier.csv", "--bundle", "out", "--entities", "200001"], 2, "200000"),
        (["--data", "earlier.csv", "--bundle", "full"], 2, "full exists and is not empty"),
        (["--data", "missing.csv", "--bundle", "out"], 3, "missing.csv"),
        (["--from-log", "missing.jsonl", "--bundle", "out"], 3, "missing.jsonl: no such file"),
        (["--data", "earlier.csv", "--bundle-from", "full", "--bundle", "out"], 4, "bundle.json: missing"),
    ],
)
def test_wrong_use_ends_with_the_status_of_the_contract(
    arguments: list[str], status: int, message: str, earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("full").mkdir()
    Path("full", "file").touch()
    assert run(["adapt", *arguments]) == status
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_promotion_needs_a_version_or_a_sound_bundle(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["promote"]) == 2
    assert run(["promote", "1", "--bundle", str(bundle)]) == 2
    save(load(bundle), tmp_path / "damaged")
    (tmp_path / "damaged" / "space.json").write_text("{}")
    assert run(["promote", "--bundle", "damaged"]) == 4
    assert "space.json" in capsys.readouterr().err
    assert ModelStore(tmp_path / "var" / "models").current() is None


def test_a_bundle_of_another_label_ends_with_5_unless_it_is_forced_with_a_reason(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = train(heads=("risk",))
    model.card = {"label": {"column": "fraud", "positive": None}}
    save(model, tmp_path / "fraud")
    store = ModelStore(tmp_path / "var" / "models")
    assert run(["promote", "--bundle", "fraud"]) == 5
    assert "the check `label` failed. label: fraud predicts column 'fraud'" in capsys.readouterr().err
    assert store.current() is None
    for wrong in (["--force"], ["--reason", "a new task"]):
        assert run(["promote", "--bundle", "fraud", *wrong]) == 2
        assert "--force and --reason TEXT go together" in capsys.readouterr().err
    assert run(["promote", "--bundle", "fraud", "--force", "--reason", "a new task"]) == 0
    assert "Predicts column 'fraud'" in capsys.readouterr().out
    assert store.load().heads == ("risk",)
    assert run(["promote", "--bundle", str(bundle)]) == 5


BAD = Verdict("test sets", "fail", "It finds .2 of 400 finds, the model in service .3.", {"finds": 400})
GOOD = Verdict("speed", "pass", "30 ms.")


def test_a_candidate_that_fails_a_check_is_refused_by_name(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verdicts: list[Verdict]
) -> None:
    verdicts += [GOOD, BAD]
    store = ModelStore(tmp_path / "var" / "models")
    assert run(["promote", "--bundle", str(bundle), "--json", "gate.json"]) == 5
    captured = capsys.readouterr()
    assert "Not put into service: the check `test sets` failed. test sets: It finds .2 of 400" in captured.err
    assert max(map(len, captured.out.splitlines())) <= 100
    assert "test sets │ fail" in captured.out
    assert json.loads(Path("gate.json").read_text()) == {
        "failed": ["test sets"],
        "checks": [
            {"check": "speed", "answer": "pass", "text": "30 ms."},
            {"check": "test sets", "answer": "fail", "text": BAD.text, "finds": 400},
        ],
    }
    assert store.current() is None
    assert run(["promote", "--bundle", str(bundle), "--force", "--reason", "the old one is broken"]) == 0
    assert store.load().digest == load(bundle).digest
    verdicts.remove(BAD)
    assert run(["promote", "--bundle", str(bundle)]) == 0


def test_the_bundle_in_service_is_not_checked_again(bundle: Path, tmp_path: Path) -> None:
    ModelStore(tmp_path / "var" / "models").install(bundle)
    assert run(["promote", "--bundle", str(bundle), "--json", "gate.json"]) == 0
    assert json.loads(Path("gate.json").read_text()) == {"failed": [], "checks": []}


def test_calibrators_that_are_not_those_of_the_parent_are_foreign(earlier: Path, bundle: Path, tmp_path: Path) -> None:
    assert run(["adapt", "--data", str(earlier), "--bundle-from", str(bundle), "--bundle", "one", "--no-tracking"]) == 0
    adapted = load(tmp_path / "one")
    assert foreign(adapted, [bundle]) is None
    risk = adapted.calibrators["risk"]
    adapted.calibrators = {**adapted.calibrators, "risk": replace(risk, anchor=risk.anchor + 1.0)}
    assert "Its calibrators are not those of model 1" in (foreign(adapted, [bundle]) or "")
    assert foreign(adapted, [tmp_path / "one"]) is None
