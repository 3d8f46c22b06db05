"""Console tables of 80 columns with uncut figures, stable flat names, and acceptance bars."""

from __future__ import annotations

import copy
import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from models.bundle import card_markdown
from tests.training.metrics_example import estimate, example_card, example_metrics, nothing
from training.reports.card import card_sections
from training.reports.flat import bars, flat_estimates, flat_metrics
from training.reports.report import print_metrics
from training.reports.words import estimate_text, one_in, short_estimate


def printed(metrics: dict[str, Any], width: int = 80) -> str:
    stream = io.StringIO()
    print_metrics(metrics, Console(file=stream, width=width))
    return stream.getvalue()


def test_tables_fit_eighty_columns_and_cut_nothing() -> None:
    text = printed(example_metrics())
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    words = " ".join(text.split())
    for figure in ("55 (50-61)", "31 (28-34)", "0.440 (0.40-0.48)", "0.734 (0.71-0.75)", "0.00376", "2.45", "0.81 %"):
        assert figure in words, figure
    names = ("risk", "precursor", "LightGBM", "watch-list")
    assert all(name in text for name in names)


def test_the_output_of_evaluate_is_printed_and_empty_metrics_are_reported() -> None:
    metrics = example_metrics()
    assert "55 (50-61)" in printed({"metrics": {"truth": metrics["labels"]["truth"]}})
    assert printed({}) == "There are no evaluation results.\n"


def test_markup_in_a_name_is_printed_literally() -> None:
    metrics = example_metrics()
    metrics["false_positives_by_origin"]["origins"]["[red]x"] = {"clean_shipments": 1, "red_rate": 0.5}
    assert "[red]x" in printed(metrics)


def test_flat_names_are_those_that_dashboards_rely_on() -> None:
    flat = flat_metrics(example_metrics())
    expected = {
        "office.risk.pr_auc": 0.416,
        "truth.risk.pr_auc_at_1e-05": 0.11,
        "truth.risk.recall_at_0.5pct": 0.55,
        "office.precursor.recall_at_fpr_0.001": 0.252,
        "baseline.default_lightgbm.truth.recall_at_0.5pct": 0.35,
        "calibration.truth.top_ratio": 1.11,
        "calibration_tenth.office.top_ratio": 0.97,
        "misses.default_lightgbm.0.5pct": 0.45 / 0.65,
        "pr_auc_over.trees": 0.44 / 0.5,
        "ceiling.share": 0.936,
        "ceiling.recall_at_0.5pct": 0.58,
        "left_out.average_ratio": 0.6975,
        "left_out.typology_02": 0.675,
        "without.history.pr_auc_change": -0.13,
        "slice.channel.express.recall_at_1pct": 0.72,
        "slice.seen_network.never_seen.recall_at_0.5pct": 0.41,
        "red_rate_ratio_between_origins": 2.4545,
        "lane.red.clean_traffic": 0.0051,
    }
    assert {name: flat.get(name) for name in expected} == pytest.approx(expected)
    assert len(flat) < 1000


def test_a_figure_without_a_value_has_no_flat_name() -> None:
    metrics = example_metrics()
    metrics["labels"]["truth"]["risk"]["pr_auc"] = nothing()
    assert "truth.risk.pr_auc" not in flat_estimates(metrics)
    assert "truth.risk.roc_auc" in flat_estimates(metrics)


@given(name=st.text(min_size=1, max_size=20))
def test_any_slice_name_becomes_one_that_a_tracking_server_accepts(name: str) -> None:
    metrics = {"slices": {"language": {name: {"recall": {"0.01": estimate(0.5)}}}}}
    assert all(re.fullmatch(r"[\w. :/-]+", flat, re.ASCII) for flat in flat_metrics(metrics))
    assert len(flat_metrics(metrics)) == 1


def _verdict(metrics: dict[str, Any], word: str) -> bool | None:
    (found,) = [bar for bar in bars(metrics) if word in bar.name]
    return found.met


@pytest.mark.parametrize(
    ("ratio", "met"),
    [
        ({"value": 0.69, "low": 0.6, "high": 0.8}, True),
        ({"value": 0.71, "low": 0.6, "high": 0.8}, False),
        # The ratio is good, but its interval contains 1.
        ({"value": 0.6, "low": 0.3, "high": 1.02}, False),
        (nothing(), None),
    ],
)
def test_misses_need_a_low_ratio_and_an_interval_below_one(ratio: dict[str, Any], met: bool | None) -> None:
    metrics = {"misses_against": {"default_lightgbm": {"0.005": {"ours": 0.4, "theirs": 0.6, "ratio": ratio}}}}
    assert _verdict(metrics, "default LightGBM") is met


@pytest.mark.parametrize(
    ("ratio", "met"),
    [(estimate(0.95, 0.1), True), (estimate(0.95, 0.04), False), (estimate(1.2), True), (nothing(), None)],
)
def test_prior_and_trees_together_must_not_rank_worse_than_either(ratio: dict[str, Any], met: bool | None) -> None:
    assert _verdict({"pr_auc_against": {"trees": {"ratio": ratio}}}, "PR-AUC over that of trees alone") is met


