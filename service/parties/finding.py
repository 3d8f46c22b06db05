"""Parties and shipments that a search finds, and what is known of one party.

A party is a name and a country, whatever their spelling. There is no table of parties: the index says which decisions have one, and
their manifests say the rest, so an erased shipment is forgotten here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import select

from service.decisions.repository import SUMMARY
from service.inspections.outcomes import finds_in
from service.scoring.recording import declared_code
from service.scoring.summary import record_of
from service.scoring.tables import Decision
from service.search.finding import Finder, Positions, Wanted, among, hashes_of_query, page_of
from service.search.words import PartyOf, hash_of, of_name, of_party, parties_of, words_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

#: Parties of a search, manifests that are read at once to find them, and readings without a new party after which it ends.
_PARTIES: Final = 20
_AT_ONCE: Final = 25
_FUTILE: Final = 3
#: Latest shipments of a party that its page reads, and that it shows; links that it follows, and shipments read for each.
_READ: Final = 200
_SHOWN: Final = 50
_FOLLOWED: Final = 20
_READ_OF_LINK: Final = 10


@dataclass(slots=True)
class Party:
    """A party that was found.

    Attributes:
        name, role, country: as declared last.
        shipments, finds: numbers of decisions on its shipments, and of finds in them.
    """

    id: str
    name: str
    role: str
    country: str | None
    shipments: int = 0
    finds: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search: parties only on the first page, and `SUMMARY` of the newest shipments."""

    parties: list[Party]
    rows: list[Row[Any]]
    total: int
    has_more: bool


def search(connection: Connection, text: str, *, after: Sequence[Any] | None, limit: int) -> Found:
    """Search all decisions for the words of a text, the newest first.

    Args:
        after: position of the last decision of the previous page; None for the first page.
    """
    hashes = hashes_of_query(text)
    finder = Finder(connection, words=True)
    found = finder.find(Wanted(words=tuple(hashes)))
    positions, has_more = page_of(finder, found, "newest", after=after, limit=limit)
    parties = [] if after is not None else _parties(connection, finder, found, set(words_of(text)))
    by_position = {row.position: row for row in _rows(connection, SUMMARY, positions)}
    return Found(parties, [by_position[position] for position in positions], len(found), has_more)


def _parties(connection: Connection, finder: Finder, found: Positions, words: set[str]) -> list[Party]:
    """Return the parties that have all words in their name, then those that have them in their address or contacts."""
    by_name = finder.find(Wanted(words=tuple(hash_of(of_name(word)) for word in words)))
    parties: dict[str, Party] = {}
    for candidates, texts in ((by_name, _name), (found, _everything)):
        rest, futile = candidates, 0
        while len(rest) and len(parties) < _PARTIES and futile < _FUTILE:
            some, rest = rest[-_AT_ONCE:], rest[:-_AT_ONCE]
            new = {}
            for party in _declared(connection, some):
                if party.id not in parties and party.id not in new and words <= set(words_of(texts(party))):
                    new[party.id] = _party(party)
            futile = 0 if new else futile + 1
            parties |= new
            for seen in finder.positions([hash_of(of_party(party_id)) for party_id in new]):
                rest = np.setdiff1d(rest, seen, assume_unique=True)
    chosen = [*parties.values()][:_PARTIES]
    for one, positions in zip(chosen, finder.positions([hash_of(of_party(one.id)) for one in chosen]), strict=True):
        one.shipments, one.finds = len(positions), len(finds_in(connection, positions))
    return chosen


def _name(party: PartyOf) -> str:
    return party.name


def _everything(party: PartyOf) -> str:
    return "\n".join((party.name, *party.details))


def _party(party: PartyOf) -> Party:
    return Party(party.id, party.name, party.role, declared_code("consignee_country", party.country))


def _declared(connection: Connection, positions: Positions) -> Iterator[PartyOf]:
    """Yield the parties of decisions, the newest first."""
    rows = _rows(connection, (Decision.position, Decision.manifest), positions)
    for row in sorted(rows, key=lambda row: -row.position):
        record = record_of(row.manifest)
        if record is not None:
            yield from parties_of(record)


def _rows(connection: Connection, columns: Sequence[Any], positions: Sequence[int] | Positions) -> Sequence[Row[Any]]:
    return connection.execute(select(*columns).where(among(connection, Decision.position, positions))).all()


@dataclass(frozen=True, slots=True)
class Link:
    """Another party that shares something with a party.

    Attributes:
        by: ``shipment``, ``address``, ``phone`` or ``email``.
        shipments: number of shipments read in which the other party has it.
    """

    party: Party
    by: str
    shipments: int


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a party.

    Attributes:
        names: its spellings, the latest first.
        roles: its roles, the latest first.
        total: number of decisions on its shipments.
        rows: `SUMMARY` of the latest of them.
        finds: outcomes that are finds, the latest first.
    """

    party: Party
    names: list[str]
    roles: list[str]
    total: int
    rows: list[Row[Any]]
    finds: list[Row[Any]]
    links: list[Link]


def known_of(connection: Connection, party_id: str) -> Known | None:
    """Return what is known of a party; None if no stored shipment has it."""
    finder = Finder(connection, words=True)
    [positions] = finder.positions([hash_of(of_party(party_id))])
    rows = sorted(_rows(connection, SUMMARY, positions[-_READ:]), key=lambda row: -row.position)
    own: list[PartyOf] = []
    shared: Counter[str] = Counter()
    partners: dict[str, PartyOf] = {}
    together: Counter[str] = Counter()
    shown = []
    for row in rows:
        record = record_of(row.manifest)
        parties = [] if record is None else parties_of(record)
        here = [party for party in parties if party.id == party_id]
        if not here:
            continue
        shown.append(row)
        own += here
        shared.update({link for party in here for link in party.links})
        for party in parties:
            if party.id != party_id:
                partners.setdefault(party.id, party)
                together[party.id] += 1
    if not own:
        return None
    links = [Link(_party(partners[one]), "shipment", count) for one, count in together.most_common(_FOLLOWED)]
    links += _links(connection, finder, party_id, positions, [link for link, _ in shared.most_common(_FOLLOWED)])
    names, roles = (list(dict.fromkeys(getattr(party, name) for party in own)) for name in ("name", "role"))
    found = finds_in(connection, positions)
    latest = _party(own[0])
    return Known(latest, names, roles, len(positions), shown[:_SHOWN], found, links)


def _links(
    connection: Connection, finder: Finder, party_id: str, own: Positions, shared: Sequence[str]
) -> Iterator[Link]:
    """Yield the other parties with the same addresses or contacts."""
    for link, having in zip(shared, finder.positions([hash_of(one) for one in shared]), strict=True):
        others: dict[str, PartyOf] = {}
        counts: Counter[str] = Counter()
        for party in _declared(connection, np.setdiff1d(having, own, assume_unique=True)[-_READ_OF_LINK:]):
            if link in party.links and party.id != party_id:
                others.setdefault(party.id, party)
                counts[party.id] += 1
        for one, count in counts.most_common():
            yield Link(_party(others[one]), link.partition(":")[0], count)
