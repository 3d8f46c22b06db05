"""Parts of a table that share no text with the other rows."""

from __future__ import annotations

import numpy as np

from features.table.coded import Coded
from features.table.table import IntArray, ManifestTable


def alone(table: ManifestTable, rows: IntArray) -> ManifestTable:
    """Return the table of the given rows, which must ascend, without the texts of other rows.

    `ManifestTable.take` shares the distinct texts, and scoring works per distinct text.
    """
    part = table.take(rows)
    part._values, part.cut = dict(part._values), {}
    for name, place in part._place.items():
        codes = part._codes[place]
        if cut := table.cut.get(name):
            # Texts get new codes below.
            kept = np.unique(codes[codes >= 0]).tolist()
            part.cut[name] = {new for new, code in enumerate(kept) if code in cut}
        column = Coded(codes, *part._values[name]).compact()
        part._codes[place], part._values[name] = column.codes, (column.values, column.distinct)
    part._keep_text({name: column.compact() for name, column in part._text.items()})
    part._further = {name: column.compact() for name, column in part._further.items()}
    return part
