"""The page of a run: complete, self-contained, safe for any data, and valid if sections are absent."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

from features.reference import typologies
from tests.training.metrics_example import example_card, example_metrics, nothing
from training.reports.blocks import Picture
from training.reports.card import card_sections, short_metrics
from training.reports.flat import flat_metrics
from training.reports.html_page import pictures, run_report
from training.reports.plots import metric_figures
from training.reports.sections import Run

_LINKS = ("src", "href", "action", "data", "poster", "srcset", "background", "formaction")
_VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """Elements, attributes and text of a document; raises an error if elements are closed in the wrong order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


def written(
    metrics: dict[str, Any], card: dict[str, Any] | None = None, drawn: Mapping[str, Picture] | None = None
) -> str:
    card = example_card() if card is None else card
    card["sections"] = card_sections("tidewaiter", "7", card, metrics)
    run = Run("tidewaiter", "7", "ab" * 32, "2026-10-31T00:00:00Z", metrics, card, drawn or {}, {"Data": 12.34})
    return run_report(run)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Picture]:
    return pictures(metric_figures(example_metrics()))


@pytest.fixture(scope="module")
def full_page(drawn: dict[str, Picture]) -> str:
    return written(example_metrics(), drawn=drawn)


def test_the_page_needs_no_external_resources(full_page: str) -> None:
    page = Page(full_page)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form"})
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in _LINKS:
                assert value is not None
                assert value.startswith("data:image/svg+xml;base64," if name == "src" else "#"), (tag, name, value)
    assert "url(" not in full_page
    assert "@import" not in full_page
    assert not re.search(r"https?://|//\w+\.", re.sub(r"base64,[A-Za-z0-9+/=]+", "", full_page))
    assert page.of("html") == [{"lang": "en"}]
    assert all(image.get("alt") for image in page.of("img"))


def test_the_contents_link_to_every_section(full_page: str) -> None:
    page = Page(full_page)
    anchors = [section["id"] for section in page.of("section")]
    assert len(set(anchors)) == len(anchors) == 17
    assert [link["href"] for link in page.of("a")] == [f"#{anchor}" for anchor in anchors]


@pytest.mark.parametrize(
    "shown",
    [
        "reaches 55 % (49.5 to 60.5) of the finds",
        "opening as many at random reaches 0.5 %",
        "At the base rate of 1.6 in a million shipments",
        "1 in 5,700 (5,200 to 6,300)",
        "PR-AUC at 1e-05",
        "0.440 (0.396 to 0.484)",
        "default LightGBM 0.280 (0.252 to 0.308)",
        "0.692 (0.652 to 0.732)",
        "a tenth of the illicit traffic office labels 1 %",
        "1.11 (1.03 to 1.19)",
        "By seen network",
        "never seen 9,000 60",
        f"P1 {typologies()['P1'].name} 9,000 60",
        "zh 9,000 60 0.336 (0.302 to 0.370) 48 % (43.2 to 52.8) 57.6 % (51.8 to 63.4) 0.52 % Left out: 1 more without a find.",
        "The ratio between the origins with the highest and the lowest rate is 2.454.",
        "Highest ratio allowed Recall, 0.5 % 3.000 55 % (49.5 to 60.5)",
        "10+ 900 0.91 % 3.4 %",
        "red 500 0.51 % 52 %",
        "history 33 -0.130 (-0.160 to -0.100)",
        "Split consignment 31",
        "The average ratio of the two recalls is 0.698 (0.647 to 0.748).",
        "reaches 93.6 % (91.6 to 95.6) of the ceiling's PR-AUC",
        "artefacts alone, express 0.581 (0.561 to 0.601) at most 0.550 broken",
        "length of the name",
        "share of rail 0.100 not measured 0.050 to 0.150 too few statistics.csv 7",
        "Simulated figures match published ones 1 of 2 hold all missed",
        "this model 0.440 (0.396 to 0.484) 55 % (49.5 to 60.5)",
        "prior alone 0.400 (0.360 to 0.440)",
        "trees alone 0.320 (0.288 to 0.352)",
        "Prior and trees",
        "parcels per consignee 1.400 1.900 1.200 to 1.600 outside statistics.csv 12",
        "f66ef66dd85349de0f5c5136c64ca019bdb608eceb53df15268d9ef1dfdeb547",
        "results_known_by".replace("_", " ").capitalize(),
        "parameters: num leaves 8",
        "feature_0 history What field 0 says 10 %",
        "3 rows have no time",
        "Origin alone must not be a reason to inspect.",
        "Ethical considerations",
    ],
)
def test_every_section_shows_its_key_figure(full_page: str, shown: str) -> None:
    assert shown in Page(full_page).text


def test_verdicts_are_expressed_in_words_and_not_by_colour_alone(full_page: str) -> None:
    page = Page(full_page)
    assert {"good", "bad"} <= {attributes["class"] for attributes in page.of("span")}
    assert "Misses at 0.5 % inspected over those of watch-list rules 0.511 (0.471 to 0.551)" in page.text
    assert "at most 0.5, interval below 1 missed" in page.text


