"""Values of a large plant at next to no cost: drifting levels with noise, made once and given again and again."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SCANNED_TOGETHER: Final = 20
"""Tags of one device: they share a scan's time."""
_MADE_MOST: Final = 2_000_000  # values; 16 MB
_SCANS_MOST: Final = 256
_SCANS_LEAST: Final = 4
_JITTER_S: Final = 1e-3


class DriftingValues:
    """Scans of `tags` values each: two thirds with two decimals, the rest with one. They repeat, forth and back.

    `phase_s` is when within a second the device of each tag is scanned; each scan adds a millisecond's jitter.
    """

    def __init__(self, tags: int, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        scans = int(np.clip(_MADE_MOST // tags, _SCANS_LEAST, _SCANS_MOST))
        devices = -(-tags // SCANNED_TOGETHER)
        self.tags = tags
        self.phase_s = self._by_device(random.uniform(0, 1, devices))
        self._jitter_s = random.normal(0, _JITTER_S, (scans, devices))
        level = random.uniform(1, 300, tags) + np.cumsum(random.normal(0, 0.02, (scans, tags)), axis=0)
        decimals = np.where(np.arange(tags) % 3 < 2, 100.0, 10.0)
        self._values: NDArray[np.float64] = (
            np.round((level + random.normal(0, 0.03, (scans, tags))) * decimals) / decimals
        )

    def scan(self, number: int) -> NDArray[np.float64]:
        """The values of a scan, by tag; not to be written to."""
        values: NDArray[np.float64] = self._values[self._place(number)]
        return values

    def jitter_s(self, number: int) -> NDArray[np.float64]:
        """How late each tag was scanned, by tag."""
        return self._by_device(self._jitter_s[self._place(number)])

    def _place(self, number: int) -> int:
        """Forth and back, so that no value jumps where the scans repeat."""
        last = len(self._values) - 1
        return last - abs(number % (2 * last) - last)

    def _by_device(self, of_device: NDArray[np.float64]) -> NDArray[np.float64]:
        return of_device.repeat(SCANNED_TOGETHER)[: self.tags]
