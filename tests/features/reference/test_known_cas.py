"""CAS numbers of known harmless chemicals."""

from __future__ import annotations

import pytest

from features.reference import cas_numbers, is_known_cas, substances


@pytest.mark.parametrize("cas", ["67-56-1", "7664-41-7", "1310-73-2", "64-19-7", "50-00-0", "9003-07-0"])
def test_everyday_chemicals_are_known(cas: str) -> None:
    assert is_known_cas(cas)


@pytest.mark.parametrize("cas", ["9010-79-1", "10-00-4", "9999999-99-4"])
def test_other_cas_numbers_are_unknown(cas: str) -> None:
    assert not is_known_cas(cas)


def test_no_watched_substance_is_a_known_harmless_chemical() -> None:
    watched = [row.cas for row in substances() if row.cas] + [row.cas for row in cas_numbers()]
    assert len(watched) > 100
    assert [cas for cas in watched if is_known_cas(cas)] == []