def test_bars_of_an_own_label_fit_its_share_of_finds() -> None:
    """Watch-list rules know nothing of it."""
    ratio, top = estimate(0.8), {"share": 0.01, "ratio": estimate(1.0, 0.19)}
    metrics = {
        "labels": {"office": {"risk": {"base_rate": 0.24}}},
        "misses_against": {name: {"0.25": {"ratio": ratio}} for name in ("default_lightgbm", "watch_list_rules")},
        "calibration": {"office": {"top": top, "bins": []}},
    }
    misses, of_top = bars(metrics)
    assert (misses.name, misses.met) == ("Misses at 25 % inspected over those of default LightGBM", True)
    assert (of_top.required, of_top.met) == ("0.8 to 1.25, with its interval", True)


@pytest.mark.parametrize(
    ("low", "value", "high", "met"),
    [
        (0.9, 1.0, 1.1, True),
        (0.8, 1.0, 1.1, False),
        (0.9, 1.0, 1.2, False),
        # An interval that is wider than the limits tells nothing, unless it lies outside them.
        (0.4, 1.0, 2.0, None),
        (1.2, 5.0, 12.0, False),
        (0.1, 0.3, 0.8, False),
    ],
)
def test_the_bar_for_the_top_is_met_only_with_the_whole_interval_inside(
    low: float, value: float, high: float, met: bool | None
) -> None:
    top = {"share": 0.01, "predicted": 0.1, "observed": 0.1, "ratio": {"value": value, "low": low, "high": high}}
    assert _verdict({"calibration": {"truth": {"top": top, "bins": []}}}, "top 1 %") is met


def test_only_bins_with_enough_finds_are_judged() -> None:
    metrics = example_metrics()
    (one, *_) = metrics["calibration"]["truth"]["bins"]
    poor = {"finds": 199, "ratio": estimate(3.0)}
    good = {**one, "finds": 200, "ratio": estimate(1.2)}
    metrics["calibration"] = {"truth": {**metrics["calibration"]["truth"], "bins": [poor, good]}}
    del metrics["calibration_tenth"]
    assert _verdict(metrics, "each bin") is True
    metrics["calibration"]["truth"]["bins"].append({**good, "ratio": estimate(1.34)})
    assert _verdict(metrics, "each bin") is False


def test_metrics_without_such_sections_give_no_bars() -> None:
    assert bars({"labels": example_metrics()["labels"]}) == []


def test_figures_are_formatted_as_specified() -> None:
    assert estimate_text({"value": 0.47186, "low": 0.33487, "high": 0.6846}, percent=True) == "47.2 % (33.5 to 68.5)"
    assert short_estimate({"value": 0.47186, "low": 0.33487, "high": 0.6846}, percent=True) == "47 (33-68)"
    assert short_estimate({"value": -0.1, "low": -0.2, "high": -0.05}) == "-0.100 (-0.20..-0.05)"
    assert short_estimate(nothing()) == "too few"
    assert estimate_text(nothing()) == "too few finds"
    # A stored figure without a cause is shown with its whole reason, whatever its words.
    assert estimate_text({"value": None, "reason": "3 finds"}) == "3 finds"
    assert short_estimate({"value": None, "reason": "3 finds"}) == "-"
    assert estimate_text(None) == "not measured"
    assert one_in({"value": 1.51e-4, "low": 1.07e-4, "high": 2.19e-4}) == "1 in 6,600 (4,600 to 9,300)"
    assert one_in({"value": 7e-4, "low": 0.0, "high": 2e-3}) == "1 in 1,400 (500 to none)"
    assert one_in({"value": 0.2, "low": 0.1, "high": 0.3}) == "20 % (10 to 30)"


def test_the_card_follows_its_headings_and_names_the_error_rates_by_origin() -> None:
    card = example_card()
    card["data"]["source"] = "a|b\n<script>"
    card["sections"] = card_sections("tidewaiter", "7", card, example_metrics())
    text = card_markdown("tidewaiter", "7", card)
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert headings[:12] == [
        "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
        "Quantitative analyses", "Bars", "Ethical considerations", "Caveats and recommendations", "Prior and trees",
        "Data",
    ]  # fmt: skip
    assert "| CN | 30,000 | 0.81 % |" in text
    assert "Origin alone must not be a reason to inspect." in text
    assert "| risk | the truth | 260 | 0.440 (0.396 to 0.484) at 0.00376 | 55 % (49.5 to 60.5) |" in text
    assert "a\\|b &lt;script>" in text
    assert "<script>" not in text


def test_a_card_is_written_for_a_run_without_evaluation() -> None:
    sections = card_sections("tidewaiter", "7", copy.deepcopy(example_card()), {})
    assert "There are no evaluation results." in str(sections)
