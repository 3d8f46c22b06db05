"""Chemical structures: parsing, class definitions, and the most similar listed substance.

This package imports RDKit, so it is imported only when there is a structure. `drawing` is separate, because
it needs system libraries that a server may lack.
"""

from __future__ import annotations

from features.substances.structures.definitions import class_matches
from features.substances.structures.molecule import (
    Structure,
    from_inchi,
    from_smiles,
    is_harmless,
    listed_structures,
    nearest,
)

__all__ = ["Structure", "class_matches", "from_inchi", "from_smiles", "is_harmless", "listed_structures", "nearest"]
