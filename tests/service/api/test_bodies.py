"""Gzip is unpacked in small steps."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from service.api.bodies import Gunzip
from service.errors import Unprocessable


def unpacked(packed: bytes, step: int = 7) -> bytes:
    gunzip = Gunzip()
    parts = [part for at in range(0, len(packed), step) for part in gunzip.feed(packed[at : at + step])]
    gunzip.finish()
    return b"".join(parts)


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_several_members_and_padding_are_unpacked_as_one_body(step: int) -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 20
    assert unpacked(packed, step) == b"one two"


def test_trailing_data_that_is_not_gzip_is_refused() -> None:
    with pytest.raises(Unprocessable, match="gzip"):
        unpacked(gzip.compress(b"one") + b"more")


def test_a_large_body_is_never_in_memory_as_a_whole() -> None:
    packed = gzip.compress(bytes(100_000_000))
    gunzip = Gunzip()
    tracemalloc.start()
    size = sum(len(part) for part in gunzip.feed(packed))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 100_000_000
    assert peak < 5_000_000
