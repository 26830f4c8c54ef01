"""Faults of instruments: what each kind makes of an instrument's condition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulators.faults.kinds import BAD_STATUSES, CATALOGUE, UNCERTAIN_STATUSES
from simulators.faults.spec import FaultSpec
from simulators.instruments.condition import Condition
from simulators.instruments.panel import Panel

_NEUTRAL_PH: Final = 7.0
_ZERO_CELSIUS_K: Final = 273.15
_S_PER_H: Final = 3600.0

TrueValue = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class _Case:
    """A fault on an instrument at a moment: how far it has developed, and its settings with their defaults."""

    spec: FaultSpec
    share: float
    true_value: TrueValue

    def word(self, name: str) -> str:
        return str(self._value(name))

    def number(self, name: str) -> float:
        value = self._value(name)
        if not isinstance(value, float | int):
            message = f"fault {self.spec.id}: {name} is {value!r}, not a number"
            raise TypeError(message)
        return float(value)

    def optional(self, name: str) -> float | None:
        return None if self._value(name) is None else self.number(name)

    def _value(self, name: str) -> float | str | None:
        return CATALOGUE[self.spec.kind].value(self.spec.settings, name)


class InstrumentFaults:
    """Puts instruments into the condition that their faults ask for, anew at each step."""

    def __init__(self) -> None:
        self._touched: set[int] = set()

    def lift(self, panel: Panel) -> None:
        """Make every instrument healthy again that a fault has touched."""
        for index in self._touched:
            panel.condition.copy_from(panel.healthy, index)
        self._touched.clear()

    def apply(self, panel: Panel, spec: FaultSpec, share: float, true_value: TrueValue) -> None:
        """Add a fault that has developed so far; several on one instrument add up."""
        index = panel.index[spec.target]
        self._touched.add(index)
        _EFFECTS[spec.kind](panel.condition, index, _Case(spec, share, true_value))

    @staticmethod
    def begins(panel: Panel, spec: FaultSpec) -> None:
        """A fault is there: a stuck instrument is told what it goes on reporting."""
        if spec.kind == "stuck":
            value = CATALOGUE["stuck"].value(spec.settings, "value")
            panel.held[panel.index[spec.target]] = np.nan if value is None else value

    @staticmethod
    def ends(panel: Panel, spec: FaultSpec) -> None:
        """A fault is gone: an instrument that drifted has been set right."""
        if spec.kind == "drift":
            panel.drifted[panel.index[spec.target]] = 0.0


def _stuck(condition: Condition, index: int, _: _Case) -> None:
    condition.stuck[index] = True


def _bias(condition: Condition, index: int, case: _Case) -> None:
    condition.bias[index] += case.number("size") * case.share


def _drift(condition: Condition, index: int, case: _Case) -> None:
    condition.drift_per_s[index] += case.number("rate") / _S_PER_H * case.share


def _noise(condition: Condition, index: int, case: _Case) -> None:
    condition.noise_factor[index] *= 1.0 + (case.number("factor") - 1.0) * case.share


def _noise_lost(condition: Condition, index: int, case: _Case) -> None:
    condition.noise_factor[index] *= 1.0 - case.share


def _spike(condition: Condition, index: int, case: _Case) -> None:
    condition.spike_size[index] = case.number("size")
    condition.spike_probability[index] = case.number("probability") * case.share


def _dropout(condition: Condition, index: int, case: _Case) -> None:
    condition.bad_status[index] = BAD_STATUSES[case.word("status")]
    condition.bad_probability[index] = case.number("probability") * case.share


def _uncertain(condition: Condition, index: int, case: _Case) -> None:
    condition.uncertain_status[index] = UNCERTAIN_STATUSES[case.word("status")]
    condition.uncertain_probability[index] = case.number("probability") * case.share


def _calibrate(condition: Condition, index: int, gain: float, right_at: float) -> None:
    """Another calibration on top of what is there; it leaves one value as it was."""
    condition.gain[index] *= gain
    condition.offset[index] = gain * condition.offset[index] + right_at * (1.0 - gain)


def _span(condition: Condition, index: int, case: _Case) -> None:
    zero = case.optional("zero")
    factor = 1.0 + (case.number("factor") - 1.0) * case.share
    _calibrate(condition, index, factor, float(condition.low[index]) if zero is None else zero)


def _ph_slope(condition: Condition, index: int, case: _Case) -> None:
    """The glass gives slope · 2.303·R·T/F per pH from 7; the transmitter divides by what it takes for T (Nernst)."""
    slope = case.number("slope")
    compensated_at = case.optional("compensated_at")
    if compensated_at is not None:
        liquid = case.true_value(temperature_tag(case.spec.target))
        slope *= (liquid + _ZERO_CELSIUS_K) / (compensated_at + _ZERO_CELSIUS_K)
    _calibrate(condition, index, 1.0 + (slope - 1.0) * case.share, _NEUTRAL_PH)


def _lag(condition: Condition, index: int, case: _Case) -> None:
    condition.lag_s[index] += (case.number("lag") - condition.lag_s[index]) * case.share


def _clip(condition: Condition, index: int, case: _Case) -> None:
    low, high = case.optional("low"), case.optional("high")
    if low is not None:
        condition.low[index] = max(condition.low[index], low)
    if high is not None:
        condition.high[index] = min(condition.high[index], high)
    condition.silent[index] = case.word("status") == "good"


def temperature_tag(tag: str) -> str:
    """The tag of the temperature of the liquid that a pH probe stands in: the unit's `TT`."""
    return tag.rpartition(".")[0] + ".TT"


_EFFECTS: Final[Mapping[str, Callable[[Condition, int, _Case], None]]] = {
    "stuck": _stuck,
    "bias": _bias,
    "drift": _drift,
    "noise": _noise,
    "noise_lost": _noise_lost,
    "spike": _spike,
    "dropout": _dropout,
    "uncertain": _uncertain,
    "span": _span,
    "ph_slope": _ph_slope,
    "lag": _lag,
    "clip": _clip,
}
