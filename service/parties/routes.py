"""``GET /v1/search`` and ``GET /v1/parties/{id}``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from service.core.errors import NotFound
from service.core.http.dependencies import AppDatabase, PlainJson, read_from
from service.core.http.openapi import Scope, needs, problems
from service.core.http.pages import OpaqueCursor, cursor_of, place_of
from service.core.http.schemas import Answer, answer_of
from service.decisions.routes import DecisionSummary, summary
from service.scoring.selecting import TEXT

if TYPE_CHECKING:
    from service.parties.finding import Known, Link, Party

router = APIRouter(prefix="/v1", tags=["search"])

_ID = "5f0c9d2e41ab8830"


class FoundParty(Answer):
    """A consignor or consignee: a name and a country, whatever their spelling."""

    id: str = Field(description="For `GET /v1/parties/{party_id}`", examples=[_ID])
    name: str = Field(description="As declared last", examples=["Qinghe Fine Chemical"])
    role: str = Field(description="consignor or consignee, as last", examples=["consignor"])
    country: str | None = Field(examples=["CN"])
    shipments: int = Field(description="Decisions on its shipments", examples=[12])
    finds: int = Field(description="Finds in its shipments", examples=[1])


class SearchAnswer(Answer):
    """What a search found."""

    parties: list[FoundParty] = Field(
        description="At most 20 parties with all the words in their name, then in their address and contacts; on the first page"
    )
    shipments: list[DecisionSummary] = Field(description="Decisions with all the words, the newest first")
    next: str | None = Field(description="`cursor` of the next page; null on the last page", examples=[None])
    total: int = Field(description="Number of decisions with all the words", examples=[3])


class PartyFind(Answer):
    """A find in a shipment of a party."""

    outcome_id: str
    decision_id: str
    shipment_id: str = Field(examples=["HB-2026-000187"])
    content: str = Field(examples=["precursor"])
    substance: str | None = Field(examples=["4-piperidone"])
    found_at: str = Field(examples=["2026-05-04T15:20:00Z"])


class LinkedParty(Answer):
    """Another party that shares a shipment, an address or a contact."""

    id: str = Field(examples=[_ID])
    name: str = Field(examples=["Meridian Sample Imports"])
    role: str = Field(examples=["consignee"])
    country: str | None = Field(examples=["MX"])
    by: str = Field(description="What they share: shipment, address, phone or email", examples=["address"])
    shipments: int = Field(description="Latest shipments in which they share it", examples=[2])


class PartyAnswer(Answer):
    """A party, its latest shipments, all its finds, and the parties that it is linked to."""

    id: str = Field(examples=[_ID])
    names: list[str] = Field(description="Spellings of its name, the latest first", examples=[["Qinghe Fine Chemical"]])
    roles: list[str] = Field(examples=[["consignor"]])
    country: str | None = Field(examples=["CN"])
    total: int = Field(description="Decisions on its shipments", examples=[12])
    shipments: list[DecisionSummary] = Field(description="The latest of them, at most 50")
    finds: list[PartyFind] = Field(description="The latest first")
    links: list[LinkedParty] = Field(description="As the latest 200 shipments show them")


@router.get(
    "/search",
    summary="Search all decisions",
    response_model=SearchAnswer,
    responses=problems(409, 422, 500, 503),
)
@needs(Scope.READ)
async def search(
    request: Request,
    database: AppDatabase,
    q: Annotated[
        str,
        Query(
            max_length=200,
            pattern=TEXT,
            description="Words in any script: of goods, parties, addresses, contacts, and numbers of documents and substances",
            openapi_examples={
                "party": {"summary": "A party", "value": "qinghe"},
                "goods": {"summary": "Words of goods", "value": "phenethyl piperidone"},
            },
        ),
    ],
    cursor: OpaqueCursor = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Shipments per page")] = 50,
) -> Response:
    """Return the parties and shipments that have all words of `q`. Case, accents and punctuation do not matter; numbers are found
    with and without their separators, and scripts without spaces by any part of two characters or more.
    """
    from service.parties import finding

    after = place_of(cursor, q, [int])
    found = await read_from(database, partial(finding.search, text=q, after=after, limit=limit))
    shipments = await to_thread.run_sync(lambda: [summary(row) for row in found.rows])
    following = cursor_of([found.rows[-1].position], q) if found.has_more else None
    parties = [_party(party) for party in found.parties]
    return PlainJson({"parties": parties, "shipments": shipments, "next": following, "total": found.total})


@router.get(
    "/parties/{party_id}",
    summary="One party with its shipments, finds and links",
    response_model=PartyAnswer,
    responses=problems(404, 409, 422, 500, 503),
)
@needs(Scope.READ)
async def party(
    request: Request,
    database: AppDatabase,
    party_id: Annotated[str, Path(max_length=64, pattern=TEXT, description="`id` of a party", examples=[_ID])],
) -> Response:
    """Return what the stored decisions know of a party. Parties are linked if they share a shipment, an address or a contact. An
    erased shipment no longer counts.
    """
    from service.parties import finding

    known = await read_from(database, finding.known_of, party_id)
    if known is None:
        raise NotFound(f"No stored shipment has the party {party_id!r}.")
    return PlainJson(await to_thread.run_sync(_known, known))


def _party(found: Party) -> dict[str, Any]:
    return answer_of(FoundParty, found)


def _known(known: Known) -> dict[str, Any]:
    return {
        "id": known.party.id,
        "names": known.names,
        "roles": known.roles,
        "country": known.party.country,
        "total": known.total,
        "shipments": [summary(row) for row in known.rows],
        "finds": [answer_of(PartyFind, row, outcome_id=row.id) for row in known.finds],
        "links": [_link(link) for link in known.links],
    }


def _link(link: Link) -> dict[str, Any]:
    return answer_of(LinkedParty, link.party, by=link.by, shipments=link.shipments)
