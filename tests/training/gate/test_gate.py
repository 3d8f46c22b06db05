"""The gate refuses sabotaged candidates and lets sound ones pass."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from models.scoring import RISK, RiskModel
from tests.models.small_model import manifest, table_of
from tests.training.adapting.conftest import office, write
from tests.training.gate.conftest import learned
from training.adapting.adapt import adapt
from training.adapting.traffic import read_traffic
from training.authors.comparison import Resamples
from training.gate.cases import officer
from training.gate.checks import Verdict, failed, speed
from training.gate.checks import table_of as table_of_verdicts
from training.gate.labels import OfficeLabels, labels
from training.gate.worlds import ScoredWorld, calibration, origins, ranking, scored_worlds

Scored = Callable[[RiskModel], list[ScoredWorld]]


def adapted(model: RiskModel, folder: Path) -> RiskModel:
    return adapt(model, read_traffic([write(folder / "earlier.csv", office(1_100))])).model


@pytest.mark.parametrize("kind", ["retrained", "adapted"])
def test_a_sound_candidate_passes(kind: str, in_service: RiskModel, tmp_path: Path) -> None:
    candidate = learned(seed=1) if kind == "retrained" else adapted(in_service, tmp_path)
    worlds = scored_worlds(candidate, in_service)
    assert [ranking(worlds).answer, calibration(worlds, None).answer] == ["pass", "pass"]
    assert officer(candidate, in_service).answer == "pass"


@pytest.mark.parametrize("kind", ["leaked", "shuffled"])
def test_a_candidate_that_learned_wrong_labels_finds_less(kind: str, in_service: RiskModel) -> None:
    verdict = ranking(scored_worlds(learned(labels=kind), in_service))
    assert verdict.answer == "fail"
    assert verdict.figures["recall"]["difference"]["high"] < -0.05
    assert set(verdict.figures["worlds"]) == {"one", "another"}
    json.dumps(verdict.to_json(), allow_nan=False)


def test_a_candidate_without_evidence_fails_the_officers_cases(in_service: RiskModel) -> None:
    verdict = officer(replace(in_service, evidence=None), in_service)
    assert verdict.answer == "fail"
    assert "no longer passed: MP-003, " in verdict.text
    assert officer(in_service, in_service).answer == "pass"


def test_the_calibrator_of_another_model_fails_although_the_order_is_the_same(in_service: RiskModel) -> None:
    risk = in_service.calibrators[RISK]
    stale = replace(risk, anchor=risk.anchor + 3.0)
    candidate = replace(in_service, calibrators=dict.fromkeys(in_service.calibrators, stale))
    worlds = scored_worlds(candidate, in_service)
    assert (ranking(worlds).answer, calibration(worlds, None).answer) == ("pass", "fail")
    foreign = calibration(worlds, "Its calibrators are not those of model 1.")
    assert (foreign.answer, foreign.text) == ("fail", "Its calibrators are not those of model 1.")


def world(ours: np.ndarray, illicit: np.ndarray, origin: np.ndarray) -> ScoredWorld:
    n = len(ours)
    return ScoredWorld(
        "one", ours, ours, illicit, np.zeros(n, dtype=bool), origin, Resamples.from_groups(np.arange(n), draws=100)
    )


def test_origins_fail_where_one_is_stopped_far_more_often() -> None:
    origin = np.array(["AA", "BB"] * 10_000, dtype=object)
    draw = np.random.default_rng(0).random(20_000)
    nothing = np.zeros(20_000, dtype=bool)
    fair = origins([world(draw, nothing, origin)])
    assert fair.answer == "pass"
    unfair = origins([world(draw + 0.3 * (origin == "AA"), nothing, origin)])
    assert unfair.answer == "fail"
    assert unfair.figures["largest"] == "AA"
    few = origins([world(draw[:3_000], nothing[:3_000], origin[:3_000])])
    assert few.answer == "not enough data"


def test_few_finds_give_no_verdict() -> None:
    illicit = np.arange(1_000) < 5
    worlds = [world(np.random.default_rng(0).random(1_000), illicit, np.full(1_000, "AA", dtype=object))]
    assert ranking(worlds).answer == calibration(worlds, None).answer == "not enough data"


def test_the_speed_of_both_models_is_measured_side_by_side(
    in_service: RiskModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(manifest(200))
    assert speed(in_service, in_service, table).answer == "pass"
    slow = replace(in_service)
    score = RiskModel.score

    def twice(model: RiskModel, *args: Any, **options: Any) -> Any:
        for _ in range(3 if model is slow else 0):
            score(model, *args, **options)
        return score(model, *args, **options)

    monkeypatch.setattr(RiskModel, "score", twice)
    assert speed(slow, in_service, table).answer == "fail"


# -- the office's labels ----------------------------------------------------------------------------------------------


def office_of(in_service: RiskModel, *, finds: int = 40, fair: bool = True) -> OfficeLabels:
    """Return results of shipments of which the riskiest are finds."""
    from features.groups.history.history import History
    from training.gate.labels import _opened

    table = table_of(manifest(4_000, seed=9))
    history = History.empty().advance(table).values
    n = table.n_shipments
    nothing = np.zeros(n, dtype=bool)
    empty = OfficeLabels(table, history, nothing, nothing, nothing, np.ones(n))
    inside = np.flatnonzero(_opened(in_service, empty))[:finds]
    find = np.isin(np.arange(n), inside)
    matured = find | (np.arange(n) % 10 == 0)
    return replace(empty, find=find, matured=matured, fair=matured & fair)


@pytest.mark.parametrize("fair", [True, False])
def test_a_collapse_on_the_offices_labels_fails(fair: bool, in_service: RiskModel) -> None:
    results = office_of(in_service, fair=fair)
    assert labels(in_service, in_service, results).answer == "pass"
    verdict = labels(learned(labels="leaked"), in_service, results)
    assert verdict.answer == "fail"
    assert verdict.figures["weighted"] is fair
    assert ("only a collapse fails" in verdict.text) is not fair


def test_labels_that_the_model_in_service_chose_do_not_refuse_a_sound_candidate(in_service: RiskModel) -> None:
    candidate = learned(seed=1)
    # It finds fewer of the finds that the model in service chose.
    assert labels(candidate, in_service, office_of(in_service, fair=False)).answer == "pass"
    assert labels(candidate, in_service, office_of(in_service, fair=True)).answer == "fail"


def test_few_matured_finds_give_no_verdict(in_service: RiskModel) -> None:
    verdict = labels(in_service, in_service, office_of(in_service, finds=9))
    assert (verdict.answer, verdict.text) == ("not enough data", "9 matured finds; at least 10 are needed.")
    assert labels(in_service, in_service, "The store is off.").text == "The store is off."


def test_the_table_fits_100_columns(in_service: RiskModel) -> None:
    verdicts = [officer(replace(in_service, evidence=None), in_service), Verdict("label", "pass", "Both predict it.")]
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table_of_verdicts(verdicts, console.width))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 100
    assert "officer's cases │ fail" in text
    assert failed(verdicts) == ["officer's cases"]
