"""The substance that a text declares: by name, identifier, structure, composition of its name, or similar spelling.

The stages are ordered from certain and cheap to doubtful and expensive. The search ends with the first decisive stage. A first
scan decides which stages run. Most texts name no substance and cost only one dictionary lookup per word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from features.reference import BenignChemical, Relation, Substance, benign_chemicals, street_names, substances
from features.reference.translations import ChemicalNames, chemical_names
from features.reference.unii import UniiName, unii_names
from features.substances.context import Surroundings
from features.substances.find.common_chemicals import CommonChemicals
from features.substances.find.contents import Contents
from features.substances.find.first_look import EVERYTHING, NAMED, STRUCTURED, FirstLook
from features.substances.find.found import Found, decide, decide_in_context, decide_name, importance, merged
from features.substances.find.glance import NEAR, NUMBER, OTHERWISE, STEM, STREET
from features.substances.find.misspelt import MisspeltNames
from features.substances.find.morphemes import members
from features.substances.find.numbers import number_found, numbers_in
from features.substances.find.otherwise import OtherWritings, goes_on
from features.substances.find.street import StreetNames
from features.substances.match import ADULTERANT, BENIGN, CONTROLLED, READ_IN_CONTEXT, WATCHED, Kind, Match
from features.substances.normalise import fold, original, spell
from features.substances.read.analogues import Analogue, analogue
from features.substances.read.opsin import opsin
from features.substances.read.spotting import Piece, structures_in
from features.texts.cas_numbers import cas_candidates
from features.texts.reading import current_budget
from features.texts.remembered import remembered

if TYPE_CHECKING:
    from features.substances.find.by_structure import StructureIndex

# Maximum number of cached texts that name a substance. They are rare and repeat. A full cache is emptied.
_REMEMBERED: Final = 8_192
# A longer text is a document, not a description, and is not cached.
_LONGEST_REMEMBERED: Final = 400
# Characters of the beginning of a text, and of the pieces in which the rest is read. The cost grows faster than the length of a
# piece. Adjacent pieces share more characters than a name has.
_LONGEST_READ: Final = 10_000
_PIECE_READ: Final = 4_000
_SHARED: Final = 300
# Characters for salts and grades around the name of a common chemical: " hydrochloride".
_SLACK: Final = 16
_LETTER: Final = re.compile(r"[a-z]")
# Groups whose substances say less than a street name beside them: "fent powder cut with caffeine".
_BELOW_STREET_NAMES: Final = frozenset({BENIGN, ADULTERANT})
_NO_NUMBER: Final = re.compile(r"[^\d\s.-]")
_WORD_BEFORE: Final = re.compile(r"[^\W\d_]{3,}[ -]?$")
_WORD_AFTER: Final = re.compile(r"[ -]?[^\W\d_]{5}")
_HOW: Final = {
    "smiles": "Read as SMILES.",
    "inchi": "Read as InChI.",
    "inchikey": "InChIKey.",
    "systematic": "Systematic name, read by OPSIN.",
}


class Substances:
    """Index of all names and structures of all substances. Use `load` to build it.

    Args:
        watched: rows of the substance table.
        benign: common chemicals that are not watched.
        unii: names of the UNII list. Names of kind ``listed`` are skipped if their substance is not in ``watched``.
        common: names of common chemicals in other languages, for texts that are declared as chemicals.
    """

    def __init__(
        self,
        watched: Sequence[Substance],
        benign: Sequence[BenignChemical],
        unii: Sequence[UniiName] = (),
        common: Sequence[ChemicalNames] = (),
    ) -> None:
        self._structures_made: StructureIndex | None = None
        contents = Contents(watched, benign, unii)
        self._rows, self._names, self._related = contents.rows, contents.names, contents.related
        self._benign = contents.benign
        self._cas, self._inchikeys, self._smiles = contents.cas, contents.inchikeys, contents.smiles
        self._misspelt = MisspeltNames(contents.searched_with_errors(), others=contents.others())
        self._otherwise = OtherWritings(
            self._names.watched_words(),
            self._names.keys_of(WATCHED, translated=False),
            contents.adulterants(),
            self._names.keys_of({CONTROLLED}),
        )
        self._street = StreetNames(street_names())
        self._common = CommonChemicals(common, benign)
        self._look = FirstLook(self._names, self._misspelt, self._otherwise, self._street)
        # Caches by whether the texts are from a field for chemicals, and whether OPSIN was available.
        self._known: dict[tuple[bool, bool], dict[str, Match]] = {}
        self._of_cas = remembered(_REMEMBERED)(self._find_cas)

    @staticmethod
    def load() -> Substances:
        """Return the index of the bundled reference data, built once per process.

        Raises:
            ReferenceDataError: a bundled file is invalid, or one name belongs to two substances.
        """
        return _bundled()

    def match(self, text: str, *, chemical: bool = False) -> Match | None:
        """Return the most important substance that a text declares or mentions.

        Args:
            text: a goods description or a declared chemical, as declared.
            chemical: the text is from a field for chemicals, where an abbreviation needs no other context.
        """
        return self.match_all([text], chemical=chemical)[0]

    def match_all(self, texts: list[str], *, chemical: bool = False) -> list[Match | None]:
        """Return `match` of each text."""
        # Do not reuse answers from a time without OPSIN.
        kind = chemical, opsin().available
        known = self._known.setdefault(kind, {})
        found = [known.get(text) for text in texts]
        new = [at for at, match in enumerate(found) if match is None]
        read = [texts[at][:_LONGEST_READ] for at in new]
        looked_for = [EVERYTHING] * len(new) if chemical else self._look.flags(read)
        budget = current_budget()
        todo = list(zip(new, read, looked_for, strict=True))
        if budget is not None and len(todo) > 1:
            # Short texts and possible CAS numbers are cheap to read.
            todo.sort(key=lambda one: (_NO_NUMBER.search(one[1]) is not None, len(one[1])))
        for at, text, flags in todo:
            if budget is not None and flags and budget.spent:
                budget.unread.add(texts[at])
                continue
            match = self._resolve(text, chemical, flags) if flags else None
            if len(texts[at]) > _LONGEST_READ:
                match = self._resolve_rest(texts[at], match)
                if budget is not None and budget.spent:
                    budget.unread.add(texts[at])
            if match is not None:
                found[at] = match
                if len(text) <= _LONGEST_REMEMBERED:
                    if len(known) >= _REMEMBERED:
                        # Replace the cache instead of clearing it: another thread may be reading the old one.
                        known = self._known[kind] = {}
                    known[text] = match
        return found

    def may_name(self, texts: list[str]) -> list[bool]:
        """Return for each text whether it may name a substance. This is the first scan alone, which takes microseconds."""
        return [flags != 0 for flags in self._look.flags(texts)]

    def is_known(self, text: str, *, chemical: bool = False) -> bool:
        """Return whether the answer of `match` is cached."""
        return text in self._known.get((chemical, opsin().available), ())

    def begins_name(self, word: str) -> bool:
        """Return whether a word of letters a to z is, or begins, a word of a watched name."""
        return self._otherwise.begins_name(word)

    def ends_name(self, word: str) -> bool:
        """Return whether a word of letters a to z is, or ends, a word of a watched name."""
        return self._otherwise.ends_name(word)

    def match_abbreviation(self, text: str) -> Match | None:
        """Return the watched substance that a text names by an abbreviation alone, or among words of form, grade and amount.

        Such a text counts like one from a field for chemicals, unless something else says that the goods are no chemical.
        """
        if len(text) > _LONGEST_REMEMBERED or self._names.abbreviations().search(fold(text)) is None:
            return None
        match = self.match(text, chemical=True)
        return match if match is not None and match.hit and match.ambiguous else None

    def names_common(self, text: str) -> bool:
        """Return whether a text consists of names of common chemicals, harmless or not, and words for form and grade."""
        return self._common.reads(text)

    def match_cas(self, cas: str) -> Match | None:
        """Return the substance of a CAS number, written with or without hyphens; None if it is unknown.

        A number with a wrong check digit is unknown.
        """
        return self._of_cas(cas)

    def match_number(self, text: str) -> Match | None:
        """Return the substance of a CAS number in a text for another number, such as that of a permit.

        Digits without separators count only after a label, because they may be any number.
        """
        spelled = fold(text)
        found = next(numbers_in(spelled, self._cas, chemical=False), None)
        return self._of_entry(Found(*found), spelled[found[1] : found[2]], ("CAS Registry Number.",)) if found else None

    def _find_cas(self, cas: str) -> Match | None:
        known = (self._cas[number] for number in cas_candidates(cas) if number in self._cas)
        entry = next(known, None)
        return self._of_entry(Found(entry, 0, len(cas)), cas.strip(), ("CAS Registry Number.",)) if entry else None

    def _resolve_rest(self, text: str, first: Match | None) -> Match | None:
        """Return the most important match of a long text, given that of its beginning."""
        starts = range(_LONGEST_READ - _SHARED, len(text), _PIECE_READ - _SHARED)
        pieces = [text[start : start + _PIECE_READ] for start in starts]
        matches = (first, *self.match_all(pieces))
        return max((match for match in matches if match is not None), key=importance, default=None)

    def _resolve(self, text: str, chemical: bool, flags: int) -> Match | None:
        """Return the substance that a text names, as written or in another writing. ``flags`` state what to search for."""
        match = self._resolve_written(text, chemical, flags) if flags & ~(OTHERWISE | STREET) else None
        if match is not None and match.kind == "mention":
            return match
        if match is None or not match.hit or (match.kind == "class" and not match.smiles):
            other = self._resolve_otherwise(text, chemical, flags) if flags & (OTHERWISE | NEAR) else None
            if other is not None and (match is None or match.group == BENIGN or not other.mixed):
                match = other
        elif match.kind in ("exact", "misspelt"):
            match = self._with_parts_before(text, chemical, match)
        if flags & STREET and (match is None or match.kind == "similar" or match.group in _BELOW_STREET_NAMES):
            match = self._street.find(text) or match
        if chemical and (match is None or match.group == BENIGN):
            match = self._common.match(text) or match
        return match

    def _resolve_otherwise(self, text: str, chemical: bool, flags: int) -> Match | None:
        """Return the first watched substance that a text names in another writing; without one, the first adulterant."""
        adulterant: Match | None = None
        readings = list(self._otherwise.readings(text)) if flags & OTHERWISE else []
        # A cut name of several words contains whole words of a watched name, which set `NEAR`.
        if flags & NEAR and (cut := self._otherwise.cut_name(text)) is not None:
            readings.append(cut)
        for reading in readings:
            match = self._resolve_written(reading.text, chemical, EVERYTHING & ~NEAR)
            if match is not None and (match.hit or (match.kind == "mention" and match.group in WATCHED)):
                shown = reading.shown(match)
                if shown is not None:
                    return shown
            elif match is not None and adulterant is None and match.mixed:
                adulterant = reading.shown(match)
        return adulterant

    def _with_parts_before(self, text: str, chemical: bool, match: Match) -> Match:
        """Return the match of a longer name around a match, if its other part is in another language: asetil fentanyl."""
        reading = self._otherwise.by_sound(text, with_core=False)
        longer = self._resolve_written(reading.text, chemical, EVERYTHING & ~NEAR) if reading is not None else None
        if reading is None or longer is None or not longer.hit or longer.substance == match.substance:
            return match
        shown = reading.shown(longer)
        return shown if shown is not None and len(shown.matched_text) > len(match.matched_text) else match

    def _resolve_written(self, text: str, chemical: bool, flags: int) -> Match | None:
        """Return the substance that a text names as written. ``flags`` as in `_resolve`."""
        structures: list[Piece] | None = None
        if not flags & ~STRUCTURED and not (structures := structures_in(text)):
            return None
        spelled = spell(fold(text))
        around = Surroundings(spelled, chemical=chemical)
        found = self._names.find(spelled, around) if flags & NAMED else []
        if flags & NUMBER:
            numbers = numbers_in(spelled, self._cas, chemical=chemical)
            found += [number_found(entry, around, spelled, start, end) for entry, start, end in numbers]
        if chemical and not any(item.hit for item in found):
            found += self._names.without_qualifiers(spelled, around)
        best = max(found, key=lambda item: item.rank, default=None)
        # A name next to other words may be part of a longer misspelt name: valetyl fentanyl.
        beside = best is not None and best.hit and _beside(best, spelled)
        if best is not None and best.hit and not best.ambiguous and not beside:
            return self._of_found(best, text, spelled)
        # A common chemical recognised by its whole name needs no parsing of that name.
        known = best.end - best.start + _SLACK if best is not None and best.entry.group == BENIGN else 0
        if structures is None:
            structures = structures_in(text, chemical=chemical) if flags & STRUCTURED and len(text) > known else []
        pieces = [piece for piece in structures if len(piece.text) > known]
        candidates = list(self._by_structure(pieces, spelled, around)) if pieces else []
        read = max((len(match.matched_text) for match in candidates if match.hit or match.kind == "similar"), default=0)
        if not any(match.hit for match in candidates):
            composed = analogue(spelled) if flags & STEM else None
            if composed is not None and _LETTER.match(spelled, composed.end) is not None:
                # The word continues: etonitazepene is not composed of etonitazene.
                composed = None
            match = self._composed(composed, text, spelled, around) if composed is not None else None
            if composed is not None and match is not None:
                candidates.append(match)
                if composed.certain:
                    read = max(read, composed.end - composed.start)
                    if best is not None and _contains(composed, best):
                        # A composed name takes precedence over a name that is a part of it: despropionyl para-fluorofentanyl.
                        best, beside = None, False
        # A text that was read as the structure of another chemical is not a misspelling of a watched one.
        if (beside or not read) and not any(match.kind == "mention" for match in candidates):
            misspelt = self._misspelt.find(spelled, around, found) if flags & NEAR else []
            near = [item for item in misspelt if item.end - item.start > read and not goes_on(spelled, item.end)]
            if near:
                # These misspelt names are longer than the part that was read as a structure, so its hits do not count.
                candidates = [match for match in candidates if not match.hit]
                best = max(merged(found, near), key=lambda item: item.rank)
        if best is None and all(match.group == BENIGN for match in candidates):
            unlisted = (self._misspelt_member(item, spelled) for item in members(spelled, around, found))
            best = max(unlisted, key=lambda item: item.rank, default=None)
        if best is not None:
            candidates.append(self._of_found(best, text, spelled))
        return max(candidates, key=importance, default=None)

    def _by_structure(self, pieces: Sequence[Piece], spelled: str, around: Surroundings) -> Iterator[Match]:
        """Yield the matches of candidate structures."""
        for piece in pieces:
            match = self._read(piece)
            if match is None:
                continue
            written = spell(fold(piece.text))
            start = spelled.find(written)
            if start < 0:
                start, written = piece.start, piece.text
            end = start + len(written)
            # A systematic name that continues is the name of another substance.
            if piece.form != "systematic" or not around.continue_name(start, end):
                yield decide_in_context(match, around, start, end)

    def _read(self, piece: Piece) -> Match | None:
        """Return the match of a piece of text as a structure."""
        if piece.form == "inchikey":
            entry = self._inchikeys.get(piece.reading) or self._structures.salt(piece.reading)
            return self._of_entry(Found(entry, 0, 0), piece.text, ("InChIKey.",)) if entry is not None else None
        systematic = piece.form == "systematic"
        smiles = opsin().smiles(piece.reading) if systematic else piece.reading
        if smiles is None:
            return None
        parts = [smiles]
        if piece.form != "inchi" and "." in smiles:
            # OPSIN may read two adjacent names as a mixture, so each of its parts counts.
            parts += smiles.split(".")
        best: Match | None = None
        for part in parts:
            structure = self._structures.read(part, "inchi" if piece.form == "inchi" else "smiles")
            if structure is None:
                continue
            kind: Kind = "systematic" if systematic else "identifier"
            match = self._structures.match(structure, piece.text, kind, piece.text, _HOW[piece.form])
            if match is not None and (best is None or importance(decide(match, "")) > importance(decide(best, ""))):
                best = match
        if best is not None and systematic and not any(map(str.isdigit, piece.text)):
            # If a name omits a position, OPSIN assumes the usual one.
            best = replace(best, ambiguous=True, confidence=min(best.confidence, 0.7))
        return best

    def _composed(self, composed: Analogue, text: str, spelled: str, around: Surroundings) -> Match | None:
        """Return the match of the structure that the parts of a composed name give; None if they give none."""
        structure = self._structures.read(composed.smiles, "smiles") if composed.smiles else None
        if structure is None:
            return None
        piece = original(text, spelled, composed.start, composed.end)
        match = self._structures.match(structure, piece, "exact", piece, f"Composed of {', '.join(composed.parts)}.")
        if match is None:
            return None
        confidence = 0.95 if composed.certain else 0.85
        return decide_in_context(replace(match, confidence=confidence), around, composed.start, composed.end)

    def _misspelt_member(self, found: Found, spelled: str) -> Found:
        """Return the watched name that a word on the stem of a family misspells, or the word itself if it misspells none."""
        near = self._misspelt.nearest_member(spelled[found.start : found.end])
        if near is None:
            return found
        entry, errors = near
        return replace(found, entry=replace(entry, kind="misspelt"), distance=errors, confidence=0.7)

    @property
    def _structures(self) -> StructureIndex:
        # Build it only when the first structure is read, because it imports RDKit.
        if self._structures_made is None:
            from features.substances.find.by_structure import StructureIndex

            related = [row for row in self._related.values() if row.group is not Relation.HOMOLOGUE]
            self._structures_made = StructureIndex((*self._rows.values(), *related), self._benign)
        return self._structures_made

    def _of_found(self, found: Found, text: str, spelled: str) -> Match:
        piece = original(text, spelled, found.start, found.end)
        how = {"translated": f"Name in another language ({found.entry.language}).", "systematic": "Systematic name."}
        explanation = how.get(found.entry.kind, "Name.")
        if found.distance:
            explanation = f"{found.distance} typing error{'s' if found.distance > 1 else ''} from a name."
        elif found.disguised:
            explanation = "Name with digits or signs in place of letters."
        elif found.entry.abbreviation:
            explanation = "Abbreviation, which has other meanings too."
        elif found.ambiguous:
            explanation = "Name inside a longer name."
        return self._of_entry(found, piece, (explanation,))

    def _of_entry(self, found: Found, piece: str, evidence: tuple[str, ...]) -> Match:
        entry = found.entry
        smiles = self._smiles.get(entry.substance)
        structure = self._structures.read(smiles, "smiles") if smiles else None
        if structure is not None:
            homologue = entry.substance in self._related
            match = self._structures.match(structure, piece, "exact", entry.substance, evidence[0], always=homologue)
            # A register names an opioid that only resembles the listed ones.
            if match is not None and not (entry.group in WATCHED and match.kind == "similar"):
                return decide_name(match, found)
        kind: Kind = "misspelt" if found.distance or found.disguised else entry.kind
        if entry.group in WATCHED and entry.substance in self._related:
            evidence = (*evidence, "On no list; public registers of drugs name it as an opioid or a precursor.")
        elif entry.group in WATCHED and entry.substance not in self._rows:
            # The word ends in the stem of a family and is on no list.
            kind, evidence = "class", ("On no list; the word ends in the stem of the family's names.",)
        watched = entry.group in WATCHED
        mention = found.mention and entry.group in READ_IN_CONTEXT
        known, classes = self._structures.details(entry.substance) if entry.group != BENIGN else ("", ())
        return Match(
            "mention" if mention else kind,
            entry.substance,
            entry.group,
            piece,
            entry.cas,
            entry.inchikey,
            hit=watched and not mention,
            ambiguous=found.ambiguous,
            confidence=found.confidence,
            context=found.context,
            smiles=known,
            classes=classes,
            evidence=evidence,
        )


@cache
def _bundled() -> Substances:
    return Substances(substances(), benign_chemicals(), unii_names(), chemical_names())


def _beside(found: Found, spelled: str) -> bool:
    """Return whether a word is directly before or after a name."""
    return _WORD_BEFORE.search(spelled[: found.start]) is not None or _WORD_AFTER.match(spelled, found.end) is not None


def _contains(composed: Analogue, found: Found) -> bool:
    """Return whether a composed name contains a found name and is longer."""
    within = composed.start <= found.start and found.end <= composed.end
    return within and composed.end - composed.start > found.end - found.start
