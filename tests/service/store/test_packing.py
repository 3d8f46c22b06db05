"""Packed texts of the store."""

from __future__ import annotations

import zlib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.database import packing
from service.core.database.packing import Kind, pack, unpack

#: Texts in stores are packed with these words, so no byte of them may change.
SUMS = {"manifest-1.txt": 4284828898, "answer-1.txt": 158420173, "facts-1.txt": 3775090652}


def test_the_words_of_stored_texts_never_change() -> None:
    folder = packing._FOLDER
    assert {path.name: zlib.adler32(path.read_bytes()) for path in folder.glob("*.txt")} == SUMS


@given(text=st.binary(), kind=st.sampled_from(get_args(Kind)))
def test_a_packed_text_comes_back(text: bytes, kind: Kind) -> None:
    assert unpack(pack(text, kind), kind) == text


def test_texts_of_earlier_versions_and_damaged_ones_are_returned_as_they_are() -> None:
    assert unpack(b'{"a":1}', "answer") == b'{"a":1}'
    damaged = b"\x01" + b"\xff" * 9
    assert unpack(damaged, "answer") == damaged
    assert unpack(b"", "facts") == b""


@pytest.mark.parametrize("kind", ["manifest", "answer"])
def test_usual_texts_become_short(kind: Kind) -> None:
    text = b'{"shipment_id":"A","consignor":{"name":"Firm","country":"CN"},"consignee":{"name":"B","country":"US"}}'
    assert len(pack(text, kind)) < 0.8 * len(text)
