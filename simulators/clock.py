"""The plant's clock: the wall's, from an agreed origin on and faster."""

import asyncio
import time
from typing import Final

from domain.time import SECOND_NS, ScaledTime

_LONGEST_SLEEP_S: Final = 1.0  # the wall's clock may be set meanwhile: look again


class ScaledClock:
    """A `domain.ports.Clock` that every process with the same three numbers shares."""

    simulated = True

    def __init__(self, scaled: ScaledTime) -> None:
        self.scaled = scaled
        self.speed = scaled.speed

    def now_ns(self) -> int:
        """The plant's time, UTC ns."""
        return self.scaled.plant_ns(time.time_ns())

    async def sleep_until(self, when_ns: int) -> None:
        """Return once the plant's clock has reached `when_ns`."""
        while (left_ns := self.scaled.wall_ns(when_ns) - time.time_ns()) > 0:  # noqa: ASYNC110 - a clock sets no event
            await asyncio.sleep(min(left_ns / SECOND_NS, _LONGEST_SLEEP_S))
