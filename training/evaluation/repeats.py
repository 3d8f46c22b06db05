"""Declarations that repeat a declaration of the training data: same goods, origin, mass, value and quantity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.groups.own.keys import OwnFields, declaration_hashes
from features.manifest.fields import MANIFEST_NAMES
from features.table.table import ManifestTable
from training.data.dataset import Dataset
from training.data.windows import Window


def repeated(data: Dataset, learned: Window, table: ManifestTable) -> NDArray[np.bool_]:
    """Return whether each row (n,) of a table repeats a declaration of the window ``learned``.

    A model can memorise the results of such rows, so reports give their figures separately.
    """
    own = data.own
    if own is None:
        own = OwnFields((), tuple(name for name in MANIFEST_NAMES if name in data.table.raw))
    in_window, in_table = declaration_hashes(data.window_table(learned), own), declaration_hashes(table, own)
    return np.asarray((in_table != 0) & np.isin(in_table, in_window))
