"""Candidate structures in a declared text: InChIKeys, InChIs, SMILES and systematic names.

Finding candidates is cheap, and most texts have none. RDKit or OPSIN decides whether a candidate is a structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from features.substances.read.opsin import opsin
from features.substances.read.spotting_names import flatten, hints_at_a_name, names_in

if TYPE_CHECKING:
    from features.substances.structures import Structure

Form = Literal["smiles", "inchi", "inchikey", "systematic"]

#: Maximum candidates of one form per text. A list of structures is a document, not a description.
MOST: Final = 3

#: Minimum and maximum width and height of a drawing, in pixels.
SIDES: Final = (50, 2000)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text that may be a structure.

    Attributes:
        text: the piece as declared, ``declared[start:end]``.
        start: its start.
        end: its end.
        form: the form it appears to have.
        reading: the input for the reader of that form: without stray blanks, with restored hyphens, in Latin letters.
            One piece of text can have several readings, the likeliest first.
    """

    text: str
    start: int
    end: int
    form: Form
    reading: str


# Some systems change the letter case. The shape of a key is fixed.
_INCHIKEY: Final = re.compile(r"(?<![A-Za-z\d-])[A-Za-z]{14}-[A-Za-z]{8}[SNsn][A-Za-z]-[A-Za-z](?![A-Za-z\d-])")
_KEY_LENGTH: Final = 27
_INCHI: Final = re.compile(r"inchi[\s:=]{0,4}1s?/[a-z\d+\-/(),.;?*]+", re.IGNORECASE)
_INCHI_LABEL: Final = re.compile(r"inchi[\s:=]*", re.IGNORECASE)
_LABELLED: Final = re.compile(r"\bsmiles?\b[\s:=\-]*(?:string|code|notation|is)?[\s:=\-]*([^\s,;\"']+)", re.IGNORECASE)
# A sequence of atoms, bonds, branches, ring numbers and bracket atoms. Each of these begins with a different character, so that
# the search is linear.
_SMILES: Final = re.compile(
    r"(?<![^\s\"'(,;:=|<>\[])(?=[BCNOPSFIbcnops(\[])(?:Cl|Br|[BCNOPSFIbcnops]|\[[^\[\]\s]{1,16}\]|[\d()=#.+\-/\\$:@]|%\d\d)+"
)
_PART: Final = re.compile(r"(Cl|Br|[BCNOPSFIbcnops]|\[[^\[\]\s]+\])|(%\d\d|\d)|(\()|(\))|([=#$/\\:\-]|\.)")
# A bracket atom is an element with or without isotope, configuration, hydrogens, charge and atom class: [C], but not [2].
_BRACKET_ATOM: Final = re.compile(r"\[\d*(?:[A-Z][a-z]?|[cnops]|se|as)(?:@@?)?(?:H\d?)?(?:[+-]+\d?)?(?::\d+)?\]")
_CARBON: Final = re.compile(r"[Cc]$|\[\d*[Cc](?![a-z])")
_HYDROGEN: Final = re.compile(r"\[\d*H[+-]?\]")
# Words that may be pieces of one SMILES with blanks in it, and minimum atoms of such a SMILES.
_SMILES_WORD: Final = r"[BCNOPSFIHbcnopslr\[\]()=#.+\-/\\$:@%\d]+"
_SMILES_WORDS: Final = re.compile(rf"(?<![^\s\"',;:|<>]){_SMILES_WORD}(?:[ \t]{{1,3}}{_SMILES_WORD})+(?![^\s,;\"'|<>])")
_FEWEST_SPACED_ATOMS: Final = 10
_FEWEST_ATOMS: Final = 5
_MAX_CHARACTERS: Final = 1_000
_WORD: Final = re.compile(r"\S+")
# Maximum words at each end of such a SMILES that may be none of its pieces: an amount, a label.
_MOST_LEFT_OUT: Final = 2


