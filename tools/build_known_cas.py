"""Write `features/reference/data/known_cas_numbers.npz`: CAS numbers of chemicals that are on no list and unlike listed ones.

    python -m tools.build_known_cas

The numbers and structures are PubChem's (public domain), as the package chemicals contains them. A chemical is left out if its
structure is watched, is covered by a class definition, resembles a watched substance or cannot be read: its number stays unknown.
The script takes about two minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track
from stdnum import casrn

from features.reference.chemicals import KNOWN_CAS
from features.substances import BENIGN, Substances
from features.substances.structures import from_smiles

SOURCES: Final = (
    "chemical identifiers pubchem small.tsv",
    "chemical identifiers pubchem large.tsv",
    "Inorganic db.tsv",
)
#: Polymers, mixtures and others that the extract lacks. Own knowledge.
FURTHER: Final = (
    "9000-07-1",  # carrageenan
    "9005-80-5",  # inulin
    "63-42-3",  # lactose
    "124750-99-8",  # losartan potassium
    "3344-18-1",  # magnesium citrate
    "9003-05-8",  # polyacrylamide
    "25037-45-0",  # polycarbonate
    "9002-88-4",  # polyethylene
    "25038-59-9",  # polyethylene terephthalate
    "9011-14-7",  # polymethyl methacrylate
    "9003-07-0",  # polypropylene
    "9003-53-6",  # polystyrene
    "9002-84-0",  # polytetrafluoroethylene
    "9002-86-2",  # polyvinyl chloride
    "68514-28-3",  # potassium humate
    "1312-76-1",  # potassium silicate
    "287714-41-4",  # rosuvastatin
    "57817-89-7",  # stevioside
    "1330-20-7",  # xylene
)
#: Columns of the files.
_CAS: Final = 1
_SMILES: Final = 4


def rows() -> Iterator[tuple[str, str]]:
    """Yield CAS number and SMILES of each chemical."""
    found = find_spec("chemicals")
    if found is None or found.origin is None:
        raise SystemExit("The package chemicals is needed: make dev installs it.")
    for name in SOURCES:
        with (Path(found.origin).parent / "Identifiers" / name).open(encoding="utf-8") as file:
            for line in file:
                cells = line.rstrip("\n").split("\t")
                if casrn.is_valid(cells[_CAS]):
                    yield cells[_CAS], cells[_SMILES]


def is_harmless(index: Substances, cas: str, smiles: str) -> bool:
    """Return whether a chemical is on no list and unlike every watched substance, judged by its number and structure."""
    number = index.match_cas(cas)
    if number is not None:
        return number.group == BENIGN
    structure = index.match(smiles, chemical=True)
    return from_smiles(smiles) is not None if structure is None else structure.group == BENIGN


def main() -> None:
    """Write the file."""
    index = Substances.load()
    chemicals = dict(rows())
    harmless = {
        cas
        for cas, smiles in track(chemicals.items(), "Reading structures", len(chemicals))
        if is_harmless(index, cas, smiles)
    }
    numbers = sorted(int(cas.replace("-", "")) for cas in harmless.union(FURTHER))
    path = Path(__file__).parents[1] / "features/reference/data" / KNOWN_CAS
    np.savez_compressed(path, steps=np.diff(np.array(numbers, dtype=np.int64), prepend=0))
    print(f"{len(numbers):,} of {len(chemicals):,} numbers: {path}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
