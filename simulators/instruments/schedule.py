"""Which instruments report at a second, from their periods and offsets."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Schedule:
    """Instruments sorted into buckets by period and offset, so that a second costs no look at the others."""

    def __init__(self, period_s: Sequence[int], offset_s: Sequence[int]) -> None:
        buckets: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, (period, offset) in enumerate(zip(period_s, offset_s, strict=True)):
            if period < 1:
                message = f"instrument {index}: a period of {period} s is impossible"
                raise ValueError(message)
            buckets[period][offset % period].append(index)
        self._buckets = {
            period: {offset: np.array(indices, np.intp) for offset, indices in of_period.items()}
            for period, of_period in buckets.items()
        }

    def due(self, second: int, step_s: int = 1) -> NDArray[np.intp]:
        """The instruments whose time comes in (second - step_s, second], in order, each once."""
        parts = [
            bucket
            for period, buckets in self._buckets.items()
            for back_s in range(min(step_s, period))
            if (bucket := buckets.get((second - back_s) % period)) is not None
        ]
        if not parts:
            return np.empty(0, np.intp)
        return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))
