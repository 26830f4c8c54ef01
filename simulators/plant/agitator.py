"""The agitator: its speed and its power."""

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.parameters import ReactorParameters


def power_per_cube(parameters: ReactorParameters) -> Value:
    """Power by the cube of the speed: power number, density, diameter to the fifth; W s3."""
    diameter = parameters.impeller_diameter
    square = diameter * diameter
    return parameters.power_number * parameters.density * (square * square * diameter)


def turned(speed: Value, parameters: ReactorParameters, seconds: float, functions: Functions) -> Value:
    """The speed after a while: the exact answer of a lag that is shorter than many a step."""
    setpoint = parameters.agitator_setpoint * parameters.agitator_working
    return setpoint + (speed - setpoint) * functions.exp(-seconds / parameters.agitator_lag)
