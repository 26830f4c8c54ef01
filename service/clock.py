"""The one source of 'now': the wall's clock, or that of a simulated plant."""

import asyncio
import json
import logging
import time
from pathlib import Path

from domain.errors import Refused
from domain.ports import Clock
from domain.time import SECOND_NS, ScaledTime

log = logging.getLogger(__name__)

_LOOK_EVERY_NS = SECOND_NS // 20
_SLICE_S = 0.1  # of a sleep, while the plant's clock may be set ahead or stopped


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


class FollowedClock:
    """The clock of a plant that may be set ahead or stopped: its three numbers stand in a file that the bench writes.

    The file is `{"wall_origin": ns, "plant_origin": ns, "speed": number, "usual_speed": number}`, replaced as a whole;
    speed 0 is a clock that stands, `usual_speed` the one at which it otherwise runs. Refused: it cannot be read at the
    start. Later the last good numbers hold.
    """

    simulated = True

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = _stamp(file)
        self._scale, self._usual_speed = _read(file)
        self._looked_ns = time.monotonic_ns()

    @property
    def speed(self) -> float:
        """Plant seconds per second while it runs."""
        return self._usual_speed

    def now_ns(self) -> int:
        """The plant's UTC ns."""
        if time.monotonic_ns() - self._looked_ns > _LOOK_EVERY_NS:
            self._look()
        return self._scale.plant_ns(time.time_ns())

    async def sleep_until(self, when_ns: int) -> None:
        """Return once the plant's clock has reached `when_ns`, also when it was set ahead meanwhile."""
        while (left_ns := when_ns - self.now_ns()) > 0:
            speed = self._scale.speed
            left_s = left_ns / SECOND_NS / speed if speed else _SLICE_S
            await asyncio.sleep(min(left_s, _SLICE_S))

    def _look(self) -> None:
        self._looked_ns = time.monotonic_ns()
        stamp = _stamp(self._file)
        if stamp is not None and stamp != self._stamp:
            self._stamp = stamp
            try:
                self._scale, self._usual_speed = _read(self._file)
            except Refused as error:
                log.error("%s; it goes on as before", error)  # noqa: TRY400  the message says all


def make_clock(scale: ScaledTime | Path | None) -> Clock:
    """The clock that a configuration asks for; Refused if its file cannot be read."""
    if isinstance(scale, Path):
        return FollowedClock(scale)
    return SystemClock() if scale is None else ScaledClock(scale)


def _stamp(file: Path) -> tuple[int, int] | None:
    """What changes when the file is replaced; None while it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _read(file: Path) -> tuple[ScaledTime, float]:
    """The plant's time, and its usual speed."""
    try:
        numbers = json.loads(file.read_text(encoding="utf-8"))
        speed = float(numbers["speed"])
        scaled = ScaledTime(int(numbers["wall_origin"]), int(numbers["plant_origin"]), speed)
        return scaled, float(numbers.get("usual_speed", speed)) or 1.0
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refused(f"clock: {file}: the plant's clock cannot be read: {error!r}") from error
