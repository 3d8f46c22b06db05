"""Requests that are designed to block others."""

from __future__ import annotations

import pytest

from benchmarks.hostile import bodies
from service.core.settings import Settings


@pytest.mark.long
def test_the_service_accepts_bodies_of_their_size() -> None:
    sizes = {name: len(body) for name, _, body in bodies()}
    assert len(sizes) == 13
    assert max(sizes.values()) <= Settings.model_fields["max_batch_bytes"].default
