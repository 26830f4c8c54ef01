"""When a statistic beyond its limit is said, and when it is over: after so many rows beyond, and so many well inside.

A single row beyond a limit is noise more often than not, and a fault that makes a statistic swing about its limit is
one fault, not many.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Patience:
    """How many rows in a row it takes, and how far inside `back` is: that share of the limit."""

    on: int = 2
    off: int = 8
    back: float = 0.8


class Latch:
    """Which of many statistics are out; each has a place of its own, and columns for several statistics."""

    def __init__(self, shape: tuple[int, int], patience: Patience) -> None:
        self._patience = patience
        self.is_out: NDArray[np.bool_] = np.zeros(shape, dtype=np.bool_)
        self.count: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)

    def reset(self, places: Index) -> None:
        """Nothing is out."""
        self.is_out[places] = False
        self.count[places] = 0

    def step(self, places: Index, statistic: NDArray[np.float64], limit: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Take the next row of distinct places; return which are out. One that is not known (NaN) changes nothing."""
        patience = self._patience
        out, count = self.is_out[places], self.count[places]
        # Good is proven, never assumed: only what is at or below the limit counts as back.
        towards = np.where(out, statistic <= patience.back * limit, statistic > limit)
        count = np.where(np.isnan(statistic), count, np.where(towards, count + 1, 0))
        switches = count >= np.where(out, patience.off, patience.on)
        out = out ^ switches
        self.is_out[places], self.count[places] = out, np.where(switches, 0, count)
        return out

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of the state."""
        return {"is_out": self.is_out, "count": self.count}

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told."""
        self.is_out = arrays["is_out"].astype(np.bool_)
        self.count = arrays["count"].astype(np.int64)
