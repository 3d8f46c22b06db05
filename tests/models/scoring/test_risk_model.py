from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from features.table.table import ManifestTable
from models.calibration import Calibrator, combine, logit, probability, shift
from models.lanes import random_share
from models.scoring import DEFAULT_BASE_RATES, RiskModel, Scores, ScoreSettings
from tests.models.small_model import HEADS, answers, manifest, table_of


@pytest.fixture(scope="module")
def scores(model: RiskModel, table: ManifestTable) -> Scores:
    return model.score(table, model.history.copy(), explain="all")


def raw_of(model: RiskModel, table: ManifestTable) -> np.ndarray:
    history = model.history.copy()
    return model.predict_raw(model.space.transform(table, history.advance(table).values))


class TestScore:
    def test_a_shipments_risk_is_that_of_its_riskiest_item(self, scores: Scores, table: ManifestTable) -> None:
        for index in range(table.n_shipments):
            rows = np.flatnonzero(table.shipment == index)
            assert scores.risk[index] == scores.item_risk[rows].max()
            assert scores.riskiest_row[index] == rows[scores.item_risk[rows].argmax()]
            for k, head in enumerate(HEADS):
                assert scores.heads[head][index] == scores.item_heads[rows, k].max()

    def test_risk_is_calibrated_per_head_combined_calibrated_again_and_shifted_to_the_base_rate(
        self, model: RiskModel, scores: Scores, table: ManifestTable
    ) -> None:
        raw = raw_of(model, table)
        heads = np.stack([model.calibrators[head](raw[:, k]) for k, head in enumerate(HEADS)], axis=1)
        risk = model.calibrators["risk"](combine(heads))
        for k, head in enumerate(HEADS):
            moved = probability(shift(heads[:, k], model.prevalence[head], DEFAULT_BASE_RATES[head]))
            assert scores.item_heads[:, k] == pytest.approx(moved, rel=1e-12)
        moved = probability(shift(risk, model.prevalence["risk"], sum(DEFAULT_BASE_RATES.values())))
        assert scores.item_risk == pytest.approx(moved, rel=1e-12)
        assert scores.percentile == pytest.approx(model.reference.percentile(scores.risk_log_odds))

    def test_a_base_rate_changes_the_risk_but_neither_order_nor_lane_nor_percentile(
        self, model: RiskModel, scores: Scores, table: ManifestTable
    ) -> None:
        settings = ScoreSettings(base_rates={"fentanyl_or_analogue": 2e-3, "precursor": 1e-3})
        other = model.score(table, model.history.copy(), settings=settings)
        assert (other.risk > scores.risk * 100).all()
        assert (np.argsort(other.risk_log_odds) == np.argsort(scores.risk_log_odds)).all()
        assert (other.lane == scores.lane).all()
        assert (other.percentile == scores.percentile).all()
        assert other.base_rates == {"fentanyl_or_analogue": 2e-3, "precursor": 1e-3, "equipment": 3e-7}
        assert other.heads["equipment"].tolist() == scores.heads["equipment"].tolist()
        odds = np.log(other.risk) - np.log1p(-other.risk) - np.log(scores.risk) + np.log1p(-scores.risk)
        assert odds == pytest.approx(logit(2e-3 + 1e-3 + 3e-7) - logit(1.6e-6), rel=1e-9)

    def test_different_risk_log_odds_give_different_risks(self, scores: Scores) -> None:
        assert len(np.unique(scores.risk)) == len(np.unique(scores.risk_log_odds))
        assert (scores.risk > 0.0).all()

    def test_scores_of_single_shipments_equal_those_of_a_table_to_the_last_bit(
        self, model: RiskModel, scores: Scores
    ) -> None:
        columns = manifest(600, seed=5)
        history = model.history.copy()
        ids = columns["shipment_id"]
        start = 0
        for index in range(60):
            end = start + ids.count(ids[start])
            one = model.score(table_of({name: values[start:end] for name, values in columns.items()}), history)
            assert one.risk[0] == scores.risk[index]
            assert one.item_heads.tolist() == scores.item_heads[start:end].tolist()
            assert one.lane[0] == scores.lane[index]
            start = end

    def test_the_number_of_threads_does_not_change_scores(
        self, model: RiskModel, scores: Scores, table: ManifestTable
    ) -> None:
        assert table.n_rows > 512
        assert (model.score(table, model.history.copy(), threads=2).risk == scores.risk).all()

    def test_threads_may_share_a_model(self, model: RiskModel, scores: Scores, table: ManifestTable) -> None:
        different: list[int] = []

        def work() -> None:
            for _ in range(3):
                again = model.score(table, model.history.copy(), explain="shown")
                if not (again.risk == scores.risk).all():
                    different.append(1)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert different == []

    def test_history_is_unchanged_on_request(self, model: RiskModel, table: ManifestTable) -> None:
        history = model.history.copy()
        before = {name: array.copy() for name, array in history.to_arrays().items()}
        model.score(table, history, update_history=False)
        assert all((array == before[name]).all() for name, array in history.to_arrays().items())
        model.score(table, history)
        assert not all(np.array_equal(array, before[name]) for name, array in history.to_arrays().items())

    def test_an_empty_table_has_no_scores(self, model: RiskModel) -> None:
        empty = table_of({name: [] for name in manifest(1)})
        scores = model.score(
            empty, model.history.copy(), explain="all", settings=ScoreSettings(random_share=0.5, random_key="k")
        )
        assert len(scores) == 0
        assert scores.item_heads.shape == (0, 3)
        assert dict(scores.explained) == {}

    def test_a_table_with_refused_rows_is_an_error(self, model: RiskModel) -> None:
        columns = manifest(3)
        columns["shipment_id"][1] = None
        with pytest.raises(ValueError, match=r"1 rows of the table are refused; score table\.accepted\(\)"):
            model.score(table_of(columns), model.history.copy())

    def test_a_matrix_of_another_width_is_refused(self, model: RiskModel) -> None:
        with pytest.raises(ValueError, match="columns, one per feature; got shape"):
            model.predict_raw(np.zeros((2, len(model.space.names) - 1)))

    def test_a_base_rate_for_an_unknown_head_is_refused(self, model: RiskModel, table: ManifestTable) -> None:
        with pytest.raises(ValueError, match="unknown heads"):
            model.score(table, model.history.copy(), settings=ScoreSettings(base_rates={"risk": 0.1}))


