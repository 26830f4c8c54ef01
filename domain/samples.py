"""The unit of flow: samples as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """Samples of one source in the order of arrival; all arrays have length n, times are UTC ns since 1970.

    `tag` is the dense id of the journal's tag table. `time_ns` is the source time; where the wire had none it is the
    server time, else the receipt time, and the status says so (`status.TIME_ORIGIN`). `status` is the OPC UA
    StatusCode. Booleans are 0.0 and 1.0; integers up to 2^53 are exact.
    """

    source: str
    received_ns: int
    tag: NDArray[np.uint32]
    time_ns: NDArray[np.int64]
    server_ns: NDArray[np.int64] | None
    value: NDArray[np.float64]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        """Rows in the batch."""
        return len(self.tag)

    def rows(self, chosen: "slice | NDArray[np.bool_] | NDArray[np.intp]") -> "SampleBatch":
        """The chosen rows, in the same order."""
        server_ns = None if self.server_ns is None else self.server_ns[chosen]
        return SampleBatch(
            self.source,
            self.received_ns,
            self.tag[chosen],
            self.time_ns[chosen],
            server_ns,
            self.value[chosen],
            self.status[chosen],
        )


def concatenate(batches: Sequence[SampleBatch]) -> SampleBatch:
    """Join batches of one source into one, in order; the receipt time is the first one's."""
    first = batches[0]
    if len(batches) == 1:
        return first
    if any(batch.server_ns is not None for batch in batches):
        server_ns = np.concatenate(
            [batch.time_ns if batch.server_ns is None else batch.server_ns for batch in batches],
        )
    else:
        server_ns = None
    return SampleBatch(
        first.source,
        first.received_ns,
        np.concatenate([batch.tag for batch in batches]),
        np.concatenate([batch.time_ns for batch in batches]),
        server_ns,
        np.concatenate([batch.value for batch in batches]),
        np.concatenate([batch.status for batch in batches]),
    )
