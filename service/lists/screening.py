"""Screening of shipments against one state of an office's lists: its entries, dismissals and suppressions in force."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np

from features.table.coded import Coded
from features.table.table import ManifestTable
from features.texts.remembered import LONGEST_REMEMBERED
from models.rules import ListHit, Suppression
from service.lists.forms import (
    EXACT_FORMS,
    FIELDS,
    FUZZY,
    EntryKind,
    address_forms,
    exact_form,
    name_forms,
    plain_places,
)
from service.lists.matching import AddressIndex, ExactIndex, NameIndex

_DIGEST_BYTES: Final = 16
#: Texts per kind whose matches are cached. They take some megabytes.
_REMEMBERED: Final = 16_384
Index: TypeAlias = NameIndex | AddressIndex | ExactIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """Entry of a watch list. Attributes are those of `service.lists.tables.WatchEntry`; ``lane`` is an index of `LANE_NAMES`."""

    id: str
    list_name: str
    kind: EntryKind
    text: str
    lane: int
    reason: str
    country: str = ""
    place: str = ""
    threshold: float = 90.0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Rules and hits that a suppression covers. An empty text covers everything; ``consignor`` is the normal form of a name."""

    suppression: Suppression
    rule: str = ""
    list_name: str = ""
    entry: str = ""
    consignor: str = ""

    def covers_rule(self, rule: str, consignor: str) -> bool:
        """Return whether the suppression covers a rule for a consignor."""
        return not self.list_name and not self.entry and self.rule in ("", rule) and self.consignor in ("", consignor)

    def covers_hit(self, hit: ListHit, consignor: str) -> bool:
        """Return whether the suppression covers a hit for a consignor."""
        return (
            not self.rule
            and self.list_name in ("", hit.list_name)
            and self.entry in ("", hit.entry)
            and self.consignor in ("", consignor)
        )


#: Entries that match a text, each with its similarity from 0 to 1.
_Matches: TypeAlias = tuple[tuple[Entry, float], ...]


