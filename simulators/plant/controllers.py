"""PI controllers as a control system runs them: one scan, and the outputs hold until the next."""

from typing import Final, NamedTuple

import numpy as np

from simulators.plant.parameters import ParameterTable
from simulators.plant.stage import Quantities
from simulators.plant.state import Array, between

_VALVE_SPAN_K: Final = 50.0  # a supply set point so far from the jacket's temperature opens its valve fully


class Actions(NamedTuple):
    """What the controllers hold until their next scan."""

    jacket_setpoint: Array  # K
    supply_setpoint: Array  # of the heat-transfer fluid, K
    heating_opening: Array  # of the steam valve, 0..1; below 0: the brine valve's, negative
    base_opening: Array  # of the base pump, 0..1
    gas_opening: Array  # 1: nitrogen fully in, -1: vent fully open


def proportional_integral(
    error: Array,
    integral: Array,
    gain: Array,
    integral_time: Array,
    low: Array | float,
    high: Array | float,
    feed_forward: Array | float,
) -> tuple[Array, Array]:
    """The output of a PI controller within its limits, and the rate of its integral.

    While the output is at a limit the integral runs back instead of winding up.
    """
    wanted = feed_forward + gain * (error + integral)
    output = between(wanted, low, high)
    return output, (error + (output - wanted) / gain) / integral_time


class Controllers:
    """Temperature by cascade over the jacket, pH by base, pressure by nitrogen and vent in split range."""

    def __init__(self, table: ParameterTable) -> None:
        width = table.values.shape[1]
        self._parameters = table.wide
        self._gain = table.block("temperature_gain", "pressure_gain")
        self._integral_time = table.block("temperature_integral_time", "pressure_integral_time")
        self._setpoint = table.block("temperature_setpoint", "pressure_setpoint")
        self._seen = np.zeros((3, width))  # by the controllers: temperature, pH, pressure
        self._forward = np.zeros((3, width))
        self._low = np.zeros((3, width))
        self._high = np.ones((3, width))
        self._low[2] = -1.0
        self._running = np.ones((3, width))

    def scan(self, now: Quantities, ph: Array, pressure: Array, seconds: float) -> Actions:
        """One scan: what is measured goes in, the integrals move on, what is held comes out."""
        parameters = self._parameters
        self._seen[0] = now.temperature
        np.add(ph, parameters.ph_control_bias, out=self._seen[1])
        self._seen[2] = pressure
        self._forward[0] = parameters.temperature_setpoint
        self._low[0], self._high[0] = parameters.jacket_coldest, parameters.jacket_hottest
        self._running[1] = parameters.base_enabled
        outputs, rates = proportional_integral(
            self._setpoint - self._seen,
            now.integrals,
            self._gain,
            self._integral_time,
            self._low,
            self._high,
            self._forward,
        )
        now.integrals += rates * (seconds * self._running)
        wanted, base, gas = outputs
        jacket = now.jacket_temperature
        supply, rate = proportional_integral(
            wanted - jacket,
            now.jacket_integral,
            parameters.jacket_gain,
            parameters.jacket_integral_time,
            parameters.supply_coldest,
            parameters.supply_hottest,
            wanted,
        )
        now.jacket_integral += seconds * rate
        difference = supply - jacket
        heating = np.maximum(difference, 0.0)
        reached = jacket + heating * parameters.heating_duty + (difference - heating) * parameters.cooling_duty
        return Actions(
            wanted,
            reached,
            between(difference / _VALVE_SPAN_K, -1.0, 1.0),
            base * parameters.base_enabled,
            gas,
        )
