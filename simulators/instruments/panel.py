"""All instruments of the plant as columns: how they follow the truth, and what they report of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from domain.status import GOOD
from simulators.instruments.condition import Condition
from simulators.instruments.kinds import KINDS, InstrumentKind, changed
from simulators.instruments.schedule import Schedule
from simulators.instruments.streams import Singles, keys, polar, uniform
from simulators.plant.state import Array, between
from simulators.scenario import InstrumentChange

OUT_OF_RANGE = 0x4094_0000  # Uncertain_EngineeringUnitsExceeded

_NOISE, _SPIKE, _BAD, _UNCERTAIN, _JITTER = range(5)  # what a draw is for
_MS_PER_S = 1000
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument: its kind, and its rhythm in whole seconds of plant time.

    `figures`: its own, where they differ from its kind's. `bias`: what it was calibrated wrong by. `jitter_ms`: by how
    much before the full second it may be sampled, another time at each reading.
    """

    tag: str
    kind: str
    period_s: int
    offset_s: int = 0
    bias: float = 0.0
    jitter_ms: int = 0
    figures: InstrumentKind | None = None

    @property
    def is_like(self) -> InstrumentKind:
        """Its figures."""
        return self.figures or KINDS[self.kind]

    def changed(self, change: InstrumentChange) -> "Instrument":
        """The instrument with what differs; ValueError names the tag and what is impossible."""
        period_s = self.period_s if change.period_s is None else change.period_s
        bias = self.bias if change.bias is None else change.bias
        try:
            if period_s < 1:
                message = f"a period of {period_s} s is impossible"
                raise ValueError(message)  # noqa: TRY301 - it gets the tag's name like the others
            figures = changed(self.is_like, change)
        except ValueError as error:
            message = f"instrument {self.tag}: {error}"
            raise ValueError(message) from error
        return replace(self, period_s=period_s, offset_s=self.offset_s % period_s, bias=bias, figures=figures)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What instruments report at one moment; `instrument` counts in the panel's order.

    `before_ns`: how long before the full second each was sampled.
    """

    instrument: NDArray[np.intp]
    value: Array
    status: NDArray[np.uint32]
    before_ns: NDArray[np.int64]


NOTHING = Readings(np.empty(0, np.intp), np.empty(0), np.empty(0, np.uint32), np.empty(0, np.int64))
"""No reading at all."""

_At = NDArray[np.intp] | slice


class Panel:
    """Follows the truth as the instruments do; `condition` may be changed at any time.

    `held` is what a stuck instrument reports; NaN: what it reported last. `drifted` is what drift has added up to.
    A reading depends on the seed, the instrument's own name and past, and the time since the start; on no other
    instrument. Reading again at the same time gives the same.
    """

    def __init__(self, instruments: Sequence[Instrument], seed: int) -> None:
        kinds = [each.is_like for each in instruments]
        number = len(kinds)
        self.instruments = tuple(instruments)
        self.index = {each.tag: index for index, each in enumerate(instruments)}
        self.healthy = Condition.healthy(kinds, [each.bias for each in instruments])
        self.condition = Condition.healthy(kinds, [each.bias for each in instruments])
        self.held = np.full(number, np.nan)
        self.drifted = np.zeros(number)
        self._noise = np.array([kind.noise for kind in kinds])
        self._wander = np.array([kind.wander for kind in kinds])
        self._wander_s = np.array([kind.wander_s for kind in kinds])
        self._deadband = np.array([kind.deadband for kind in kinds])
        self._steps = _steps_per_unit(np.array([kind.resolution for kind in kinds]))
        self._rollover = np.round(np.array([kind.rollover for kind in kinds]) * self._steps)  # in steps
        self._jitter_ns = np.array([each.jitter_ms * _NS_PER_MS for each in instruments], np.int64)
        rounding, sticking = 1.0 / self._steps / np.sqrt(12.0), self._deadband / np.sqrt(3.0)
        self.sigma = np.sqrt(self._noise**2 + self._wander**2 + rounding**2 + sticking**2)
        """A healthy instrument's standard deviation around the truth: noise, wander, rounding, sticking."""
        self._schedule = Schedule([each.period_s for each in instruments], [each.offset_s for each in instruments])
        self._everything = np.arange(number)
        self._keys = keys([each.tag for each in instruments], seed)
        self._wanders, self._rolls, self._sticks = self._wander > 0, self._rollover > 0, bool(self._deadband.any())
        self._tick_ms = 0
        self._followed: Array | None = None
        self._moved = np.empty(0)  # where the truth was when a sticking instrument last moved
        self._wandered = np.zeros(number)
        self._wandered_ms = np.full(number, -np.inf)
        self._reported = np.full(number, np.nan)
        self._step_s, self._lag_s = -1.0, np.empty(0)
        self._share = np.empty(0)

    def advance(self, truth: Array, seconds: float) -> None:
        """Let the instruments follow the truth for a while, in their plant units."""
        if self._followed is None:
            self._followed, self._moved = truth.copy(), truth.copy()
        if self._sticks:
            self._moved = np.where(np.abs(truth - self._moved) > self._deadband, truth, self._moved)
            truth = self._moved
        self._followed += self._share_of(seconds) * (truth - self._followed)
        self.drifted += self.condition.drift_per_s * seconds
        self._tick_ms += round(seconds * _MS_PER_S)

    def _share_of(self, seconds: float) -> Array:
        """How much of the way an instrument goes in a step: the exact answer of a first-order lag."""
        lag_s = self.condition.lag_s
        if seconds != self._step_s or not np.array_equal(lag_s, self._lag_s):
            self._step_s, self._lag_s = seconds, lag_s.copy()
            with np.errstate(divide="ignore", invalid="ignore"):
                self._share = np.where(lag_s > 0, -np.expm1(-seconds / lag_s), 1.0)
        return self._share

    def due(self, second: int, step_s: int = 1) -> NDArray[np.intp]:
        """The instruments that report at this second, or since the end of the last step of so many seconds."""
        return self._schedule.due(second, step_s)

    def read(self, due: NDArray[np.intp]) -> Readings:
        """What the given instruments report now."""
        at = self._at(due)
        exact = self._exact(at)
        radius, angle = polar(self._keys[at], self._tick_ms, _NOISE)
        noise = radius * np.cos(angle) * self._noise[at]
        wanders = self._wanders[at]
        if wanders.any():
            noise[wanders] += self._wander_now(due[wanders], radius[wanders] * np.sin(angle[wanders]))
        value, status = self._digitised(exact + noise * self.condition.noise_factor[at], at)
        self._reported[at] = value
        return Readings(due, value, status, self._before_ns(at, len(due)))

    def noise_free(self, due: NDArray[np.intp]) -> Readings:
        """What the given instruments would report now without their noise, with the status that they report."""
        at = self._at(due)
        value, status = self._digitised(self._exact(at), at)
        return Readings(due, value, status, self._before_ns(at, len(due)))

    def _at(self, due: NDArray[np.intp]) -> _At:
        """The rows of some instruments; those of all of them cost no copy."""
        return slice(None) if len(due) == len(self._everything) and bool((due == self._everything).all()) else due

    def _exact(self, at: _At) -> Array:
        """What is left of the truth behind lag, calibration, bias, drift and spikes."""
        if self._followed is None:
            message = "an instrument has been read before it saw any truth"
            raise RuntimeError(message)
        condition = self.condition
        exact = self._followed[at] * condition.gain[at] + condition.offset[at] + condition.bias[at] + self.drifted[at]
        if condition.spike_probability.any():
            exact += condition.spike_size[at] * self._by_chance(condition.spike_probability, _SPIKE, at)
        return exact

    def _wander_now(self, which: NDArray[np.intp], push: Singles) -> Array:
        """The slow noise, moved on from the instrument's last reading: exact for any time between."""
        gone_s = (self._tick_ms - self._wandered_ms[which]) / _MS_PER_S
        kept = np.exp(-gone_s / self._wander_s[which])
        wandered: Array = kept * self._wandered[which] + self._wander[which] * np.sqrt(1.0 - kept * kept) * push
        self._wandered[which] = wandered
        self._wandered_ms[which] = self._tick_ms
        return wandered

    def _digitised(self, exact: Array, at: _At) -> tuple[Array, NDArray[np.uint32]]:
        """What an output says: rounded, rolled over, cut to its range, stuck; and how sure it is of it."""
        condition = self.condition
        counts = np.round(exact * self._steps[at]) + 0.0  # no -0.0
        rolls = self._rolls[at]
        if rolls.any():
            counts[rolls] = np.mod(counts[rolls], self._rollover[at][rolls])
        rounded = counts / self._steps[at]
        value = between(rounded, condition.low[at], condition.high[at])
        flagged = (value != rounded) & ~condition.silent[at]
        if condition.stuck.any():
            value, flagged = self._stuck(value, flagged, at)
        status = np.where(flagged, np.uint32(OUT_OF_RANGE), np.uint32(GOOD))
        if condition.uncertain_probability.any():
            uncertain = self._by_chance(condition.uncertain_probability, _UNCERTAIN, at)
            status = np.where(uncertain, condition.uncertain_status[at], status)
        if condition.bad_probability.any():
            bad = self._by_chance(condition.bad_probability, _BAD, at)
            status = np.where(bad, condition.bad_status[at], status)
        return value, status

    def _stuck(self, value: Array, flagged: NDArray[np.bool_], at: _At) -> tuple[Array, NDArray[np.bool_]]:
        stuck = self.condition.stuck[at]
        last = np.where(np.isnan(self._reported[at]), value, self._reported[at])
        held = np.where(np.isnan(self.held[at]), last, self.held[at])
        self.held[at] = np.where(stuck, held, self.held[at])
        return np.where(stuck, held, value), flagged & ~stuck

    def _by_chance(self, probability: Array, purpose: int, at: _At) -> NDArray[np.bool_]:
        hit: NDArray[np.bool_] = uniform(self._keys[at], self._tick_ms, purpose) < probability[at]
        return hit

    def _before_ns(self, at: _At, number: int) -> NDArray[np.int64]:
        if not self._jitter_ns.any():
            return np.zeros(number, np.int64)
        return (uniform(self._keys[at], self._tick_ms, _JITTER) * self._jitter_ns[at]).astype(np.int64)


def _steps_per_unit(resolution: Array) -> Array:
    """Steps of the resolution in a unit; whole where they should be, so that 0.01 gives 60.12 and not 60.120…005."""
    steps = 1.0 / resolution
    whole = np.round(steps)
    return np.where(np.abs(steps - whole) < 1e-9 * steps, whole, steps)
