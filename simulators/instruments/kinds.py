"""Kinds of instrument, with figures typical of their data-sheet classes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class InstrumentKind:
    """How a kind of instrument distorts the truth; quantities in its plant unit, times in s.

    `noise` is the standard deviation of white noise, `wander` that of a slow one (autoregressive) with `wander_s` as
    its time constant: mixing around a pH probe, bubbles under a level transmitter.
    """

    unit: str
    low: float
    high: float
    lag_s: float
    noise: float
    resolution: float
    wander: float = 0.0
    wander_s: float = 30.0


KINDS: Final = {
    "temperature": InstrumentKind("degC", -50.0, 200.0, 15.0, 0.05, 0.01),  # Pt100 class A in a thermowell
    "pressure": InstrumentKind("bar", -1.0, 6.0, 1.0, 0.002, 0.001),  # 0.1 % transmitter, gauge
    "ph": InstrumentKind("pH", 0.0, 14.0, 15.0, 0.004, 0.01, wander=0.006, wander_s=20.0),  # combination probe
    "level": InstrumentKind("m3", 0.0, 3.0, 3.0, 0.004, 0.001),
    "power": InstrumentKind("W", 0.0, 8000.0, 2.0, 15.0, 1.0),
    "flow": InstrumentKind("l/h", 0.0, 1000.0, 1.0, 0.3, 0.1),
}
