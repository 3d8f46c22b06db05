"""A structure as a self-contained SVG picture without scripts or references to other files."""

from __future__ import annotations

from typing import Final

#: Minimum and maximum width and height of a drawing, in pixels.
SIDES: Final = (50, 2000)


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
