"""Large JSON bodies are parsed in short steps, with the same result and the same errors as at once."""

from __future__ import annotations

import importlib.util
import json
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import TooLarge
from service.core.http import json_runs, large_json
from service.core.http.large_json import Steps, parse, parse_at_once, parse_in_steps
from tests.effort import examples

#: Steps of a few values and bytes, so that even small bodies are split.
TINY = Steps(values=2, size=9)
_TEXTS = st.text(alphabet='ab"\\{}[],: \n\u00e9\u4e2d\U0001f600', max_size=8)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)
_BODIES = st.dictionaries(_TEXTS, _VALUES | st.lists(_VALUES, max_size=6), max_size=4) | _VALUES
#: Bytes that have a meaning in JSON, or are invalid in UTF-8.
_DAMAGE = st.sampled_from([bytes([byte]) for byte in b'",:{}[]\\0-tn\n \xff\xc3\x01'] + [b"", b"[]", b"{}", b",,"])


def as_python(module: ModuleType) -> ModuleType:
    """Return a compiled module as Python runs it without a C compiler."""
    path = Path(__file__).parents[3] / Path(*module.__name__.split(".")).with_suffix(".py")
    loader = SourceFileLoader(f"plain_{path.stem}", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    plain = importlib.util.module_from_spec(spec)
    loader.exec_module(plain)
    return plain


def result(parse: Any, data: bytes) -> str:
    """Return the parsed value, or the error, as text, because NaN is not equal to itself."""
    try:
        return repr(parse(data))
    except ValueError as error:
        return f"ValueError: {error}"


def in_tiny_steps(data: bytes) -> Any:
    return parse_in_steps(data, TINY)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return JSON in any layout, whole or damaged."""
    text = json.dumps(draw(_BODIES), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 1])))
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(_DAMAGE)
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


@examples(2_000)
@given(bodies())
def test_steps_give_the_result_or_error_of_one_call(data: bytes) -> None:
    assert result(in_tiny_steps, data) == result(parse_at_once, data)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2, 3, 4], "a": [5], "b": [[], [[]], {}], "c": {"d": [1, 2]}, "e": 7}',
        '{"a": [ ], "b": [\n], "c": [1\n,\n2\n,3]}',
        '{"a": [1, 2, 3, 4,]}',
        '{"a": [1,, 2]}',
        '{"a": [,1]}',
        '{"a": [1, tru, 2]}',
        '{"a": [1, -, 2]}',
        '{"a": [1, 2} , 3]',
        '{"a": [1, 2, 3',
        '{"a": [1, 2, "x',
        '{"a": [1, 2, "x\\',
        '{"a": [1, 2, 3]} {"b": [1]}',
        '{"a" [1, 2, 3], "b": [1, }',
        '[[1, 2], [3, 4]]',
        '{"a": [0]], [[1]}',
        '{"a": [' + "[" * 200 + "]" * 200 + "]}",
        '{"a": [' + "[" * 199 + "]" * 199 + "]}",
        '{"a": [1, 2, 3, 4, 5, 6],\n"b": [1, 2, 3, 4, 5, 6,\n x]}',
        "",
        " ",
        "}",
        '}{"a":[1,2,3]}',
    ],
)  # fmt: skip
def test_bodies_that_are_hard_to_split_give_the_result_or_error_of_one_call(text: str) -> None:
    assert result(in_tiny_steps, text.encode()) == result(parse_at_once, text.encode())


@examples(300)
@given(bodies())
def test_the_scan_gives_the_same_compiled_and_as_python(data: bytes) -> None:
    read = np.frombuffer(data, dtype=np.uint8)
    found = []
    for scan in (json_runs.find_runs, as_python(json_runs).find_runs):
        runs = np.zeros((200, 4), dtype=np.int64)
        found.append((scan(read, 2, 9, runs), runs.tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"shipments":[{"z":[' + b"1," * 200_000 + b"1]}]}", "100,000 in one element"),
        (b'{"z":{"z":[' + b"1," * 200_000 + b"1]}}", "100,000 in one element"),
        (b"{" + b'"z":[1],' * 100_001 + b'"z":1}', "100,000 in one element"),
        (b"[" + b"1," * 200_000 + b"1]", "100,000 in one element"),
        (b'{"a":[' + b"[]," * 250_000 + b"[]]}", "at most 250,000 are accepted at once, got 250,003"),
    ],
    ids=["element", "member", "members", "list", "all"],
)
def test_too_many_values_are_refused(body: bytes, problem: str) -> None:
    for parser in (parse_in_steps, parse):
        with pytest.raises(TooLarge, match=problem):
            parser(body)


@pytest.mark.parametrize(
    ("element", "steps"),
    [(b"1.5", False), (b'{"x":1}', True), (b"[]", True), (b'"' + b"x" * 40 + b'"', False)],
    ids=["numbers", "objects", "lists", "texts"],
)
def test_only_bodies_with_many_values_are_parsed_in_steps(element: bytes, steps: bool) -> None:
    for count, many in ((40_000, steps), (51_000, True)):
        # Blanks make the body large.
        body = b'{"shipments":[' + b",".join([element] * count) + b"]" + b" " * 300_000 + b"}"
        with mock.patch.object(large_json, "parse_in_steps", wraps=parse_in_steps) as in_steps:
            assert parse(body) == parse_at_once(body)
        assert in_steps.called == many


def test_the_limits_leave_room_for_the_largest_batches() -> None:
    """Shipments with every field filled, and as many goods items as 16 MB hold."""
    full = json.dumps(
        {"consignor": dict.fromkeys("abcdefgh", 1), "items": [dict.fromkeys(map(str, range(40)), 1)] * 999}
    )
    body = b'{"shipments":[' + b",".join([full.encode()] * 40) + b"]}"
    assert parse_in_steps(body) == parse_at_once(body)


@pytest.mark.parametrize("body", [b'{"a":["%b"]}', b'{"a":"%b"}'])
def test_an_element_of_many_bytes_is_refused(body: bytes) -> None:
    assert parse_in_steps(body % (b"x" * 4_000_000))["a"]
    with pytest.raises(TooLarge, match="4,194,304 bytes in one element"):
        parse_in_steps(body % (b"x" * 4_200_000))
