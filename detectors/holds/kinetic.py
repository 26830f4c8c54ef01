"""Mean kinetic temperature of a store: the one temperature that would have done as much to the material.

T_K = (ΔH/R) / -ln(Σ tᵢ·e^(-ΔH/(R·Tᵢ)) / Σ tᵢ), after Haynes (1971) as in USP <1079.2>, R = 8.3144 J/(mol·K). It is
evidence for a person and clears nothing. Time in which the temperature is not proven does not count, and is told.
"""

import math

from detectors.cases import Json
from domain.holds import Storage

GAS_J_PER_MOL_K = 8.3144
ZERO_C_IN_K = 273.15

_BUCKETS = 96  # of one window


def mean_kinetic_c(weighted: float, weight: float, heat_j_per_mol: float) -> float | None:
    """The temperature (degC) of Σ tᵢ·e^(-ΔH/(R·Tᵢ)) and Σ tᵢ; None where no time is known."""
    if weight <= 0 or weighted <= 0:
        return None
    return heat_j_per_mol / GAS_J_PER_MOL_K / -math.log(weighted / weight) - ZERO_C_IN_K


def rate(temperature_c: float, heat_j_per_mol: float) -> float:
    """e^(-ΔH/(R·T)) at a temperature (degC); below absolute zero nothing happens."""
    kelvin = temperature_c + ZERO_C_IN_K
    return math.exp(-heat_j_per_mol / (GAS_J_PER_MOL_K * kelvin)) if kelvin > 0 else 0.0


class Kinetic:
    """One store's temperature over a window that slides by a ninety-sixth of its length."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._bucket_ns = max(storage.window_ns // _BUCKETS, 1)
        self._buckets: dict[int, tuple[float, float]] = {}  # begin as a multiple -> seconds, seconds times rate
        self._last: tuple[int, float] | None = None

    def take(self, time_ns: int, value_c: float, *, is_proven: bool) -> None:
        """Take a row; between two proven ones the rate is the mean of theirs."""
        before, self._last = self._last, (time_ns, value_c) if is_proven else None
        if before is None or not is_proven:
            return
        heat = self.storage.heat_j_per_mol
        mean_rate = 0.5 * (rate(before[1], heat) + rate(value_c, heat))
        from_ns = max(before[0], time_ns - self.storage.window_ns)
        while from_ns < time_ns:
            number = from_ns // self._bucket_ns
            until_ns = min((number + 1) * self._bucket_ns, time_ns)
            seconds = (until_ns - from_ns) / 1e9
            known = self._buckets.get(number, (0.0, 0.0))
            self._buckets[number] = (known[0] + seconds, known[1] + seconds * mean_rate)
            from_ns = until_ns
        oldest = time_ns // self._bucket_ns - _BUCKETS
        while self._buckets and (first := next(iter(self._buckets))) < oldest:
            del self._buckets[first]

    def interrupt(self) -> None:
        """A gap: what comes next does not continue what was before."""
        self._last = None

    def over(self, start_ns: int, until_ns: int) -> tuple[float | None, float]:
        """The mean kinetic temperature (degC) of the window that ends at a time, and of how many seconds it is made.

        The window does not reach back behind `start_ns`, but by a part of a bucket.
        """
        first = max(start_ns, until_ns - self.storage.window_ns) // self._bucket_ns
        last = (until_ns - 1) // self._bucket_ns
        seconds = weighted = 0.0
        for number, (each_s, each_weighted) in self._buckets.items():
            if first <= number <= last:
                seconds, weighted = seconds + each_s, weighted + each_weighted
        return mean_kinetic_c(weighted, seconds, self.storage.heat_j_per_mol), seconds

    def state(self) -> Json:
        """All of it."""
        return {
            "buckets": [[number, *sums] for number, sums in self._buckets.items()],
            "last": None if self._last is None else list(self._last),
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._buckets = {number: (seconds, weighted) for number, seconds, weighted in state["buckets"]}
        self._last = None if state["last"] is None else (state["last"][0], state["last"][1])
