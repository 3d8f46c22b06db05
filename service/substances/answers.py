"""Questions about chemicals and their answers: what a text declares, which law covers it, under which words, since when.

The HTTP interface and the command line answer with the same values; how they are carried is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from stdnum import casrn

from features.reference import Group, Verified, class_definitions, control_listings, country
from features.substances import SubstanceIndex
from features.substances.law import LegalStatus, status
from features.substances.normalise import CAS, fold
from service.substances.chemistry import chemistry

if TYPE_CHECKING:
    from features.reference import ClassDefinition, Listing
    from features.substances import Match
    from features.substances.law import ClassControl
    from features.substances.match import ClassMatch

#: Characters of a text that is asked about. Longer names than this exist, but none that a person would send.
MAX_QUERY: Final = 1000

#: What a file gets per row, in this order, after its own columns.
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
#: A match of these kinds would be no other if systematic names were read.
_SURE: Final = ("exact", "identifier", "translated")
_AS: Final = {"name": "named", "class": "class", "exempt": "exempt", "possible": "possible"}


class CannotDraw(RuntimeError):
    """RDKit's drawing lacks a system library that slim images leave out; nothing else needs it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        text: a name, an identifier, a structure or a description.
        on: the day whose law is asked for.
        jurisdiction: whose law, see `read_jurisdiction`; ``None``: everywhere.
        chemical: the text is meant as a chemical; False: it is a goods description, in which an abbreviation needs
            chemical words beside it.
        drawing: draw the structure.
    """

    text: str
    on: date
    jurisdiction: str | None = None
    chemical: bool = True
    drawing: bool = False


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def read_day(text: str) -> date:
    """A day as people give it.

    Raises:
        ValueError: it is none; says what is right.
    """
    try:
        if _DAY.fullmatch(text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise ValueError("a day as YYYY-MM-DD is needed, for example 2025-07-16")


@cache
def jurisdictions() -> tuple[str, ...]:
    """`UN`, `EU`, the countries, and the subdivisions that have listings of their own; others are understood as well."""
    import pycountry

    subdivisions = {row.jurisdiction for row in control_listings() if "-" in row.jurisdiction}
    return ("UN", "EU", *sorted(one.alpha_2 for one in pycountry.countries), *sorted(subdivisions))


@cache
def _subdivisions() -> frozenset[str]:
    import pycountry

    return frozenset(one.code for one in pycountry.subdivisions)


def read_jurisdiction(text: str) -> str:
    """The code of a jurisdiction in capitals: `UN`, `EU`, ISO 3166-1 alpha-2 or ISO 3166-2.

    Raises:
        ValueError: there is no such code; says what is right.
    """
    code = text.strip().upper()
    if code in ("UN", "EU"):
        return code
    found = country(code) if len(code) == 2 else None
    if found is not None:
        return found
    if code in _subdivisions():
        return code
    raise ValueError("UN, EU or an ISO 3166 code such as US, CN or US-SD is needed")


def ask(question: Question) -> tuple[Match | None, LegalStatus | None]:
    """What a text was found to declare, and what the law of the day says of it."""
    match = SubstanceIndex.load().resolve(question.text, chemical=question.chemical)
    return match, None if match is None else status(match, question.on, question.jurisdiction)


def answer(question: Question) -> dict[str, Any]:
    """The answer to a question as plain values, with the same members whether anything was found or not."""
    match, legal = ask(question)
    found: dict[str, Any] = {
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
        "listed": False,
        "listed_in": [],
        "months_since_listing": None,
        "controlled_as": [],
        "listings": [],
        "classes": [],
        "nearest": None,
        "similarity": None,
        "drawing": None,
        "warnings": list(_warnings(match, legal)),
        "as_of": question.on.isoformat(),
        "jurisdiction": question.jurisdiction,
    }
    if match is None or legal is None:
        attempt = tried(question.text)
        found |= {"evidence": list(attempt.said), "inchikey": attempt.inchikey, "smiles": attempt.smiles}
    else:
        found |= {
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
            "listed": legal.listed,
            "listed_in": list(legal.listed_in),
            "months_since_listing": None if legal.months is None else round(legal.months, 1),
            "controlled_as": [
                {"jurisdiction": one.jurisdiction, "as": _AS[one.by], "listing": one.listing}
                for one in legal.controlled
            ],
            "listings": [listing_json(row) for row in legal.listings],
            "classes": [class_json(one) for one in legal.classes],
            "nearest": match.nearest or None,
            "similarity": _rounded(match.similarity),
        }
    if question.drawing and found["smiles"]:
        try:
            found["drawing"] = _drawn(found["smiles"])
        except CannotDraw as error:
            found["warnings"].append(str(error))
    return found


def drawing_of(text: str) -> str | None:
    """The structure of what a text declares or mentions, as SVG; ``None`` where none is known.

    Raises:
        CannotDraw: this machine lacks a library.
    """
    match = SubstanceIndex.load().resolve(text, chemical=True)
    smiles = tried(text).smiles if match is None else match.smiles
    return _drawn(smiles) if smiles else None


def _drawn(smiles: str) -> str:
    try:
        from features.substances.structures.drawing import drawing
    except ImportError as error:
        raise CannotDraw(
            f"Structures cannot be drawn on this machine: {error}. (Debian, Ubuntu: libxrender1, libexpat1)"
        ) from None
    return drawing(smiles)


def columns(question: Question) -> tuple[Any, ...]:
    """The answer to a question as values of `COLUMNS`: text, truth values and numbers, ``None`` where nothing is known.

    ``us_class`` and ``cn_class`` say whether the structure meets the wording, whatever the day, and are ``None`` where no
    structure is known; limbs that it only may meet end with a question mark.
    """
    match, legal = ask(question)
    if match is None or legal is None:
        meets = None if tried(question.text).smiles is None else False
        return (None, False, *[None] * 7, False, None, meets, meets, *[None] * 4)
    wide = [one for one in match.classes if not _of_precursors(one)]
    limbs = [
        f"{one.jurisdiction}:{limb}{'?' if one.result == 'possible' else ''}" for one in wide for limb in one.limbs
    ]
    wordings = [one.listing.lower() for one in match.classes if _of_precursors(one) and one.result == "met"]
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
        legal.listed,
        ";".join(legal.listed_in) or None,
        "US" in met if known else None,
        "CN" in met if known else None,
        ";".join(limbs) or None,
        ";".join(wordings) or None,
        _rounded(match.similarity),
        match.nearest or None,
    )


def listing_json(listing: Listing) -> dict[str, Any]:
    """A listing with all that is recorded of it."""
    return {
        "jurisdiction": listing.jurisdiction,
        "instrument": listing.instrument,
        "listing": listing.listing,
        "status": str(listing.status),
        "effective_from": listing.effective_from.isoformat() if listing.effective_from else None,
        "effective_to": listing.effective_to.isoformat() if listing.effective_to else None,
        "date_precision": str(listing.date_precision),
        "verified": str(listing.verified),
        "source": listing.source,
        "note": listing.note or None,
    }


def class_json(control: ClassControl) -> dict[str, Any]:
    """A class definition that a structure answers to, limb by limb in words, and what the law of the day makes of it."""
    one, exemption = control.match, control.exemption
    return {
        "definition": one.definition,
        "name": one.listing,
        "jurisdiction": one.jurisdiction,
        "result": one.result,
        "limbs": [
            {
                "limb": row.limb,
                "where": row.where,
                "wording": row.change,
                "verified": str(row.verified),
                "source": row.source,
            }
            for row in _limbs(one)
        ],
        "wording_verified": str(_wording_verified(one)),
        "in_force": bool(control.listings),
        "listing": listing_json(control.listings[0]) if control.listings else None,
        "exemption": None
        if exemption is None
        else {
            "substance": exemption.substance,
            "effect": str(exemption.effect),
            "reason": exemption.reason,
            "verified": str(exemption.verified),
            "source": exemption.source,
        },
    }


@cache
def _limb_rows() -> dict[tuple[str, str], ClassDefinition]:
    return {(row.definition, row.limb): row for row in class_definitions()}


def _limbs(one: ClassMatch) -> list[ClassDefinition]:
    return [_limb_rows()[one.definition, limb] for limb in one.limbs]


def _of_precursors(one: ClassMatch) -> bool:
    return any(row.group is Group.PRECURSOR for row in _limbs(one))


def _wording_verified(one: ClassMatch) -> Verified:
    """The least verified of the limbs that count here."""
    return max((row.verified for row in _limbs(one)), key=list(Verified).index)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried with a text in which nothing was found, in sentences, and the structure that could be read."""

    said: tuple[str, ...]
    smiles: str | None = None
    inchikey: str | None = None


