"""``GET /v1/goods`` and ``POST /v1/goods/batch``: classification of goods descriptions.

A text takes less than a millisecond, a batch tens of milliseconds. Texts are read in a separate thread, so a batch delays scores
only by Python's switches between threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from service.core.errors import shortened
from service.core.examples import EXAMPLE_GOODS
from service.core.http.bodies import checked, queries_of, read_json, text_problem, unanswered
from service.core.http.dependencies import AppBudgets, AppSettings, PlainJson, add_log_fields, provided
from service.core.http.openapi import Scope, json_body, needs, problems
from service.core.http.schemas import Answer, Probability, UnreadableQuery
from service.core.http.streams import count_until_sent
from service.core.settings import Settings
from service.goods.answers import MAX_TEXT, Question, answer_all, read_code, read_language


class LikelyCode(Answer):
    """A code of HS 2022 and its probability."""

    code: str = Field(description="Code of 2, 4 or 6 digits", examples=["6109"])
    p: Probability = Field(description="Calibrated probability that the goods belong there", examples=[0.83])


class GoodsAnswer(Answer):
    """Classification of a goods description."""

    query: str = Field(examples=["mens cotton t-shirt"])
    language: str | None = Field(
        description="Given or guessed language (ISO 639-1); null if it cannot be guessed", examples=["en"]
    )
    chapters: list[LikelyCode] = Field(
        description="Likeliest chapters, most probable first; empty for a text without words", max_length=3
    )
    headings: list[LikelyCode] = Field(description="Likeliest headings", max_length=3)
    subheadings: list[LikelyCode] = Field(
        description="Likeliest subheadings, among those of the likeliest headings", max_length=3
    )
    code_fit: float | None = Field(
        description="Log-likelihood ratio (natural logarithm) of the declared code: how much likelier the words are for goods of "
        "this code than for goods in general. Negative: the words contradict the code; 0: the words say nothing about it. Null "
        "without a code of a chapter of HS 2022, and for an empty text",
        examples=[4.2],
    )
    code_contradicted: bool | None = Field(
        description="Whether `code_fit` is below the threshold of the model's reasons; null if `code_fit` is null"
    )
    vague: Probability = Field(description="Vagueness; 1 for an empty text", examples=[0.04])
    vague_flagged: bool = Field(description="Whether customs would probably reject the text as vague")
    missing: list[str] = Field(
        description="Facts that a vague text lacks", examples=[["the material", "what they are used for"]]
    )


class GoodsAnswers(Answer):
    """Answers in the order of the queries."""

    results: list[GoodsAnswer | UnreadableQuery]


T = TypeVar("T")

router = APIRouter(prefix="/v1", tags=["goods"])

_READINGS: Final = "readings"
Readings = Annotated[CapacityLimiter, provided(_READINGS)]

_QUERY_EXAMPLES: Final = [{"q": text, "hs_code": code} for _, text, code in EXAMPLE_GOODS.values()]


def _question(
    q: Annotated[
        str,
        Query(
            max_length=MAX_TEXT,
            description="A goods description in any language; may be empty",
            openapi_examples={
                name: {"summary": summary, "value": text} for name, (summary, text, _) in EXAMPLE_GOODS.items()
            },
        ),
    ],
    hs_code: Annotated[
        str | None,
        checked(read_code),
        Query(
            description="Declared HS code of 4 to 10 digits; dots, spaces and hyphens are allowed. Its chapter and heading are "
            "compared; digits after the sixth are national. A chapter that is not in HS 2022 is not compared",
            openapi_examples={
                name: {"summary": summary, "value": code} for name, (summary, _, code) in EXAMPLE_GOODS.items() if code
            },
            # Only in the OpenAPI document, because the errors of `read_code` are more precise.
            json_schema_extra={"pattern": r"^ *$|^ *([0-9][ .-]*){4,10}$"},
        ),
    ] = None,
    language: Annotated[
        str | None,
        checked(read_language),
        Query(
            description="Language of `q` (ISO 639-1). It replaces the guess in the answer and does not affect the classification",
            examples=["en"],
            json_schema_extra={"pattern": r"^ *$|^ *[A-Za-z]{2} *$"},
        ),
    ] = None,
) -> Question:
    return Question(q, hs_code, language)


@router.get("/goods", summary="Classify a goods description", response_model=GoodsAnswer, responses=problems(422, 500))
@needs(Scope.SCORE)
async def goods(request: Request, readings: Readings, question: Annotated[Question, Depends(_question)]) -> Response:
    """Return the likeliest chapters, headings and subheadings of HS 2022 with calibrated probabilities. The answer also says
    whether the declared code fits the words, whether customs would reject the text as vague, and what it lacks.

    The answer depends on the words alone. It is not a tariff ruling: classification depends on the goods, their material and their
    use, which a description states only in part.
    """
    [result] = await _in_thread(readings, partial(answer_all, [question]))
    add_log_fields(request, code_contradicted=result["code_contradicted"], vague_flagged=result["vague_flagged"])
    return PlainJson(result)


@router.post(
    "/goods/batch",
    summary="Classify several goods descriptions",
    response_model=GoodsAnswers,
    responses=problems(413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "GoodsBatch",
        {"four": {"summary": "Descriptions with and without codes", "value": {"queries": _QUERY_EXAMPLES}}},
    ),
)
@needs(Scope.SCORE)
async def goods_batch(request: Request, readings: Readings, settings: AppSettings, budgets: AppBudgets) -> Response:
    """Return results in the order of the queries. A query is a text, or an object `{"q": ..., "hs_code": ..., "language": ...}`,
    where only `q` is required. The result of a query that cannot be read is a `problem`; other queries are not affected.
    """
    with budgets.questions.hold() as hold:
        data = await read_json(request, settings.max_batch_bytes, hold)
        queries = queries_of(data, settings.max_goods_queries)
        results = await _in_thread(readings, partial(_results, queries))
        flagged = sum(result.get("vague_flagged", False) for result in results)
        add_log_fields(request, queries=len(results), vague_flagged=flagged)
        return count_until_sent(PlainJson({"results": results}), hold)


def _results(queries: list[Any]) -> list[dict[str, Any]]:
    """Return the result or the problem of each query of a batch."""
    read = [_read(query) for query in queries]
    answers = iter(answer_all([question for question in read if isinstance(question, Question)]))
    return [next(answers) if isinstance(question, Question) else question for question in read]


def _read(query: object) -> Question | dict[str, Any]:
    """Return the question of a query of a batch, or its problem."""
    members: Mapping[str, Any] = query if isinstance(query, dict) else {"q": query}
    text: Any = members.get("q")
    code = members.get("hs_code")
    # Some JSON writers write codes as numbers, also as 640319.0.
    if (isinstance(code, int) and not isinstance(code, bool)) or (isinstance(code, float) and code.is_integer()):
        code = str(int(code))
    problem = text_problem(text, MAX_TEXT)
    if not problem:
        values: list[str | None] = []
        for field, value, read in (("hs_code", code, read_code), ("language", members.get("language"), read_language)):
            try:
                values.append(None if value is None else read(value if isinstance(value, str) else "?"))
            except ValueError as error:
                problem = problem or f"{field}: {error}; got {shortened(value)}"
        if not problem:
            return Question(text, *values)
    return unanswered(text, MAX_TEXT, problem)


async def _in_thread(limiter: CapacityLimiter, work: Callable[[], T]) -> T:
    return await to_thread.run_sync(work, limiter=limiter)


def parts(settings: Settings) -> dict[str, object]:
    """Return the limit on threads that read goods descriptions. They hold the interpreter lock, so one is enough."""
    return {_READINGS: CapacityLimiter(1)}


def request_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of a batch of goods descriptions."""
    text = {"type": "string", "maxLength": MAX_TEXT, "description": "A goods description; may be empty"}
    code = {
        "type": ["string", "integer", "null"],
        "description": "Declared HS code of 4 to 10 digits; dots, spaces and hyphens are allowed",
    }
    language = {"type": ["string", "null"], "description": "Language of `q`, ISO 639-1. Default: it is guessed"}
    query = {"type": "object", "required": ["q"], "properties": {"q": text, "hs_code": code, "language": language}}
    batch = {
        "title": "GoodsBatch",
        "type": "object",
        "required": ["queries"],
        "properties": {"queries": {"type": "array", "minItems": 1, "items": {"anyOf": [text, query]}}},
    }
    return {"GoodsBatch": batch}
