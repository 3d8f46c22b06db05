"""The answers as documented types. They describe only: answers are written from plain values, without a detour."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Lane = Literal["red", "yellow", "green"]


class Answer(BaseModel):
    """Has the documented members and no others."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(Answer):
    """What is wrong with which field."""

    field: str = Field(description="The field, as it is called in the request", examples=["gross_mass_kg"])
    problem: str = Field(description="What is wrong, and what would be right", examples=["'1,2,3' is not a number"])


class Problem(BaseModel):
    """RFC 9457 problem details: the one form of every error."""

    type: str = Field(description="Names the kind of problem", examples=["urn:tidewaiter:problem:unreadable"])
    title: str = Field(examples=["Cannot be read"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["The shipment cannot be read: shipment_id: is missing."])
    instance: str = Field(description="Path of the request", examples=["/v1/score"])
    errors: list[FieldProblem] = Field(description="Each field with what is wrong about it")
    request_id: str | None = Field(default=None, examples=["3c2f8a52-6a4e-4d0b-8d5b-0c3c5a4f9f10"])
    limit_bytes: int | None = Field(default=None, description="With 413: the limit that was passed")
    rejected: list[RejectedShipment] | None = Field(
        default=None, description="With 422 of a batch: why each was refused"
    )


class Reason(Answer):
    """One piece of evidence."""

    code: str = Field(description="Which question the evidence answers", examples=["VALUE_DENSITY"])
    text: str = Field(examples=["Declared at 0.9 USD per kg; goods described like this usually declare 18 to 60"])
    weight: float = Field(
        description="Change in the explained head's raw log-odds; above 0 speaks for illicit content, below 0 against",
        examples=[0.84],
    )
    fields: list[str] = Field(description="The manifest fields behind it", examples=[["customs_value", "net_mass_kg"]])
    source: str = Field(description="Published source, or that the model learned it and from what")


class Listing(Answer):
    """A law that lists the substance, in force on the day of ``declared_at``."""

    jurisdiction: str = Field(description="ISO code, UN or EU", examples=["UN"])
    instrument: str = Field(examples=["1988 Convention"])
    listing: str = Field(description="Where in the instrument", examples=["Table I"])
    status: str = Field(description="listed or temporary", examples=["listed"])
    effective_from: str | None = Field(examples=["2017-10-18"])
    date_precision: str = Field(examples=["day"])
    source: str
    verified: str = Field(description="Whether the row was checked against the instrument itself")


class MetDefinition(Answer):
    """A class-wide definition that a structure meets or may meet; `GET /v1/substances` gives its words."""

    jurisdiction: str = Field(examples=["US"])
    definition: str = Field(examples=["us-fentanyl-related"])
    result: Literal["met", "possible"]
    limbs: list[str] = Field(examples=[["D", "E"]])
    in_force: bool = Field(description="Whether a listing puts the class under control on the day")
    exempt: bool = Field(description="Whether the substance is exempt from it")


class Substance(Answer):
    """What the declared chemical, CAS number or description resolved to."""

    name: str = Field(examples=["citric acid"])
    group: str = Field(description="What kind of substance it is", examples=["benign"])
    kind: str = Field(description="How it was recognised; a mention is never a hit", examples=["exact"])
    hit: bool = Field(description="Whether a watched substance is declared")
    matched_text: str = Field(description="The words that were recognised", examples=["citric acid"])
    cas: str | None = Field(examples=["77-92-9"])
    inchikey: str | None
    listings: list[Listing]
    classes: list[MetDefinition]
    confidence: Probability = Field(description="How surely the text means it; no probability of illicit content")
    context: str | None = Field(description="What the words around it say: test, publication, denied, ...")
    nearest: str | None = Field(description="The listed substance whose structure is most like it; not a legal match")
    similarity: Probability | None


class Item(Answer):
    """One goods item."""

    item_number: str = Field(examples=["1"])
    risk: Probability
    content: dict[str, Probability] = Field(description="Probability per head")
    substance: Substance | None
    reasons: list[Reason] = Field(description="Filled for the explained item")


class Explained(Answer):
    """What the reasons explain."""

    head: str = Field(description="The head with the largest probability of the riskiest item")
    item_number: str = Field(description="The riskiest item")
    base_value: float = Field(description="Raw log-odds of that head before any evidence")
    raw_score: float = Field(description="Raw log-odds of that head for that item: base value plus all weights")


class ModelName(Answer):
    """Which model answered."""

    name: str = Field(examples=["tidewaiter"])
    version: str = Field(examples=["1"])
    digest: str = Field(description="SHA-256 of the bundle", examples=["9f2c..."])


class Action(Answer):
    """ACAS style referral. 6H (do not load) is never proposed by the service: a person decides that."""

    code: Literal["7H", "8H"]
    name: Literal["RFI", "RFS"] = Field(description="RFI: request for information; RFS: request for screening")


class Score(Answer):
    """One shipment's risk, with the evidence behind it."""

    decision_id: str = Field(description="Names this answer", examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"])
    shipment_id: str = Field(examples=["HB-2026-000184"])
    risk: Probability = Field(description="Calibrated P(illicit content of any kind) at the base rate in use")
    percentile: Probability = Field(description="Share of reference traffic that scores lower")
    content: dict[str, Probability] = Field(description="Probability per head, of its largest item")
    lane: Lane = Field(description="Recommended lane; a person decides")
    selected_by: Literal["score", "rule", "random"] | None = Field(description="What put it there; null when green")
    action: Action | None = Field(default=None, description="Only with `actions=acas`; null when green")
    explains: Explained | None = Field(description="What `reasons` speak of; null when not explained")
    reasons: list[Reason] = Field(description="Evidence for and against, the weightiest first")
    items: list[Item]
    warnings: list[FieldProblem] = Field(description="What was wrong with fields that were scored all the same")
    late: bool = Field(description="Declared before shipments already scored; scored with the present history")
    model: ModelName


class RejectedShipment(Answer):
    """A shipment of the request that cannot be read."""

    index: int = Field(description="Place in the request, from 0", ge=0, examples=[3])
    shipment_id: str | None = Field(examples=["HB-2026-000187"])
    problems: list[FieldProblem]


class BatchScore(Answer):
    """Results in the order of the request; what could not be read stands in `rejected`."""

    results: list[Score]
    rejected: list[RejectedShipment]


class FullListing(Listing):
    """A listing in force on the day, with its end and what is to be known of it."""

    effective_to: str | None = Field(description="Last day in force; null while there is no end")
    note: str | None


class Limb(Answer):
    """One change that a class definition allows."""

    limb: str = Field(
        description="As the law counts it; `parent` for the substance the class is built on", examples=["E"]
    )
    where: str = Field(description="Part of the parent that differs", examples=["N-propionyl group"])
    wording: str = Field(description="The change allowed", examples=["replaced by another acyl group"])
    verified: str = Field(description="Whether the wording was read at its publisher")
    source: str


class Exemption(Answer):
    """What takes a substance out of a class that its structure meets."""

    substance: str
    effect: Literal["outside", "review"] = Field(
        description="outside: the class's own words leave it out; review: the class provides for that, and whether it was "
        "done is not known"
    )
    reason: str
    verified: str
    source: str


class ClassDefinition(Answer):
    """A class-wide definition and how far the structure answers to it: `meets_definition`, apart from the law's result."""

    definition: str = Field(examples=["us-fentanyl-related"])
    name: str = Field(examples=["Fentanyl-related substances (class)"])
    jurisdiction: str = Field(examples=["US"])
    result: Literal["met", "possible"] = Field(description="possible: an open-ended wording may or may not cover it")
    limbs: list[Limb] = Field(description="The limbs by which the structure differs from the parent")
    wording_verified: str = Field(description="The least verified of these limbs")
    in_force: bool = Field(description="Whether a listing puts the class under control on the day")
    listing: FullListing | None = Field(description="That listing")
    exemption: Exemption | None = Field(description="Set where the substance is exempt")


class ControlledAs(Answer):
    """The law's result in one jurisdiction: a listing by name comes before a class."""

    jurisdiction: str = Field(examples=["US"])
    by: Literal["named", "class", "exempt", "possible"] = Field(alias="as")
    listing: str = Field(description="The list, or the class", examples=["Schedule I"])


class SubstanceAnswer(Answer):
    """What a text declares, and what the law of the day says of it."""

    query: str = Field(examples=["fentanil"])
    kind: (
        Literal["exact", "identifier", "systematic", "translated", "misspelt", "class", "mention", "similar"] | None
    ) = Field(description="How it was recognised, from strong to weak; null: not found")
    hit: bool = Field(description="A watched substance is declared; never for `mention`, `similar` and other groups")
    substance: str | None = Field(examples=["Fentanyl"])
    group: str | None = Field(
        description="fentanyl, nitazene, other_opioid and precursor are watched; other_controlled, adulterant and benign not",
        examples=["fentanyl"],
    )
    cas: str | None = Field(examples=["437-38-7"])
    inchikey: str | None = Field(examples=["PJMPHNIQZUBGLI-UHFFFAOYSA-N"])
    smiles: str | None = Field(
        description="Structure without salt and water", examples=["CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"]
    )
    confidence: Probability | None = Field(
        description="How surely the text means it; not a probability of illicit content", examples=[1.0]
    )
    matched_text: str | None = Field(description="The words that were recognised", examples=["fentanil"])
    context: str | None = Field(description="What the words around it say: test, publication, denied, ...")
    ambiguous: bool = Field(description="An abbreviation with other meanings, or a name inside a longer one")
    evidence: list[str] = Field(description="How it was recognised, or what was tried")
    listed: bool = Field(description="Listed or temporarily listed there and then, by name or as a member of a class")
    listed_in: list[str] = Field(examples=[["UN", "CA", "US"]])
    months_since_listing: float | None = Field(description="Since control began, where its first day is recorded")
    controlled_as: list[ControlledAs]
    listings: list[FullListing] = Field(description="Listings by name, in force on the day")
    classes: list[ClassDefinition] = Field(description="Class definitions that the structure meets or may meet")
    nearest: str | None = Field(description="The listed substance whose structure is most like it; not a legal match")
    similarity: Probability | None = Field(description="Tanimoto similarity to it")
    drawing: str | None = Field(description="SVG, when asked for and a structure is known")
    warnings: list[str] = Field(description="What could not be done or is not verified")
    as_of: str = Field(description="The day whose law was applied", examples=["2026-11-25"])
    jurisdiction: str | None = Field(description="Whose law was applied; null: everywhere", examples=["US"])


class UnreadableQuery(Answer):
    """A query of a batch that cannot be read."""

    query: str | None
    problem: str = Field(description="What is wrong, and what would be right")


class SubstanceAnswers(Answer):
    """Answers in the order of the queries."""

    results: list[SubstanceAnswer | UnreadableQuery]


class FeatureDescription(Answer):
    """One thing the model looks at."""

    name: str
    group: str
    meaning: str
    reason: str = Field(description="Code of the reason it adds to")
    monotone: Literal[-1, 0, 1] = Field(description="+1: the risk may only rise with it; -1: only fall; 0: either")
    share_of_gain: Probability | None = Field(description="How much of the model's fit rests on it; null when not kept")


class BaseRate(Answer):
    """Share of shipments with illicit content that probabilities are expressed at."""

    head: str
    rate: Probability
    source: Literal["configured", "assumed", "trained"] = Field(
        description="configured by this office, assumed (the documented default), or the training data's"
    )


class LaneThresholds(Answer):
    """Where the lanes begin."""

    red: float = Field(description="Uncorrected risk log-odds at or above which a shipment is red")
    yellow: float = Field(description="The same for yellow")
    red_share: Probability = Field(description="Share of base-rate traffic that red was set to hold")
    yellow_share: Probability


class RefusedBundle(Answer):
    """A bundle that was put in place and is not served."""

    folder: str
    problems: list[str]
    since: str


class ModelDescription(Answer):
    """The model that answers: its card, what it looks at, and what it is not for."""

    name: str
    version: str
    digest: str
    created_at: str
    serving_since: str
    history: Literal["snapshot", "carried over"] = Field(
        description="Whether history began with the bundle's snapshot or goes on from the model before"
    )
    predictor: Literal["kernels", "lightgbm"] = Field(
        description="What computes raw scores, to the last bit the same: this project's compiled kernels or LightGBM itself"
    )
    heads: list[str]
    base_rates: list[BaseRate]
    lanes: LaneThresholds
    random_share: Probability
    features: list[FeatureDescription]
    limits: list[str] = Field(description="What the model is not for")
    data: dict[str, Any] = Field(description="What it was trained on")
    metrics: dict[str, Any] = Field(description="How well it does, on what")
    card: dict[str, Any] = Field(description="The rest of the model card")
    refused: RefusedBundle | None = Field(description="A newer bundle that was put in place and refused")


class Column(Answer):
    """One field of the manifest."""

    name: str
    level: Literal["shipment", "consignor", "consignee", "item"]
    key: str = Field(description="Name inside its JSON object")
    kind: str
    description: str
    unit: str | None
    codes: dict[str, str] | None = Field(description="Accepted values with their meaning, where the list is closed")
    example: str | float | int | bool | None


class OutputColumn(Answer):
    """One column that scoring a file adds."""

    name: str
    description: str


class ManifestSchema(Answer):
    """Columns of a manifest, flat and nested, with kinds, units and codes; and the columns added to a scored file."""

    required: list[str]
    columns: list[Column]
    output_columns: list[OutputColumn]
    limits: dict[str, int]


class Health(Answer):
    """The process answers."""

    status: Literal["ok"]


class Chemistry(Answer):
    """The reader of systematic names. Without it, all else about chemicals is answered."""

    systematic_names: Literal["ready", "starting", "unavailable"]
    problem: str | None = Field(description="Why it is unavailable")


class Readiness(Answer):
    """A model is loaded and warm."""

    status: Literal["ready"]
    model: ModelName
    refused: RefusedBundle | None
    chemistry: Chemistry


Problem.model_rebuild()
