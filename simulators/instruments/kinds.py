"""Kinds of instrument, with figures typical of their data-sheet classes, and how a tag's own differs."""

from dataclasses import dataclass, replace
from typing import Final

from simulators.scenario import InstrumentChange


@dataclass(frozen=True, slots=True)
class InstrumentKind:
    """How a kind of instrument distorts the truth; quantities in its plant unit, times in s.

    `noise` is the standard deviation of white noise, `wander` that of a slow one (autoregressive) with `wander_s` as
    its time constant: mixing around a pH probe, bubbles under a level transmitter. `deadband` is by how much the truth
    has to move before the instrument does: stiction of a valve's feedback. A counter starts again at `rollover`; 0: it
    is none. ValueError where a figure is impossible.
    """

    unit: str
    low: float
    high: float
    lag_s: float
    noise: float
    resolution: float
    wander: float = 0.0
    wander_s: float = 30.0
    deadband: float = 0.0
    rollover: float = 0.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            message = f"range: {self.low:g} is not below {self.high:g}"
            raise ValueError(message)
        if not self.resolution > 0:
            message = f"resolution: {self.resolution:g} is not above 0"
            raise ValueError(message)
        if not self.wander_s > 0:
            message = f"wander_s: {self.wander_s:g} is not above 0"
            raise ValueError(message)
        for name in ("lag_s", "noise", "wander", "deadband", "rollover"):
            if not getattr(self, name) >= 0:
                message = f"{name}: {getattr(self, name):g} is below 0"
                raise ValueError(message)


def changed(kind: InstrumentKind, change: InstrumentChange) -> InstrumentKind:
    """The kind with what differs; period and bias are the instrument's own. ValueError where it is impossible."""
    names = ("noise", "wander", "lag_s", "resolution", "low", "high")
    given = {name: getattr(change, name) for name in names}
    return replace(kind, **{name: value for name, value in given.items() if value is not None})


KINDS: Final = {
    "temperature": InstrumentKind("degC", -50.0, 200.0, 15.0, 0.05, 0.01),  # Pt100 class A in a thermowell
    "pressure": InstrumentKind("bar", -1.0, 6.0, 1.0, 0.002, 0.001),  # 0.1 % transmitter, gauge
    "ph": InstrumentKind("pH", 0.0, 14.0, 15.0, 0.004, 0.01, wander=0.006, wander_s=20.0),  # combination probe
    "level": InstrumentKind("m3", 0.0, 3.0, 3.0, 0.004, 0.001),
    "power": InstrumentKind("W", 0.0, 8000.0, 2.0, 15.0, 1.0),
    "flow": InstrumentKind("l/h", 0.0, 1000.0, 1.0, 0.3, 0.1),
    "speed": InstrumentKind("1/min", 0.0, 200.0, 0.5, 0.2, 0.1),
    "valve": InstrumentKind(
        "%", -100.0, 100.0, 2.0, 0.05, 0.1, deadband=0.5
    ),  # below 0: the other half of a split range
    "total": InstrumentKind("l", 0.0, 1000.0, 0.0, 0.0, 0.1, rollover=1000.0),
    "concentration": InstrumentKind("mol/m3", 0.0, 2500.0, 20.0, 3.0, 1.0, wander=2.0, wander_s=60.0),  # spectrometer
}
