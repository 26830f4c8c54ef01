"""The plant's clock: the wall's, from an agreed origin on and faster; it may be set ahead, stopped, or sped up."""

import asyncio
import json
import time
from pathlib import Path
from typing import Final

from domain.time import SECOND_NS, ScaledTime

_LONGEST_SLEEP_S: Final = 1.0  # the wall's clock may be set meanwhile: look again
FOLLOWED_WITHIN_S: Final = 0.1
"""Who follows the clock by its file has looked at it after this time."""

_LOOK_AGAIN_S: Final = 0.1  # while the plant's clock stands


class ScaledClock:
    """A `domain.ports.Clock` that every process with the same three numbers shares.

    With a `file` the numbers are kept there, replaced as a whole whenever they change: who reads it follows. Beside
    them stands `usual_speed`: the speed when the clock does not stand.
    """

    simulated = True

    def __init__(self, scaled: ScaledTime, file: Path | None = None, usual_speed: float = 1.0) -> None:
        self._file = file
        self._usual_speed = scaled.speed or usual_speed
        self._set(scaled)

    @property
    def is_shared(self) -> bool:
        """Tell whether somebody may follow it by its file."""
        return self._file is not None

    @property
    def speed(self) -> float:
        """Plant seconds per second; 0: the clock stands."""
        return self.scaled.speed

    def now_ns(self) -> int:
        """The plant's time, UTC ns."""
        return self.scaled.plant_ns(time.time_ns())

    async def sleep_until(self, when_ns: int) -> None:
        """Return once the plant's clock has reached `when_ns`."""
        while (left_ns := when_ns - self.now_ns()) > 0:
            left_s = left_ns / SECOND_NS / self.speed if self.speed else _LOOK_AGAIN_S
            await asyncio.sleep(min(left_s, _LONGEST_SLEEP_S))

    def set_ahead(self, plant_ns: int) -> None:
        """Let it be `plant_ns` now, and go on from there; ValueError for a time that has passed."""
        wall_ns = time.time_ns()
        if plant_ns < self.scaled.plant_ns(wall_ns):
            message = "a plant's clock is not set back"
            raise ValueError(message)
        self._set(ScaledTime(wall_ns, plant_ns, self.speed))

    def set_speed(self, speed: float) -> None:
        """Run on from now at another speed; 0 stops it."""
        wall_ns = time.time_ns()
        self._set(ScaledTime(wall_ns, self.scaled.plant_ns(wall_ns), speed))

    def set_usual_speed(self, speed: float) -> None:
        """Say at which speed it will run when it does not stand."""
        self._usual_speed = speed
        self._set(self.scaled)

    def _set(self, scaled: ScaledTime) -> None:
        self.scaled = scaled
        self._usual_speed = scaled.speed or self._usual_speed
        if self._file is not None:
            numbers = {
                "wall_origin": scaled.wall_origin_ns,
                "plant_origin": scaled.plant_origin_ns,
                "speed": scaled.speed,
                "usual_speed": self._usual_speed,
            }
            replacement = self._file.with_name(f"{self._file.name}.new")
            replacement.write_text(json.dumps(numbers), encoding="utf-8")
            replacement.replace(self._file)