def test_names_from_data_stay_text(full_page: str) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)> \" ' & </td>"
    metrics, card = example_metrics(), example_card()
    metrics["slices"]["channel"] = {hostile: metrics["slices"]["channel"]["express"]}
    metrics["baselines"][hostile] = metrics["baselines"]["random"]
    metrics["misses_against"][hostile] = metrics["misses_against"]["random"]
    metrics["evaluated_on"] = hostile
    metrics["margins"][0]["source"] = hostile
    metrics["too_easy"]["single_fields"][0]["field"] = hostile
    metrics["false_positives_by_origin"]["origins"][hostile] = {"clean_shipments": 900, "red_rate": 0.1}
    card["data"]["source"] = card["description"] = hostile
    card["data"]["notes"] = [hostile]
    card["label"] = {"column": hostile, "positive": hostile}
    card["features"][0]["name"] = card["features"][0]["meaning"] = hostile
    plain = {tag for tag, _ in Page(full_page).elements}
    figures = pictures(metric_figures(metrics))
    page = Page(written(metrics, card, figures))
    assert {tag for tag, _ in page.elements} == plain
    assert all(image["src"] and image["src"].startswith("data:") for image in page.of("img"))
    assert page.text.count("<script>alert(1)</script>") >= 9


@pytest.mark.parametrize("absent", [key for key in example_metrics() if key != "evaluated_on"])
def test_a_section_without_figures_is_omitted_and_other_sections_remain(full_page: str, absent: str) -> None:
    metrics = example_metrics()
    del metrics[absent]
    page = Page(written(metrics))
    before = {section["id"] for section in Page(full_page).of("section")}
    lost = before - {section["id"] for section in page.of("section")}
    alone = {
        "slices": {"slices"}, "baselines": set(), "ablation": {"ablation"}, "left_out_typologies": {"left-out"},
        "ceiling": {"ceiling"}, "too_easy": {"too-easy"}, "margins": {"margins"},
        "labels": {"inspected", "ranking"},
    }  # fmt: skip
    assert lost == alone.get(absent, set())
    assert "Model card" in page.text


def test_a_run_without_any_figure_is_reported() -> None:
    page = Page(written({}))
    assert "This run has no evaluation results." in page.text
    assert "Data, windows and labels" in page.text


def test_figures_without_a_value_show_the_reason() -> None:
    def emptied(value: Any) -> Any:
        if isinstance(value, dict):
            if "value" in value and "low" in value:
                return nothing()
            return {key: emptied(one) for key, one in value.items()}
        return [emptied(one) for one in value] if isinstance(value, list) else value

    metrics = emptied(copy.deepcopy(example_metrics()))
    page = Page(written(metrics, drawn=pictures(metric_figures(metrics))))
    assert "Recall with 0.5 % of the traffic opened could not be measured" in page.text
    assert "too few finds" in page.text


def test_the_same_run_gives_the_same_page() -> None:
    metrics = {key: value for key, value in example_metrics().items() if key in ("labels", "ablation")}
    one, other = (written(metrics, drawn=pictures(metric_figures(metrics))) for _ in range(2))
    assert "base64" in one
    assert one == other


def test_plots_without_figures_are_left_out(drawn: dict[str, Picture]) -> None:
    assert set(drawn) == {
        "calibration_office", "calibration_truth", "calibration_tenth_office", "baselines", "contributions", "slices",
        "ablation", "cost_of_ratio",
    }  # fmt: skip
    assert metric_figures({}) == {}


def test_two_bins_are_no_plot_of_the_calibration() -> None:
    metrics = {"calibration_tenth": example_metrics()["calibration_tenth"]}
    assert set(metric_figures(metrics)) == {"calibration_tenth_office"}
    metrics["calibration_tenth"]["office"]["bins"] = metrics["calibration_tenth"]["office"]["bins"][:2]
    assert metric_figures(metrics) == {}


def test_the_metrics_in_a_bundle_are_short() -> None:
    metrics = example_metrics()
    short = short_metrics(metrics)
    assert short.keys().isdisjoint({"slices", "margins", "too_easy", "baselines", "ablation"})
    assert short["labels"]["truth"]["risk"]["pr_auc"] == metrics["labels"]["truth"]["risk"]["pr_auc"]
    assert "reliability" not in short["labels"]["truth"]["risk"]
    assert short["calibration"]["truth"] == {"top": metrics["calibration"]["truth"]["top"]}
    assert short["left_out_typologies"].keys() == {"average_ratio"}


def test_the_page_and_the_flat_names_have_the_holdout_and_the_capacity_tables() -> None:
    level = {
        "all": {
            "rows": 4000,
            "finds": 100,
            "prevalence": 0.025,
            "at_capacity": {
                "0.01": {
                    "rows": 40, "precision": 0.75, "recall": 0.3, "lift": 30.0, "best_precision": 1.0, "best_recall": 0.4,
                }
            },
        },
        "never seen": {"rows": 9, "finds": 0, "prevalence": 0.0, "reason": "0 finds among 9 rows"},
    }  # fmt: skip
    metrics = example_metrics()
    holdout = {
        "evaluated_on": "the holdout file later.csv, by the final model",
        "notes": ["12 of 4,012 shipments have no result and are left out."],
        "labels": {"office": {"risk": metrics["labels"]["office"]["risk"]}},
        "capacity": {"lines": level, "shipments": level},
    }
    page = Page(written(metrics | {"holdout": holdout}))
    assert {"holdout"} <= {section["id"] for section in page.of("section")}
    for text in (
        "later.csv",
        "12 of 4,012 shipments have no result",
        "75 % 100 % 30 % 40 % 30.0",
        "0 finds among 9 rows",
    ):
        assert text in page.text, text
    flat = flat_metrics(metrics | {"holdout": holdout})
    assert flat["holdout.capacity.shipments.all.recall_at_1pct"] == 0.3
    assert flat["holdout.office.risk.pr_auc"] == flat["office.risk.pr_auc"]
    refused = {"evaluated_on": "nothing: later.csv has no column 'fraud'"}
    assert "Evaluated on nothing: later.csv has no column 'fraud'." in Page(written({"holdout": refused})).text
