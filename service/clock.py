"""The one source of 'now': the wall's clock, or that of a simulated plant."""

import asyncio
import time

from domain.ports import Clock
from domain.time import SECOND_NS, ScaledTime


class SystemClock:
    """UTC as this machine knows it."""

    simulated = False
    speed = 1.0

    def now_ns(self) -> int:
        """UTC ns."""
        return time.time_ns()

    async def sleep_until(self, when_ns: int) -> None:
        """Return once the clock has reached `when_ns`."""
        await asyncio.sleep(max(0, when_ns - time.time_ns()) / SECOND_NS)


class ScaledClock:
    """The clock of a plant that runs faster than the wall, shared by origin and speed."""

    simulated = True

    def __init__(self, scale: ScaledTime) -> None:
        self._scale = scale
        self.speed = scale.speed

    def now_ns(self) -> int:
        """The plant's UTC ns."""
        return self._scale.plant_ns(time.time_ns())

    async def sleep_until(self, when_ns: int) -> None:
        """Return once the plant's clock has reached `when_ns`."""
        await asyncio.sleep(max(0, self._scale.wall_ns(when_ns) - time.time_ns()) / SECOND_NS)


def make_clock(scale: ScaledTime | None) -> Clock:
    """The clock that a configuration asks for."""
    return SystemClock() if scale is None else ScaledClock(scale)
