"""Normal forms of names, addresses and identifiers, in which manifests are compared with entries of watch lists.

They use the normalisation of the model's features, which removes differences of case, accents, full-width letters and punctuation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from features.groups.history.address import plain_contacts, plain_names, plain_postcodes, split_addresses
from features.kinds.parties import words_without_form


class EntryKind(StrEnum):
    """Kinds of entries."""

    NAME = "name"
    ADDRESS = "address"
    PHONE = "phone"
    EMAIL = "email"
    IDENTIFIER = "identifier"


#: Manifest fields that each kind is compared with. Identifiers are also compared with an office's own fields.
FIELDS: Final[Mapping[EntryKind, tuple[str, ...]]] = {
    EntryKind.NAME: ("consignor_name", "consignee_name", "agent_name"),
    EntryKind.ADDRESS: ("consignor_address", "consignee_address"),
    EntryKind.PHONE: ("consignor_phone", "consignee_phone"),
    EntryKind.EMAIL: ("consignor_email", "consignee_email"),
    EntryKind.IDENTIFIER: ("house_id", "master_id", "permit_number", "shipment_id", "carrier_id", "marketplace"),
}
#: Kinds that are compared by similarity. Texts of the other kinds match if their forms are equal.
FUZZY: Final = frozenset({EntryKind.NAME, EntryKind.ADDRESS})
#: Words up to this length must be equal in a lookup. Longer ones may have one letter changed, missing or added.
_EXACT_LENGTH: Final = 3
#: Number of letters at the beginning and at the end of a street that select the entries to compare with.
_STREET_LETTERS: Final = 3
#: Longest word that is looked up with a letter missing, which bounds the cost of a long text. Words of names are shorter.
_LONGEST_WORD: Final = 40


@dataclass(frozen=True, slots=True)
class Form:
    """Normal form of a name or address.

    Attributes:
        ordered: the words in alphabetical order; for an address, the building.
        joined: the words in their order, without blanks; for an address, the building.
        words: the words that select entries; for an address, its number with letters of its street.
        unit: the unit of an address (flat, suite, locker), which is not compared by similarity; empty for names.
    """

    ordered: str
    joined: str
    words: tuple[str, ...]
    unit: str = ""


def name_forms(texts: Sequence[str]) -> list[Form]:
    """Return the forms of names."""
    forms = []
    for text in texts:
        words = words_without_form(text)
        forms.append(Form(" ".join(sorted(words)), "".join(words), tuple(words)))
    return forms


def address_forms(texts: Sequence[str]) -> list[Form]:
    """Return the forms of street lines. Two of them are compared only if their house numbers are equal."""
    forms = []
    for building, unit in zip(*split_addresses(list(texts)), strict=True):
        number = "".join(filter(str.isdigit, building))
        street = "".join(letter for letter in building if not letter.isdigit())
        ends = (f"{number}<{street[:_STREET_LETTERS]}", f"{number}>{street[-_STREET_LETTERS:]}")
        # Streets without a number match only if they are spelled alike.
        words = ends if number else (building,)
        forms.append(Form(building, building, words if building else (), unit))
    return forms


def without_a_letter(word: str) -> list[str]:
    """Return a word and all forms of it with one letter missing. Two words that differ in one letter share one of these."""
    if not _EXACT_LENGTH < len(word) <= _LONGEST_WORD:
        return [word]
    return [word, *[word[:at] + word[at + 1 :] for at in range(len(word))]]


def _identifiers(texts: Sequence[str]) -> list[str]:
    return [plain.decode() for plain in plain_names(list(texts))]


def _contacts(texts: Sequence[str]) -> list[str]:
    return [plain.decode() for plain in plain_contacts(list(texts))]


#: Kind -> function that returns exact forms of texts; empty for a text that identifies nothing.
EXACT_FORMS: Final[Mapping[EntryKind, Callable[[Sequence[str]], list[str]]]] = {
    EntryKind.PHONE: _contacts,
    EntryKind.EMAIL: _contacts,
    EntryKind.IDENTIFIER: _identifiers,
}


def exact_form(kind: EntryKind, text: str) -> str:
    """Return the normal form of a text, for dismissals: equal forms mean the same party. Empty if the text identifies nothing."""
    if kind is EntryKind.NAME:
        return name_forms([text])[0].ordered
    if kind is EntryKind.ADDRESS:
        form = address_forms([text])[0]
        return f"{form.joined} {form.unit}".strip()
    return EXACT_FORMS[kind]([text])[0]


def plain_places(cities: Sequence[str], postcodes: Sequence[str]) -> list[str]:
    """Return the forms of cities, then of postcodes."""
    return [plain.decode() for plain in (*plain_names(list(cities)), *plain_postcodes(list(postcodes)))]


@dataclass(frozen=True, slots=True)
class Topic:
    """One of the tables of lists.

    Attributes:
        name: name of the table.
        kind: prefix of kinds of audit entries, as in ``permit_added``.
        filters: columns by which entries may be filtered.
    """

    name: str
    kind: str
    filters: tuple[str, ...]


WATCH_ENTRIES: Final = Topic("watch_entries", "watch_entry", ("list_name", "kind"))
DISMISSALS: Final = Topic("dismissals", "dismissal", ("entry_id",))
SUPPRESSIONS: Final = Topic("suppressions", "suppression", ("rule_id", "list_name", "entry_id"))
PERMITS: Final = Topic("permits", "permit", ("permit_number",))
TOPICS: Final = (WATCH_ENTRIES, DISMISSALS, SUPPRESSIONS, PERMITS)
