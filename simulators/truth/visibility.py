"""When a fault can be seen by somebody who reads every measured tag, and knows how the plant normally runs."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

SUSTAINED_S: Final = 60
"""So long something has to be beyond a limit or its normal profile."""


class Beyond:
    """Since when each column has been beyond, second by second; infinite: it is not."""

    def __init__(self, columns: int) -> None:
        self.since_s = np.full(columns, np.inf)

    def advance(self, second: int, beyond: Mask) -> None:
        """Take what is beyond at a second."""
        self.since_s = np.where(beyond, np.minimum(self.since_s, second), np.inf)


@dataclass(slots=True, eq=False)
class Watch:
    """Looks for one fault: from its onset on, on the columns where it can show.

    What was beyond before the onset counts once it has been inside: somebody who knew it before learns nothing.
    `visible_s` is the end of the first `SUSTAINED_S` on one column; `seen` are the columns where that came to be.
    """

    onset_s: int
    columns: Mask
    visible_s: int | None = None
    last_seen_s: int | None = None
    seen: list[int] = field(default_factory=list)

    def advance(self, second: int, since_s: NDArray[np.float64]) -> list[int]:
        """Look at a second; answers with the columns on which the fault is seen for the first time."""
        sustained = self.columns & (since_s >= self.onset_s) & (second - since_s >= SUSTAINED_S)
        if not sustained.any():
            return []
        if self.visible_s is None:
            self.visible_s = int(since_s[sustained].min()) + SUSTAINED_S
        self.last_seen_s = second
        fresh = [column for column in np.flatnonzero(sustained).tolist() if column not in self.seen]
        self.seen += fresh
        return fresh
