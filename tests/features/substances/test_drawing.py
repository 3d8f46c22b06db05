"""Tests of drawing a structure as an image."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from features.substances import draw

FENTANYL = "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"


def test_a_drawing_is_a_self_contained_svg_of_the_requested_size() -> None:
    text = draw(FENTANYL, width=400, height=300)
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height")) == ("400px", "300px")
    assert not re.search(r"<script|<image|href|url\(|@import", text)
    assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) > 20


def test_different_smiles_of_one_structure_give_the_same_drawing() -> None:
    assert draw(FENTANYL) == draw(FENTANYL) == draw(f"{FENTANYL}.Cl")
    assert draw(FENTANYL) != draw("CC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1")


def test_an_invalid_structure_or_size_is_refused_with_the_expected_value() -> None:
    with pytest.raises(ValueError, match="smiles is 'C1CC', expected the SMILES of a molecule"):
        draw("C1CC")
    with pytest.raises(ValueError, match="width is 5, expected 50 to 2000 pixels"):
        draw(FENTANYL, width=5)
    with pytest.raises(ValueError, match="height is 9000, expected 50 to 2000 pixels"):
        draw(FENTANYL, height=9000)
