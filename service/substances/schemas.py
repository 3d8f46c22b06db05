"""Pydantic models for the documentation of answers about substances and law."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.core.http.schemas import Answer, Listing, Probability, UnreadableQuery


class FullListing(Listing):
    """A listing in force on the day, with its last day and a note."""

    effective_to: str | None = Field(description="Last day in force; null if open-ended")
    note: str | None


class Limb(Answer):
    """One change that a class definition allows."""

    limb: str = Field(
        description="Label in the law; `parent` for the substance that the class is based on", examples=["E"]
    )
    where: str = Field(description="Part of the parent that differs", examples=["N-propionyl group"])
    wording: str = Field(description="The allowed change", examples=["replaced by another acyl group"])
    verified: str = Field(description="Whether the wording was checked against its publisher's text")
    source: str


class Exemption(Answer):
    """Why a substance whose structure meets a class definition is not, or may not be, in the class."""

    substance: str
    effect: Literal["exempt", "outside", "review"] = Field(
        description="exempt: a law exempts it; outside: the wording of the class leaves it out, as what another list names; "
        "review: the law provides for exemptions, and it is unknown whether one was granted"
    )
    reason: str
    verified: str
    source: str


class ClassDefinition(Answer):
    """A class-wide definition, and whether the structure meets it. The legal result is in `controlled_as`."""

    definition: str = Field(examples=["us-fentanyl-related"])
    name: str = Field(examples=["Fentanyl-related substances (class)"])
    jurisdiction: str = Field(examples=["US"])
    result: Literal["met", "possible"] = Field(
        description="possible: an open-ended wording may or may not cover the structure"
    )
    limbs: list[Limb] = Field(description="Limbs by which the structure differs from the parent")
    wording_verified: str = Field(description="Verification of the least verified of these limbs")
    in_force: bool = Field(description="Whether a listing controls the class on that day")
    listing: FullListing | None = Field(description="Listing that controls the class; null if no listing controls it")
    exemption: Exemption | None = Field(
        description="Why the class does not, or may not, cover the substance; null if nothing is known against it"
    )


class ControlledAs(Answer):
    """The legal result in one jurisdiction; a listing by name takes precedence over a class."""

    jurisdiction: str = Field(examples=["US"])
    by: Literal["named", "class", "exempt", "possible"] = Field(alias="as")
    listing: str = Field(description="Name of the list or of the class", examples=["Schedule I"])


class LawOn(Answer):
    """One jurisdiction's own law on the substance, and the extent to which it is recorded."""

    jurisdiction: str = Field(description="ISO code, UN or EU; EU law has a separate entry", examples=["MX"])
    recorded_until: str | None = Field(
        description="Last day for which this law is recorded for the substance's group; null if it is not recorded",
        examples=["2026-01-12"],
    )
    groups: list[str] = Field(
        description="All groups for which this law is recorded", examples=[["fentanyl", "nitazene", "precursor"]]
    )
    listed: bool | None = Field(
        description="Whether this law lists the substance; null if no listing is recorded and the law is not recorded for that "
        "group and day",
        examples=[True],
    )


class Convention(Answer):
    """A listing by the United Nations that binds the requested country as a party to the convention."""

    party: str = Field(description="ISO code of the country", examples=["MX"])
    bound_from: str = Field(description="Day from which the convention is known to bind the country")
    bound_precision: Literal["day", "by"] = Field(description="by: the country may have been bound before that day")
    party_verified: str = Field(description="Whether the country's accession was checked in the depositary's records")
    party_source: str
    listing: FullListing


class SubstanceAnswer(Answer):
    """The substance that a text declares or mentions, and the law on it."""

    query: str = Field(examples=["fentanil"])
    kind: (
        Literal["exact", "identifier", "systematic", "translated", "misspelt", "class", "mention", "similar", "street"]
        | None
    ) = Field(description="How the substance was recognised, from strong to weak; null: not found")
    hit: bool = Field(description="Whether a watched substance is declared; never for `mention`, `similar` or `street`")
    substance: str | None = Field(examples=["Fentanyl"])
    group: str | None = Field(
        description="Watched: fentanyl, nitazene, other_opioid, precursor. Not watched: other_controlled, adulterant, benign",
        examples=["fentanyl"],
    )
    cas: str | None = Field(examples=["437-38-7"])
    inchikey: str | None = Field(examples=["PJMPHNIQZUBGLI-UHFFFAOYSA-N"])
    smiles: str | None = Field(
        description="Structure without salt and water", examples=["CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"]
    )
    confidence: Probability | None = Field(
        description="Confidence that the text means this substance; not a probability of illicit content",
        examples=[1.0],
    )
    matched_text: str | None = Field(description="The recognised words", examples=["fentanil"])
    context: str | None = Field(description="Meaning of the surrounding words: test, publication, denied, ...")
    ambiguous: bool = Field(
        description="Whether the text is an abbreviation with other meanings, or a name inside a longer one"
    )
    evidence: list[str] = Field(description="How the substance was recognised, or which methods were tried")
    listed: bool | None = Field(
        description="Whether the substance is listed, also temporarily, on that day in that jurisdiction, by name or as a member "
        "of a class; null: the law there is not recorded for that group and day, which is not the same as not listed",
        examples=[True],
    )
    listed_in: list[str] = Field(examples=[["UN", "CA", "US"]])
    law: list[LawOn] = Field(
        description="Laws that apply in that jurisdiction; without a jurisdiction, all recorded laws"
    )
    conventions: list[Convention] = Field(
        description="Listings by conventions of the United Nations to which the country is a party; national law is in `law`"
    )
    months_since_listing: float | None = Field(
        description="Months since control began; null if its first day is unknown"
    )
    controlled_as: list[ControlledAs]
    listings: list[FullListing] = Field(description="Listings by name, in force on the day")
    classes: list[ClassDefinition] = Field(description="Class definitions that the structure meets or may meet")
    nearest: str | None = Field(description="Listed substance with the most similar structure; not a legal match")
    similarity: Probability | None = Field(description="Tanimoto similarity to `nearest`")
    drawing: str | None = Field(description="SVG; null unless requested and a structure is known")
    warnings: list[str] = Field(description="Steps that failed and facts that are not verified")
    as_of: str = Field(description="Day whose law was applied", examples=["2026-11-25"])
    jurisdiction: str | None = Field(
        description="Jurisdiction whose law was applied; null: everywhere", examples=["US"]
    )


class SubstanceAnswers(Answer):
    """Results in the order of the queries."""

    results: list[SubstanceAnswer | UnreadableQuery]