def tried(text: str) -> Attempt:
    """What a text without a match was tried as."""
    from features.substances.read.opsin import opsin
    from features.substances.read.spotting import structures_in
    from features.substances.structures import from_inchi, from_smiles

    said = ["No name, synonym, abbreviation or translation in it, also with typing errors, of a substance known here."]
    for number in CAS.finditer(fold(text)):
        cas = "-".join(number.groups())
        right = casrn.is_valid(cas)
        said.append(
            f"{cas} is the CAS number of none." if right else f"{cas} is no CAS number: its check digit is wrong."
        )
    structure = None
    for piece in structures_in(text, chemical=True):
        smiles = opsin().smiles(piece.reading) if piece.form == "systematic" else piece.reading
        read = from_inchi(piece.reading) if piece.form == "inchi" else from_smiles(smiles) if smiles else None
        if piece.form == "inchikey":
            said.append(f"{piece.text} is the InChIKey of none.")
        elif read is not None:
            structure = structure or read
            how = "systematic name" if piece.form == "systematic" else _FORMS[piece.form]
            said.append(
                f"{piece.text} was read as {how}: its structure is on no list, in no class and near no listed one."
            )
    if structure is None:
        return Attempt(tuple(said))
    return Attempt(tuple(said), structure.smiles, structure.inchikey)


def _warnings(match: Match | None, legal: LegalStatus | None) -> Iterator[str]:
    problem = chemistry()["problem"]
    if problem and (match is None or match.kind not in _SURE):
        yield problem
    if match is None or legal is None:
        return
    for one in (control.match for control in legal.classes):
        if _wording_verified(one) in (Verified.UNVERIFIED, Verified.ASSUMED):
            yield (
                f"{one.jurisdiction}, {one.listing}: the structure is compared with the wording as recorded here, "
                "which was not verified."
            )
    unverified = sum(row.verified is Verified.UNVERIFIED for row in legal.listings)
    if unverified:
        yield f"Not checked at a publication: {unverified} of {len(legal.listings)} listings."


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
