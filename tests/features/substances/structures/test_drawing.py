"""A structure as a picture."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from features.substances.structures.drawing import drawing

FENTANYL = "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"


def test_a_drawing_is_one_svg_of_the_asked_size_that_refers_to_nothing_outside() -> None:
    text = drawing(FENTANYL, width=400, height=300)
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height")) == ("400px", "300px")
    assert not re.search(r"<script|<image|href|url\(|@import", text)
    assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) > 20


def test_the_same_structure_gives_the_same_text_however_it_was_written() -> None:
    assert drawing(FENTANYL) == drawing(FENTANYL) == drawing(f"{FENTANYL}.Cl")
    assert drawing(FENTANYL) != drawing("CC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1")


def test_what_cannot_be_drawn_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(ValueError, match="smiles is 'C1CC', expected the SMILES of a molecule"):
        drawing("C1CC")
    with pytest.raises(ValueError, match="width is 5, expected 50 to 2000 pixels"):
        drawing(FENTANYL, width=5)
    with pytest.raises(ValueError, match="height is 9000, expected 50 to 2000 pixels"):
        drawing(FENTANYL, height=9000)
