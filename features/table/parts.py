"""Parts of a table without the texts of the other rows."""

from __future__ import annotations

import numpy as np

from features.table.coded import Coded
from features.table.table import IntArray, ManifestTable


def alone(table: ManifestTable, rows: IntArray) -> ManifestTable:
    """Return the table of the given rows, which must ascend, without the texts of other rows.

    Tables from `ManifestTable.take` share all distinct texts, and scoring processes each of them.
    """
    part = table.take(rows)
    part._values, part.cut = dict(part._values), {}
    for name, place in part._place.items():
        codes = part._codes[place]
        if cut := table.cut.get(name):
            # `compact` below gives the texts new codes.
            used = np.unique(codes[codes >= 0]).tolist()
            part.cut[name] = {new for new, code in enumerate(used) if code in cut}
        column = Coded(codes, *part._values[name]).compact()
        part._codes[place], part._values[name] = column.codes, (column.values, column.distinct)
    part._keep_text({name: column.compact() for name, column in part._text.items()})
    part._further = {name: column.compact() for name, column in part._further.items()}
    return part
