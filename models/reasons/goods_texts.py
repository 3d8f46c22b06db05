"""Writers of facts about the goods: substance, legal status on the day of declaration, permit, description and HS code."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import Final

from features.groups.description.group import DescriptionGroup
from features.groups.shown import log_share
from features.reference import hs_text
from features.substances import ADULTERANT, BENIGN, Match, Substances
from models.permit_numbers import form_fault, is_placeholder
from models.permits import FEATURE, REGISTERED, Party, Register, identity
from models.reasons.items import Evidence, ExplainedItems, FactWriter, quote
from models.reasons.law_texts import KINDS, legal_status, routes

#: Kind of match -> the way in which a text names the substance.
_HOW: Final = {
    "identifier": "by an identifier",
    "exact": "by name",
    "systematic": "by its systematic name",
    "translated": "in another language",
    "misspelt": "by a misspelt name",
    "class": "by name",
}
_CAS: Final = re.compile(r"\d{2,7}-\d{2}-\d")
_CAPITAL: Final = re.compile(r"\b[A-Z](?=[a-z]{2})")
#: Fields that may name a substance, in descending order of specificity.
_NAMED_IN: Final = {
    "cas_number": "as CAS number",
    "declared_chemical": "as declared chemical",
    "goods_description": "in the goods description",
}


def substance(items: ExplainedItems) -> list[str]:
    """Write the named substance, the field that names it, and its legal status on the route."""
    declared = zip(*map(items.text, _NAMED_IN), strict=True)
    return [
        "No watched substance is named in description, declared chemical or CAS number"
        if match is None
        else _substance(match, texts, on, route) + contradiction
        for match, texts, on, route, contradiction in zip(
            items.substances(),
            declared,
            items.declared_on(),
            routes(items),
            items.facts(_contradictions),
            strict=True,
        )
    ]


def _substance(match: Match, declared: Sequence[str | None], on: dt.date, route: dict[str, str]) -> str:
    matched = match.matched_text.casefold()
    # The matched text may already contain the substance's name or what it is.
    details = [match.substance] if match.substance.casefold() not in matched else []
    if match.group in KINDS and str(match.group) not in matched:
        details.append(KINDS[match.group])
    meaning = f" ({', '.join(details)})" if details and match.group != BENIGN else ""
    verb = "mentioned" if match.kind == "mention" else "declared"
    fields = [
        field
        for field, text in zip(_NAMED_IN.values(), declared, strict=True)
        if text is not None and matched in text.casefold()
    ]
    field = fields[0] if fields else "on the manifest"
    return f"{quote(match.matched_text)}{meaning} is {verb} {field}: {legal_status(match, on, route)}"


def substance_class(items: ExplainedItems) -> list[str]:
    """Write the class definitions of the route that the structure of an unlisted substance meets."""
    return [
        f"{quote(match.matched_text)}: {legal_status(match, on, route)}"
        if match is not None and match.classes
        else "No substance is named whose structure meets a class definition"
        for match, on, route in zip(items.substances(), items.declared_on(), routes(items), strict=True)
    ]


def resemblance(nothing: str) -> FactWriter:
    """Return a writer of the listed substance with the most similar structure. Similarity is not a legal result."""
    return lambda items: [
        f"{quote(match.matched_text)} resembles {match.nearest} (similarity {match.similarity:.2f}), not a legal match"
        if match is not None and match.similarity is not None
        else nothing
        for match in items.substances()
    ]


def name_variant(items: ExplainedItems) -> list[str]:
    """Write a misspelt or foreign name and its interpretation."""
    how = {"misspelt": "a misspelling of", "translated": "a name in another language for"}
    return [
        "No known substance is named"
        if match is None
        else f"{quote(match.matched_text)} reads as {how.get(match.kind, 'a name for')} {match.substance}"
        for match in items.substances()
    ]


def substance_and_hs(evidence: Evidence) -> list[str]:
    """Write the declared HS code and the named substance."""
    items = evidence.items
    return [
        "No known substance is named that the HS code could agree with"
        if match is None
        else f"{declared}, and {quote(match.matched_text)} names {match.substance}{measured}"
        for match, declared, measured in zip(items.substances(), items.facts(hs_fact), evidence.measured, strict=True)
    ]


def naming(items: ExplainedItems) -> list[str]:
    """Write how the substance is declared."""
    return [
        "No known substance is declared" if match is None else _naming(match) + contradiction
        for match, contradiction in zip(items.substances(), items.facts(_contradictions), strict=True)
    ]


def _contradictions(items: ExplainedItems) -> list[str]:
    """Write both substances where the CAS number is that of another substance than the words name; otherwise nothing."""
    index = Substances.load()
    texts = []
    for number, *words in zip(*map(items.text, _NAMED_IN), strict=True):
        by_number = index.match_cas(number) if number else None
        chemical, goods = words
        by_words = (index.match(chemical, chemical=True) if chemical else None) or (
            index.match(goods) if goods else None
        )
        if by_number is None or by_words is None or by_number.substance == by_words.substance:
            texts.append("")
        else:
            texts.append(
                f" (the CAS number {number} is that of {by_number.substance}, but the words name {by_words.substance})"
            )
    return texts


def _naming(match: Match) -> str:
    verb = "Mentioned" if match.kind == "mention" else "Declared"
    by_cas = match.kind == "identifier" and _CAS.search(match.matched_text) is not None
    how = "by CAS number" if by_cas else _HOW.get(match.kind, "")
    # Keep the capitals of a code: U-47700.
    name = _CAPITAL.sub(lambda letter: letter[0].lower(), match.substance, count=1)
    is_same = by_cas or match.matched_text.casefold() == match.substance.casefold()
    shown = "" if is_same else f" ({quote(match.matched_text)})"
    adulterant = ", an adulterant of opioids" if match.group == ADULTERANT else ""
    return " ".join(filter(None, (verb, how, f"as {name}{shown}{adulterant}")))


# -- permit, description and HS code ----------------------------------------------------------------------------------


def permit_fact(items: ExplainedItems) -> list[str]:
    """Write the permit number and whether it is in the office's register."""
    return [
        "No permit is declared" if text == _NO_PERMIT else text[0].upper() + text[1:] for text in items.facts(permit)
    ]


