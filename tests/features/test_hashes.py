"""Hashes of short texts: those of `hashlib`, with and without a compiler, however long the text."""

from __future__ import annotations

import importlib.util
from hashlib import blake2b
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.groups.history_address import LEAST_DIGITS, plain_contact, plain_name
from features.kernels import blake2


def as_python() -> ModuleType:
    spec = importlib.util.spec_from_file_location("blake2_as_python", str(blake2.__file__).partition(".")[0] + ".py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODULES = [blake2, as_python()]
any_text = st.one_of(st.text("abYZ 09.-", max_size=300), st.text("0 -+5", max_size=140), st.text(max_size=40))


def digest(text: str) -> int:
    if not text:
        return 0
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


@pytest.mark.parametrize("module", MODULES, ids=["compiled", "python"])
@given(any_text)
@settings(max_examples=300, deadline=None)
def test_hashes_are_those_of_hashlib(module: ModuleType, text: str) -> None:
    assert module.hashed(text) == digest(text)
    if text.isascii():
        assert module.hashed_letters(text) == digest(plain_name(text))
    if "@" not in text:
        assert module.hashed_digits(text, LEAST_DIGITS) == digest(plain_contact(text))


@pytest.mark.parametrize("module", MODULES, ids=["compiled", "python"])
@pytest.mark.parametrize("size", [*range(1, 18), 63, 64, 65, 126, 127, 128, 129, 130, 256, 400])
def test_texts_of_every_length_about_that_of_a_block(module: ModuleType, size: int) -> None:
    text = ("Ab3" * size)[:size]
    assert module.hashed(text) == digest(text)
    assert module.hashed_letters(f"-{text[1:]}.") == digest(text[1:].lower())
    numbers = ("0123456789" * size)[:size]
    assert module.hashed_digits(numbers, 3) == (digest(numbers[1:]) if size > 3 else 0)
