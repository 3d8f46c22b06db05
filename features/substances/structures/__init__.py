"""Chemical structures: reading them, the class-wide definitions they meet, the listed substance most like them.

Importing this package imports RDKit, so it is imported where a structure is at hand and not before. `drawing` stands apart:
it needs libraries of the system that a server may lack.
"""

from __future__ import annotations

from features.substances.structures.definitions import class_matches
from features.substances.structures.molecule import Structure, from_inchi, from_smiles
from features.substances.structures.similarity import nearest

__all__ = ["Structure", "class_matches", "from_inchi", "from_smiles", "nearest"]
