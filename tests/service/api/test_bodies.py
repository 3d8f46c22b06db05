"""Gzip bodies are decompressed in small steps."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from typing import Any

import pytest
from starlette.requests import Request

from service.core.errors import Unprocessable
from service.core.http.bodies import Gunzip, read_body


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


def test_other_requests_run_while_a_small_body_is_unpacked_to_a_large_one() -> None:
    packed = gzip.compress(bytes(16_000_000))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": packed, "more_body": False}

    async def turns_of_others() -> int:
        request = Request({"type": "http", "headers": [(b"content-encoding", b"gzip")]}, receive)
        reading = asyncio.create_task(read_body(request, 16_000_000))
        turns = 0
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        assert len(await reading) == 16_000_000
        return turns

    assert asyncio.run(turns_of_others()) > 50