class TestLanesAndTheRandomShare:
    def test_red_and_yellow_are_selected_by_score_and_green_is_not_selected(self, scores: Scores) -> None:
        assert set(scores.lane) == {"red", "yellow", "green"}
        assert set(scores.selected_by[scores.lane != "green"]) == {"score"}
        assert set(scores.selected_by[scores.lane == "green"]) == {None}
        assert scores.risk[scores.lane == "red"].min() > scores.risk[scores.lane == "yellow"].max()
        assert scores.risk[scores.lane == "yellow"].min() > scores.risk[scores.lane == "green"].max()

    def test_the_random_share_becomes_red_and_is_marked(
        self, model: RiskModel, scores: Scores, table: ManifestTable
    ) -> None:
        settings = ScoreSettings(random_share=0.2, random_key="invented key")
        drawn = model.score(table, model.history.copy(), settings=settings)
        ids = [table.text("shipment_id").to_list()[row] for row in table.first_row]
        chosen = random_share([name for name in ids if name], "invented key", 0.2)
        assert 0.1 < chosen.mean() < 0.3
        assert (drawn.selected_by[chosen] == "random").all()
        assert (drawn.lane[chosen] == "red").all()
        assert (drawn.lane[~chosen] == scores.lane[~chosen]).all()
        assert (drawn.selected_by[~chosen] == scores.selected_by[~chosen]).all()
        assert (drawn.risk == scores.risk).all()