class Segment:
    """Immutable group of entries, indexed by kind."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = tuple(entries)
        self.by_kind: dict[EntryKind, tuple[list[Entry], Index]] = {}
        for kind in EntryKind:
            of_kind = [entry for entry in entries if entry.kind is kind]
            if of_kind:
                self.by_kind[kind] = of_kind, _index(kind, of_kind)

    def __len__(self) -> int:
        return len(self.entries)


def _index(kind: EntryKind, entries: Sequence[Entry]) -> Index:
    texts, thresholds = [entry.text for entry in entries], [entry.threshold for entry in entries]
    if kind is EntryKind.NAME:
        return NameIndex(name_forms(texts), thresholds)
    if kind is EntryKind.ADDRESS:
        return AddressIndex(address_forms(texts), thresholds)
    return ExactIndex(EXACT_FORMS[kind](texts))


def _forms(kind: EntryKind, texts: Sequence[str]) -> list[Any]:
    if kind in FUZZY:
        return name_forms(texts) if kind is EntryKind.NAME else address_forms(texts)
    return EXACT_FORMS[kind](texts)


def party_digest(secret: bytes, kind: EntryKind, text: str) -> bytes:
    """Return the keyed digest of the normal form of a name, address or identifier."""
    return hashlib.blake2b(f"{kind}\0{exact_form(kind, text)}".encode(), key=secret, digest_size=_DIGEST_BYTES).digest()


@dataclass(frozen=True, slots=True, eq=False)
class ListScreening:
    """Immutable state of the lists; see `models.rules.Screening`.

    Attributes:
        segments: the entries, including those in ``gone``.
        gone: ids of entries that were removed or have expired.
        dismissals: (id of an entry, digest of a party) -> reason why they are not the same.
        suppressions: those in force, in the order in which they were added.
        secret: key of the digests of parties.
        digest: SHA-256 that identifies the entries, dismissals and suppressions in force.

    The matches of texts are cached in bounded memory, because the same parties send again and again.
    """

    segments: tuple[Segment, ...] = ()
    gone: frozenset[str] = frozenset()
    dismissals: Mapping[tuple[str, bytes], str] = field(default_factory=dict)
    suppressions: tuple[Suppressed, ...] = ()
    secret: bytes = b""
    digest: str = field(init=False)
    _cache: dict[EntryKind, dict[str, _Matches]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", self._digest())

    @property
    def entries(self) -> Iterator[Entry]:
        """The entries in force."""
        return (entry for segment in self.segments for entry in segment.entries if entry.id not in self.gone)

    @property
    def is_empty(self) -> bool:
        """True if no shipment can be affected."""
        return not self.suppressions and next(self.entries, None) is None

    @property
    def suppresses_rules(self) -> bool:
        """True if a suppression of rules is in force."""
        return any(not one.list_name and not one.entry for one in self.suppressions)

    def suppression(self, rule: str, consignor: str | None) -> Suppression | None:
        """Return the suppression of a rule for the declared name of a consignor; None if the rule is not suppressed."""
        form = _consignor_form(consignor)
        return next((one.suppression for one in self.suppressions if one.covers_rule(rule, form)), None)

    def hits(self, table: ManifestTable) -> Mapping[int, tuple[ListHit, ...]]:
        """Return the hits of a table by shipment. Each distinct text of a column is compared once."""
        by_shipment: dict[int, dict[tuple[str, str, str], ListHit]] = {}
        for kind in EntryKind:
            segments = [segment.by_kind[kind] for segment in self.segments if kind in segment.by_kind]
            if segments:
                self._add_hits(table, kind, segments, by_shipment)
        return {shipment: tuple(hits[key] for key in sorted(hits)) for shipment, hits in sorted(by_shipment.items())}

    def _add_hits(
        self,
        table: ManifestTable,
        kind: EntryKind,
        segments: Sequence[tuple[list[Entry], Index]],
        by_shipment: dict[int, dict[tuple[str, str, str], ListHit]],
    ) -> None:
        columns = _columns(table, kind)
        matches = self._matches(kind, segments, [text for _, column in columns for text in column.values])
        if not matches:
            return
        for name, column in columns:
            for code, text in enumerate(column.values):
                for entry, similarity in matches.get(text, ()):
                    dismissed = self._dismissed(entry, text)
                    for shipment in np.unique(table.shipment[column.codes == code]).tolist():
                        if not _is_same_place(entry, table, int(table.first_row[shipment]), name):
                            continue
                        hit = ListHit(
                            entry.id,
                            entry.list_name,
                            name,
                            similarity,
                            entry.lane,
                            entry.reason,
                            entry.source,
                            dismissed,
                        )
                        key = entry.list_name, entry.id, name
                        by_shipment.setdefault(shipment, {})[key] = self._unless_suppressed(hit, table, shipment)

    def _matches(
        self, kind: EntryKind, segments: Sequence[tuple[list[Entry], Index]], texts: Sequence[str]
    ) -> dict[str, _Matches]:
        """Return the entries in force that match each text, from the cache for known texts. Texts without a match are left out."""
        cached = self._cache.setdefault(kind, {})
        answers = {text: cached.get(text) for text in texts}
        new = [text for text, answer in answers.items() if answer is None]
        if new:
            fresh: dict[str, list[tuple[Entry, float]]] = {text: [] for text in new}
            forms = _forms(kind, new)
            for entries, index in segments:
                for at, number, percent in index.match(forms):
                    if entries[number].id not in self.gone:
                        fresh[new[at]].append((entries[number], percent / 100.0))
            computed = {text: tuple(matches) for text, matches in fresh.items()}
            answers |= computed
            if len(cached) + len(new) > _REMEMBERED:
                cached.clear()
            if len(new) <= _REMEMBERED:
                cached |= {text: matches for text, matches in computed.items() if len(text) <= LONGEST_REMEMBERED}
        return {text: matches for text, matches in answers.items() if matches}

    def _dismissed(self, entry: Entry, text: str) -> str | None:
        if not self.dismissals:
            return None
        return self.dismissals.get((entry.id, party_digest(self.secret, entry.kind, text)))

    def _unless_suppressed(self, hit: ListHit, table: ManifestTable, shipment: int) -> ListHit:
        if not self.suppressions or hit.dismissed is not None:
            return hit
        form = _consignor_form(_text(table, "consignor_name", int(table.first_row[shipment])))
        suppression = next((one.suppression for one in self.suppressions if one.covers_hit(hit, form)), None)
        if suppression is None:
            return hit
        return ListHit(
            hit.entry, hit.list_name, hit.field, hit.similarity, hit.lane, hit.reason, hit.source, None, suppression
        )

    def _digest(self) -> str:
        content = hashlib.sha256()
        parts: Iterable[Iterable[str]] = (
            (entry.id for entry in self.entries),
            (f"{entry}:{party.hex()}" for entry, party in self.dismissals),
            (one.suppression.id for one in self.suppressions),
        )
        for part in parts:
            content.update("\n".join(chain(sorted(part), ("",))).encode() + b"\0")
        return content.hexdigest()


def _columns(table: ManifestTable, kind: EntryKind) -> list[tuple[str, Coded]]:
    """Return the columns that entries of a kind are compared with, without empty columns."""
    columns = [(name, table.text(name)) for name in FIELDS[kind]]
    if kind is EntryKind.IDENTIFIER:
        columns += [(name, table.further(name)) for name in table.further_names]
    return [(name, column) for name, column in columns if column.values]


def _is_same_place(entry: Entry, table: ManifestTable, row: int, name: str) -> bool:
    """Return whether the country, place and unit of a party are those of the entry.

    A country or place that is not declared counts as equal. If the entry has a unit, the party must declare the same one.
    """
    if not entry.country and not entry.place and entry.kind is not EntryKind.ADDRESS:
        return True
    role = name.partition("_")[0]
    country = _text(table, f"{role}_country", row)
    if entry.country and country and country != entry.country:
        return False
    if entry.kind is not EntryKind.ADDRESS:
        return True
    address = _text(table, name, row) or ""
    wanted, party = address_forms([entry.text, address])
    if wanted.unit and wanted.unit != party.unit:
        return False
    places = [_text(table, f"{role}_city", row) or "", _text(table, f"{role}_postcode", row) or ""]
    declared = [place for place in plain_places(places[:1], places[1:]) if place]
    return not entry.place or not declared or not set(plain_places([entry.place], [entry.place])).isdisjoint(declared)


def _text(table: ManifestTable, name: str, row: int) -> str | None:
    column = table.text(name)
    code = column.codes.item(row)
    return column.values[code] if code >= 0 else None


def _consignor_form(name: str | None) -> str:
    return exact_form(EntryKind.NAME, name) if name else ""
