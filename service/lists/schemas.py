"""Pydantic models for the documentation of the office's lists: entries, pages and imports."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.core.http.schemas import Answer, FieldProblem

_ID = "5f0c1a52-9a4e-4d0b-8d5b-0c3c5a4f9f10"
_NEXT = Field(description="`cursor` of the next page; null on the last page", examples=[None])


class ListedEntry(Answer):
    """Members of all kinds of entries."""

    id: str = Field(examples=[_ID])
    reason: str = Field(description="Why the entry was added", examples=["Order 2026/14 of the targeting unit"])
    expires_at: str | None = Field(description="Last moment at which the entry counts; null for no limit")
    added_by: str | None = Field(description="Id of the API key, or name of the command")
    added_at: str = Field(examples=["2026-11-27T09:30:00Z"])


class WatchListEntry(ListedEntry):
    """Entry of a watch list."""

    list: str = Field(description="Name of the list", examples=["precursor-brokers"])
    kind: Literal["name", "address", "phone", "email", "identifier"]
    text: str | None = Field(description="Null after erasure", examples=["Lianhe Novelty Trading"])
    country: str = Field(description="Country of the party; empty for any", examples=["CN"])
    place: str = Field(description="City or postcode of an address; empty for any")
    threshold: float = Field(description="Minimum similarity of names and addresses, in percent", examples=[90.0])
    lane: Literal["yellow", "red"] = Field(description="Lowest lane of a matching shipment")
    source: str


class WatchListEntries(Answer):
    """A page of entries, in the order of their addition."""

    entries: list[WatchListEntry]
    next: str | None = _NEXT


class DismissalEntry(ListedEntry):
    """Statement that an entry of a watch list and a party are not the same. Only a keyed digest of the party is stored."""

    entry_id: str = Field(description="Id of the entry of a watch list", examples=[_ID])


class DismissalEntries(Answer):
    """A page of dismissals."""

    entries: list[DismissalEntry]
    next: str | None = _NEXT


class SuppressionEntry(ListedEntry):
    """Period in which a rule, a list or an entry raises no lane. Empty members match everything."""

    rule_id: str = Field(examples=["press-to-private-person"])
    list: str
    entry_id: str
    consignor: str | None = Field(
        description="Name of the consignor; null after erasure", examples=["Example Trading Co"]
    )


class SuppressionEntries(Answer):
    """A page of suppressions."""

    entries: list[SuppressionEntry]
    next: str | None = _NEXT


class PermitEntry(ListedEntry):
    """Permit or licensed party of the register."""

    permit_number: str = Field(description="Empty for a licensed party", examples=["IP-2026-0042"])
    party_name: str | None = Field(description="Null after erasure", examples=["Lakeside Pharma Ltd"])
    party_country: str = Field(examples=["US"])
    valid_from: str = Field(examples=["2026-01-01"])
    valid_until: str = Field(examples=["2026-12-31"])
    substance: str = Field(description="Name or CAS number of the only substance; empty for any", examples=["fentanyl"])


class PermitEntries(Answer):
    """A page of permits."""

    entries: list[PermitEntry]
    next: str | None = _NEXT


class RejectedLine(Answer):
    """A line of an imported file that cannot be used."""

    line: int = Field(ge=1, examples=[7])
    problems: list[FieldProblem]


class ImportedEntries(Answer):
    """Result of an import. Usable lines are added even if others are rejected."""

    added: int = Field(ge=0, examples=[1_250])
    removed: int = Field(ge=0, description="Entries that the file replaced")
    rejected: list[RejectedLine]