_NO_PERMIT: Final = "no permit"


def permit(items: ExplainedItems) -> list[str]:
    """Write the permit number and whether it is in the office's register. An unverified one lowers no score."""
    permits = (
        items.text("permit_number"),
        items.feature(FEATURE),
        items.parties(),
        items.declared_on(),
        items.substances(),
    )
    return [_permit(items.scored.register, *of_item) for of_item in zip(*permits, strict=True)]


def _permit(
    register: Register | None,
    number: str | None,
    value: float | None,
    parties: tuple[Party, ...],
    day: dt.date,
    match: Match | None,
) -> str:
    if number is None or is_placeholder(number):
        return _NO_PERMIT
    if value == REGISTERED:
        return f"permit {quote(number)} in the register"
    others = register.others(number, parties, day, identity(match)) if register is not None else []
    held = f" for this substance: the register holds it for {' and '.join(map(quote, others))}" if others else ""
    fault = form_fault(number, [party.country for party in parties])
    return f"permit {quote(number)}, not verified{held}{f'; {fault}' if fault else ''}"


def description(items: ExplainedItems) -> list[str]:
    """Write the goods description."""
    return [
        f"Goods are described as {quote(text)}" if text else "No goods description is declared"
        for text in items.text("goods_description")
    ]


def hs_and_description(items: ExplainedItems) -> list[str]:
    """Write the HS code and the goods description."""
    return [
        f"{declared} for goods described as {quote(text)}" if text else declared
        for declared, text in zip(items.facts(hs_fact), items.text("goods_description"), strict=True)
    ]


def hs(items: ExplainedItems) -> list[str]:
    """Write the HS code within a sentence."""
    return [f"HS {code}" if code else "no HS code" for code in items.text("hs_code")]


def hs_fact(items: ExplainedItems) -> list[str]:
    """Write the HS code."""
    return [f"HS {code} is declared" if code else "No HS code is declared" for code in items.text("hs_code")]


#: Short titles of chapters whose full title, up to its first semicolon, is long or names goods unlike most of the chapter.
_CHAPTER_TITLES: Final = {
    "01": "live animals",
    "04": "dairy products, eggs, honey and other products of animals",
    "05": "other products of animal origin",
    "06": "live plants and cut flowers",
    "07": "vegetables",
    "11": "milled products, malt and starches",
    "12": "oil seeds, other seeds, medicinal plants and fodder",
    "13": "gums, resins and plant extracts",
    "14": "plant materials for plaiting and other plant products",
    "15": "fats, oils and waxes",
    "16": "prepared meat and fish",
    "19": "preparations of cereals and bakers' wares",
    "23": "animal feed and residues of the food industry",
    "25": "salt, sulphur, earths, stone, lime and cement",
    "32": "dyes, pigments, paints and inks",
    "33": "perfumery, cosmetics and essential oils",
    "34": "soap, cleaning agents, waxes and candles",
    "35": "proteins, modified starches, glues and enzymes",
    "36": "explosives, fireworks and matches",
    "38": "miscellaneous chemical products",
    "42": "leather goods, bags and suitcases",
    "43": "furs",
    "54": "man-made filaments and their fabrics",
    "56": "wadding, felt, nonwovens, ropes and cords",
    "58": "special fabrics, lace and embroidery",
    "59": "coated and technical textiles",
    "60": "knitted or crocheted fabrics",
    "61": "knitted or crocheted clothing",
    "62": "clothing that is not knitted or crocheted",
    "63": "other made-up textiles and worn clothing",
    "66": "umbrellas and sticks",
    "67": "feathers, artificial flowers and articles of human hair",
    "68": "articles of stone, plaster and cement",
    "71": "jewellery, precious stones and precious metals",
    "81": "other base metals",
    "82": "tools and cutlery of base metal",
    "83": "miscellaneous articles of base metal",
    "84": "machines and their parts",
    "85": "electrical and electronic equipment",
    "87": "vehicles and their parts",
    "90": "optical, measuring and medical instruments",
    "94": "furniture, bedding and lamps",
}


