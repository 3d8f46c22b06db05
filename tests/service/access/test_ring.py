"""The key ring: which texts are valid, and what a new reading changes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.keys.key import Key, KeyRefused, KeyWishes, digest_of, new_key
from service.keys.ring import KeyRing


def new_key_with(rate: int | None = None) -> tuple[Key, bytes]:
    key, text = new_key(KeyWishes("a test", frozenset({"read"}), requests_per_minute=rate), None)
    return key, text.encode()


class Source:
    """Source of keys that a test changes."""

    def __init__(self, *keys: Key) -> None:
        self.keys: Sequence[Key] = keys
        self.fails = False

    def __call__(self) -> Sequence[Key]:
        if self.fails:
            raise ConnectionError("away")
        return self.keys


def ring_of(**sources: Source) -> KeyRing:
    ring = KeyRing(sources)
    ring.read()
    return ring


def test_a_key_is_found_by_its_whole_text() -> None:
    key, text = new_key_with()
    found = ring_of(file=Source(key)).find(text)
    assert found is not None
    assert found.key == key


@pytest.mark.parametrize("change", ["last letter", "cut", "longer", "upper case", "prefix alone", "empty", "not ASCII"])
def test_another_text_finds_no_key(change: str) -> None:
    key, text = new_key_with()
    changed = {
        "last letter": text[:-1] + (b"A" if text[-1:] != b"A" else b"B"),
        "cut": text[:-1],
        "longer": text + b"A",
        "upper case": text.upper(),
        "prefix alone": key.prefix.encode(),
        "empty": b"",
        "not ASCII": b"tw_\xff\xfe" + text[5:],
    }[change]
    assert ring_of(file=Source(key)).find(changed) is None


def test_a_revoked_key_is_unknown_after_the_next_reading() -> None:
    (first, first_text), (second, second_text) = new_key_with(), new_key_with()
    source = Source(first, second)
    ring = ring_of(database=source)
    source.keys = [second]
    assert ring.find(first_text) is not None
    ring.read()
    assert ring.find(first_text) is None
    assert ring.find(second_text) is not None


def test_a_key_expires_between_two_readings() -> None:
    key, text = new_key_with()
    source = Source(replace(key, expires_at=time.time_ns() // 1000 - 1))
    assert ring_of(database=source).find(text) is None


def test_keys_stay_valid_while_their_source_cannot_be_read() -> None:
    (old, old_text), (new, new_text) = new_key_with(), new_key_with()
    database, file = Source(old), Source()
    ring = ring_of(database=database, file=file)
    database.fails, file.keys = True, [new]
    ring.read()
    assert ring.find(old_text) is not None
    assert ring.find(new_text) is not None


@pytest.mark.parametrize("away", [None, "database", "file"])
def test_of_two_keys_with_one_prefix_that_of_the_first_source_counts(away: str | None) -> None:
    (stored, stored_text), (other, _) = new_key_with(), new_key_with()
    given_text = stored_text[:12] + b"another secret"
    given = replace(other, prefix=stored.prefix, digest=digest_of(given_text))
    sources = {"database": Source(stored), "file": Source(given)}
    if away is not None:
        sources[away].fails = True
    ring = ring_of(**sources)
    if away is not None:
        sources[away].fails = False
        ring.read()
    assert ring.find(stored_text) is not None
    assert ring.find(given_text) is None


def test_a_ring_is_complete_once_each_source_was_read() -> None:
    database, file = Source(), Source()
    database.fails = True
    ring = ring_of(database=database, file=file)
    assert not ring.is_complete
    database.fails = False
    ring.read()
    database.fails = True
    ring.read()
    assert ring.is_complete


def test_a_new_reading_keeps_the_bucket_of_a_key() -> None:
    key, text = new_key_with(rate=1)
    ring = ring_of(file=Source(key))
    before = ring.find(text)
    ring.read()
    assert before is not None
    assert ring.find(text) is before


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        (KeyWishes(" ", frozenset({"read"})), "name: 1 to 200"),
        (KeyWishes("x" * 201, frozenset({"read"})), "name: 1 to 200"),
        (KeyWishes("a\0b", frozenset({"read"})), "printable"),
        (KeyWishes("a", frozenset()), "scopes: at least one"),
        (KeyWishes("a", frozenset({"read"}), expires_at=1), "expires_at: is in the past"),
        (KeyWishes("a", frozenset({"read"}), requests_per_minute=0), "requests_per_minute: at least 1"),
    ],
)
def test_a_key_that_would_be_useless_is_refused(wishes: KeyWishes, problem: str) -> None:
    with pytest.raises(KeyRefused, match=problem):
        new_key(wishes, None)


def test_keys_are_long_and_differ() -> None:
    texts = {new_key_with()[1] for _ in range(100)}
    assert len(texts) == 100
    assert {len(text) for text in texts} == {3 + 8 + 1 + 43}
