"""MLflow on a real SQLite store: contents of a run, scores of the registered model, promotion and its checks."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.bundle import AnotherLabel, ModelStore, describe, load, save
from tests.models.small_model import train as small_model
from tests.training.conftest import QUICK
from tests.training.reports.test_report_html import Page
from tests.training.small_data import rows, write
from training.config import TrainConfig
from training.data.dataset import Dataset
from training.data.sources import from_file
from training.evaluation.evaluation import TrainResult
from training.pipeline import train
from training.registry.promotion import PromotionRefused, alias_bundle, promote, pull
from training.registry.runs import load_side
from training.registry.tracking import (
    client,
    default_tracking_uri,
    experiment_id,
    git_revision,
    log_run,
    register_bundle,
    uri_in_words,
)
from training.reports.compare import KeptScores, compare
from training.reports.flat import flat_metrics
from training.reports.words import estimate_text


@dataclass(frozen=True)
class Tracked:
    uri: str
    first: TrainResult
    second: TrainResult
    folder: Path


@pytest.fixture(scope="module")
def tracked(trained: TrainResult, data_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    """Version 1 from a complete `train`, and version 2 from a second model."""
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    config = TrainConfig(
        data=write(folder / "less.csv", rows(4000, seed=5)),
        tracking_uri=uri,
        threads=1,
        params=replace(QUICK, most_trees=5),
    )
    first = train(config)
    assert trained.bundle is not None
    data: Dataset = from_file(data_file)
    second = replace_ids(trained, log_run(trained, trained.bundle, data, replace(config, data=data_file)))
    return Tracked(uri, first, second, folder)


def replace_ids(result: TrainResult, ids: tuple[str, str]) -> TrainResult:
    return replace(result, run_id=ids[0], registered_version=ids[1])


def _file_lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_run_holds_parameters_metrics_data_code_plots_and_bundle(tracked: Tracked) -> None:
    server = client(tracked.uri)
    assert tracked.second.run_id is not None
    run = server.get_run(tracked.second.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "0"
    assert run.data.params["boosting.num_leaves"] == "7"
    risk = tracked.second.metrics["labels"]["office"]["risk"]
    assert run.data.metrics["office.risk.pr_auc"] == risk["pr_auc"]["value"]
    assert run.data.metrics["office.risk.recall_at_5pct"] == risk["at_inspected_share"]["0.05"]["recall"]["value"]
    assert "baseline.logistic_regression.office.roc_auc" in run.data.metrics
    card = tracked.second.model.card
    assert run.data.tags["data_sha256"] == card["data"]["sha256"]
    assert run.data.tags["bundle_digest"] == tracked.second.digest
    assert re.fullmatch(r"[0-9a-f]{40}\+?|not a checkout", run.data.tags["git_revision"])
    assert (git_revision() is None) == (run.data.tags["git_revision"] == "not a checkout")
    assert run.inputs is not None
    (logged,) = run.inputs.dataset_inputs
    assert logged.dataset.name == "labelled.csv"
    assert card["data"]["sha256"].startswith(logged.dataset.digest)
    plots = {Path(a.path).name for a in server.list_artifacts(tracked.second.run_id, "plots")}
    assert plots >= {
        "feature_importance.png",
        "inspected_share_office.png",
        "pr_curve_office.png",
        "score_histogram_office.png",
        "contributions.png",
        "baselines.png",
    }
    bundle = {Path(a.path).name for a in server.list_artifacts(tracked.second.run_id, "bundle")}
    assert tracked.second.bundle is not None
    assert bundle == {path.name for path in tracked.second.bundle.iterdir()}
    assert (tracked.folder / "mlartifacts").is_dir()


def test_a_run_holds_its_report_card_metrics_and_scores(tracked: Tracked, tmp_path: Path) -> None:
    import mlflow

    client(tracked.uri)
    run_id = tracked.second.run_id
    sizes = {
        one.path: int(one.file_size or 0) for one in mlflow.artifacts.list_artifacts(run_id=run_id) if not one.is_dir
    }
    assert set(sizes) == {"report.html", "model_card.md", "metrics.json", "test_scores.npz"}
    assert sizes["report.html"] < 3e6
    assert sizes["metrics.json"] < 3e5
    assert sizes["test_scores.npz"] < 1e5
    assert sum(path.stat().st_size for path in (tracked.second.bundle or tmp_path).glob("*card*")) < 3e5

    def text(name: str) -> str:
        return mlflow.artifacts.load_text(f"runs:/{run_id}/{name}")

    page = Page(text("report.html"))
    risk = tracked.second.metrics["labels"]["office"]["risk"]
    assert estimate_text(risk["at_inspected_share"]["0.005"]["recall"], percent=True) in page.text
    assert estimate_text(risk["pr_auc"]) in page.text
    assert tracked.second.digest in page.text
    assert len(page.of("img")) >= 5
    document = mlflow.artifacts.load_dict(f"runs:/{run_id}/metrics.json")
    assert document["labels"]["office"]["risk"] == risk
    assert document["model"] == {"version": tracked.second.model.version, "digest": tracked.second.digest}
    assert document["data"]["sha256"] == tracked.second.model.card["data"]["sha256"]
    assert tracked.second.bundle is not None
    assert text("model_card.md") == (tracked.second.bundle / "CARD.md").read_text()
    assert "## Ethical considerations" in text("model_card.md")
    scores = KeptScores.read(Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/test_scores.npz")))
    assert len(scores.key) == risk["shipments"]
    assert scores.find["office"].sum() == risk["finds"]


def test_runs_on_different_data_are_compared_with_a_warning(tracked: Tracked) -> None:
    compared = compare(load_side("1", tracked.uri), load_side("challenger", tracked.uri))
    assert "use different data" in compared["warnings"][0]
    assert compared["paired"] is False
    assert [compared[side]["digest"] for side in "ab"] == [tracked.first.digest, tracked.second.digest]
    differing = {one["name"] for one in compared["differs"]["training"]}
    assert "parameters.most_trees" in differing


def test_the_store_of_the_environment_is_the_default(tracked: Tracked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked.uri)
    assert default_tracking_uri() == tracked.uri
    assert client().get_model_version("tidewaiter", "1").tags["bundle_digest"] == tracked.first.digest
    with pytest.raises(PromotionRefused, match="versions there: 1, 2"):
        promote("7", tracked.folder / "nowhere")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert default_tracking_uri() == "sqlite:///mlflow.db"


def test_the_newest_version_is_the_challenger_and_has_the_digest_of_its_bundle(tracked: Tracked) -> None:
    server = client(tracked.uri)
    version = server.get_model_version_by_alias("tidewaiter", "challenger")
    assert str(version.version) == "2"
    assert version.tags == {"bundle_digest": tracked.second.digest, "model_version": tracked.second.model.version}
    assert server.get_model_version("tidewaiter", "1").tags["bundle_digest"] == tracked.first.digest


def test_the_registered_model_gives_exactly_the_scores_of_the_service(tracked: Tracked, data_file: Path) -> None:
    import mlflow

    client(tracked.uri)
    registered = mlflow.pyfunc.load_model("models:/tidewaiter@challenger")
    frame = pd.DataFrame(_file_lines(data_file)[:3000]).drop(columns=["content", "inspected_at", "inspection"])
    frame = frame.drop(columns=["selection_probability"])
    got = registered.predict(frame)
    assert tracked.second.bundle is not None
    model = load(tracked.second.bundle)
    data = from_file(data_file, in_order=False)
    part = data.table.take(np.arange(3000))
    scores = model.score(part, model.history.copy())
    np.testing.assert_array_equal(got["risk"].to_numpy(), scores.risk)
    np.testing.assert_array_equal(got["percentile"].to_numpy(), scores.percentile)
    np.testing.assert_array_equal(got["item_risk"].to_numpy(), scores.item_risk)
    np.testing.assert_array_equal(got["risk_precursor"].to_numpy(), scores.heads["precursor"])
    assert got["lane"].tolist() == scores.lane.tolist()
    assert set(got["bundle_digest"]) == {tracked.second.digest}
    # A second call starts from the same history.
    np.testing.assert_array_equal(registered.predict(frame)["risk"].to_numpy(), got["risk"].to_numpy())


def test_a_frame_may_hold_numbers_missing_values_and_unreadable_rows(trained: TrainResult) -> None:
    from training.registry.pyfunc_model import score_frame

    text = pd.DataFrame(
        {
            "shipment_id": ["A", "A", "B", ""],
            "goods_description": ["lamp", "cup", "phone case", "lamp"],
            "customs_value": ["10", "7.5", "", "1"],
            "currency": ["USD", "USD", "USD", "USD"],
            "hs_code": ["940520", "691200", "392690", ""],
            "declared_at": ["2026-06-01T00:00:00Z"] * 4,
            "consignor_known": ["true", "true", "", ""],
        },
        index=[5, 6, 7, 8],
    )
    typed = text.assign(
        customs_value=[10.0, 7.5, np.nan, 1.0],
        hs_code=np.array([940520, 691200, 392690, np.nan]),
        declared_at=pd.Timestamp("2026-06-01", tz="UTC"),
        consignor_known=np.array([True, True, None, pd.NA], dtype=object),
        shipment_id=np.array(["A", "A", "B", None], dtype=object),
    )
    one, other = score_frame(trained.model, text), score_frame(trained.model, typed)
    pd.testing.assert_frame_equal(one, other)
    assert one.index.tolist() == [5, 6, 7, 8]
    assert one["risk"].iloc[0] == one["risk"].iloc[1] == one["item_risk"].iloc[:2].max()
    assert np.isnan(one["risk"].iloc[3])
    assert one["error"].iloc[3].startswith("shipment_id:")
    assert one["error"].iloc[:3].isna().all()


def _store(tmp_path: Path) -> tuple[Path, ModelStore]:
    return tmp_path / "models", ModelStore(tmp_path / "models")


def _champion(uri: str) -> str | None:
    aliases: dict[str, Any] = client(uri).get_registered_model("tidewaiter").aliases
    return None if "champion" not in aliases else str(aliases["champion"])


def test_promotion_puts_a_bundle_into_service_and_rollback_restores_the_previous_one(
    tracked: Tracked, tmp_path: Path
) -> None:
    root, store = _store(tmp_path)
    first, _ = promote("1", root, tracked.uri)
    assert store.current() == first.folder
    assert describe(first.folder).digest == tracked.first.digest == first.digest
    assert _champion(tracked.uri) == "1"
    second, _ = promote("2", root, tracked.uri)
    assert store.current() == second.folder
    assert store.load().digest == tracked.second.digest
    assert _champion(tracked.uri) == "2"
    assert alias_bundle(describe(store.rollback()).digest, tracked.uri) == "1"
    assert store.current() == first.folder
    assert _champion(tracked.uri) == "1"


def test_a_version_of_another_label_is_refused_unless_it_is_forced(tracked: Tracked, tmp_path: Path) -> None:
    import mlflow

    root, store = _store(tmp_path)
    server = client(tracked.uri)
    model = small_model(heads=("risk",))
    model.card = {"label": {"column": "fraud", "positive": None}}
    model.digest = save(model, tmp_path / "fraud")
    before, _ = promote("2", root, tracked.uri)
    (scratch := tmp_path / "scratch").mkdir()
    with mlflow.start_run(experiment_id=experiment_id(server, tracked.uri)):
        version = register_bundle(model, tmp_path / "fraud", scratch)
    server.set_model_version_tag("tidewaiter", version, "bundle_digest", model.digest)
    with pytest.raises(AnotherLabel, match=r"predicts column 'fraud', but the model in service predicts content"):
        promote(version, root, tracked.uri)
    assert store.current() == before.folder
    assert _champion(tracked.uri) == "2"
    forced, _ = promote(version, root, tracked.uri, another_label=True)
    assert store.load().digest == forced.digest == model.digest
    assert _champion(tracked.uri) == version


def test_a_bundle_with_another_digest_than_the_registry_is_refused(tracked: Tracked, tmp_path: Path) -> None:
    root, store = _store(tmp_path)
    server = client(tracked.uri)
    server.set_model_version_tag("tidewaiter", "1", "bundle_digest", "0" * 64)
    try:
        with pytest.raises(
            PromotionRefused, match=f"has the digest {tracked.first.digest}, but the registry states 000"
        ):
            promote("1", root, tracked.uri)
    finally:
        server.set_model_version_tag("tidewaiter", "1", "bundle_digest", tracked.first.digest)
    assert store.current() is None


def test_an_altered_bundle_is_refused(tracked: Tracked, tmp_path: Path) -> None:
    root, store = _store(tmp_path)
    before = _champion(tracked.uri)
    (path,) = (
        p
        for p in (tracked.folder / "mlartifacts" / "models").rglob("artifacts/bundle/card.json")
        if tracked.first.model.version in (p.parent / "bundle.json").read_text()
    )
    good = path.read_bytes()
    path.write_bytes(good.replace(b"seed", b"sEed", 1))
    try:
        with pytest.raises(PromotionRefused, match=r"(?s)The bundle of version 1 is refused.*card\.json"):
            promote("1", root, tracked.uri)
    finally:
        path.write_bytes(good)
    assert store.current() is None
    assert _champion(tracked.uri) == before


def test_an_unknown_version_is_refused_with_a_list_of_known_ones(tracked: Tracked, tmp_path: Path) -> None:
    with pytest.raises(PromotionRefused, match=r"has no version '7' in sqlite:.*; versions there: 1, 2"):
        promote("7", tmp_path / "models", tracked.uri)
    assert not (tmp_path / "models").exists()


def test_pull_downloads_the_bundle_of_an_alias_without_putting_it_into_service(
    tracked: Tracked, tmp_path: Path
) -> None:
    got = pull("challenger", tmp_path / "fetched", tracked.uri)
    assert (got.version, got.folder) == ("2", tmp_path / "fetched")
    assert load(tmp_path / "fetched").digest == tracked.second.digest
    assert [path.name for path in tmp_path.iterdir()] == ["fetched"]
    with pytest.raises(PromotionRefused, match="exists and is not empty"):
        pull("challenger", tmp_path / "fetched", tracked.uri)
    with pytest.raises(PromotionRefused, match="No version of tidewaiter has the alias 'nobody'"):
        pull("nobody", tmp_path / "other", tracked.uri)


def test_without_a_store_nothing_is_created(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'none.db'}"
    with pytest.raises(PromotionRefused, match=r"There is no MLflow store at sqlite:.*none\.db; train a model first"):
        promote("1", tmp_path / "models", uri)
    assert list(tmp_path.iterdir()) == []


def test_metrics_without_a_value_are_not_logged() -> None:
    none = {"value": None, "reason": "3 finds"}
    figures = {
        "finds": 3,
        "prevalence": 0.1,
        "pr_auc": none,
        "roc_auc": {"value": 0.5, "low": 0.4, "high": 0.6},
        "at_inspected_share": {"0.001": {"recall": none, "precision_at_base_rate": none, "precision_in_window": none}},
        "recall_at_false_positive_rate": {"0.0001": none},
    }
    assert flat_metrics({"labels": {"office": {"risk": figures}}}) == {
        "office.risk.finds": 3.0,
        "office.risk.prevalence": 0.1,
        "office.risk.roc_auc": 0.5,
    }


def test_the_password_of_a_tracking_uri_is_masked() -> None:
    assert uri_in_words("https://ana:secret@mlflow.example/x") == "https://ana:***@mlflow.example/x"
    assert uri_in_words("sqlite:///mlflow.db") == "sqlite:///mlflow.db"


def test_importing_the_pipeline_does_not_import_mlflow() -> None:
    import subprocess
    import sys

    code = "import sys, training.pipeline, training.evaluation.evaluation; sys.exit('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == 0
