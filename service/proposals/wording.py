"""What a proposal may rest on, in the words of an officer.

Only what is listed here enters a proposal: kinds of goods, kinds of parties, ways of declaring and packing. Nothing says whence,
by whom or in what language. Words of goods are those of the Harmonized System and of everyday goods, in English, so that none is
a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from features.reference.codes import hs_text, hs_texts, place_words
from features.reference.trade import ecommerce_goods

#: Feature -> what it is about, its least value, and words.
FEATURES: Final[Mapping[str, tuple[str, float, str]]] = {
    "description_missing": ("words", 1, "the goods are not described"),
    "description_stop_word": ("words", 0.5, "the description has a term that customs reject as vague"),
    "description_uninformative": ("words", 1, "few or repeated letters describe the goods"),
    "description_vagueness": ("words", 0.5, "the description is vague"),
    "description_chemical_words": ("words", 1, "the description has a word built like a chemical name"),
    "description_cas": ("words", 1, "the description gives a CAS number"),
    "description_grade": ("words", 1, "the description speaks of grade or purpose (purity, reagent, sample, powder)"),
    "description_equipment": ("words", 1, "tablet or capsule machinery, dies or moulds are named"),
    "description_tooling": ("words", 1, "presses, punches, dies, moulds or machine parts are named"),
    "description_medicine": ("words", 1, "tablets, capsules or medicines are named"),
    "description_dose": ("words", 1, "a clinical form such as tablet, patch or ampoule is named"),
    "description_standard": ("words", 1, "the words are those of reference standards"),
    "description_generic_chemistry": ("words", 1, "the goods are chemistry in general words (powder, intermediate)"),
    "description_opioid_fragment": ("words", 1, "a part of a name is typical of fentanyls or nitazenes"),
    "description_precursor_fragment": ("words", 1, "a part of a name is typical of fentanyl precursors"),
    "description_binder": ("words", 1, "fillers or binders of tablets are named"),
    "description_dye": ("words", 1, "dyes or pigments are named"),
    "description_hobby": ("words", 1, "words of kitchens, crafts or toys are used"),
    "text_chemical_probability": ("words", 0.5, "the words are those of chemicals"),
    "text_doubt": ("words", 0.5, "the words say nothing about the goods"),
    "substance_benign": ("substance", 1, "a common chemical that is on no list is named"),
    "substance_other": ("substance", 1, "another listed substance or an adulterant is named"),
    "substance_watched": ("substance", 1, "an opioid or a fentanyl precursor is named"),
    "substance_chemical_declared": ("substance", 1, "a chemical is declared in its own field"),
    "substance_cas_declared": ("substance", 1, "a CAS number is declared"),
    "hs_missing": ("code", 1, "there is no HS code"),
    "hs_unknown": ("code", 1, "the HS code does not exist"),
    "hs_fentanyl": ("code", 1, "the HS code is one of fentanyls"),
    "hs_precursor": ("code", 1, "the HS code is one of fentanyl precursors, or a broad one that contains them"),
    "hs_equipment": ("code", 1, "the HS code is one of tablet presses, their parts or lookalikes"),
    "hs_excipient": ("code", 1, "the HS code is one of binders, fillers or dosage forms"),
    "hs_cover": ("code", 1, "the HS code was reported as a cover for chemicals"),
    "hs_chemical_chapter": ("code", 1, "the HS code is one of chemicals"),
    "hs_text_contradiction": ("fit", 2, "the words contradict the HS code"),
    "chemical_text_harmless_code": ("fit", 2, "words of chemicals stand under a code of other goods"),
    "harmless_text_chemical_code": ("fit", 2, "words of other goods stand under a code of chemicals"),
    "value_missing": ("value", 1, "no value is known"),
    "value_below_threshold": ("value", 1, "the value lies just below a duty threshold"),
    "value_round": ("value", 2, "the value is in whole tens"),
    "same_name": ("parties", 1, "consignor and consignee have the same name"),
    "consignor_free_mail": ("contacts", 1, "the consignor writes from a free e-mail address"),
    "consignor_chemical": ("consignor", 1, "the consignor's name tells of chemistry, pharmacy, plastics or colours"),
    "consignor_laboratory": ("consignor", 1, "the consignor's name tells of a laboratory or standards"),
    "consignor_medical": ("consignor", 1, "the consignor's name tells of medicine"),
    "consignor_trader": ("consignor", 1, "the consignor is a trader whose name tells no line of business"),
    "consignor_address_missing": ("address", 1, "the consignor has no address"),
    "consignee_company": ("consignee", 1, "the consignee is a company or institution"),
    "consignee_laboratory": ("consignee", 1, "the consignee's name tells of a laboratory, university or institute"),
    "consignee_medical": ("consignee", 1, "the consignee's name tells of medicine, a hospital or a pharmacy"),
    "consignee_chemical": ("consignee", 1, "the consignee's name tells of chemistry, pharmacy, plastics or colours"),
    "consignee_maker": ("consignee", 1, "the consignee's name tells of a maker of goods"),
    "consignee_trader": ("consignee", 1, "the consignee is a trader whose name tells no line of business"),
    "consignee_forwarder": ("address", 1, "the consignee is a forwarder, mailbox or storage"),
    "consignee_address_missing": ("address", 1, "the consignee has no address"),
    "consignee_unit": ("address", 1, "the consignee's address names a unit, suite, flat or locker"),
    "consignee_private": ("consignee", 1, "the consignee is a private person"),
    "gift_from_company": ("nature", 1, "a company declares a gift"),
    "agent_present": ("channel", 1, "a freight agent is named"),
    "marketplace_present": ("channel", 1, "a marketplace is named"),
    "account_age_missing": ("account", 1, "the age of the consignor's account is not given"),
    "package_industrial": ("package", 1, "the package is a drum, jerrican, cask or sack"),
    "dangerous_goods": ("package", 1, "a dangerous goods number is declared"),
    "house_id_missing": ("documents", 1, "there is no house document"),
    "master_id_check_failed": ("documents", 1, "the check digit of the master number is wrong"),
    "mode_contradicts_channel": ("channel", 1, "the mode of transport does not fit the channel"),
    "permit_placeholder": ("permit", 1, "the permit number is a placeholder"),
}
#: Feature -> what it is about, its largest value, and words: something is absent, or does not fit.
ABSENT: Final[Mapping[str, tuple[str, float, str]]] = {
    "description_missing": ("words", 1, "the goods are not described"),
    "description_stop_word": ("words", 0.5, "the description has a term that customs reject as vague"),
    "description_uninformative": ("words", 1, "few or repeated letters describe the goods"),
    "description_vagueness": ("words", 0.5, "the description is vague"),
    "description_chemical_words": ("words", 1, "the description has a word built like a chemical name"),
    "description_cas": ("words", 1, "the description gives a CAS number"),
    "description_grade": ("words", 1, "the description speaks of grade or purpose (purity, reagent, sample, powder)"),
    "description_equipment": ("words", 1, "tablet or capsule machinery, dies or moulds are named"),
    "description_tooling": ("words", 1, "presses, punches, dies, moulds or machine parts are named"),
    "description_medicine": ("words", 1, "tablets, capsules or medicines are named"),
    "description_dose": ("words", 1, "a clinical form such as tablet, patch or ampoule is named"),
    "description_standard": ("words", 1, "the words are those of reference standards"),
    "description_generic_chemistry": ("words", 1, "the goods are chemistry in general words (powder, intermediate)"),
    "description_opioid_fragment": ("words", 1, "a part of a name is typical of fentanyls or nitazenes"),
    "description_precursor_fragment": ("words", 1, "a part of a name is typical of fentanyl precursors"),
    "description_binder": ("words", 1, "fillers or binders of tablets are named"),
    "description_dye": ("words", 1, "dyes or pigments are named"),
    "description_hobby": ("words", 1, "words of kitchens, crafts or toys are used"),
    "text_chemical_probability": ("words", 0.5, "the words are those of chemicals"),
    "text_doubt": ("words", 0.5, "the words say nothing about the goods"),
    "substance_benign": ("substance", 1, "a common chemical that is on no list is named"),
    "substance_other": ("substance", 1, "another listed substance or an adulterant is named"),
    "substance_watched": ("substance", 1, "an opioid or a fentanyl precursor is named"),
    "substance_chemical_declared": ("substance", 1, "a chemical is declared in its own field"),
    "substance_cas_declared": ("substance", 1, "a CAS number is declared"),
    "hs_missing": ("code", 1, "there is no HS code"),
    "hs_unknown": ("code", 1, "the HS code does not exist"),
    "hs_fentanyl": ("code", 1, "the HS code is one of fentanyls"),
    "hs_precursor": ("code", 1, "the HS code is one of fentanyl precursors, or a broad one that contains them"),
    "hs_equipment": ("code", 1, "the HS code is one of tablet presses, their parts or lookalikes"),
    "hs_excipient": ("code", 1, "the HS code is one of binders, fillers or dosage forms"),
    "hs_cover": ("code", 1, "the HS code was reported as a cover for chemicals"),
    "hs_chemical_chapter": ("code", 1, "the HS code is one of chemicals"),
    "hs_text_contradiction": ("fit", 2, "the words contradict the HS code"),
    "chemical_text_harmless_code": ("fit", 2, "words of chemicals stand under a code of other goods"),
    "harmless_text_chemical_code": ("fit", 2, "words of other goods stand under a code of chemicals"),
    "value_missing": ("value", 1, "no value is known"),
    "value_below_threshold": ("value", 1, "the value lies just below a duty threshold"),
    "value_round": ("value", 2, "the value is in whole tens"),
    "same_name": ("parties", 1, "consignor and consignee have the same name"),
    "consignor_free_mail": ("contacts", 1, "the consignor writes from a free e-mail address"),
    "consignor_company": ("consignor", 1, "the consignor is a company"),
    "consignor_chemical": ("consignor", 1, "the consignor's name tells of chemistry, pharmacy, plastics or colours"),
    "consignor_laboratory": ("consignor", 1, "the consignor's name tells of a laboratory or standards"),
    "consignor_medical": ("consignor", 1, "the consignor's name tells of medicine"),
    "consignor_trader": ("consignor", 1, "the consignor is a trader whose name tells no line of business"),
    "consignor_address_missing": ("address", 1, "the consignor has no address"),
    "consignee_company": ("consignee", 1, "the consignee is a company or institution"),
    "consignee_laboratory": ("consignee", 1, "the consignee's name tells of a laboratory, university or institute"),
    "consignee_medical": ("consignee", 1, "the consignee's name tells of medicine, a hospital or a pharmacy"),
    "consignee_chemical": ("consignee", 1, "the consignee's name tells of chemistry, pharmacy, plastics or colours"),
    "consignee_maker": ("consignee", 1, "the consignee's name tells of a maker of goods"),
    "consignee_trader": ("consignee", 1, "the consignee is a trader whose name tells no line of business"),
    "consignee_forwarder": ("address", 1, "the consignee is a forwarder, mailbox or storage"),
    "consignee_address_missing": ("address", 1, "the consignee has no address"),
    "consignee_unit": ("address", 1, "the consignee's address names a unit, suite, flat or locker"),
    "consignee_private": ("consignee", 1, "the consignee is a private person"),
    "gift_from_company": ("nature", 1, "a company declares a gift"),
    "gift_claimed": ("nature", 1, "a gift is declared"),
    "sample_claimed": ("nature", 1, "a commercial sample is declared"),
    "return_claimed": ("nature", 1, "returned goods are declared"),
    "agent_present": ("channel", 1, "a freight agent is named"),
    "marketplace_present": ("channel", 1, "a marketplace is named"),
    "account_age_missing": ("account", 1, "the age of the consignor's account is not given"),
    "package_industrial": ("package", 1, "the package is a drum, jerrican, cask or sack"),
    "dangerous_goods": ("package", 1, "a dangerous goods number is declared"),
    "house_id_missing": ("documents", 1, "there is no house document"),
    "house_id_check_failed": ("documents", 1, "the check digit of the house number is wrong"),
    "master_id_check_failed": ("documents", 1, "the check digit of the master number is wrong"),
    "mode_contradicts_channel": ("channel", 1, "the mode of transport does not fit the channel"),
    "permit_placeholder": ("permit", 1, "the permit number is a placeholder"),
    "substance_hs_agrees": ("fit", 0, "the HS code is not that of the substance named"),
    "consignor_contact": ("contacts", 0, "the consignor gives neither telephone nor e-mail"),
    "consignee_contact": ("consignee_contacts", 0, "the consignee gives neither telephone nor e-mail"),
    "consignor_known": ("account", 0, "the consignor is declared as not known"),
    "consignor_fits_code": ("trade", -1, "the HS code is outside the trade that the consignor's name tells"),
    "consignee_fits_code": ("trade", -1, "the HS code is outside the trade that the consignee's name tells"),
    "quantity_with_unit": ("documents", 0, "no quantity with its unit is declared"),
}
_TRADER: Final = "a consignor whose name tells of chemicals, medicines, plastics or colours"
#: Entry of evidence -> words. An entry joins what several features say.
ENTRIES: Final[Mapping[str, str]] = {
    "chemical_code_to_private": "a chemical by its HS code goes to a private person",
    "code_of_precursors_private": "a code of fentanyl precursors, or a broad one that contains them, goes to a private person",
    "generic_chemistry_to_private": "chemistry in general words goes to a private person",
    "generic_chemistry_to_trader": "chemistry in general words goes to a consignee whose name tells no use for it",
    "chemistry_to_private": "goods in words of chemicals go to a private person",
    "chemical_word_under_other_code": "a chemical is named under a code of other goods",
    "cas_to_private": "a CAS number serves as the product name of a parcel to a private person",
    "binder_to_private": "a binder, filler or empty capsules go to a private person",
    "binder_with_dye_to_private": "a binder or filler with a dye goes to a private person",
    "medicine_code_to_private": "a code of packed medicines goes to a private person",
    "press_to_private": "tablet or capsule machinery or its dies go to a private person",
    "equipment_code_to_private": "a code of presses, moulds or their parts goes to a private person",
    "tooling_to_private": "presses, dies, moulds or machine parts go to a private person",
    "chemical_trader_to_private": f"{_TRADER} sends to a private person",
    "chemical_trader_sends_other_goods": f"{_TRADER} sends other goods",
    "trader_without_use": "a trader whose name tells no use for the goods receives them",
    "sample_of_chemical_trader": f"{_TRADER} declares a sample",
    "industrial_package_in_parcel": "a drum, jerrican, cask or sack travels as a parcel",
    "dangerous_goods_to_private": "dangerous goods go to a private person",
    "freight_exceeds_value": "the freight costs more than the goods are worth",
    "heavy_for_the_goods": "the goods are heavier than such goods usually are",
    "cheap_for_the_goods": "the goods are cheaper than such goods usually are",
    "low_value_per_kg": "the value per kilogram is low for the HS code",
    "new_account": "the consignor's account is new",
}
#: Field of codes -> words before a code. A kind of filing would tell the destination, a carrier or a marketplace a party.
CODES: Final[Mapping[str, str]] = {
    "channel": "the channel is",
    "transport_mode": "it goes by",
    "package_type": "the package is",
    "transaction_nature": "the declared nature is",
    "quantity_unit": "quantities are in",
    "cas_number": "the CAS number is",
}
#: Field -> names of common codes of UN/ECE recommendations 20 and 21, which the manifest's own lists lack.
NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "package_type": {
        "BG": "a bag", "BX": "a box", "CN": "a container", "CR": "a crate", "CS": "a case", "CT": "a carton", "DR": "a drum",
        "EN": "an envelope", "JY": "a jerrican", "PA": "a packet", "PC": "a parcel", "PK": "a package of any kind",
        "PX": "a pallet", "SA": "a sack", "TU": "a tube",
    },
    "quantity_unit": {
        "C62": "pieces", "GRM": "grams", "KGM": "kilograms", "LTR": "litres", "MLT": "millilitres", "NMB": "numbers",
    },
}  # fmt: skip
_WORD: Final = re.compile(r"[a-z]{4,}")
_WORDS: Final = re.compile(r"\b[a-z]{4,24}\b")
#: Longest title of an HS code in characters.
_TITLE: Final = 60
#: Words of the nomenclature that tell nothing of goods.
_EMPTY_WORDS: Final = """
also articles below chapter classified containing elsewhere excluding exceeding forms from goods having heading headings
including items kind kinds less like made making materials more note notes only other others over part parts pieces products
prepared put similar such sets than that their thereof these this those type types under used uses value various weight whether
which with without within specified subheading subheadings description quantity packed packing retail sale new size small large
"""


@cache
def goods_words() -> frozenset[str]:
    """Return the words of the Harmonized System and of consumer goods that name neither a place, a people nor a language."""
    texts = [*hs_texts().values(), *(good.description for good in ecommerce_goods())]
    words = {word for text in texts for word in _WORD.findall(text.lower())}
    words |= {f"{word}s" for word in words} | {word[:-1] for word in words if re.fullmatch(r".{4,}[^s]s", word)}
    return frozenset(words - place_words() - set(_EMPTY_WORDS.split()))


def words_in(text: str) -> set[str]:
    """Return the words of a text that may be words of goods. A word with other letters or digits beside it is none."""
    return set(_WORDS.findall(text.lower()))


def titled(prefix: str) -> str:
    """Return the digits of an HS code with their title in brackets, if they have one."""
    title = (hs_text(prefix) or "").lower()
    if len(title) > _TITLE:
        title = f"{title[:_TITLE].rsplit(' ', 1)[0].rstrip(',;:')} ..."
    return f"{prefix} ({title})" if title else prefix


def listed(texts: list[str]) -> str:
    """Return texts as alternatives in a sentence."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
