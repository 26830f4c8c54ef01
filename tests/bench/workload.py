"""Deterministic rows of a plant, for benchmarks of any store.

1,000 tags (50 devices of 20) at 1 Hz; rows in the order of arrival.
  * The 20 tags of a device share a scan's time: the second + the device's phase + AR jitter (sd 3 ms), in whole µs.
  * A value is a slow AR drift and sensor noise, rounded to the tag's resolution (0.01 or 0.1); set points step.
  * Bursts of 5-44 Uncertain or Bad samples, together about 0.05 %.
  * 0.1 % of the samples arrive up to 600 s late; 0.1 % arrive a second time, up to 120 s later.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.samples import SampleBatch

T0_NS = 1_760_000_400 * 10**9  # 2025-10-09T09:00:00Z
SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS
TAGS = 1000
TAGS_PER_DEVICE = 20
SEED = 7

UNCERTAIN = 0x4090_0000  # UncertainLastUsableValue
BAD = 0x808C_0000  # BadSensorFailure
LATE_WITHIN_S, AGAIN_WITHIN_S = 600, 120


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of sensor behaves; drift and noise are standard deviations, drift per second."""

    mean: float
    drift: float
    pull: float
    noise: float
    resolution: float


KINDS = (
    Kind(75.0, 0.010, 2e-5, 0.04, 0.01),  # temperature, fine
    Kind(120.0, 0.020, 2e-5, 0.06, 0.1),  # temperature
    Kind(2.5, 0.0008, 5e-5, 0.006, 0.01),  # pressure
    Kind(6.8, 0.0006, 5e-5, 0.008, 0.01),  # pH
    Kind(340.0, 0.050, 1e-4, 0.30, 0.1),  # flow
    Kind(62.0, 0.004, 1e-5, 0.02, 0.01),  # level
    Kind(180.0, 0.010, 1e-3, 0.15, 0.1),  # speed of rotation
    Kind(75.0, 0.0, 0.0, 0.0, 0.1),  # set point
)
SET_POINT = 7
OF_DEVICE = (0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7)


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Rows in the order of arrival."""

    tag: NDArray[np.uint32]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    arrival_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tag)

    def at(self, chosen: "slice | NDArray[np.bool_] | NDArray[np.intp]") -> "Arrivals":
        return Arrivals(*(column[chosen] for column in self.columns()))

    def columns(self) -> tuple[NDArray, ...]:
        return self.tag, self.time_ns, self.value, self.status, self.arrival_ns


class Plant:
    """The state of all sensors; `hour` makes the next hour's samples in the order of time."""

    def __init__(self, tags: int, *, shared_times: bool) -> None:
        self.random = np.random.default_rng(SEED)
        self.tags = tags
        self.devices = tags // TAGS_PER_DEVICE if shared_times else tags
        kinds = [KINDS[OF_DEVICE[tag % TAGS_PER_DEVICE]] for tag in range(tags)]
        self.mean, self.drift, self.pull, self.noise, resolution = (
            np.array([getattr(kind, name) for kind in kinds])
            for name in ("mean", "drift", "pull", "noise", "resolution")
        )
        self.scale = np.round(1 / resolution)
        self.is_set_point = np.array([OF_DEVICE[tag % TAGS_PER_DEVICE] == SET_POINT for tag in range(tags)])
        self.phase_ns = self.random.integers(0, 10**6, self.devices) * 1000
        self.level = self.mean + self.random.normal(0, 1, tags) * self.drift * 60
        self.jitter_us = np.zeros(self.devices)
        self.set_point = self.mean.copy()
        self.burst_left = np.zeros(tags, int)
        self.burst_status = np.zeros(tags, np.uint32)

    def hour(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint32]]:
        """Times (3600 by devices), values and status codes (3600 by tags)."""
        random, tags = self.random, self.tags
        value, time_ns = np.empty((3600, tags)), np.empty((3600, self.devices), np.int64)
        status = np.zeros((3600, tags), np.uint32)
        drift = random.normal(0, 1, (3600, tags)) * self.drift
        noise = random.normal(0, 1, (3600, tags)) * self.noise
        jitter_us = random.normal(0, 3000, (3600, self.devices))
        starts = random.random((3600, tags)) < 2e-5
        steps = random.random((3600, tags)) < 1 / 1800
        for second in range(3600):
            self.level += drift[second] - self.pull * (self.level - self.mean)
            self._disturb(starts[second], steps[second] & self.is_set_point)
            value[second] = np.where(self.is_set_point, self.set_point, self.level + noise[second])
            disturbed = self.burst_left > 0
            status[second, disturbed] = self.burst_status[disturbed]
            self.burst_left[disturbed] -= 1
            self.jitter_us = 0.5 * self.jitter_us + jitter_us[second]
            scan_ns = T0_NS + (number * 3600 + second) * SECOND_NS
            time_ns[second] = scan_ns + self.phase_ns + np.round(self.jitter_us).astype(np.int64) * 1000
        return time_ns, np.round(value * self.scale) / self.scale, status

    def _disturb(self, starts: NDArray[np.bool_], steps: NDArray[np.bool_]) -> None:
        if starts.any():
            count = int(starts.sum())
            self.burst_left[starts] = self.random.integers(5, 45, count)
            self.burst_status[starts] = np.where(self.random.random(count) < 0.5, BAD, UNCERTAIN)
        if steps.any():
            step = self.random.normal(0, 15, int(steps.sum()))
            self.set_point[steps] = np.round(self.mean[steps] + step, 1)


def hours(count: int, tags: int = TAGS, *, shared_times: bool = True) -> Iterator[Arrivals]:
    """The arrivals of each hour; late and repeated rows spill into later hours, the last one gets all that is left."""
    plant = Plant(tags, shared_times=shared_times)
    random = plant.random
    carried: Arrivals | None = None
    for number in range(count):
        time_ns, value, status = plant.hour(number)
        times = np.repeat(time_ns, tags // plant.devices, axis=1).ravel()
        tag = np.tile(np.arange(tags, dtype=np.uint32), 3600)
        arrival_ns = times.copy()
        late = random.random(len(times)) < 1e-3
        arrival_ns[late] += (random.random(int(late.sum())) * LATE_WITHIN_S * SECOND_NS).astype(np.int64)
        fresh = Arrivals(tag, times, value.ravel(), status.ravel(), arrival_ns)
        twice = random.random(len(times)) < 1e-3
        again = fresh.at(twice)
        again.arrival_ns[:] += (random.random(len(again)) * AGAIN_WITHIN_S * SECOND_NS).astype(np.int64)
        parts = [fresh, again] if carried is None else [carried, fresh, again]
        joined = Arrivals(*(np.concatenate(columns) for columns in zip(*(p.columns() for p in parts), strict=True)))
        joined = joined.at(np.argsort(joined.arrival_ns, kind="stable"))
        border = int(np.searchsorted(joined.arrival_ns, T0_NS + (number + 1) * HOUR_NS))
        if number == count - 1:
            border = len(joined)
        carried = joined.at(slice(border, None))
        yield joined.at(slice(0, border))


def batches(arrivals: Arrivals, rows: int, source: str = "plant") -> Iterator[SampleBatch]:
    """Entries of so many rows, each received when its last row arrived."""
    for start in range(0, len(arrivals), rows):
        part = arrivals.at(slice(start, start + rows))
        received_ns = int(part.arrival_ns[-1])
        yield SampleBatch(source, received_ns, part.tag, part.time_ns, None, part.value, part.status)