def hs_chapter(items: ExplainedItems) -> list[str]:
    """Write the HS code and the chapter that it belongs to."""
    return [
        f"HS {code} is of chapter {code[:2]}, {title}" if code and title else declared
        for declared, code, title in (
            (declared, code, _chapter_title((code or "")[:2]))
            for declared, code in zip(items.facts(hs_fact), items.text("hs_code"), strict=True)
        )
    ]


def _chapter_title(chapter: str) -> str:
    return _CHAPTER_TITLES.get(chapter) or (hs_text(chapter) or "").partition(";")[0].lower()


def reading(evidence: Evidence) -> list[str]:
    """Write the HS code and the goods description, and what the automatic reading of the words says.

    What it says is left out where it is no ground: the usual low probability of a chemical, or words that fit the code, and raises.
    """
    texts = []
    values = {name: evidence.items.feature(name) for name in set(evidence.leading) & _NO_GROUND.keys()}
    for position, (declared, measured, leading) in enumerate(
        zip(evidence.items.facts(hs_and_description), evidence.measured, evidence.leading, strict=True)
    ):
        value = values[leading][position] if leading in values else None
        is_ground = value is None or not evidence.raises[position] or not 0.0 < value < _NO_GROUND[leading]
        texts.append(f"{declared}{measured}" if is_ground else declared)
    return texts


#: Feature -> value below which it is no ground for a reason that raises the score. The value 0 has words of its own.
_NO_GROUND: Final = {"text_chemical_probability": 0.02, "hs_text_agreement": math.inf, "hs_text_certainty": math.inf}


def description_words(evidence: Evidence) -> list[str]:
    """Write the goods description and what is unusual about its words."""
    items = evidence.items
    group = next((group for group in items.scored.space.groups if isinstance(group, DescriptionGroup)), None)
    texts = []
    for declared, text, measured, leading in zip(
        items.facts(description), items.text("goods_description"), evidence.measured, evidence.leading, strict=True
    ):
        words = None if group is None or text is None else _unusual_words(group, text, leading)
        texts.append(f"{declared}{measured if words is None else words}")
    return texts


def _unusual_words(group: DescriptionGroup, text: str, leading: str) -> str | None:
    """Return what a feature says of the words of a text by naming them; None if it says nothing of single words.

    Of rare and unknown words, only those like names of chemicals are named. Others are words of another language or brands.
    """
    if leading in _COUNTED_WORDS:
        counted = group.counted_words(leading, text)
        return f". {_COUNTED_WORDS[leading]}: {', '.join(map(quote, counted[:_WORDS_NAMED]))}" if counted else None
    if leading not in ("description_unknown_words", "description_rarest_word"):
        return None
    shares = {word: share for word, share in group.shares_of_words(text).items() if group.is_chemical(word)}
    unknown = [word for word, share in shares.items() if math.isnan(share)]
    if leading == "description_unknown_words":
        return f". Past descriptions never used {', '.join(map(quote, unknown[:_WORDS_NAMED]))}" if unknown else ""
    known = {word: share for word, share in shares.items() if word not in unknown}
    if not known:
        return ""
    rarest = min(known, key=known.__getitem__)
    return f". Its rarest known word, {quote(rarest)}, stands in {log_share(known[rarest])} of past descriptions"


#: Feature that counts words -> what these are.
_COUNTED_WORDS: Final = {
    "description_chemical_words": "Words built like chemical names",
    "description_generic_chemistry": "General words that could mean any chemical",
    "description_grade": "Words of grade and purpose",
}
_WORDS_NAMED: Final = 3


def hs_digits(items: ExplainedItems) -> list[str]:
    """Write the HS code and how many digits it has."""
    return [f"HS {code} has {len(code)} digits" if code else "No HS code is declared" for code in items.text("hs_code")]
