"""Status codes: nothing where all are Good (0), four bytes where all are alike, else runs."""

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile
from historian.chunks.planes import pack_bytes, unpack_bytes

Statuses = NDArray[np.uint32]

_RUNS = b"\1"


def pack_statuses(status: Statuses) -> bytes:
    """Pack codes as they are, information bits and all."""
    if not status.any():
        return b""
    changes = np.flatnonzero(status[1:] != status[:-1]) + 1
    if not len(changes):
        return int(status[0]).to_bytes(4, "little")
    starts = np.concatenate(([0], changes))
    return _RUNS + pack_bytes(starts.astype("<u4").tobytes() + status[starts].astype("<u4").tobytes())


def unpack_statuses(packed: bytes | memoryview, count: int) -> Statuses:
    """Undo `pack_statuses` for `count` rows."""
    if not packed:
        return np.zeros(count, np.uint32)
    if len(packed) == 4:
        return np.full(count, int.from_bytes(packed, "little"), np.uint32)
    both = np.frombuffer(unpack_bytes(packed[1:]), "<u4")
    runs = len(both) // 2
    lengths = np.diff(np.append(both[:runs].astype(np.int64), count))
    if np.any(lengths < 0) or int(lengths.sum()) != count:
        raise DamagedFile(f"runs of status codes do not add up to {count} rows")
    return np.repeat(both[runs:], lengths)
