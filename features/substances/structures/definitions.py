"""Class definitions that a structure meets or may meet.

This module only compares a structure with the wording (`class_matches`). `features.substances.law` decides whether the class is
in force on a day, and whether the substance is listed by name or exempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from rdkit import Chem

from features.reference import ClassDefinition, class_definitions
from features.substances.match import ClassMatch
from features.substances.structures import fentanyl, nitazenes, precursors
from features.substances.structures.groups import Neighbours
from features.substances.structures.molecule import Structure
from features.substances.structures.verdict import Verdict

Rule = Callable[[Neighbours], Verdict | None]

# A structure without either scaffold is in no class: a piperidine with nitrogen or oxygen at position 4, and a
# 2-benzylbenzimidazole.
_PIPERIDINE: Final = Chem.MolFromSmarts("[NX3;+0]1-[#6]-[#6]-[#6](~[#7,#8])-[#6]-[#6]-1")
_NITAZENE: Final = Chem.MolFromSmarts("[CX4]([CX4][NX3])n1c([CX4]c)nc2c1cccc2")

#: The rule for each definition of ``class_definitions.csv`` based on a piperidine.
_OF_PIPERIDINES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "us-fentanyl-related": fentanyl.united_states,
        "cn-fentanyl-related": fentanyl.china,
        "gb-fentanyl": fentanyl.united_kingdom,
        "us-4-anilinopiperidine": precursors.anilinopiperidine,
        "us-4-piperidone": precursors.piperidone,
    }
)
#: The rule for each definition based on a benzimidazole.
_OF_BENZIMIDAZOLES: Final[Mapping[str, Rule]] = MappingProxyType(
    {"gb-nitazene": nitazenes.united_kingdom, "cn-nitazene": nitazenes.china}
)
#: All rules by definition.
RULES: Final[Mapping[str, Rule]] = MappingProxyType({**_OF_PIPERIDINES, **_OF_BENZIMIDAZOLES})


def class_matches(structure: Structure) -> tuple[ClassMatch, ...]:
    """Return the class definitions that a structure meets or may meet, in the order of ``class_definitions.csv``.

    Stereochemistry is ignored, as in the definitions. A molecule without either scaffold takes a few microseconds.
    """
    rules: dict[str, Rule] = {}
    if structure.mol.HasSubstructMatch(_PIPERIDINE):
        rules.update(_OF_PIPERIDINES)
    if structure.mol.HasSubstructMatch(_NITAZENE):
        rules.update(_OF_BENZIMIDAZOLES)
    if not rules:
        return ()
    near = Neighbours(structure.mol)
    verdicts = ((row, rules[name](near)) for name, row in _rows().items() if name in rules)
    return tuple(
        ClassMatch(row.definition, row.jurisdiction, row.listing, found.result, found.limbs)
        for row, found in verdicts
        if found is not None
    )


@cache
def _rows() -> Mapping[str, ClassDefinition]:
    """Return the first row of each definition; jurisdiction and listing are the same in all of its rows."""
    rows: dict[str, ClassDefinition] = {}
    for row in class_definitions():
        rows.setdefault(row.definition, row)
    return rows
