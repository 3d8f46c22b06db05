"""Types of the arrays that training passes around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]
Hashes = NDArray[np.uint64]
