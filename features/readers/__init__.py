"""Files -> chunks of whole shipments with the manifest's own column names."""

from features.readers.chunk import Chunk, Reject, RowNote
from features.readers.errors import MappingError, Unreadable
from features.readers.mapping import ColumnMapping
from features.readers.reader import ROWS_PER_CHUNK, TableReader, open_table

__all__ = [
    "ROWS_PER_CHUNK",
    "Chunk",
    "ColumnMapping",
    "MappingError",
    "Reject",
    "RowNote",
    "TableReader",
    "Unreadable",
    "open_table",
]
