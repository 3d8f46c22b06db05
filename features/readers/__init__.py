"""Readers of file formats and column mappings. They yield chunks of whole shipments with the manifest's column names."""

from features.readers.chunk import Chunk, OwnValues, Piece, Reject, RowNote
from features.readers.errors import MappingError, Unreadable
from features.readers.mapping import ColumnMapping
from features.readers.reader import ROWS_PER_CHUNK, Opened, TableReader, open_pieces, open_table

__all__ = [
    "ROWS_PER_CHUNK",
    "Chunk",
    "ColumnMapping",
    "MappingError",
    "Opened",
    "OwnValues",
    "Piece",
    "Reject",
    "RowNote",
    "TableReader",
    "Unreadable",
    "open_pieces",
    "open_table",
]
