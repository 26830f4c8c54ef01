"""The agitator: its speed and its power."""

import numpy as np

from simulators.plant.parameters import Parameters
from simulators.plant.state import Array


def shaft_power_w(speed: Array, parameters: Parameters) -> Array:
    """Agitator power, W: power number, density, speed cubed, diameter to the fifth."""
    diameter = parameters.impeller_diameter
    square = diameter * diameter
    return parameters.power_number * parameters.density * (speed * speed * speed) * (square * square * diameter)


def turned(speed: Array, parameters: Parameters, seconds: float) -> Array:
    """The speed after a while: the exact answer of a lag that is shorter than many a step."""
    setpoint = parameters.agitator_setpoint * parameters.agitator_working
    return setpoint + (speed - setpoint) * np.exp(-seconds / parameters.agitator_lag)
