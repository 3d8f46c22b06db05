"""``GET /v1/substances``, its drawing, and ``POST /v1/substances/batch``: lookup of chemicals.

Systematic names need OPSIN, which takes milliseconds per name and reads one name at a time. So lookups run in a separate, limited
set of threads: slow names delay other lookups but not scores. Batches have one separate thread, a budget of reading time each, and
a limit on their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from anyio import CapacityLimiter, WouldBlock, to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from features.texts.reading import ReadingBudget, reading_within
from service.core.errors import Busy, NotFound, shortened
from service.core.examples import EXAMPLE_QUERIES
from service.core.http.bodies import checked, queries_of, read_json, text_problem, unanswered, unreadable
from service.core.http.dependencies import AppBudgets, AppSettings, PlainJson, add_log_fields, provided
from service.core.http.openapi import Scope, json_body, needs, problems
from service.core.http.streams import count_until_sent
from service.core.settings import Settings
from service.substances.answers import (
    MAX_QUERY,
    CannotDraw,
    Question,
    answer,
    drawing_of,
    jurisdictions,
    read_day,
    read_jurisdiction,
    today,
)
from service.substances.schemas import SubstanceAnswer, SubstanceAnswers

T = TypeVar("T")

#: ``Retry-After`` in seconds of a refused batch.
_RETRY_AFTER: Final = 5
_UNREAD: Final = (
    "was not read, because other queries used up the reading time of the batch; send it again in a smaller batch"
)

router = APIRouter(prefix="/v1", tags=["substances"])


@dataclass(frozen=True, slots=True)
class LookupLimits:
    """Limits on lookups, which hold the global interpreter lock: more threads do not increase throughput.

    Attributes:
        single: limit on threads that look up single chemicals.
        batches: the same limit for batches, so that single lookups do not wait for them.
        admitted: limit on batches that are looked up or wait. Each takes up to about `reading_seconds`.
    """

    single: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))
    batches: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    admitted: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(9))


Lookups = Annotated[LookupLimits, provided(LookupLimits)]


def _codes(schema: dict[str, Any]) -> None:
    schema["enum"] = list(jurisdictions())


Text = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MAX_QUERY,
        # Engines differ on whether these characters are blank.
        pattern=r"[^\s\x1c-\x1f\x85\ufeff]",
        description="A name in one of twenty languages, a CAS number, SMILES, InChI or InChIKey, a systematic name, or a "
        "description that contains one of these",
        openapi_examples={
            name: {"summary": summary, "value": text} for name, (summary, text) in EXAMPLE_QUERIES.items()
        },
    ),
]
AsOf = Annotated[
    date,
    checked(read_day),
    Query(default_factory=today, description="Day whose law applies. Default: today, in UTC", examples=["2026-11-25"]),
]
Jurisdiction = Annotated[
    str | None,
    checked(read_jurisdiction),
    Query(
        description="UN, EU, or an ISO 3166 code, including subdivisions; EU law applies to EU members. "
        "Default: everywhere. If the law is not recorded for the substance's group and the day, `listed` is null",
        openapi_examples={
            "recorded": {"summary": "Law that is recorded for fentanyls, nitazenes and precursors", "value": "US"},
            "not recorded": {"summary": "Law of which only single listings are recorded", "value": "MX"},
            "union": {"summary": "A member state: its own law and EU law", "value": "DE"},
        },
        json_schema_extra=_codes,
    ),
]


def _question(
    q: Text,
    as_of: AsOf,
    jurisdiction: Jurisdiction = None,
    drawing: Annotated[bool, Query(description="Draw the structure, as SVG text in `drawing`")] = False,
) -> Question:
    return Question(q, as_of, jurisdiction, drawing=drawing)


@router.get(
    "/substances",
    summary="Look up a chemical and the law on it",
    response_model=SubstanceAnswer,
    responses=problems(422, 500),
)
@needs(Scope.SCORE)
async def substances(request: Request, lookups: Lookups, question: Annotated[Question, Depends(_question)]) -> Response:
    """Return the substance that a text declares or mentions: how it was recognised, its listings by name on the day, the class
    definitions that its structure meets limb by limb, and the legal result. If no substance is found, the status is 200, `kind`
    is null, and `evidence` lists the methods that were tried. A structure that only resembles a listed one is never a hit.

    `listed` is null if the law is not recorded for that group and day, which is not the same as not listed. `law` lists the
    recorded laws, and `conventions` the listings by the United Nations that bind the country.
    """
    result = await _in_thread(lookups, partial(answer, question))
    add_log_fields(request, kind=result["kind"], hit=result["hit"])
    return PlainJson(result)


@router.get(
    "/substances/drawing.svg",
    summary="Draw a chemical",
    response_class=Response,
    responses={
        # Without its type, which generators of clients cannot read.
        200: {"description": "The structure, `image/svg+xml`"},
        **problems(404, 422, 500),
    },
)
@needs(Scope.SCORE)
async def drawing(request: Request, lookups: Lookups, q: Text) -> Response:
    """Draw the structure of the substance that a text declares or mentions; 404 if no structure is known."""
    try:
        svg = await _in_thread(lookups, partial(drawing_of, q))
    except CannotDraw as error:
        raise NotFound(str(error)) from None
    if svg is None:
        raise NotFound("No structure is known for the substance in `q`, so it cannot be drawn.")
    return Response(svg, media_type="image/svg+xml")


@router.post(
    "/substances/batch",
    summary="Look up several chemicals",
    response_model=SubstanceAnswers,
    responses=problems(413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "SubstanceBatch",
        {
            "three": {
                "summary": "Three texts under the law of one day",
                "value": {
                    "queries": [text for _, text in EXAMPLE_QUERIES.values()],
                    "as_of": "2026-11-25",
                    "jurisdiction": "US",
                },
            }
        },
    ),
)
@needs(Scope.SCORE)
async def substances_batch(request: Request, lookups: Lookups, settings: AppSettings, budgets: AppBudgets) -> Response:
    """Return results in the order of the queries. A query is a text, or an object `{"q": ..., "chemical": ...}`. With
    `chemical` false, the text is a goods description, in which an abbreviation counts only next to chemical words. The result of
    a query that cannot be read is a `problem`; other queries are not affected. Each batch has a budget of processor time, and
    short texts are read first. In a batch of a thousand structures, many may get the `problem` that they were not read.
    """
    with budgets.questions.hold() as hold:
        data = await read_json(request, settings.max_batch_bytes, hold)
        queries = queries_of(data, settings.max_substance_queries)
        draw = data.get("drawing")
        if not isinstance(draw, bool | None):
            raise unreadable("drawing", f"true or false is needed, got {shortened(draw)}")
        day = _read("as_of", read_day, data) or today()
        place = _read("jurisdiction", read_jurisdiction, data)

        def answer_one(query: object) -> dict[str, Any]:
            return _result(query, day, place, drawing=bool(draw))

        work = partial(_read_within, settings.reading_seconds, queries, answer_one)
        try:
            lookups.admitted.acquire_on_behalf_of_nowait(hold)
        except WouldBlock:
            raise Busy("Too many batches of chemicals wait to be read.", retry_after=_RETRY_AFTER) from None
        try:
            results = await to_thread.run_sync(work, limiter=lookups.batches)
        finally:
            lookups.admitted.release_on_behalf_of(hold)
        add_log_fields(request, queries=len(results), hits=sum(result.get("hit", False) for result in results))
        return count_until_sent(PlainJson({"results": results}), hold)


def _read_within(
    seconds: float, queries: list[Any], answer_one: Callable[[object], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the answers to queries. A query that exceeds the budget gets a problem instead.

    Args:
        seconds: budget of processor time.
    """
    budget = ReadingBudget(seconds)
    results: list[dict[str, Any]] = [{}] * len(queries)
    with reading_within(budget):
        for at in sorted(range(len(queries)), key=lambda at: len(_text_of(queries[at]))):
            text = _text_of(queries[at])
            result = {} if budget.spent else answer_one(queries[at])
            # The answer to an unread text would wrongly say that the text names no substance.
            unread = not result or text in budget.unread
            results[at] = {"query": text[:MAX_QUERY], "problem": f"q: {_UNREAD}"} if unread else result
    return results