def structures_in(text: str, *, chemical: bool = False) -> list[Piece]:
    """Return the candidate structures of a text, in the order in which to try them.

    Args:
        text: as declared, in its own letter case.
        chemical: whether the text is from a field for chemicals. One-word names without numbers, and SMILES without rings
            or double bonds, are then candidates too.

    Returns:
        At most `MOST` of each form: InChIKeys, InChIs, SMILES with blanks, SMILES, then systematic names. Empty for most texts.
    """
    pieces: list[Piece] = []
    flat = flatten(text)
    if "-" in text and len(text) >= _KEY_LENGTH:
        pieces += _first(_identifiers(text, _INCHIKEY, "inchikey"))
    if "inchi" in flat:
        pieces += _first(_identifiers(text, _INCHI, "inchi"))
    if "smiles" in flat or "=" in text or "(" in text or "c1" in flat or "[" in text or "#" in text or chemical:
        # A SMILES with blanks in it is tried before its pieces, which may be other molecules.
        pieces += _first(_spaced_smiles(text))
        pieces += _first(_smiles_in(text, chemical=chemical, labelled="smiles" in flat))
    if hints_at_a_name(flat):
        taken = [(piece.start, piece.end) for piece in pieces]
        for start, end, reading in names_in(text, flat, chemical=chemical, most=MOST, taken=taken):
            pieces.append(Piece(text[start:end], start, end, "systematic", reading))
    return pieces


def systematic_names(text: str, *, chemical: bool = False) -> tuple[str, ...]:
    """Return the systematic names in a text, as OPSIN reads them. Arguments as in `structures_in`."""
    if not hints_at_a_name(flatten(text)):
        return ()
    return tuple(piece.reading for piece in structures_in(text, chemical=chemical) if piece.form == "systematic")


def read_structures(text: str) -> Iterator[tuple[Piece, Structure | None]]:
    """Yield the candidate structures of a declared chemical, each with its parent structure; None if it cannot be read."""
    from features.substances.structures import from_inchi, from_smiles

    for piece in structures_in(text, chemical=True):
        if piece.form == "inchi":
            yield piece, from_inchi(piece.reading)
        else:
            smiles = opsin().smiles(piece.reading) if piece.form == "systematic" else piece.reading
            yield piece, from_smiles(smiles) if smiles and piece.form != "inchikey" else None


def draw(smiles: str, *, width: int = 320, height: int = 220) -> str:
    """Return an SVG of the parent structure of a SMILES on a white background. Equal structures and sizes give equal texts.

    Raises:
        ValueError: the SMILES cannot be read, or a side is not between 50 and 2,000 pixels.
        ImportError: a system library that RDKit's drawing needs is missing.
    """
    from rdkit.Chem.Draw import rdMolDraw2D

    from features.substances.structures import from_smiles

    for name, side in (("width", width), ("height", height)):
        if not SIDES[0] <= side <= SIDES[1]:
            raise ValueError(f"{name} is {side}, expected {SIDES[0]} to {SIDES[1]} pixels")
    structure = from_smiles(smiles)
    if structure is None:
        raise ValueError(f"smiles is {smiles[:100]!r}, expected the SMILES of a molecule")
    canvas = rdMolDraw2D.MolDraw2DSVG(width, height)
    # Keep RDKit's white background, because black bonds would be invisible on dark pages.
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, structure.mol)
    canvas.FinishDrawing()
    return str(canvas.GetDrawingText())


def _first(pieces: Iterator[Piece]) -> list[Piece]:
    return [piece for piece, _ in zip(pieces, range(MOST), strict=False)]


def _identifiers(text: str, pattern: re.Pattern[str], form: Form) -> Iterator[Piece]:
    for matched in pattern.finditer(text):
        # An InChI of several components can end in a semicolon, so keep one. The parser also tries the text without it.
        start, end = matched.start(), _without_trailing(text, *matched.span(), ",.-/" if form == "inchi" else ",.;-/")
        piece = text[start:end]
        if end - start <= _MAX_CHARACTERS * 2:
            reading = piece.upper() if form == "inchikey" else _INCHI_LABEL.sub("InChI=", piece, count=1)
            yield Piece(piece, start, end, form, reading)


