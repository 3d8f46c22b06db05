"""Answers to questions about goods descriptions as plain values, for the HTTP interface, the command line and files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from features.goods.answers import GoodsAnswer, Likely, goods_reader
from features.manifest.fields import FIELD
from features.table.normalise import normaliser
from service.core.examples import EXAMPLE_GOODS
from service.core.logs import logger

#: Longest accepted text over HTTP and on the command line, in characters. ICS2 and ACAS allow 512. Files have no limit.
MAX_TEXT: Final = 2000

#: Columns appended to a file of descriptions, in this order.
COLUMNS: Final = (
    "chapter_1",
    "chapter_1_p",
    "chapter_2",
    "chapter_2_p",
    "chapter_3",
    "chapter_3_p",
    "heading_1",
    "heading_1_p",
    "heading_2",
    "heading_2_p",
    "heading_3",
    "heading_3_p",
    "hs6_1",
    "hs6_1_p",
    "code_fit",
    "code_contradicted",
    "vague",
    "vague_flagged",
    "missing",
    "language",
)
_RANKS: Final = 3
_LANGUAGE: Final = re.compile(r"[a-z]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a goods description.

    Attributes:
        text: the description; may be empty.
        code: the declared code as digits, see `read_code`; None if no code is declared.
        language: the language of the text, see `read_language`; None: the language is guessed.
    """

    text: str
    code: str | None = None
    language: str | None = None


def read_code(text: str) -> str | None:
    """Return the digits of a declared HS code, None for a blank text.

    Raises:
        ValueError: the text is not an HS code. The message states the expected form.
    """
    stripped = text.strip()
    if not stripped:
        return None
    digits = normaliser(FIELD["hs_code"])(stripped)[0]
    if digits is None:
        raise ValueError("an HS code of 4 to 10 digits is needed, for example 6109.10")
    return digits


def code_or_none(text: str) -> str | None:
    """Return the digits of a declared HS code, None if it cannot be read."""
    try:
        return read_code(text)
    except ValueError:
        return None


def read_language(text: str) -> str | None:
    """Return a language's code (ISO 639-1), None for a blank text.

    Raises:
        ValueError: the text does not have the form of such a code.
    """
    code = text.strip().lower()
    if not code:
        return None
    if not _LANGUAGE.fullmatch(code):
        raise ValueError("a language code of ISO 639-1 is needed, for example en or zh")
    return code


def answer_all(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """Return the answers as plain values. Each answer has the same members."""
    texts = [question.text for question in questions]
    answers = goods_reader().classify(texts, [question.code for question in questions])
    return [_plain(question, answer) for question, answer in zip(questions, answers, strict=True)]


def _plain(question: Question, answer: GoodsAnswer) -> dict[str, Any]:
    return {
        "query": question.text,
        "language": question.language or answer.language,
        "chapters": _codes(answer.chapters),
        "headings": _codes(answer.headings),
        "subheadings": _codes(answer.subheadings),
        "code_fit": answer.code_fit,
        "code_contradicted": answer.code_contradicted,
        "vague": answer.vague,
        "vague_flagged": answer.vague_flagged,
        "missing": list(answer.missing),
    }


def _codes(likely: Sequence[Likely]) -> list[dict[str, Any]]:
    return [{"code": one.code, "p": one.p} for one in likely]


def columns(answer: GoodsAnswer) -> tuple[Any, ...]:
    """Return the values of `COLUMNS` of an answer: texts, booleans and numbers, or None where nothing is known."""
    return (
        *_cells(answer.chapters, _RANKS),
        *_cells(answer.headings, _RANKS),
        *_cells(answer.subheadings, 1),
        answer.code_fit,
        answer.code_contradicted,
        answer.vague,
        answer.vague_flagged,
        ";".join(answer.missing) or None,
        answer.language,
    )


def _cells(likely: Sequence[Likely], count: int) -> tuple[Any, ...]:
    """Return code and probability of the first ``count`` codes, padded with None to ``2 * count`` cells."""
    cells = [cell for one in likely[:count] for cell in one]
    return (*cells, *[None] * (2 * count - len(cells)))


def warm_up() -> None:
    """Classify the documented examples. Only log a failure: other endpoints work, and each request reports its own failure."""
    try:
        answer_all([Question(text, code) for _, text, code in EXAMPLE_GOODS.values()])
    except Exception as error:
        logger().error("goods_warm_up_failed", exc_info=error)
