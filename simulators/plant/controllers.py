"""PI controllers as a control system runs them: one scan, and the outputs hold until the next."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.parameters import ReactorParameters

_VALVE_SPAN_K: Final = 50.0  # a supply set point so far from the jacket's temperature opens its valve fully


def proportional_integral(
    error: Value,
    integral: Value,
    tuning: tuple[Value, Value],
    limits: tuple[Value, Value],
    forward: Value,
    functions: Functions,
) -> tuple[Value, Value]:
    """The output of a PI controller within its limits, and the rate of its integral; `tuning` is gain and time.

    While the output is at a limit the integral runs back instead of winding up.
    """
    gain, integral_time = tuning
    low, high = limits
    wanted = forward + gain * (error + integral)
    output = functions.smaller(functions.larger(wanted, low), high)
    return output, (error + (output - wanted) / gain) / integral_time


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


_BASE_LIMITS: Final = (0.0, 1.0)
_GAS_LIMITS: Final = (-1.0, 1.0)


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
    wanted, rate_temperature = proportional_integral(
        setpoint - measured.temperature,
        for_temperature,
        (p.temperature_gain, p.temperature_integral_time),
        (p.jacket_coldest, p.jacket_hottest),
        setpoint,
        functions,
    )
    supply, rate_jacket = proportional_integral(
        wanted - jacket,
        for_jacket,
        (p.jacket_gain, p.jacket_integral_time),
        (p.supply_coldest, p.supply_hottest),
        wanted,
        functions,
    )
    ph_error = p.ph_setpoint - p.ph_control_bias - measured.ph
    base, rate_ph = proportional_integral(
        ph_error, for_ph, (p.ph_gain, p.ph_integral_time), _BASE_LIMITS, 0.0, functions
    )
    pressure_error = p.pressure_setpoint - measured.pressure
    gas, rate_pressure = proportional_integral(
        pressure_error, for_pressure, (p.pressure_gain, p.pressure_integral_time), _GAS_LIMITS, 0.0, functions
    )
    larger, smaller = functions.larger, functions.smaller
    difference = supply - jacket
    heating = larger(difference, 0.0)
    cooling = heating - difference
    nitrogen = larger(gas, 0.0)
    return Actions(
        (
            for_temperature + seconds * rate_temperature,
            for_jacket + seconds * rate_jacket,
            for_ph + seconds * rate_ph * p.base_enabled,
            for_pressure + seconds * rate_pressure,
        ),
        wanted,
        jacket + heating * p.heating_duty - cooling * p.cooling_duty,
        smaller(heating / _VALVE_SPAN_K, 1.0),
        smaller(cooling / _VALVE_SPAN_K, 1.0),
        base * p.base_enabled,
        nitrogen,
        nitrogen - gas,
    )