def _smiles_in(text: str, *, chemical: bool, labelled: bool) -> Iterator[Piece]:
    done = set()
    if labelled:
        for matched in _LABELLED.finditer(text):
            start, end = matched.start(1), _without_trailing(text, *matched.span(1), ".:")
            if 0 < end - start <= _MAX_CHARACTERS and _atoms(text[start:end]):
                done.add(start)
                yield Piece(text[start:end], start, end, "smiles", text[start:end])
    for matched in _SMILES.finditer(text):
        start, end = matched.span()
        if end - start > _MAX_CHARACTERS or (
            end < len(text) and not (text[end].isspace() or text[end] in ",;\"')]|<>")
        ):
            continue
        while start < end and text[start] == "(":  # No SMILES begins with a branch.
            start += 1
        end = _without_trailing(text, start, end, ".:-=#/(")
        if start not in done and _looks_like_smiles(text[start:end], chemical=chemical):
            yield Piece(text[start:end], start, end, "smiles", text[start:end])


def _spaced_smiles(text: str) -> Iterator[Piece]:
    """Yield SMILES with blanks in them, made of all adjacent words that may be their pieces, or all but some at the ends."""
    for matched in _SMILES_WORDS.finditer(text):
        words = [
            (found.start() + matched.start(), found.end() + matched.start()) for found in _WORD.finditer(matched[0])
        ]
        ends = [
            (first, last)
            for first in range(_MOST_LEFT_OUT + 1)
            for last in range(len(words), len(words) - _MOST_LEFT_OUT - 1, -1)
        ]
        for first, last in sorted(ends, key=lambda pair: pair[0] - pair[1]):
            if last - first < 2:
                continue
            start, end = words[first][0], _without_trailing(text, words[first][0], words[last - 1][1], ".:-=#/(")
            joined = "".join(text[begin : min(stop, end)] for begin, stop in words[first:last])
            if (
                len(joined) <= _MAX_CHARACTERS
                and len(_atoms(joined)) >= _FEWEST_SPACED_ATOMS
                and _looks_like_smiles(joined, chemical=False)
            ):
                yield Piece(text[start:end], start, end, "smiles", joined)
                break


def _without_trailing(text: str, start: int, end: int, marks: str) -> int:
    """Return the end of the piece without punctuation after it and without unpaired closing brackets."""
    surplus = text.count(")", start, end) - text.count("(", start, end)
    while end > start and (text[end - 1] in marks or (text[end - 1] == ")" and surplus > 0)):
        surplus -= text[end - 1] == ")"
        surplus += text[end - 1] == "("
        end -= 1
    return end


def _atoms(piece: str) -> list[str]:
    """Return the atoms of a well-formed SMILES; empty if it is not well formed."""
    atoms: list[str] = []
    open_rings: set[str] = set()
    depth = at = 0
    previous = ""
    for matched in _PART.finditer(piece):
        if matched.start() != at:
            return []
        at = matched.end()
        atom, ring, opening, closing, bond = matched.groups()
        if atom:
            if atom[0] == "[" and not _BRACKET_ATOM.fullmatch(atom):
                return []
            atoms.append(atom)
        elif ring:
            if not atoms or previous in ("(", ")"):
                return []
            open_rings ^= {ring}
        elif opening:
            if not atoms or previous == "(":
                return []
            depth += 1
        elif closing:
            depth -= 1
            if depth < 0 or previous == "(":
                return []
        elif bond and not atoms:
            return []
        previous = matched[0]
    return atoms if at == len(piece) and not open_rings and depth == 0 else []


def _looks_like_smiles(piece: str, *, chemical: bool) -> bool:
    """Return whether the piece has rings, double bonds or branches in a carbon chain, which words and part numbers lack."""
    # Hydrogens may be written out.
    atoms = [atom for atom in _atoms(piece) if _HYDROGEN.fullmatch(atom) is None]
    fewest = 3 if chemical else _FEWEST_ATOMS
    carbons = sum(_CARBON.match(atom) is not None for atom in atoms)
    if len(atoms) < fewest or 2 * carbons < len(atoms):
        return False
    outside = re.sub(r"\[[^\]]*\]", "", piece)
    rings = any(char.isdigit() for char in outside)
    bonds = "=" in outside or "#" in outside
    if rings or bonds:
        # Ring numbers follow letters in part numbers as well (C1-C2-C1), and hyphens as bonds are rare in SMILES.
        return len(atoms) >= 6 or bonds or "c" in atoms or "-" not in outside
    return "(" in outside and (chemical or "@" in piece or len(atoms) >= 8)