class TestExplanations:
    def test_base_value_and_weights_add_up_to_the_raw_score(
        self, model: RiskModel, scores: Scores, table: ManifestTable
    ) -> None:
        raw = raw_of(model, table)
        for index, explanation in scores.explained.items():
            total = explanation.base_value + sum(reason.weight for reason in explanation.reasons)
            assert total == pytest.approx(explanation.raw_score, abs=1e-9)
            assert explanation.raw_score == raw[scores.riskiest_row[index], HEADS.index(explanation.head)]

    def test_the_riskiest_item_is_explained_for_the_head_furthest_above_its_base_value(
        self, scores: Scores, model: RiskModel
    ) -> None:
        assert len({explanation.head for explanation in scores.explained.values()}) > 1
        matrix = model.space.transform(scores.table, model.history.copy().advance(scores.table).values)
        above = model.predict_raw(matrix) - [model.explain_rows(matrix[:1], head)[0, -1] for head in HEADS]
        for index, explanation in scores.explained.items():
            assert explanation.item_row == scores.riskiest_row[index]
            assert explanation.head == HEADS[above[explanation.item_row].argmax()]

    def test_reasons_for_and_against_are_sorted_by_weight(self, scores: Scores) -> None:
        both = 0
        for explanation in scores.explained.values():
            weights = [reason.weight for reason in explanation.reasons]
            assert weights == sorted(weights, key=lambda weight: -abs(weight))
            assert 0.0 not in weights
            codes = [reason.code for reason in explanation.reasons]
            assert len(set(codes)) == len(codes)
            both += min(weights) < 0.0 < max(weights)
        assert both > len(scores) / 2

    def test_files_get_the_three_strongest_reasons_for_illicit_content(self, scores: Scores) -> None:
        for index, explanation in scores.explained.items():
            positive = [reason.text for reason in explanation.reasons if reason.weight > 0.0][:3]
            # In files every reason raises the score, so only answers say it.
            assert [
                f"{text.removesuffix(' (more frequent among finds)')} (raises the score"
                for text in scores.reason_texts(index)
            ] == [text.removesuffix(")").removesuffix(": more frequent among finds") for text in positive]
        assert scores.explained.texts() == [scores.reason_texts(index) for index in scores.explained]

    def test_shown_explains_red_and_yellow_only(self, model: RiskModel, table: ManifestTable, scores: Scores) -> None:
        shown = model.score(table, model.history.copy(), explain="shown")
        assert list(shown.explained) == np.flatnonzero(scores.lane != "green").tolist()
        assert dict(model.score(table, model.history.copy()).explained) == {}
        assert list(scores.explained) == list(range(table.n_shipments))
        green = int(np.flatnonzero(scores.lane == "green")[0])
        assert shown.reason_texts(green) == []
        assert shown.shipment(green)["explains"] is None

    def test_a_limit_explains_the_riskiest_shipments_first(
        self, model: RiskModel, table: ManifestTable, scores: Scores
    ) -> None:
        few = model.score(table, model.history.copy(), explain="all", settings=ScoreSettings(max_explained=5))
        assert set(few.explained) == set(np.argsort(-scores.risk, kind="stable")[:5].tolist())
        assert not model.score(
            table, model.history.copy(), explain="all", settings=ScoreSettings(max_explained=0)
        ).explained

    def test_the_first_of_equal_items_is_explained(self, model: RiskModel) -> None:
        columns = manifest(1, seed=3)
        twice = {name: [values[0], values[0]] for name, values in columns.items()}
        scores = model.score(table_of(twice), model.history.copy(), explain="all")
        assert scores.item_risk[0] == scores.item_risk[1]
        assert scores.riskiest_row.tolist() == [0]


