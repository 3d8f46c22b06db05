"""Search for references of shipments in the files of jobs, in all encodings and escaped forms that the files may use."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.readers.source import GZIP_MAGIC

_BLOCK: Final = 1 << 20
#: Encodings of uploads.
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "cp1252")


def contains(path: Path, shipments: Collection[str]) -> bool:
    """Return whether a file contains the reference of any of the shipments. True also if the file cannot be searched."""
    if path.suffix == ".parquet":
        return _parquet_contains(path, shipments)
    wanted = {form for shipment in shipments for form in _forms(shipment)}
    try:
        with path.open("rb") as file:
            is_gzip = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            return _stream_contains(cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_gzip else file, wanted)
    except FileNotFoundError:
        return False
    except (OSError, EOFError, zlib.error):
        return True


def _forms(shipment: str) -> set[bytes]:
    """Return the forms of a reference in CSV and JSON, in all encodings."""
    texts = {
        shipment,
        shipment.replace('"', '""'),
        *(json.dumps(shipment, ensure_ascii=ascii)[1:-1] for ascii in (True, False)),
    }
    forms = set()
    for encoding in _ENCODINGS:
        with contextlib.suppress(UnicodeEncodeError):
            forms |= {text.encode(encoding) for text in texts}
    return forms


def _stream_contains(file: BinaryIO, wanted: Collection[bytes]) -> bool:
    longest = max(map(len, wanted), default=0)
    before = b""
    while block := file.read(_BLOCK):
        searched = before + block
        if any(one in searched for one in wanted):
            return True
        before = searched[-longest:] if longest else b""
    return False


def _parquet_contains(path: Path, shipments: Collection[str]) -> bool:
    wanted = pa.array(sorted(shipments), pa.string())
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for column in batch.columns:
                    if pa.types.is_nested(column.type):
                        return True
                    if pc.any(pc.is_in(column.cast(pa.string()), wanted)).as_py():
                        return True
    except (pa.ArrowException, OSError):
        return True
    return False
