"""What the index of decisions knows of one: hashes of its words, parties, addresses and values of filters.

A word is a run of letters and digits in lower case without accents. Scripts that write without spaces give pairs of neighbouring
characters instead, so that a part of a run is found too. Names, addresses and contacts are compared as the history compares them.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from features.groups.history.address import plain_contacts, plain_names, split_addresses
from features.manifest.fields import ITEM_NAMES
from features.manifest.records import HEAD_NAMES
from features.texts.folding import folded
from service.scoring.summary import route_of

if TYPE_CHECKING:
    from features.manifest.records import Record

#: Bits of a hash. Of a million decisions with five million words, one word in a million shares its hash with another.
HASH_BITS: Final = 42
#: Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters and Hangul.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
)
_RUN: Final = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
_ASCII_RUN: Final = re.compile("[a-z0-9]+")
#: Separators within a number of a document or a substance.
_SEPARATORS: Final = re.compile(r"[^\w\n]+|_")
#: Longest word in characters, and most goods items and words of one decision. A shipment may have thousands of items.
_LONGEST: Final = 64
_MOST_ITEMS: Final = 100
_MOST_WORDS: Final = 400
_MOST_OF_NAME: Final = 20
_HEAD: Final = {name: place for place, name in enumerate(HEAD_NAMES)}
_ITEM: Final = {name: place for place, name in enumerate(ITEM_NAMES)}
_DETAILS: Final = ("address", "city", "postcode", "phone", "email")
_PARTIES: Final = {
    role: [_HEAD[f"{role}_{field}"] for field in ("name", "country", *_DETAILS)] for role in ("consignor", "consignee")
}
#: Places of numbers of documents and substances, which are found with and without their separators, and of other texts.
_NUMBERS: Final = [
    _HEAD[name] for name in ("shipment_id", "master_id", "house_id", "consignor_phone", "consignee_phone")
]
_TEXTS: Final = [
    *(_HEAD[name] for name in ("agent_name", "marketplace", "carrier_id")),
    *(_HEAD[f"{role}_{field}"] for role in _PARTIES for field in ("name", *_DETAILS)),
]
_ITEM_NUMBERS: Final = [_ITEM[name] for name in ("cas_number", "cus_number", "hs_code", "permit_number", "undg_number")]
_ITEM_TEXTS: Final = [_ITEM[name] for name in ("goods_description", "declared_chemical")]


def hash_of(word: str) -> int:
    """Return the hash of a word of the index."""
    digest = hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - HASH_BITS)


def words_of(text: str) -> list[str]:
    """Return the words of a text, with repetitions."""
    plain = folded(text)
    if plain.isascii():
        return [word[:_LONGEST] for word in _ASCII_RUN.findall(plain)]
    words = []
    for run in _RUN.findall(unicodedata.normalize("NFC", plain)):
        if len(run) > 1 and _IS_UNSPACED.match(run):
            words += [run[at : at + 2] for at in range(len(run) - 1)]
        else:
            words.append(run[:_LONGEST])
    return words


@dataclass(frozen=True, slots=True)
class PartyOf:
    """A party as a manifest declares it.

    Attributes:
        id: name and country, whatever their spelling, as 16 hexadecimal digits.
        details: address and contacts as declared.
        links: the same in a form that other spellings share, each with its kind before it.
    """

    id: str
    role: str
    name: str
    country: str | None
    details: tuple[str, ...]
    links: tuple[str, ...]


def parties_of(record: Record) -> list[PartyOf]:
    """Return the named parties of a shipment."""
    found = []
    for role, places in _PARTIES.items():
        name, country, *details = [record.texts[place] for place in places]
        if name is None or not (plain := plain_names([name])[0]):
            continue
        key = plain + b"|" + (country or "").upper().encode()
        shown = tuple([text for text in details if text is not None])
        party_id = hashlib.blake2b(key, digest_size=8).hexdigest()
        found.append(PartyOf(party_id, role, name, country, shown, tuple(_links(*details))))
    return found


def _links(
    address: str | None, city: str | None, postcode: str | None, phone: str | None, email: str | None
) -> list[str]:
    links = []
    if address is not None:
        [building], [unit] = split_addresses([address])
        if building:
            place = plain_names([city or postcode or ""])[0].decode()
            links.append(f"address:{building}/{unit}/{place}")
    for kind, contact in (("phone", phone), ("email", email)):
        if contact is not None and (plain := plain_contacts([contact])[0]):
            links.append(f"{kind}:{plain.decode()}")
    return links


def of_party(party_id: str) -> str:
    """Return the word of the index for a party."""
    return f"party:{party_id}"


def of_name(word: str) -> str:
    """Return the word of the index for a word of a party's name."""
    return f"name:{word}"


def of_filter(name: str, value: str) -> str:
    """Return the word of the index for a value of a filter."""
    return f"{name}={value}"


def hashes_of(record: Record) -> set[int]:
    """Return the hashes of the words, parties, addresses and countries of a shipment."""
    numbers = [text for place in _NUMBERS if (text := record.texts[place]) is not None]
    texts = [text for place in _TEXTS if (text := record.texts[place]) is not None]
    for item in record.items[:_MOST_ITEMS]:
        numbers += [text for place in _ITEM_NUMBERS if (text := item[place]) is not None]
        texts += [text for place in _ITEM_TEXTS if (text := item[place]) is not None]
    joined = "\n".join(numbers)
    words = dict.fromkeys(_SEPARATORS.sub("", folded(joined)).split("\n"))
    words.update(dict.fromkeys(words_of("\n".join((joined, *texts)))))
    words.pop("", None)
    chosen = list(words)[:_MOST_WORDS]
    for party in parties_of(record):
        chosen.append(of_party(party.id))
        chosen += party.links
        chosen += map(of_name, words_of(party.name)[:_MOST_OF_NAME])
    if way := route_of(record):
        chosen += of_filter("origin", way[0]), of_filter("destination", way[-1])
    return set(map(hash_of, chosen))
