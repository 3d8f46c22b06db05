"""`tidewaiter compare`: paired and unpaired differences, and warnings."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from service.cli import run
from tests.effort import examples
from tests.training.metrics_example import example_card, example_metrics, figures, nothing
from tests.training.reports.test_report_html import Page
from training.config import TrainConfig
from training.data.dataset import BadData, Outcome
from training.data.sources import from_file
from training.evaluation.evaluation import Scored, TrainResult, WindowScores
from training.evaluation.metrics import Ranking
from training.registry.runs import UnknownRun, load_side
from training.registry.tracking import client, log_run
from training.reports import compare as comparing
from training.reports.compare import BadScores, KeptScores, Side, compare, paired_differences, why_unpaired
from training.reports.report import comparison_page, print_comparison


def document(**changed: Any) -> dict[str, Any]:
    card = example_card()
    about = {key: card[key] for key in ("data", "windows", "training")}
    return {"model": {"version": "7", "digest": "ab" * 32}, **about, **example_metrics(), **changed}


def kept(n: int = 4000, *, noise: float = 0.0, seed: int = 0, base_rate: float = 1e-3) -> KeptScores:
    rng = np.random.default_rng(seed)
    find = rng.random(n) < 0.05
    score = rng.normal(0.0, 1.0, n) + 2.0 * find
    if noise:
        score = score + np.random.default_rng(99).normal(0.0, noise, n)
    scored = Scored(("risk",), score, score[:, None], {"risk": base_rate})
    outcomes = {"office": Outcome(find[:, None], np.where(find, 1.0, 2.0))}
    return KeptScores.of([f"S{i}" for i in range(n)], scored, outcomes)


def test_stored_scores_are_read_back_with_32_bits(tmp_path: Path) -> None:
    scores = kept()
    scores.write(tmp_path / "scores.npz")
    back = KeptScores.read(tmp_path / "scores.npz")
    np.testing.assert_array_equal(back.key, scores.key)
    np.testing.assert_allclose(back.score, scores.score, rtol=1e-6)
    np.testing.assert_array_equal(back.find["office"], scores.find["office"])
    np.testing.assert_array_equal(back.weight["office"], scores.weight["office"])
    assert (back.base_rate, back.step) == (1e-3, 1)
    assert (tmp_path / "scores.npz").stat().st_size < 4000 * 20


def test_a_damaged_file_of_scores_is_reported(tmp_path: Path) -> None:
    (tmp_path / "scores.npz").write_bytes(b"PK nothing")
    with pytest.raises(BadScores, match=r"scores\.npz: cannot be read"):
        KeptScores.read(tmp_path / "scores.npz")


def test_all_finds_and_an_equal_sample_of_many_clean_shipments_are_stored_in_every_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everything = kept()
    monkeypatch.setattr(comparing, "MOST_SHIPMENTS", 1000)
    one, other = kept(), kept(noise=0.5)
    assert one.step == 4
    assert one.find["office"].sum() == everything.find["office"].sum()
    clean = ~one.find["office"]
    assert 700 < clean.sum() < 1200
    # The stored clean shipments represent all.
    assert one.weight["office"][clean].sum() == pytest.approx(2.0 * (~everything.find["office"]).sum(), rel=0.1)
    assert why_unpaired(one, other) is None


def test_a_model_does_not_differ_from_itself_but_differs_from_noise() -> None:
    same = paired_differences(kept(), kept())
    assert all((e["value"], e["low"], e["high"]) == (0.0, 0.0, 0.0) for e in same.values())
    worse = paired_differences(kept(), kept(noise=1.5))
    auc = worse["office.risk.pr_auc"]
    assert auc["high"] < 0.0
    assert set(worse) == {
        f"office.risk.{name}"
        for name in ("pr_auc", "recall_at_0.1pct", "recall_at_0.5pct", "recall_at_1pct", "recall_at_5pct")
    }


def test_pairing_detects_differences_that_separate_intervals_do_not() -> None:
    one, other = kept(), kept(noise=0.35)
    auc = paired_differences(one, other)["office.risk.pr_auc"]
    separate = paired_differences(one, kept(seed=0, noise=0.0))
    assert separate["office.risk.pr_auc"]["value"] == 0.0
    # With separate resamples, the interval of the difference is wider.
    rng = np.random.default_rng(1)
    find, weight = one.find["office"], one.weight["office"]
    a, b = (
        np.array([curve.pr_auc() for curve in Ranking(scores.score, find, weight).curves(times) if curve is not None])
        for scores, times in zip((one, other), rng.poisson(1.0, (2, 60, len(find))), strict=True)
    )
    apart = np.diff(np.percentile(b - a, (2.5, 97.5)))[0]
    assert auc["high"] - auc["low"] < 0.7 * apart


@examples(20)
@given(seed=st.integers(0, 10_000), noise=st.floats(0.1, 3.0))
def test_swapping_the_runs_changes_the_sign_of_the_difference(seed: int, noise: float) -> None:
    one, other = kept(300, seed=seed), kept(300, seed=seed, noise=noise)
    there, back = paired_differences(one, other, resamples=20), paired_differences(other, one, resamples=20)
    for name, difference in there.items():
        assert difference["value"] == pytest.approx(-back[name]["value"])
        assert difference["low"] == pytest.approx(-back[name]["high"])


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (None, "no stored scores"),
        (kept(3999), "different shipments"),
        (kept(seed=3), "different labels"),
        (kept(base_rate=1e-4), "base rates differ"),
    ],
)
def test_different_windows_are_not_paired(other: KeptScores | None, why: str) -> None:
    assert why in (why_unpaired(kept(), other) or "")
    compared = compare(Side("a", document(), kept()), Side("b", document(), other))
    assert compared["paired"] is False
    assert all("low" not in (row["difference"] or {}) for row in compared["figures"])


def row(compared: dict[str, Any], figure: str) -> dict[str, Any]:
    (found,) = [one for one in compared["figures"] if one["figure"] == figure]
    return dict(found)


def test_figures_are_compared_by_whether_their_intervals_overlap() -> None:
    other = document()
    other["labels"]["truth"]["risk"] = figures(0.4)
    other["labels"]["truth"]["precursor"]["pr_auc"] = nothing()
    compared = compare(Side("a", document()), Side("b", other))
    recall = row(compared, "truth.risk.recall_at_0.5pct")
    assert recall["difference"]["value"] == pytest.approx(-0.15)
    assert recall["apart"] is True
    assert row(compared, "office.risk.recall_at_0.5pct")["apart"] is False
    assert row(compared, "truth.risk.finds")["apart"] is None
    gone = row(compared, "truth.precursor.pr_auc")
    assert (gone["b"], gone["difference"], gone["apart"]) == (None, None, None)
    assert compared["warnings"] == []
    assert compared["differs"] == {"data": [], "windows": [], "training": []}
    json.dumps(compared, allow_nan=False)


def test_other_data_another_window_and_other_parameters_are_reported() -> None:
    other = copy.deepcopy(document(evaluated_on="a file"))
    other["windows"]["windows"]["test"]["finds"] = 21
    other["training"]["parameters"]["num_leaves"] = 16
    compared = compare(Side("a", document()), Side("b", other))
    assert any("different windows of the same data" in warning for warning in compared["warnings"])
    assert any("B on a file" in warning for warning in compared["warnings"])
    assert compared["differs"]["windows"] == [{"name": "windows.test.finds", "a": 20, "b": 21}]
    assert compared["differs"]["training"] == [{"name": "parameters.num_leaves", "a": 8, "b": 16}]
    other["data"]["sha256"] = "0" * 64
    assert "use different data" in compare(Side("a", document()), Side("b", other))["warnings"][0]
    del other["data"]
    assert "does not name its data" in compare(Side("a", document()), Side("b", other))["warnings"][0]


def test_the_table_fits_eighty_columns_and_the_page_has_every_figure() -> None:
    other = document()
    other["data"]["notes"] = ["<script>alert(1)</script>", "[red]note"]
    compared = compare(Side("version 3 (champion)", document(), kept()), Side("b.json", other, kept(noise=0.5)))
    stream = io.StringIO()
    print_comparison(compared, Console(file=stream, width=80))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert "version 3 (champion)" in text
    assert "[red]note" in text
    assert "calibration, truth, top ratio" in " ".join(text.split()) or "calibration, truth," in text
    page = Page(comparison_page(compared))
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "img"})
    assert "<script>alert(1)</script>" in page.text
    assert "baseline" in page.text
    assert "channel, express, recall at 1 %" in page.text


def test_paths_name_metrics_files_and_bundles(trained: TrainResult) -> None:
    assert trained.bundle is not None
    file = load_side(str(trained.bundle.parent / "metrics.json"))
    bundle = load_side(str(trained.bundle))
    assert file.model["digest"] == bundle.model["digest"] == trained.digest
    compared = compare(file, bundle)
    assert compared["warnings"] == []
    assert compared["differs"] == {"data": [], "windows": [], "training": []}
    assert row(compared, "office.risk.pr_auc")["difference"] == {"value": 0.0}


@pytest.fixture(scope="module")
def store(trained: TrainResult, data_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a store with version 1 as trained, and version 2 with noise added to its scores."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    data, config = from_file(data_file), TrainConfig(data=data_file, tracking_uri=uri)
    assert trained.bundle is not None
    log_run(trained, trained.bundle, data, config)
    scored = trained.evaluated.scored
    noisy = scored.risk + np.random.default_rng(0).normal(0.0, 3.0, len(scored.risk))
    worse = replace(trained, evaluated=WindowScores(replace(scored, risk=noisy), trained.evaluated.outcomes))
    log_run(worse, trained.bundle, data, config)
    return uri


@pytest.mark.long
def test_two_runs_of_a_real_store_on_one_window_are_paired(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    assert (
        run(["compare", "1", "challenger", "--json", str(tmp_path / "c.json"), "--html", str(tmp_path / "c.html")]) == 0
    )
    compared = json.loads((tmp_path / "c.json").read_text())
    assert compared["paired"] is True
    assert [compared[side]["run"] for side in "ab"] == ["version 1", "version 2 (challenger)"]
    auc = row(compared, "office.risk.pr_auc")["difference"]
    assert auc["low"] < auc["high"]
    assert "paired bootstrap" in capsys.readouterr().out
    assert "Comparison of two runs" in Page((tmp_path / "c.html").read_text()).text


@pytest.mark.long
def test_a_run_can_be_named_by_its_id(store: str) -> None:
    version = client(store).get_model_version("tidewaiter", "2")
    assert load_side(str(version.run_id), store).scores is not None


@pytest.mark.long
@pytest.mark.parametrize("name", ["9", "nobody", "0" * 32])
def test_an_unknown_name_is_a_usage_error(store: str, name: str) -> None:
    with pytest.raises(UnknownRun, match=r"There is no (version|run|file, folder or alias)"):
        load_side(name, store)


def test_the_exit_status_distinguishes_usage_errors_from_unreadable_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    good, empty, broken = (tmp_path / name for name in ("good.json", "empty.json", "broken.json"))
    good.write_text(json.dumps(document()))
    empty.write_text("{}")
    broken.write_text("{")
    (tmp_path / "folder").mkdir()
    assert run(["compare", "good.json", "good.json"]) == 0
    for name, status, message in (
        ("missing.json", 2, "no such file"),
        ("7", 2, "There is no MLflow store"),
        ("empty.json", 3, "holds no figures"),
        ("broken.json", 3, "is not JSON"),
        ("folder", 4, "bundle.json"),
    ):
        capsys.readouterr()
        assert run(["compare", "good.json", name]) == status, name
        assert message in capsys.readouterr().err
    with pytest.raises(BadData, match="holds no figures"):
        load_side("empty.json")
