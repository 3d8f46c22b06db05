"""What only a compiled module can say to a processor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def prefetch(values: NDArray[np.float64], at: int) -> None:
    """Have ``values[at]`` on its way from memory before it is read. Compiled, it is one instruction; here it does nothing."""