class TestAnswer:
    def test_an_answer_is_plain_json_with_all_fields(
        self, model: RiskModel, scores: Scores, table: ManifestTable
    ) -> None:
        index = int(np.argmax(scores.risk))
        answer = scores.shipment(index)
        assert json.loads(json.dumps(answer, allow_nan=False)) == answer
        assert list(answer) == [
            "decision_id", "shipment_id", "risk", "percentile", "one_in", "rank_one_in", "content", "lane", "selected_by",
            "rule_ids", "rules_digest", "unread", "explains", "reasons", "items", "warnings", "late", "model",
        ]  # fmt: skip
        assert answer["risk"] == scores.risk[index]
        assert answer["lane"] == "red"
        assert list(answer["content"]) == list(HEADS)
        assert answer["model"] == {"name": "tidewaiter", "version": "1", "digest": model.digest}
        rows = np.flatnonzero(table.shipment == index)
        assert [item["risk"] for item in answer["items"]] == scores.item_risk[rows].tolist()
        explained = [item for item in answer["items"] if item["item_number"] == answer["explains"]["item_number"]]
        assert explained[0]["risk"] == answer["risk"]
        assert answer["reasons"] != []
        assert all("reasons" not in item for item in answer["items"])
        assert set(answer["reasons"][0]) == {"code", "text", "weight", "fields", "source"}

    def test_items_without_a_number_are_named_by_position(self, model: RiskModel) -> None:
        columns = manifest(3, seed=8)
        columns["item_number"] = [None] * len(columns["item_number"])
        for answer in answers(model.score(table_of(columns), model.history.copy())):
            assert [item["item_number"] for item in answer["items"]] == [
                str(n + 1) for n in range(len(answer["items"]))
            ]

    def test_a_warning_of_a_shipment_appears_once(self, model: RiskModel) -> None:
        columns = {name: values[:1] * 3 for name, values in manifest(1).items()}
        columns["item_number"] = ["1", "2", "3"]
        columns["channel"] = ["pigeon"] * 3
        columns["hs_code"] = ["392690", "12", "12"]
        answer = model.score(table_of(columns), model.history.copy()).shipment(0)
        assert [warning["field"] for warning in answer["warnings"]] == ["channel", "hs_code"]

    def test_answers_of_many_shipments_equal_those_of_each(self, model: RiskModel) -> None:
        columns = manifest(40, seed=4)
        for n in range(0, len(columns["channel"]), 3):
            columns["channel"][n], columns["hs_code"][n] = "pigeon", "12"
        scores = model.score(table_of(columns), model.history.copy(), explain="shown")
        each = [scores.shipment(index) for index in range(len(scores))]
        assert scores.answers() == each
        assert scores.answers(3, 30) == each[3:30]
        assert scores.answers(35) == scores.answers(35, 1000) == each[35:]
        assert scores.answers(7, 7) == scores.answers(1000) == []
        named = scores.answers(3, 5, ["one", "another"])
        assert named == [{**each[3], "decision_id": "one"}, {**each[4], "decision_id": "another"}]
        assert 0 < sum(bool(answer["warnings"]) for answer in each) < len(each)

    def test_an_unknown_shipment_is_an_error(self, scores: Scores) -> None:
        for index in (-1, len(scores)):
            with pytest.raises(IndexError, match="does not exist"):
                scores.shipment(index)


class TestOneHead:
    def test_a_one_headed_model_uses_one_calibrator(self, single: RiskModel, table: ManifestTable) -> None:
        scores = single.score(table, single.history.copy(), explain="all")
        risk = single.calibrators["risk"](raw_of(single, table)[:, 0])
        assert scores.item_risk == pytest.approx(probability(risk), rel=1e-12)
        assert (scores.item_heads[:, 0] == scores.item_risk).all()
        assert scores.shipment(0)["content"] == {"risk": scores.risk[0]}
        assert {explanation.head for explanation in scores.explained.values()} == {"risk"}

    def test_a_one_headed_model_uses_its_own_base_rate(self, single: RiskModel, table: ManifestTable) -> None:
        plain = single.score(table, single.history.copy())
        rare = single.score(table, single.history.copy(), settings=ScoreSettings(base_rates={"risk": 1e-5}))
        assert (rare.risk < plain.risk).all()
        assert (rare.lane == plain.lane).all()


class TestConstruction:
    def test_monotone_features_are_listed(self, model: RiskModel) -> None:
        assert model.monotone_features == {
            name: sign for name, sign in zip(model.space.names, model.space.monotone, strict=True) if sign
        }
        assert set(model.monotone_features.values()) <= {-1, 1}

    @pytest.mark.parametrize("part", ["boosters", "calibrators", "prevalence", "base_rates"])
    def test_every_head_needs_all_parts(self, model: RiskModel, part: str) -> None:
        with pytest.raises(ValueError, match="of a model with heads"):
            replace(model, **cast(Any, {part: {}}))

    def test_a_booster_of_other_features_is_refused(self, model: RiskModel) -> None:
        class Other:
            names = ("something", *model.space.names[1:])
            features = model.space.features

        with pytest.raises(ValueError, match="trained on other features than those of this space"):
            replace(model, space=cast(Any, Other()))

    def test_the_combined_risk_is_not_a_head_among_others(self, model: RiskModel) -> None:
        heads = ("risk", "precursor")
        calibrators = dict.fromkeys(heads, Calibrator.identity())
        rates = dict.fromkeys(heads, 0.1)
        boosters = dict.fromkeys(heads, model.boosters["precursor"])
        with pytest.raises(ValueError, match="only if it is the only one"):
            replace(model, heads=heads, boosters=boosters, calibrators=calibrators, prevalence=rates, base_rates=rates)
