"""Structures described by the parts of a composed name.

Positions follow the usage of the named listings. A primed locant is on the phenyl ring of the phenethyl group. Alpha and beta
are on its chain (primed: on the acyl group). ``3-`` with an alkyl group is on the piperidine ring. Every other locant is on the
aniline ring. An acyl group replaces propionyl. In a nitazene, the prefix is the substituent of the benzyl group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

from features.reference.translations import Role, fragments
from features.substances.read.name_parts import LOCANTS


class UnclearError(Exception):
    """The parts do not describe exactly one structure."""


# Substituent at the fourth carbon of the piperidine ring, and the ring at the end of the phenethyl group, by stem.
_ESTER: Final = "C(=O)OC"
_ETHER: Final = "COC"
_BOC: Final = "C(=O)OC(C)(C)C"
_FENTANYLS: Final = {
    "fentanyl": ("", "phenyl"),
    "carfentanil": (_ESTER, "phenyl"),
    "lofentanil": (_ESTER, "phenyl"),
    "sufentanil": (_ETHER, "thienyl"),
}
_METHYLATED: Final = frozenset({"lofentanil"})
_NITAZENES: Final = {"nitazene": "", "nitazepyne": "N2CCCC2", "nitazepipne": "N2CCCCC2"}
# Replacements of the diethylamino group.
_AMINES: Final = {
    "desethyl": "NCC",
    "nor": "NCC",
    "pyrrolidino": "N2CCCC2",
    "piperidinyl": "N2CCCCC2",
    "di methyl": "N(C)C",
}
#: Parts that a composed name can end in.
STEMS: Final = frozenset({*_FENTANYLS, *_NITAZENES})
# Parts that replace the phenethyl group.
_TAILS: Final = {
    ("furanyl", "ethyl"): "CCc2ccco2",
    ("thienyl", "ethyl"): "CCc2cccs2",
    ("thiophene", "ethyl"): "CCc2cccs2",
    ("thienyl",): "Cc2cccs2",
    ("thenyl",): "Cc2cccs2",
    ("benzyl",): "Cc2ccccc2",
    ("nor",): "",
}
_MULTIPLIERS: Final = {"di": 2, "tri": 3, "tetra": 4}
_ALKYLS: Final = frozenset({"methyl", "ethyl", "propyl", "isopropyl", "butyl"})
_RING_PLACES: Final = {"ortho": 2, "meta": 3, "para": 4}
_GREEK: Final = frozenset({"alpha", "beta"})
#: The locant of the nitrogen atom.
NITROGEN: Final = "N"


@cache
def _fragments() -> dict[Role, dict[tuple[str, ...], str]]:
    return {role: {row.parts: row.smiles for row in fragments() if row.role is role} for role in Role}


@dataclass(slots=True)
class _Molecule:
    """The molecule described by the parts read so far."""

    acyl: str | None = None
    aniline: dict[int, str] = field(default_factory=dict)
    phenethyl: dict[int, str] = field(default_factory=dict)
    chain: dict[str, str] = field(default_factory=dict)
    acyl_chain: dict[str, str] = field(default_factory=dict)
    piperidine: str = ""
    fourth: str = ""
    nitrogen: str = ""
    changes: set[str] = field(default_factory=set)
    tail: str | None = None
    certain: bool = True


def structure(parts: tuple[str, ...]) -> tuple[str, bool]:
    """Return the SMILES that parts describe, and whether they state every position.

    Args:
        parts: parts of the tables, digits and ``N`` from left to right. A locant with a prime ends in ``'``. The last part
            is one of `STEMS`.

    Raises:
        UnclearError: the parts describe no structure, or several.
    """
    if parts[-1] in _NITAZENES:
        return _nitazene(parts[:-1], parts[-1])
    molecule = _Molecule()
    locants: list[str] = []
    at, names, stem = 0, parts[:-1], parts[-1]
    while at < len(names):
        step, taken = names[at], 1
        length, acyl = _longest(names[at:], Role.ACYL)
        tail = next((tail for tail in _TAILS if names[at : at + len(tail)] == tail), ())
        if step.rstrip("'") in LOCANTS or (step[0].isdigit() and not acyl) or step == NITROGEN:
            locants.append(step)
        elif tail:
            taken = len(tail)
            _replace_tail(molecule, _TAILS[tail], locants)
            locants = []
        elif acyl and not (locants and _is_substituent(step, locants[-1], alone=length == 1)):
            taken = length
            if molecule.acyl is not None or locants:
                raise UnclearError
            molecule.acyl = acyl
        elif step in ("thio", "despropionyl"):
            if locants or step in molecule.changes:
                raise UnclearError
            molecule.changes.add(step)
        elif step in ("carbomethoxy", "boc"):
            _replace_hydrogen(molecule, step, locants)
            locants = []
        else:
            count = _MULTIPLIERS.get(step, 1)
            at += step in _MULTIPLIERS
            part = "".join(names[at : at + 1])
            sulfur = names[at + 1 : at + 2] == ("thio",) and all(locant.endswith("'") for locant in locants or [""])
            _place(molecule, locants, part, count, sulfur=sulfur)
            locants = []
            taken += sulfur
        at += taken
    if locants:
        raise UnclearError
    return _fentanyl(molecule, stem), molecule.certain


def _is_substituent(part: str, locant: str, *, alone: bool) -> bool:
    """Return whether a part that may begin an acyl group is a substituent by its locant, as in para-methoxy acetyl."""
    if alone:
        return locant.rstrip("'") in _GREEK and (part,) in _fragments()[Role.SIDE_CHAIN]
    return (part,) in _fragments()[Role.SUBSTITUENT]


def _replace_tail(molecule: _Molecule, tail: str, locants: list[str]) -> None:
    """Replace the phenethyl group by ``tail``, or remove it if that is empty. Each may happen once."""
    if locants not in ([], [NITROGEN]) or (molecule.tail and tail) or (molecule.tail == "" == tail):
        raise UnclearError
    molecule.tail = tail or molecule.tail or ""


def _replace_hydrogen(molecule: _Molecule, part: str, locants: list[str]) -> None:
    if part == "boc" and locants in ([], [NITROGEN]) and not molecule.nitrogen:
        molecule.nitrogen = _BOC
    elif part == "carbomethoxy" and locants in ([], ["4"]) and not molecule.fourth:
        molecule.fourth = _ESTER
    else:
        raise UnclearError


def _longest(parts: tuple[str, ...], role: Role) -> tuple[int, str]:
    table = _fragments()[role]
    for length in range(min(len(parts), 8), 0, -1):
        smiles = table.get(parts[:length])
        if smiles is not None:
            return length, smiles
    return 0, ""


def _place(molecule: _Molecule, locants: list[str], part: str, count: int, *, sulfur: bool = False) -> None:
    """Add a substituent at its locants; with ``sulfur``, an alkyl group bound through a sulfur atom."""
    smiles = _fragments()[Role.SUBSTITUENT].get((part,))
    if sulfur:
        if part not in _ALKYLS:
            raise UnclearError
        smiles = f"S{smiles}"
    side = smiles or _fragments()[Role.SIDE_CHAIN].get((part,))
    if side is None:
        raise UnclearError
    if not locants:
        # The position is not stated. The para form is the most frequent isomer.
        if smiles is None or count != 1:
            raise UnclearError
        locants, molecule.certain = ["para"], False
    if len(locants) != count:
        raise UnclearError
    if locants == [NITROGEN] and smiles and not molecule.nitrogen:
        molecule.nitrogen = smiles
        return
    for locant in locants:
        plain, primed = locant.rstrip("'"), locant.endswith("'")
        if plain in _GREEK:
            where = molecule.acyl_chain if primed else molecule.chain
            if plain in where:
                raise UnclearError
            where[plain] = side
        elif smiles is None or locant == NITROGEN:
            raise UnclearError
        elif locant == "3" and part in _ALKYLS and not molecule.piperidine and count == 1:
            molecule.piperidine = smiles
        else:
            ring = molecule.phenethyl if primed else molecule.aniline
            place = _RING_PLACES.get(plain) or int(plain)
            if place in ring:
                raise UnclearError
            ring[place] = smiles


def _ring(substituents: dict[int, str], number: int) -> str:
    """Return the SMILES of a phenyl ring, bound at its first atom, with substituents at positions 2 to 6."""
    atoms = ["c" + (f"({substituents[place]})" if place in substituents else "") for place in range(2, 7)]
    atoms[-1] = f"c{number}" + (f"({substituents[6]})" if 6 in substituents else "")
    return f"c{number}" + "".join(atoms)


def _fentanyl(molecule: _Molecule, stem: str) -> str:
    """Return the SMILES of fentanyl, or of the variant that the stem names, with its substituents."""
    fourth, end = _FENTANYLS[stem]
    if fourth and molecule.fourth:
        raise UnclearError
    fourth = fourth or molecule.fourth
    acyl = _with_acyl_chain(molecule.acyl or "C(=O)CC", molecule.acyl_chain)
    if "despropionyl" in molecule.changes:
        if molecule.acyl or molecule.acyl_chain:
            raise UnclearError
        acyl = ""
    thio = "thio" in molecule.changes
    if (molecule.nitrogen and molecule.tail != "") or (thio and (molecule.phenethyl or end == "thienyl")):
        raise UnclearError
    if molecule.tail is not None:
        if thio or molecule.chain or molecule.phenethyl:
            raise UnclearError
        tail = molecule.tail or molecule.nitrogen
    else:
        alpha, beta = (molecule.chain.get(place, "") for place in ("alpha", "beta"))
        tail = f"C({_renumbered(alpha)})" if alpha else "C"
        tail += f"C({_renumbered(beta)})" if beta else "C"
        tail += "c2cccs2" if thio or end == "thienyl" else _ring(molecule.phenethyl, 2)
    methyl = molecule.piperidine or ("C" if stem in _METHYLATED else "")
    nitrogen = f"N({tail})" if tail else "N"
    first = f"C1({fourth})" if fourth else "C1"
    last = f"C1({methyl})" if methyl else "C1"
    aniline = _ring(molecule.aniline, 1)
    amine = f"N({aniline})" if acyl == "" else f"N({acyl})({aniline})"
    return f"{amine}{first}CC{nitrogen}C{last}"


def _renumbered(smiles: str) -> str:
    """Renumber the ring closures of a side chain, so that they differ from those of the rings around it."""
    return smiles.replace("c1", "c3")


def _with_acyl_chain(acyl: str, substituents: dict[str, str]) -> str:
    """Return the acyl group with substituents at the carbons next to (alpha) and second from (beta) its carbonyl group."""
    if not substituents:
        return acyl
    chain = acyl.removeprefix("C(=O)")
    if (
        not chain
        or set(chain) != {"C"}
        or len(chain) < len(substituents)
        or ("beta" in substituents and len(chain) < 2)
    ):
        raise UnclearError
    atoms = list(chain)
    for at, place in enumerate(("alpha", "beta")):
        if place in substituents:
            atoms[at] = f"C({_renumbered(substituents[place])})"
    return "C(=O)" + "".join(atoms)


def _nitazene(parts: tuple[str, ...], stem: str) -> tuple[str, bool]:
    """Return the SMILES of a nitazene from the prefix of its ring and the changes of its amine and nitro group.

    The second value is True, because such a name states every position.
    """
    amine, ring, nitro = _NITAZENES[stem], "", "[N+](=O)[O-]"
    # The part after "N" already implies the nitrogen.
    parts = tuple(part for part in parts if part != NITROGEN)
    at = 0
    while at < len(parts):
        taken, smiles = _longest(parts[at:], Role.NITAZENE)
        step, following = parts[at], parts[at + 1 : at + 2]
        changed = _AMINES.get(step) or _AMINES.get(" ".join((step, *following)))
        if step == "5" and following and following[0] in _ALKYLS and nitro.startswith("["):
            nitro = _fragments()[Role.SUBSTITUENT][following]
            at += 2
        elif step in ("des", "desnitro"):
            nitro = "" if nitro.startswith("[") else nitro
            at += 1
        elif changed:
            if amine:
                raise UnclearError
            amine = changed
            at += 1 if step in _AMINES else 2
            at += parts[at : at + 1] == ("amino",)
        elif taken and not ring:
            ring = smiles
            at += taken
        elif (step == "para" or step in "34") and not ring and following:
            at += 1
        else:
            raise UnclearError
    if not ring:
        raise UnclearError
    place = f"({nitro})" if nitro else ""
    # The ring of the benzyl group keeps closures 1 and 2 inside its branch.
    return f"C({ring})c1nc3cc{place}ccc3n1CC{amine or 'N(CC)CC'}", True
