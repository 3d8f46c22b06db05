"""The substance that a text declares: by name, identifier, structure, composition of its name, or similar spelling.

The stages are ordered from certain and cheap to doubtful and expensive, and end with the first decisive one. A scan
decides which of them run: most texts name nothing and cost a dictionary lookup per word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from features.reference import BenignChemical, Group, Substance, benign_chemicals, cas_numbers, substances
from features.reference.unii import UniiName, unii_names
from features.substances.context import Surroundings
from features.substances.find.first_look import (
    EVERYTHING,
    NAMED,
    NEAR,
    NUMBER,
    STEM,
    STRUCTURED,
    first_look,
    worth_looking_for,
)
from features.substances.find.misspelt import MisspeltNames, merged
from features.substances.find.names import Entry, Found, NameIndex, members
from features.substances.match import BENIGN, WATCHED, Kind, Match
from features.substances.normalise import CAS, fold, original, spell
from features.substances.read.analogues import Analogue, analogue
from features.substances.read.opsin import opsin
from features.substances.read.spotting import Piece, structures_in
from features.substances.read.translations import translated_names

if TYPE_CHECKING:
    from features.substances.find.by_structure import StructureIndex

# Cached texts that name something. They are rare in trade and repeat. A full cache is emptied.
_REMEMBERED: Final = 8_192
# A longer text is a document, not a description, and is not cached.
_LONGEST_REMEMBERED: Final = 400
#: Maximum characters of a text that are read.
_LONGEST_READ: Final = 10_000
_RESOLVED: Final = tuple(group for group in Group if group not in (Group.EQUIPMENT, Group.LEGAL_CLASS))
# Characters for salts and grades around the name of a common chemical: " hydrochloride".
_SLACK: Final = 16
_LETTER: Final = re.compile(r"[a-z]")
_WORD_BEFORE: Final = re.compile(r"[^\W\d_]{3,}[ -]?$")
_WORD_AFTER: Final = re.compile(r"[ -]?[^\W\d_]{5}")
_LABELLED_CAS: Final = re.compile(
    r"(?:^\s*|\bcas(?:[ -]?(?:rn|no|nr|number|num|reg)\b)?[\s.:#=()-]*)(\d{2,7})([-./ ]?)(\d{2})\2(\d)(?!\d)",
    re.ASCII,
)
_LABEL: Final = re.compile(r"\b(?:cas|product|item|article|art|cat|ref|reg|registry)[ .]*(?:no|nr|number)[ .:#]*$")
_HOW: Final = {
    "smiles": "Read as SMILES.",
    "inchi": "Read as InChI.",
    "inchikey": "InChIKey.",
    "systematic": "Systematic name, read by OPSIN.",
}


class SubstanceIndex:
    """All names and structures of all substances, ready for lookups. Use `load` to build it.

    Args:
        watched: rows of the substance table.
        benign: common chemicals that are not watched.
        unii: names of the UNII list. Names of substances outside ``watched`` are skipped.
    """

    def __init__(
        self, watched: Sequence[Substance], benign: Sequence[BenignChemical], unii: Sequence[UniiName] = ()
    ) -> None:
        self._rows = {row.name: row for row in watched if row.group in _RESOLVED}
        self._names = NameIndex()
        self._cas: dict[str, Entry] = {}
        self._inchikeys: dict[str, Entry] = {}
        self._smiles: dict[str, str] = {}
        self._structures_made: StructureIndex | None = None
        for row in self._rows.values():
            self._names.add_substance(row, systematic="systematic")
            if row.cas:
                self._cas[row.cas] = _entry(row, "identifier")
            if row.inchikey:
                self._inchikeys[row.inchikey] = _entry(row, "identifier")
        for number in cas_numbers():
            if number.substance in self._rows:
                self._cas[number.cas] = _entry(self._rows[number.substance], "identifier")
        for chemical in benign:
            self._names.add_benign(chemical)
            self._cas.setdefault(chemical.cas, Entry(chemical.name, BENIGN, chemical.cas, "", "identifier"))
        # One entry for all names of a substance in a language: there are tens of thousands of names.
        entries: dict[tuple[str, str], Entry] = {}
        for name in translated_names():
            translated = self._rows.get(name.substance)
            if translated is not None:
                entry = entries.get((name.substance, name.language))
                if entry is None:
                    entry = _entry(translated, "translated", name.language)
                    entries[name.substance, name.language] = entry
                self._names.add(name.name, entry, yielding=True)
        self._add_unii(unii)
        others = [name.name for name in unii if name.kind == "other"]
        others += [name for chemical in benign for name in (chemical.name, *chemical.synonyms)]
        self._misspelt = MisspeltNames((*self._names.watched_names(), *self._common_names(unii)), others=others)
        self._look = first_look(self._names, self._misspelt)
        # Caches by whether the texts are from a field for chemicals, and whether OPSIN was available.
        self._known: dict[tuple[bool, bool], dict[str, Match]] = {}
        self._of_cas = lru_cache(maxsize=_REMEMBERED)(self._find_cas)

    @staticmethod
    def load() -> SubstanceIndex:
        """Return the index of the bundled reference data, built once per process.

        Raises:
            ReferenceDataError: a bundled file is invalid, or one name belongs to two substances.
        """
        return _bundled()

    def resolve(self, text: str, *, chemical: bool = False) -> Match | None:
        """Return the most important substance that a text declares or mentions.

        Args:
            text: a goods description or a declared chemical, as declared.
            chemical: the text is from a field for chemicals, where an abbreviation needs no other context.
        """
        return self.resolve_all([text], chemical=chemical)[0]

    def resolve_all(self, texts: list[str], *, chemical: bool = False) -> list[Match | None]:
        """Return `resolve` of each text."""
        # Do not reuse answers given while OPSIN was down.
        kind = chemical, opsin().available
        known = self._known.setdefault(kind, {})
        found = [known.get(text) for text in texts]
        new = [at for at, match in enumerate(found) if match is None]
        # Only the beginning of a document is read, because the cost grows faster than the length.
        read = [texts[at][:_LONGEST_READ] for at in new]
        looked_for = [EVERYTHING] * len(new) if chemical else worth_looking_for(self._look, read)
        for at, text, seen in zip(new, read, looked_for, strict=True):
            match = self._resolve(text, chemical, seen) if seen else None
            if match is not None:
                found[at] = match
                if len(text) <= _LONGEST_REMEMBERED:
                    if len(known) >= _REMEMBERED:
                        # Replace the cache instead of clearing it: another thread may be reading the old one.
                        known = self._known[kind] = {}
                    known[text] = match
        return found

    def nearest(self, text: str) -> Match | None:
        """Return the listed substance with the most similar structure, for a query that names no listed substance.

        Args:
            text: a chemical's name or structure.

        Returns:
            A match of kind ``similar`` at any similarity; None if the text is no readable structure.
        """
        for piece in structures_in(text, chemical=True):
            if piece.form != "inchikey" and (match := self._read(piece, anyway=True)) is not None:
                return match
        return None

    def resolve_cas(self, cas: str) -> Match | None:
        """Return the substance of a CAS number, written with or without hyphens; None if it is unknown.

        A number with a wrong check digit is unknown.
        """
        return self._of_cas(cas)

    def _find_cas(self, cas: str) -> Match | None:
        digits = re.sub(r"[\s-]", "", fold(cas).removeprefix("cas").lstrip(" .:#no"))
        if not (5 <= len(digits) <= 10 and digits.isascii() and digits.isdigit()):
            return None
        entry = self._cas.get(f"{digits[:-3]}-{digits[-3:-1]}-{digits[-1]}")
        if entry is None:
            return None
        return self._of_entry(Found(entry, 0, len(cas)), cas.strip(), ("CAS Registry Number.",))

    def _resolve(self, text: str, chemical: bool, seen: int) -> Match | None:
        """Return the substance that a text names. ``seen`` lists what to search for."""
        structures: list[Piece] | None = None
        if not seen & ~STRUCTURED and not (structures := structures_in(text)):
            return None
        spelled = spell(fold(text))
        around = Surroundings(spelled, chemical=chemical)
        found = self._names.find(spelled, around) if seen & NAMED else []
        if seen & NUMBER:
            found += self._numbers_in(spelled, around)
        if chemical and not any(item.hit for item in found):
            found += self._names.whole(spelled, around)
        best = max(found, key=lambda item: item.rank, default=None)
        # Next to other words it may be part of a longer name with an error in it: valetyl fentanyl.
        beside = best is not None and best.hit and _beside(best, spelled)
        if best is not None and best.hit and not best.ambiguous and not beside:
            return self._of_found(best, text, spelled)
        # A common chemical recognised by its whole name needs no parsing of that name.
        known = best.end - best.start + _SLACK if best is not None and best.entry.group == BENIGN else 0
        if structures is None:
            structures = structures_in(text, chemical=chemical) if seen & STRUCTURED and len(text) > known else []
        pieces = [piece for piece in structures if len(piece.text) > known]
        candidates = list(self._by_structure(pieces, spelled, around)) if pieces else []
        read = max((len(match.matched_text) for match in candidates if match.hit or match.kind == "similar"), default=0)
        if not any(match.hit for match in candidates):
            composed = analogue(spelled) if seen & STEM else None
            if composed is not None and _LETTER.match(spelled, composed.end) is not None:
                # The word continues: etonitazepene is not composed of etonitazene.
                composed = None
            match = self._composed(composed, text, spelled, around) if composed is not None else None
            if composed is not None and match is not None:
                candidates.append(match)
                if composed.certain:
                    read = max(read, composed.end - composed.start)
                    if best is not None and _holds(composed, best):
                        # The composition of the whole name takes precedence over a name that is part of it:
                        # despropionyl para-fluorofentanyl.
                        best, beside = None, False
        # A text that was read as the structure of another chemical is no misspelling of a watched one.
        if (beside or not read) and not any(match.kind == "mention" for match in candidates):
            misspelt = self._misspelt.find(spelled, around, found) if seen & NEAR else []
            near = [item for item in misspelt if item.end - item.start > read]
            if near:
                # They are longer than the part that was read.
                candidates = [match for match in candidates if not match.hit]
                best = max(merged(found, near), key=lambda item: item.rank)
        if best is None and not candidates:
            kin = (self._named_kin(item, spelled) for item in members(spelled, around, found))
            best = max(kin, key=lambda item: item.rank, default=None)
        if best is not None:
            candidates.append(self._of_found(best, text, spelled))
        return max(candidates, key=_weight, default=None)

    def _numbers_in(self, spelled: str, around: Surroundings) -> Iterator[Found]:
        """Yield CAS numbers: with hyphens or their substitutes anywhere, bare digits only after a label."""
        if "-" in spelled:
            for matched in CAS.finditer(spelled):
                entry = self._cas.get("-".join(matched.groups()))
                if entry is not None:
                    yield _placed(entry, around, spelled, *matched.span())
        if "cas" in spelled or (around.chemical and spelled.strip().isdigit()):
            for matched in _LABELLED_CAS.finditer(spelled):
                entry = self._cas.get("-".join(matched.group(1, 3, 4)))
                if entry is not None:
                    yield _placed(entry, around, spelled, matched.start(1), matched.end())

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
            # A part of a longer name is another substance, whatever the part denotes.
            if piece.form != "systematic" or not around.continue_name(start, end):
                yield _in_context(match, around, start, end)

    def _read(self, piece: Piece, *, anyway: bool = False) -> Match | None:
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
            # Two adjacent names read as a mixture: each of its parts counts.
            parts += smiles.split(".")
        best: Match | None = None
        for part in parts:
            structure = self._structures.read(part, "inchi" if piece.form == "inchi" else "smiles")
            if structure is None:
                continue
            kind: Kind = "systematic" if systematic else "identifier"
            match = self._structures.match(structure, piece.text, kind, piece.text, _HOW[piece.form], anyway=anyway)
            if match is not None and (best is None or _weight(_decided(match, "")) > _weight(_decided(best, ""))):
                best = match
        if best is not None and systematic and not any(map(str.isdigit, piece.text)):
            # OPSIN assumes the usual position if a name omits it.
            best = replace(best, ambiguous=True, confidence=min(best.confidence, 0.7))
        return best

    def _composed(self, composed: Analogue, text: str, spelled: str, around: Surroundings) -> Match | None:
        """Return an unlisted fentanyl or nitazene that is identified by the parts of its composed name."""
        structure = self._structures.read(composed.smiles, "smiles") if composed.smiles else None
        if structure is None:
            return None
        piece = original(text, spelled, composed.start, composed.end)
        match = self._structures.match(structure, piece, "exact", piece, f"Composed of {', '.join(composed.parts)}.")
        if match is None:
            return None
        confidence = 0.95 if composed.certain else 0.85
        return _in_context(replace(match, confidence=confidence), around, composed.start, composed.end)

    def _named_kin(self, found: Found, spelled: str) -> Found:
        """Return a word on the stem of a family as the watched name that it misspells, if there is one."""
        near = self._misspelt.kin(spelled[found.start : found.end])
        if near is None:
            return found
        entry, errors = near
        return replace(found, entry=replace(entry, kind="misspelt"), distance=errors, confidence=0.7)

    @property
    def _structures(self) -> StructureIndex:
        # Built when the first structure is read, because it imports RDKit.
        if self._structures_made is None:
            from features.substances.find.by_structure import StructureIndex

            self._structures_made = StructureIndex(tuple(self._rows.values()))
        return self._structures_made

    def _of_found(self, found: Found, text: str, spelled: str) -> Match:
        piece = original(text, spelled, found.start, found.end)
        how = {"translated": f"Name in another language ({found.entry.language}).", "systematic": "Systematic name."}
        told = how.get(found.entry.kind, "Name.")
        if found.distance:
            told = f"{found.distance} typing error{'s' if found.distance > 1 else ''} from a name."
        elif found.disguised:
            told = "Name with figures or signs for letters."
        elif found.entry.abbreviation:
            told = "Abbreviation, which has other meanings too."
        elif found.ambiguous:
            told = "Name inside a longer one."
        return self._of_entry(found, piece, (told,))

    def _of_entry(self, found: Found, piece: str, evidence: tuple[str, ...]) -> Match:
        entry = found.entry
        smiles = self._smiles.get(entry.substance)
        structure = self._structures.read(smiles, "smiles") if smiles else None
        if structure is not None:
            match = self._structures.match(structure, piece, "exact", entry.substance, evidence[0])
            if match is not None:
                return _said(match, found)
        kind: Kind = "misspelt" if found.distance or found.disguised else entry.kind
        if entry.group in WATCHED and entry.substance not in self._rows:
            # A word on the stem of a family that is no name in any list.
            kind, evidence = "class", ("On no list; a word on the stem of the family's names.",)
        watched = entry.group in WATCHED
        mention = watched and found.mention
        details = self._structures.details(entry.substance) if entry.group != BENIGN else None
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
            smiles=details.smiles if details is not None else "",
            classes=details.classes if details is not None else (),
            evidence=evidence,
        )

    def _common_names(self, unii: Sequence[UniiName]) -> Iterator[tuple[str, Entry]]:
        """Yield UNII names whose misspellings are searched for: neither codes nor abbreviations, and of a watched row."""
        for common in unii:
            plain = (
                common.kind == "listed" and common.type != "cd" and not common.abbreviation and not common.deuterated
            )
            row = self._rows.get(common.substance) if plain else None
            if row is not None and row.group.value in WATCHED:
                yield common.name, _entry(row, "exact")

    def _add_unii(self, names: Sequence[UniiName]) -> None:
        """Add UNII names: of listed substances, of those that a class covers, and of those that only resemble one."""
        for name in names:
            kind: Kind = "systematic" if name.type == "sys" else "exact"
            if name.kind == "listed":
                if name.substance in self._rows:
                    entry = replace(_entry(self._rows[name.substance], kind), abbreviation=name.abbreviation)
                    self._names.add(name.name, entry, yielding=True)
                continue
            if name.smiles and name.substance not in self._rows:
                self._smiles[name.substance] = name.smiles
            entry = Entry(name.substance, name.group or BENIGN, "", "", "exact", name.abbreviation)
            self._names.add(name.name, entry, yielding=True)


@cache
def _bundled() -> SubstanceIndex:
    return SubstanceIndex(substances(), benign_chemicals(), unii_names())


def _beside(found: Found, spelled: str) -> bool:
    """Return whether a word is directly before or after a name."""
    return _WORD_BEFORE.search(spelled[: found.start]) is not None or _WORD_AFTER.match(spelled, found.end) is not None


def _holds(composed: Analogue, found: Found) -> bool:
    """Return whether a composed name is longer than the name found in it."""
    within = composed.start <= found.start and found.end <= composed.end
    return within and composed.end - composed.start > found.end - found.start


def _entry(row: Substance, kind: Kind, language: str = "") -> Entry:
    return Entry(row.name, row.group.value, row.cas, row.inchikey, kind, language=language)


def _placed(entry: Entry, around: Surroundings, spelled: str, start: int, end: int) -> Found:
    # The "no" of "CAS no" is no denial.
    label = _LABEL.search(spelled, max(0, start - 24), start)
    context, mention = around.context(label.start() if label else start, end) if entry.group in WATCHED else ("", False)
    return Found(entry, start, end, context, mention)


def _in_context(match: Match, around: Surroundings, start: int, end: int) -> Match:
    """Return the match adjusted for its context."""
    context, mention = around.context(start, end) if match.group in WATCHED else ("", False)
    return _decided(match, context, mention=mention)


def _said(match: Match, found: Found) -> Match:
    return _decided(
        replace(match, ambiguous=found.ambiguous, confidence=min(match.confidence, found.confidence)),
        found.context,
        mention=found.mention,
    )


def _decided(match: Match, context: str, *, mention: bool = False) -> Match:
    """Return the match with its decision: a hit is a watched substance that is declared and not only mentioned."""
    watched = match.group in WATCHED and match.kind != "similar"
    if watched and mention:
        return replace(match, kind="mention", context=context)
    return replace(match, hit=watched, context=context)


def _weight(match: Match) -> tuple[int, bool, bool, float]:
    """Return the sort key of importance: a hit, then a mention, then another listed substance, then a similar one."""
    if match.hit:
        rank = 4
    elif match.kind == "mention":
        rank = 3
    elif match.group == BENIGN:
        rank = 0
    else:
        rank = 1 if match.kind == "similar" else 2
    return rank, not match.ambiguous, match.kind != "misspelt", match.confidence
