"""Pydantic models for the documentation of answers about goods descriptions."""

from __future__ import annotations

from pydantic import Field

from service.core.http.schemas import Answer, Probability, UnreadableQuery


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
