"""Content of bundle files: JSON, arrays and the card in Markdown. Equal content gives equal bytes; reading executes nothing."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Fixed file time, the earliest that zip allows. A real time would make archives of equal arrays differ.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
#: Keys to skip if the card has sections, which present the same content.
_IN_SECTIONS: Final = ("sections", "description", "limits", "metrics")


def json_bytes(data: Any, *, sort_keys: bool = True) -> bytes:
    """Return canonical JSON: ASCII, indented by two spaces, keys sorted unless ``sort_keys`` is False.

    Raises:
        ValueError: a number is not finite.
    """
    return (json.dumps(data, sort_keys=sort_keys, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def parse_json(data: bytes) -> Any:
    """Parse a JSON document.

    Raises:
        ValueError: the document is not valid JSON, a number is not finite, or a key repeats.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        repeated = sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
        if repeated:
            raise ValueError(f"keys repeat: {', '.join(repeated)}")
        return dict(pairs)

    def finite(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"the number {text} is not finite")
        return value

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=finite, parse_float=finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as an ``.npz`` archive, sorted by name, with a fixed file time.

    Raises:
        ValueError: an array contains objects.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Fix both, because the defaults depend on the operating system and the umask.
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(entry, content.getvalue(), compresslevel=6)
    return buffer.getvalue()


def parse_npz(data: bytes) -> dict[str, NDArray[Any]]:
    """Read the arrays of an ``.npz`` archive.

    Raises:
        ValueError: the archive cannot be read, or an array contains objects or infinities.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: np.array(archive[name]) for name in archive.files}
    except Exception as error:  # Damaged archives raise errors of any kind, such as zlib.error.
        raise ValueError(f"it cannot be read as arrays: {error}") from None
    for name, array in sorted(arrays.items()):
        # NaN marks a statistic without observations. Infinities are always errors.
        if array.dtype.kind == "f" and np.isinf(array).any():
            raise ValueError(f"the array {name!r} contains infinite numbers")
    return arrays


def write_durably(path: Path, data: bytes) -> None:
    """Write a file and flush it to disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's directory entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def card_markdown(name: str, version: str, card: Mapping[str, Any]) -> str:
    """Return a model card as Markdown.

    The card's ``sections`` come first, followed by one section per other top-level key. Nested objects become lists. Lists of
    objects with equal keys become tables.
    """
    lines = [f"# {name} {version}", ""]
    sections = card.get("sections")
    if isinstance(sections, list) and sections:
        card = {key: value for key, value in card.items() if key not in _IN_SECTIONS}
        for section in sections:
            lines += [f"## {_cell(section['heading'])}", "", *_section(section)]
    plain = {key: value for key, value in card.items() if not _nested(value)}
    lines += [f"- {_title(key)}: {_cell(value)}" for key, value in plain.items()]
    if plain:
        lines.append("")
    for key, value in card.items():
        if key not in plain:
            lines += [f"## {_title(key)}", "", *_block(value, 0), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Mapping[str, Any]) -> list[str]:
    lines = [line for sentence in section.get("text", ()) for line in (_cell(sentence), "")]
    table = section.get("table")
    return [*lines, *_table(table["columns"], table["rows"]), ""] if table else lines


def _table(columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[str]:
    head = ["| " + " | ".join(_cell(column) for column in columns) + " |", "|" + " --- |" * len(columns)]
    return head + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _title(key: str) -> str:
    words = str(key).replace("_", " ")
    return words[:1].upper() + words[1:]


def _cell(value: Any) -> str:
    if value is None:
        return "not estimated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping | list | tuple):
        return ", ".join(_cell(part) for part in (value.values() if isinstance(value, Mapping) else value)) or "none"
    # Escape bars and line breaks, which would break a table, and `<`, which could start an HTML tag.
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _block(value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    if isinstance(value, Mapping):
        lines: list[str] = []
        for key, part in value.items():
            if _nested(part):
                lines += [f"{indent}- {_title(key)}:", *_block(part, depth + 1)]
            else:
                lines.append(f"{indent}- {_title(key)}: {_cell(part)}")
        return lines
    if depth == 0 and _is_table(value):
        columns = list(value[0])
        return _table([_title(column) for column in columns], [[row[column] for column in columns] for row in value])
    return [f"{indent}- {_cell(part)}" for part in value]


def _is_table(value: Sequence[Any]) -> bool:
    return all(isinstance(row, Mapping) and row and list(row) == list(value[0]) for row in value)
