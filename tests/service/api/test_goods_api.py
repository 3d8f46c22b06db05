"""Goods descriptions over HTTP: answers, refusals, and agreement with the command line's JSON and with files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.core.examples import EXAMPLE_GOODS
from service.core.http.schemas import UnreadableQuery
from service.core.settings import Settings
from service.goods.answers import COLUMNS, MAX_TEXT
from service.goods.routes import GoodsAnswer, GoodsAnswers
from service.goods.view import classify_file
from tests.service.api_client import Client, serving


def classified(client: Client, q: str, **options: str) -> GoodsAnswer:
    """Classify a text and validate the response against its schema."""
    answer = client.get("/v1/goods", params={"q": q, **options})
    assert answer.status_code == 200, answer.text
    return GoodsAnswer.model_validate(answer.json())


def test_a_description_gets_codes_the_fit_of_its_code_and_its_vagueness(shared_client: Client) -> None:
    result = classified(shared_client, "mens cotton t-shirt", hs_code="6109.10")
    assert (result.query, result.language) == ("mens cotton t-shirt", "en")
    assert result.headings[0].code == "6109"
    assert [len(level) for level in (result.chapters, result.headings, result.subheadings)] == [3, 3, 3]
    assert result.code_fit is not None
    assert result.code_fit > 1.0
    assert (result.code_contradicted, result.vague_flagged, result.missing) == (False, False, [])


def test_a_code_of_other_goods_is_contradicted_and_dots_do_not_matter(shared_client: Client) -> None:
    result = classified(shared_client, "brake pads", hs_code="0805.10")
    assert result.code_contradicted
    assert result == classified(shared_client, "brake pads", hs_code="080510")


def test_a_given_language_replaces_the_guess(shared_client: Client) -> None:
    assert classified(shared_client, "手机壳", language="JA").language == "ja"
    assert classified(shared_client, "手机壳").language == "zh"
    assert classified(shared_client, "手机壳", language="ja").chapters == classified(shared_client, "手机壳").chapters


def test_an_empty_text_is_vague_and_says_nothing_else(shared_client: Client) -> None:
    result = classified(shared_client, "", hs_code="610910")
    assert (result.chapters, result.headings, result.subheadings, result.missing) == ([], [], [], [])
    assert (result.code_fit, result.code_contradicted, result.language) == (None, None, None)
    assert (result.vague, result.vague_flagged) == (1.0, True)


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        ({}, "q", "required"),
        ({"q": "x" * (MAX_TEXT + 1)}, "q", "2000"),
        ({"q": "shoes", "hs_code": "abc"}, "hs_code", "4 to 10 digits"),
        ({"q": "shoes", "hs_code": "64"}, "hs_code", "4 to 10 digits"),
        ({"q": "shoes", "hs_code": "64031999901"}, "hs_code", "4 to 10 digits"),
        ({"q": "shoes", "language": "english"}, "language", "ISO 639-1"),
        ({"q": "shoes", "language": "x1"}, "language", "ISO 639-1"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_refused_by_name(
    shared_client: Client, parameters: dict[str, str], field: str, words: str
) -> None:
    answer = shared_client.get("/v1/goods", params=parameters)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["problem"]


def test_single_answers_a_batch_and_a_file_agree(shared_client: Client, tmp_path: Path) -> None:
    questions = [(text, code) for _, text, code in EXAMPLE_GOODS.values()]
    questions += [("", "610910"), ("12345", None), ("Lederschuhe", "6403"), ("camiseta de algodón", "9901")]
    body = {"queries": [{"q": text, "hs_code": code} for text, code in questions]}
    answer = shared_client.post("/v1/goods/batch", json=body)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    GoodsAnswers.model_validate(answer.json())
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("goods_description", "hs_code"), *questions])
    classify_file(tmp_path / "in.csv", tmp_path / "out.jsonl", column="goods_description")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    for (text, code), result, row in zip(questions, results, rows, strict=True):
        single = shared_client.get("/v1/goods", params={"q": text, **({"hs_code": code} if code else {})})
        assert single.json() == result
        assert {name: row[name] for name in COLUMNS} == cells(result)


def cells(result: dict[str, Any]) -> dict[str, Any]:
    """Return the values that a file has for a result."""
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    for level, name, ranks in (("chapters", "chapter", 3), ("headings", "heading", 3), ("subheadings", "hs6", 1)):
        for rank, one in enumerate(result[level][:ranks], 1):
            values |= {f"{name}_{rank}": one["code"], f"{name}_{rank}_p": one["p"]}
    values |= {name: result[name] for name in COLUMNS if name in result}
    return values | {"missing": ";".join(result["missing"]) or None}


def test_a_code_may_be_a_whole_number(shared_client: Client) -> None:
    queries = [{"q": "leather shoes", "hs_code": code} for code in ("640319", 640319, 640319.0, 640319.5)]
    results = shared_client.post("/v1/goods/batch", json={"queries": queries}).json()["results"]
    assert results[1] == results[2] == results[0]
    assert results[3]["problem"].startswith("hs_code: an HS code of 4 to 10 digits is needed")


def test_a_query_of_a_batch_that_cannot_be_read_does_not_affect_the_others(shared_client: Client) -> None:
    queries = [
        "leather shoes",
        {"q": "leather shoes", "hs_code": 640319, "language": "en"},
        {"hs_code": "640319"},
        {"q": "leather shoes", "hs_code": "abc"},
        {"q": "leather shoes", "hs_code": True},
        {"q": 7},
        {"q": "x" * (MAX_TEXT + 1)},
        {"q": "leather shoes", "language": ["en"]},
        {"q": ""},
    ]
    answer = shared_client.post("/v1/goods/batch", json={"queries": queries})
    assert answer.status_code == 200
    results = GoodsAnswers.model_validate(answer.json()).results
    problems = [result.problem if isinstance(result, UnreadableQuery) else "" for result in results]
    beginnings = [
        "",
        "",
        "q: a text",
        "hs_code: an HS code",
        "hs_code: an HS code",
        "q: a text",
        "q: has",
        "language:",
        "",
    ]
    assert all(problem.startswith(begin) for problem, begin in zip(problems, beginnings, strict=True))
    assert [not problem for problem in problems] == [not begin for begin in beginnings]
    first, second = results[0], results[1]
    assert isinstance(first, GoodsAnswer)
    assert isinstance(second, GoodsAnswer)
    assert (first.chapters, first.code_fit) == (second.chapters, None)
    assert second.code_fit is not None


@pytest.mark.parametrize("body", [{}, {"queries": []}, {"queries": "shoes"}, ["shoes"]])
def test_a_batch_without_queries_is_refused(shared_client: Client, body: object) -> None:
    answer = shared_client.post("/v1/goods/batch", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["queries"]


def test_a_batch_over_the_limit_is_refused(settings: Settings) -> None:
    small = Settings(models_dir=settings.models_dir, max_goods_queries=2)
    with serving(create_app(small)) as client:
        assert client.post("/v1/goods/batch", json={"queries": ["shoes"] * 2}).status_code == 200
        refused = client.post("/v1/goods/batch", json={"queries": ["shoes"] * 3})
        assert refused.status_code == 413
        assert "at most 2 queries" in refused.json()["detail"]
        assert client.get("/v1/schema").json()["limits"]["goods_queries"] == 2


def test_the_documented_examples_show_what_they_say(shared_client: Client) -> None:
    results = {
        name: classified(shared_client, text, **({"hs_code": code} if code else {}))
        for name, (_, text, code) in EXAMPLE_GOODS.items()
    }
    assert results["fits"].code_contradicted is False
    assert results["contradicted"].code_contradicted is True
    assert results["vague"].vague_flagged
    assert results["chinese"].language == "zh"
