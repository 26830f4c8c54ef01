"""PI controllers as a control system runs them: one scan, and the outputs hold until the next."""

from typing import NamedTuple

import numpy as np

from simulators.plant.parameters import Parameters
from simulators.plant.state import INTEGRALS, ROW, Array, between


class Loop(NamedTuple):
    """A controller's answer: its output within its limits, and the rate of its integral."""

    output: Array
    integral_rate: Array


def proportional_integral(
    error: Array,
    integral: Array,
    gain: Array,
    integral_time: Array,
    low: Array | float,
    high: Array | float,
    feed_forward: Array | float = 0.0,
) -> Loop:
    """PI with limits; while the output is at a limit the integral runs back instead of winding up."""
    wanted = feed_forward + gain * (error + integral)
    output = between(wanted, low, high)
    return Loop(output, (error + (output - wanted) / gain) / integral_time)


class Actions(NamedTuple):
    """What the controllers hold until their next scan."""

    supply_setpoint: Array  # of the heat-transfer fluid, K
    base_opening: Array  # of the base pump, 0..1
    gas_opening: Array  # 1: nitrogen fully in, -1: vent fully open


def scan(state: Array, ph: Array, pressure: Array, parameters: Parameters, seconds: float) -> Actions:
    """One scan: temperature by cascade over the jacket, pH by base, pressure by split range; moves the integrals."""
    integral = state[INTEGRALS]
    jacket = proportional_integral(
        parameters.temperature_setpoint - state[ROW["temperature"]],
        integral[0],
        parameters.temperature_gain,
        parameters.temperature_integral_time,
        parameters.jacket_coldest,
        parameters.jacket_hottest,
        parameters.temperature_setpoint,
    )
    jacket_temperature = state[ROW["jacket_temperature"]]
    supply = proportional_integral(
        jacket.output - jacket_temperature,
        integral[1],
        parameters.jacket_gain,
        parameters.jacket_integral_time,
        parameters.supply_coldest,
        parameters.supply_hottest,
        jacket.output,
    )
    base = proportional_integral(
        parameters.ph_setpoint - parameters.ph_control_bias - ph,
        integral[2],
        parameters.ph_gain,
        parameters.ph_integral_time,
        0.0,
        1.0,
    )
    gas = proportional_integral(
        parameters.pressure_setpoint - pressure,
        integral[3],
        parameters.pressure_gain,
        parameters.pressure_integral_time,
        -1.0,
        1.0,
    )
    integral[0] += seconds * jacket.integral_rate
    integral[1] += seconds * supply.integral_rate
    integral[2] += seconds * base.integral_rate * parameters.base_enabled
    integral[3] += seconds * gas.integral_rate
    cooling = np.minimum(supply.output - jacket_temperature, 0.0) * (1.0 - parameters.cooling_duty)
    return Actions(supply.output - cooling, base.output * parameters.base_enabled * parameters.base_pump, gas.output)
