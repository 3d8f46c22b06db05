"""The keys file: it contains digests, and messages about faults do not repeat its values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.keys.key import KeyWishes, new_key
from service.keys.keys_file import BadKeysFile, read_keys, write_keys

ENTRY = {"id": "one", "name": "a", "prefix": "tw_abcdefgh", "sha256": "0" * 64, "scopes": ["read"]}


def written(path: Path, *entries: Any) -> Path:
    path.write_text(json.dumps({"keys": entries}))
    return path


def test_keys_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "new" / "keys.json"
    made = [
        new_key(KeyWishes("one", frozenset({"read", "score"}), 4_000_000_000_000_000, 60), None),
        new_key(KeyWishes("two", frozenset({"admin"})), None),
    ]
    write_keys(file, [key for key, _ in made])
    read = read_keys(file)
    for (key, text), again in zip(made, read, strict=True):
        for name in ("id", "prefix", "digest", "name", "scopes", "expires_at", "requests_per_minute"):
            assert getattr(again, name) == getattr(key, name)
        assert text not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_rate_and_end_may_be_missing(tmp_path: Path) -> None:
    (key,) = read_keys(written(tmp_path / "keys", ENTRY))
    assert (key.expires_at, key.requests_per_minute) == (None, None)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"sha256": "tw_abcdefgh_secret"}, "keys.0.sha256"),
        ({"prefix": "abcdefgh"}, "keys.0.prefix"),
        ({"scopes": []}, "keys.0.scopes"),
        ({"expires_at": "2027-01-01T00:00:00"}, "keys.0.expires_at"),
        ({"key": "tw_abcdefgh_secret"}, "keys.0.key"),
    ],
)
def test_a_fault_is_named_without_the_value(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadKeysFile, match=fault) as caught:
        read_keys(written(tmp_path / "keys", ENTRY | change))
    assert "secret" not in str(caught.value)


def test_two_keys_of_one_prefix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKeysFile, match="same prefix"):
        read_keys(written(tmp_path / "keys", ENTRY, ENTRY | {"id": "two"}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadKeysFile, match="gone: No such file"):
        read_keys(tmp_path / "gone")
