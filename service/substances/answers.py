"""Answers to questions about chemicals: the substance, the laws that list it, their wording, and the dates.

The HTTP interface and the command line use the same values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from stdnum import casrn

from features.reference import control_listings, country
from features.substances import (
    LawOn,
    LegalStatus,
    Substances,
    cas_numbers_in,
    draw,
    law_on,
    listed,
    obligations,
    read_structures,
    status,
)
from service.core.chemistry import chemistry
from service.substances.law import class_json, convention_json, law_json, law_warnings, listing_json, of_precursors

if TYPE_CHECKING:
    from features.substances import Match

#: Longest accepted text, in characters. Longer chemical names exist, but are not sent in practice.
MAX_QUERY: Final = 1000

#: Columns appended to a file of names, in this order.
COLUMNS: Final = (
    "kind",
    "hit",
    "substance",
    "cas",
    "inchikey",
    "group",
    "confidence",
    "matched_text",
    "context",
    "listed",
    "listed_in",
    "us_class",
    "cn_class",
    "limbs",
    "precursor_class",
    "similarity",
    "nearest",
)

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FORMS: Final = {"smiles": "SMILES", "inchi": "InChI"}
#: Kinds of match that do not depend on reading systematic names.
_INDEPENDENT_OF_OPSIN: Final = ("exact", "identifier", "translated")
_CONTROLLED_AS: Final = {"name": "named", "class": "class", "exempt": "exempt", "possible": "possible"}


class CannotDraw(RuntimeError):
    """Error for a structure that cannot be drawn, because RDKit needs a system library that slim images lack."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a text.

    Attributes:
        text: a name, an identifier, a structure or a description.
        on: the day whose law applies.
        jurisdiction: the jurisdiction whose law applies, see `read_jurisdiction`; None: all.
        chemical: True if the text names a chemical. False for a goods description, in which an abbreviation counts only next to
            chemical words.
        drawing: whether to draw the structure.
    """

    text: str
    on: date
    jurisdiction: str | None = None
    chemical: bool = True
    drawing: bool = False


def today() -> date:
    """Return the current day in UTC."""
    return datetime.now(UTC).date()


def read_day(text: str) -> date:
    """Parse a day in the form YYYY-MM-DD.

    Raises:
        ValueError: the text has another form, or the day does not exist.
    """
    try:
        if _DAY.fullmatch(text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise ValueError("a day as YYYY-MM-DD is needed, for example 2025-07-16")


@cache
def jurisdictions() -> tuple[str, ...]:
    """Return `UN`, `EU`, the countries, and the subdivisions that have listings. `read_jurisdiction` accepts all subdivisions."""
    import pycountry

    subdivisions = {row.jurisdiction for row in control_listings() if "-" in row.jurisdiction}
    return ("UN", "EU", *sorted(one.alpha_2 for one in pycountry.countries), *sorted(subdivisions))


@cache
def _subdivisions() -> frozenset[str]:
    import pycountry

    return frozenset(one.code for one in pycountry.subdivisions)


def read_jurisdiction(text: str) -> str:
    """Return the code of a jurisdiction in capitals: `UN`, `EU`, ISO 3166-1 alpha-2 or ISO 3166-2.

    Raises:
        ValueError: there is no such code. The message states the accepted forms.
    """
    code = text.strip().upper()
    if code in ("UN", "EU"):
        return code
    alpha_2 = country(code) if len(code) == 2 else None
    if alpha_2 is not None:
        return alpha_2
    if code in _subdivisions():
        return code
    raise ValueError("UN, EU or an ISO 3166 code such as US, CN or US-SD is needed")


def ask(question: Question) -> tuple[Match | None, LegalStatus | None]:
    """Return the substance that a text declares and its legal status on the day of the question; (None, None) without a
    match.
    """
    match = Substances.load().match(question.text, chemical=question.chemical)
    return match, None if match is None else status(match, question.on, question.jurisdiction)


def answer(question: Question) -> dict[str, Any]:
    """Return the answer as plain values. It has the same members with and without a match."""
    match, legal = ask(question)
    laws = law_on(match, legal, question.on, question.jurisdiction)
    result: dict[str, Any] = {
        "query": question.text,
        "kind": None,
        "hit": False,
        "substance": None,
        "group": None,
        "cas": None,
        "inchikey": None,
        "smiles": None,
        "confidence": None,
        "matched_text": None,
        "context": None,
        "ambiguous": False,
        "evidence": [],
        "listed": listed(laws, question.jurisdiction),
        "listed_in": [],
        "law": [law_json(law) for law in laws],
        "conventions": [],
        "months_since_listing": None,
        "controlled_as": [],
        "listings": [],
        "classes": [],
        "nearest": None,
        "similarity": None,
        "drawing": None,
        "warnings": list(_warnings(question, match, legal, laws)),
        "as_of": question.on.isoformat(),
        "jurisdiction": question.jurisdiction,
    }
    if match is None or legal is None:
        attempt = describe_attempt(question.text)
        result |= {"evidence": list(attempt.sentences), "inchikey": attempt.inchikey, "smiles": attempt.smiles}
    else:
        result |= {
            "kind": match.kind,
            "hit": match.hit,
            "substance": match.substance or None,
            "group": str(match.group) or None,
            "cas": match.cas or None,
            "inchikey": match.inchikey or None,
            "smiles": match.smiles or None,
            "confidence": _rounded(match.confidence),
            "matched_text": match.matched_text,
            "context": match.context or None,
            "ambiguous": match.ambiguous,
            "evidence": list(match.evidence),
            "listed_in": list(legal.listed_in),
            "conventions": [convention_json(one) for one in obligations(match, question.on, question.jurisdiction)],
            "months_since_listing": None if legal.months is None else round(legal.months, 1),
            "controlled_as": [
                {"jurisdiction": one.jurisdiction, "as": _CONTROLLED_AS[one.by], "listing": one.listing}
                for one in legal.controlled
            ],
            "listings": [listing_json(row) for row in legal.listings],
            "classes": [class_json(one) for one in legal.classes],
            "nearest": match.nearest or None,
            "similarity": _rounded(match.similarity),
        }
    if question.drawing and result["smiles"]:
        try:
            result["drawing"] = _drawn(result["smiles"])
        except CannotDraw as error:
            result["warnings"].append(str(error))
    return result


def drawing_of(text: str) -> str | None:
    """Return the structure of the substance that a text declares or mentions, as SVG; None if no structure is known.

    Raises:
        CannotDraw: a system library is missing.
    """
    match = Substances.load().match(text, chemical=True)
    smiles = describe_attempt(text).smiles if match is None else match.smiles
    return _drawn(smiles) if smiles else None


def _drawn(smiles: str) -> str:
    try:
        return draw(smiles)
    except ImportError as error:
        raise CannotDraw(
            f"Structures cannot be drawn on this machine: {error}. (Debian, Ubuntu: libxrender1, libexpat1)"
        ) from None


def columns(question: Question) -> tuple[Any, ...]:
    """Return the answer as values of the columns `COLUMNS`: texts, booleans and numbers, or None if unknown.

    ``us_class`` and ``cn_class`` are True if the structure meets the class definition, independent of the day. They are None if no
    structure is known. A question mark after a limb means that the structure possibly meets it. ``listed`` is None if the law is
    not recorded for the substance and the day.
    """
    match, legal = ask(question)
    if match is None or legal is None:
        meets = None if describe_attempt(question.text).smiles is None else False
        return (None, False, *[None] * 9, meets, meets, *[None] * 4)
    laws = law_on(match, legal, question.on, question.jurisdiction)
    wide = [one for one in match.classes if not of_precursors(one)]
    limbs = [
        f"{one.jurisdiction}:{limb}{'?' if one.result == 'possible' else ''}" for one in wide for limb in one.limbs
    ]
    wordings = [one.listing.lower() for one in match.classes if of_precursors(one) and one.result == "met"]
    met = {one.jurisdiction for one in wide if one.result == "met"}
    known = bool(match.smiles)
    return (
        match.kind,
        match.hit,
        match.substance or None,
        match.cas or None,
        match.inchikey or None,
        str(match.group) or None,
        _rounded(match.confidence),
        match.matched_text or None,
        match.context or None,
        listed(laws, question.jurisdiction),
        ";".join(legal.listed_in) or None,
        "US" in met if known else None,
        "CN" in met if known else None,
        ";".join(limbs) or None,
        ";".join(wordings) or None,
        _rounded(match.similarity),
        match.nearest or None,
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """Failed attempts to recognise a text.

    Attributes:
        sentences: one sentence per attempt.
        smiles, inchikey: the structure in the text; None if no structure could be read.
    """

    sentences: tuple[str, ...]
    smiles: str | None = None
    inchikey: str | None = None


def describe_attempt(text: str) -> Attempt:
    """Describe the attempts to recognise a text that has no match."""
    sentences = [
        "The text contains no name, synonym, abbreviation or translation of a known substance; typing errors were allowed for."
    ]
    for cas in cas_numbers_in(text):
        is_valid = casrn.is_valid(cas)
        sentences.append(
            f"{cas} is not the CAS number of a known substance."
            if is_valid
            else f"{cas} is not a CAS number: its check digit is wrong."
        )
    structure = None
    for piece, read in read_structures(text):
        if piece.form == "inchikey":
            sentences.append(f"{piece.text} is not the InChIKey of a known substance.")
        elif read is not None:
            structure = structure or read
            how = "a systematic name" if piece.form == "systematic" else _FORMS[piece.form]
            sentences.append(
                f"{piece.text} was read as {how}: its structure is on no list, in no class and not similar to a listed one."
            )
    if structure is None:
        return Attempt(tuple(sentences))
    return Attempt(tuple(sentences), structure.smiles, structure.inchikey)


def _warnings(
    question: Question, match: Match | None, legal: LegalStatus | None, laws: tuple[LawOn, ...]
) -> Iterator[str]:
    problem = chemistry()["problem"]
    if problem and (match is None or match.kind not in _INDEPENDENT_OF_OPSIN):
        yield problem
    yield from law_warnings(question.jurisdiction, match, legal, laws)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
