from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.bundle import card_markdown
from models.bundle.files import json_bytes, npz_bytes, parse_json, parse_npz

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(documents)
def test_a_document_is_read_back_equal_and_has_one_canonical_form(document: object) -> None:
    data = json_bytes(document)
    assert parse_json(data) == document
    assert json_bytes(parse_json(data)) == data


@pytest.mark.parametrize("text", ["[NaN]", "[Infinity]", "[-Infinity]", "[1e999]"])
def test_a_number_that_is_not_finite_is_refused_on_reading(text: str) -> None:
    with pytest.raises(ValueError, match="is not finite"):
        parse_json(text.encode())


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(b"[" * 200_000)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
        hnp.arrays(
            st.sampled_from([np.dtype(kind) for kind in ("f8", "i8", "i4", "u1", "?", "<U3")]), st.integers(0, 9)
        ),
        max_size=5,
    )
)
def test_arrays_are_read_back_equal_in_any_order(arrays: dict[str, np.ndarray]) -> None:
    arrays = {k: np.nan_to_num(v) if v.dtype.kind == "f" else v for k, v in arrays.items()}
    written = npz_bytes(arrays)
    assert npz_bytes(dict(reversed(arrays.items()))) == written
    again = parse_npz(written)
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert (again[name] == array).all()


def test_nan_stays_nan() -> None:
    assert np.isnan(parse_npz(npz_bytes({"a": np.array([np.nan, 1.0])}))["a"]).tolist() == [True, False]


def test_objects_are_not_written() -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        npz_bytes({"a": np.array([{}], dtype=object)})


def test_a_card_has_sections_tables_and_lists() -> None:
    card = {
        "data": "simulated trade",
        "windows": {"fit": {"from": "2025-01-01", "rows": 1000}, "test": {"rows": None}},
        "metrics": [
            {"head": "precursor", "recall": 0.1234567, "note": "a|b\nc"},
            {"head": "risk", "recall": None, "note": ""},
        ],
        "limits": ["Country of origin alone never decides."],
    }
    text = card_markdown("tidewaiter", "7", json.loads(json.dumps(card)))
    assert text == (
        "# tidewaiter 7\n\n- Data: simulated trade\n\n"
        "## Windows\n\n- Fit:\n  - From: 2025-01-01\n  - Rows: 1000\n- Test:\n  - Rows: not estimated\n\n"
        "## Metrics\n\n| Head | Recall | Note |\n| --- | --- | --- |\n"
        "| precursor | 0.123457 | a\\|b c |\n| risk | not estimated |  |\n\n"
        "## Limits\n\n- Country of origin alone never decides.\n"
    )


def test_an_archive_with_any_wrong_byte_is_refused_or_read() -> None:
    # Fuzzing found a byte that caused a zlib.error, which is not a ValueError.
    whole = npz_bytes({"a": np.arange(300) % 7, "b": np.linspace(0.0, 1.0, 50)})
    refused = 0
    for place in range(len(whole)):
        for byte in (0x00, 0x5A, 0xFF):
            try:
                parse_npz(whole[:place] + bytes([byte]) + whole[place + 1 :])
            except ValueError:
                refused += 1
    assert refused > len(whole)
