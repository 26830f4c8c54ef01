"""Times as whole grains (seconds, milliseconds, microseconds …) against a straight line."""

import numpy as np

from domain.errors import DamagedFile
from historian.chunks.integers import Integers, pack_integers, unpack_integers

_GRAINS_NS = (1_000_000_000, 1_000_000, 1_000, 100, 1)  # 100 ns is OPC UA's own


def pack_times(time_ns: Integers) -> bytes:
    """Pack times: the number of their grain, then integers."""
    number = next(number for number, grain_ns in enumerate(_GRAINS_NS) if _are_whole(time_ns, grain_ns))
    grain_ns = _GRAINS_NS[number]
    return bytes([number]) + pack_integers(time_ns // grain_ns if grain_ns > 1 else time_ns, steady=True)


def unpack_times(packed: bytes | memoryview) -> Integers:
    """Undo `pack_times`; the array is read-only, because many readers share it."""
    if not packed or packed[0] >= len(_GRAINS_NS):
        raise DamagedFile("a column of times has no known grain")
    time_ns = unpack_integers(packed[1:])
    grain_ns = _GRAINS_NS[packed[0]]
    if grain_ns > 1:
        time_ns *= grain_ns
    time_ns.flags.writeable = False
    return time_ns


def _are_whole(time_ns: Integers, grain_ns: int) -> bool:
    # A few rows first: dividing 64-bit integers is the slowest thing here.
    return not (np.any(time_ns[:8] % grain_ns) or np.any(time_ns % grain_ns))