def _text_of(query: object) -> str:
    text = query.get("q") if isinstance(query, dict) else query
    return text if isinstance(text, str) else ""


def _result(query: object, day: date, place: str | None, *, drawing: bool) -> dict[str, Any]:
    """Return the result or the problem of one query of a batch."""
    members: Mapping[str, Any] = query if isinstance(query, dict) else {"q": query}
    text: Any = members.get("q")
    chemical = members.get("chemical", True)
    if isinstance(text, str) and not text.strip():
        problem = "q: is blank; a name, an identifier, a structure or a description is needed"
    else:
        problem = text_problem(text, MAX_QUERY)
    if not problem and not isinstance(chemical, bool):
        problem = f"chemical: true or false is needed, got {shortened(chemical)}"
    if problem:
        return unanswered(text, MAX_QUERY, problem)
    return answer(Question(text, day, place, chemical=chemical, drawing=drawing))


def _read(field: str, read: Callable[[str], T], data: Mapping[str, Any]) -> T | None:
    value = data.get(field)
    if value is None:
        return None
    try:
        return read(value if isinstance(value, str) else "")
    except ValueError as error:
        raise unreadable(field, f"{error}; got {shortened(value)}") from None


async def _in_thread(lookups: LookupLimits, work: Callable[[], T]) -> T:
    return await to_thread.run_sync(work, limiter=lookups.single)


def parts(settings: Settings) -> dict[type, object]:
    """Return the limits on lookups."""
    return {LookupLimits: LookupLimits()}


def request_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of a batch of queries about chemicals."""
    text = {"type": "string", "minLength": 1, "maxLength": MAX_QUERY}
    chemical = {
        "type": "boolean",
        "default": True,
        "description": "false: a goods description, in which an abbreviation counts only next to chemical words",
    }
    query = {"type": "object", "required": ["q"], "properties": {"q": text, "chemical": chemical}}
    batch = {
        "title": "SubstanceBatch",
        "type": "object",
        "required": ["queries"],
        "properties": {
            "queries": {"type": "array", "minItems": 1, "items": {"anyOf": [text, query]}},
            "as_of": {
                "type": ["string", "null"],
                "format": "date",
                "description": "Day whose law applies. Default: today, in UTC",
            },
            "jurisdiction": {
                "enum": [*jurisdictions(), None],
                "description": "UN, EU, or an ISO 3166 code, including subdivisions. Default: everywhere",
            },
            "drawing": {"type": ["boolean", "null"], "description": "Draw the structures, as SVG text in `drawing`"},
        },
    }
    return {"SubstanceBatch": batch}
