"""Checkpoints of the live history: save one, and load the newest intact one.

A checkpoint is a NumPy archive of the state's arrays, compressed with Zstandard, sealed if there is a key, and stored in parts.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import delete, desc, exists, func, insert, select

from service.history.key import Sealer, WrongKey
from service.history.tables import CheckpointPart, HistoryCheckpoint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

Arrays = Mapping[str, NDArray[Any]]

#: Bytes of a part.
_PART: Final = 4 * 1024 * 1024
#: Checkpoints to keep. The older one is used if the newest is damaged.
_CHECKPOINTS_KEPT: Final = 2
_CODEC: Final = "zstd"
#: Name of the log position among the arrays. No array of a history has this name.
_POSITION: Final = "log_position"
#: Bytes before the compressed archive: its size.
_SIZE_BYTES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A loaded checkpoint.

    Attributes:
        history_order, created_at: those of `service.history.tables.HistoryCheckpoint`.
        log_position: position of the latest decision when the checkpoint was made; None for one of an earlier version.
    """

    arrays: Arrays
    history_order: int
    created_at: int
    log_position: int | None


def pack(arrays: Arrays, log_position: int) -> bytes:
    """Return one compressed archive of the arrays and of the position of the latest decision in the log."""
    arrays = {**arrays, _POSITION: np.array([log_position], dtype=np.int64)}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    content = archive.getbuffer()
    compressed: bytes = pa.compress(content, codec=_CODEC, asbytes=True)
    return len(content).to_bytes(_SIZE_BYTES, "little") + compressed


def unpack(content: bytes) -> Arrays:
    """Return the arrays of `pack`, including the position.

    Raises:
        ValueError, OSError: the content is damaged.
    """
    size = int.from_bytes(content[:_SIZE_BYTES], "little")
    archive = pa.decompress(memoryview(content)[_SIZE_BYTES:], decompressed_size=size, codec=_CODEC, asbytes=True)
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def save(
    database: Database, sealer: Sealer, content: bytes, *, order: int, version: int, shipments: int, at: int
) -> None:
    """Save a packed state, and delete old checkpoints.

    Args:
        order: order of the latest shipment in the state.
        version: version of the history's state.
        shipments: number of shipments that the history has counted.
        at: time of the state, in microseconds since 1970.
    """
    content = sealer.seal(content)
    with database.write() as connection:
        values = {
            "history_order": order,
            "version": version,
            "created_at": at,
            "shipments": shipments,
            "digest": hashlib.sha256(content).digest(),
            "sealed": sealer.seals,
        }
        number = connection.execute(
            insert(HistoryCheckpoint).values(values).returning(HistoryCheckpoint.id)
        ).scalar_one()
        for part, start in enumerate(range(0, len(content), _PART)):
            row = {"checkpoint_id": number, "number": part, "content": content[start : start + _PART]}
            connection.execute(insert(CheckpointPart), [row])
        order_of_age = select(HistoryCheckpoint.id).order_by(desc(HistoryCheckpoint.id)).offset(_CHECKPOINTS_KEPT)
        old = list(connection.execute(order_of_age).scalars())
        connection.execute(delete(CheckpointPart).where(CheckpointPart.checkpoint_id.in_(old)))
        connection.execute(delete(HistoryCheckpoint).where(HistoryCheckpoint.id.in_(old)))


def newest_first(database: Database, sealer: Sealer, version: int) -> Iterator[Checkpoint | str]:
    """Yield the checkpoints from the newest to the oldest. For one that cannot be used, yield the reason instead."""
    with database.read() as connection:
        rows = connection.execute(select(HistoryCheckpoint.__table__).order_by(desc(HistoryCheckpoint.id))).all()
    for row in rows:
        name = f"checkpoint {row.id}"
        if row.version != version:
            yield f"{name} has a state of version {row.version}; this code reads version {version}"
            continue
        with database.read() as connection:
            content = _content(connection, row.id)
        if hashlib.sha256(content).digest() != bytes(row.digest):
            yield f"{name} is damaged: its digest differs"
            continue
        try:
            arrays = dict(unpack(sealer.unseal(content, sealed=row.sealed)))
        except (WrongKey, ValueError, OSError) as error:
            yield f"{name} cannot be read: {error}"
            continue
        position = arrays.pop(_POSITION, None)
        yield Checkpoint(arrays, row.history_order, row.created_at, None if position is None else int(position[0]))


def check_key(connection: Connection, sealer: Sealer) -> None:
    """Check that the newest checkpoint can be unsealed, if there is one.

    Raises:
        WrongKey: it is sealed, and the key is missing or a different one.
    """
    query = select(HistoryCheckpoint.id, HistoryCheckpoint.sealed).order_by(desc(HistoryCheckpoint.id)).limit(1)
    newest = connection.execute(query).first()
    if newest is not None and newest.sealed:
        sealer.unseal(_content(connection, newest.id), sealed=True)


def _content(connection: Connection, checkpoint_id: int) -> bytes:
    query = select(CheckpointPart.content).where(CheckpointPart.checkpoint_id == checkpoint_id)
    return b"".join(connection.execute(query.order_by(CheckpointPart.number)).scalars())


def is_any(database: Database, version: int) -> bool:
    """Return whether there is a checkpoint of a version of the history's state."""
    with database.read() as connection:
        return bool(connection.execute(select(exists().where(HistoryCheckpoint.version == version))).scalar())


def oldest_order(database: Database) -> int | None:
    """Return the order of the oldest checkpoint; None if there are no checkpoints."""
    with database.read() as connection:
        return connection.execute(select(func.min(HistoryCheckpoint.history_order))).scalar()


def newest_at(database: Database) -> int | None:
    """Return the time of the newest checkpoint, in microseconds since 1970; None if there are no checkpoints."""
    with database.read() as connection:
        return connection.execute(
            select(HistoryCheckpoint.created_at).order_by(desc(HistoryCheckpoint.id)).limit(1)
        ).scalar()
