"""PI controllers as a control system runs them: one scan, and the outputs hold until the next."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.parameters import ReactorParameters

_VALVE_SPAN_K: Final = 50.0  # a supply set point so far from the jacket's temperature opens its valve fully


class Tuning(NamedTuple):
    """How a controller answers: `forward` is its output where there is no error, `low` and `high` are its limits."""

    gain: Value
    integral_time: Value  # s
    low: Value
    high: Value
    forward: Value


def proportional_integral(
    error: Value, integral: Value, tuning: Tuning, seconds: float, functions: Functions
) -> tuple[Value, Value]:
    """The output of a PI controller at a scan, and its integral after it.

    While the output is at a limit the integral runs back instead of winding up. In one scan the integral goes no
    further than an integral time would take it: a controller that is tuned too fast hunts, its arithmetic does not.
    """
    gain, integral_time, low, high, forward = tuning
    wanted = forward + gain * (error + integral)
    output = functions.smaller(functions.larger(wanted, low), high)
    share = functions.smaller(seconds / integral_time, 1.0)
    return output, integral + share * (error + (output - wanted) / gain)


class Measured(NamedTuple):
    """What the controllers see."""

    temperature: Value
    jacket: Value
    ph: Value
    pressure: Value


class Actions(NamedTuple):
    """What the controllers hold until their next scan, and their integrals after it."""

    integrals: tuple[Value, Value, Value, Value]  # temperature, jacket, pH, pressure
    jacket_setpoint: Value  # K
    supply_setpoint: Value  # of the heat-transfer fluid, K
    heating_opening: Value  # of the steam valve, 0..1
    cooling_opening: Value  # of the brine valve, 0..1
    base_opening: Value  # of the base pump, 0..1
    nitrogen_opening: Value  # 0..1
    vent_opening: Value  # 0..1


def scan(
    measured: Measured,
    integrals: Sequence[Value],
    p: ReactorParameters,
    seconds: float,
    functions: Functions,
) -> Actions:
    """One scan; `integrals` are in the order of `Actions.integrals`.

    Temperature by cascade over the jacket, pH by base, pressure by nitrogen and vent in split range.
    """
    for_temperature, for_jacket, for_ph, for_pressure = integrals
    setpoint, jacket = p.temperature_setpoint, measured.jacket
    tuning = Tuning(p.temperature_gain, p.temperature_integral_time, p.jacket_coldest, p.jacket_hottest, setpoint)
    wanted, after_temperature = proportional_integral(
        setpoint - measured.temperature, for_temperature, tuning, seconds, functions
    )
    tuning = Tuning(p.jacket_gain, p.jacket_integral_time, p.supply_coldest, p.supply_hottest, wanted)
    supply, after_jacket = proportional_integral(wanted - jacket, for_jacket, tuning, seconds, functions)
    tuning = Tuning(p.ph_gain, p.ph_integral_time, 0.0, 1.0, 0.0)
    error = p.ph_setpoint - p.ph_control_bias - measured.ph
    base, after_ph = proportional_integral(error, for_ph, tuning, seconds, functions)
    tuning = Tuning(p.pressure_gain, p.pressure_integral_time, -1.0, 1.0, 0.0)
    error = p.pressure_setpoint - measured.pressure
    gas, after_pressure = proportional_integral(error, for_pressure, tuning, seconds, functions)
    larger, smaller = functions.larger, functions.smaller
    difference = supply - jacket
    heating = larger(difference, 0.0)
    cooling = heating - difference
    nitrogen = larger(gas, 0.0)
    return Actions(
        (after_temperature, after_jacket, for_ph + (after_ph - for_ph) * p.base_enabled, after_pressure),
        wanted,
        jacket + heating * p.heating_duty - cooling * p.cooling_duty,
        smaller(heating / _VALVE_SPAN_K, 1.0),
        smaller(cooling / _VALVE_SPAN_K, 1.0),
        base * p.base_enabled,
        nitrogen,
        nitrogen - gas,
    )
