"""Quantities as people write them (`500ms`, `72h`, `0.5 delta_degC`, `2 delta_degC/min`), read with pint.

Loading pint and its units takes as long as all the rest of a start. So the usual times are read, and the usual units
recognised, without it; it computes what is not usual, and a test holds both against each other.
"""

import functools
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pint

_DURATION_LIMIT_NS = 2**62
USUAL_TIMES_S: Final = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), Fraction(1, 10**9)),
    **dict.fromkeys(("us", "µs", "microsecond", "microseconds"), Fraction(1, 10**6)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), Fraction(1, 10**3)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), Fraction(1)),
    **dict.fromkeys(("min", "minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), Fraction(3_600)),
    **dict.fromkeys(("d", "day", "days"), Fraction(86_400)),
    **dict.fromkeys(("week", "weeks"), Fraction(7 * 86_400)),
}
"""Names of times that pint knows, in seconds."""
USUAL_UNITS: Final = frozenset(
    {
        "",
        *("K", "bar", "mbar", "Pa", "hPa", "kPa", "MPa", "pH", "%", "rpm", "Hz"),
        *("kg", "g", "mg", "t", "L", "mL", "m3", "m", "cm", "mm", "mol", "mmol", "kmol", "s", "min", "h", "d"),
        *("W", "kW", "MW", "J", "kJ", "MJ", "V", "mV", "A", "mA", "S/cm", "mS/cm", "µS/cm", "uS/cm"),
        *("mol/L", "g/L", "kg/L", "g/mL", "kg/m3"),
        *("kg/h", "kg/min", "kg/s", "g/h", "g/min", "L/h", "L/min", "mL/min", "m3/h", "mol/h", "mol/min"),
    }
)
"""Units that pint knows and in which a difference is written like a value; no unit is one."""
USUAL_TEMPERATURES: Final = dict.fromkeys(("degC", "°C"), "delta_degC")
"""Temperatures that pint knows, and how their differences are written."""
_NUMBER_AND_UNIT = re.compile(r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(.*)")


@functools.cache
def registry() -> "pint.UnitRegistry[float]":
    """The units of the plant: pint's, and pH, which has none."""
    import pint  # noqa: PLC0415  for who has units that are not usual

    units: pint.UnitRegistry[float] = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    units.define("pH = []")
    return units


def _spelled(unit: str) -> str:
    """A unit in pint's spelling: m3 is m**3, % is percent, nothing is dimensionless."""
    return re.sub(r"(?<=[A-Za-z])(-?\d)", r"**\1", unit.strip().replace("%", "percent")) or "dimensionless"


def duration_ns(text: str) -> int:
    """Read a duration (`500ms`, `10min`, `72h`) as whole ns; ValueError says what is wrong."""
    try:
        length_ns = _length_ns(text)
    except Exception as error:  # pint raises a dozen kinds, tokenize errors among them
        raise ValueError(f"{text!r} is no duration (such as 500ms, 10min, 72h)") from error
    if not 0 <= length_ns < _DURATION_LIMIT_NS:
        raise ValueError(f"{text!r} is not a duration that can be kept")
    return round(length_ns)


def _length_ns(text: str) -> Fraction:
    """A number times a unit, exactly: no unit of time is told finer than a picosecond, so its factor is rational."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return Fraction(match[1]) * unit_s(match[2]) * 10**9


def unit_s(unit: str) -> Fraction:
    """How long a unit of time is."""
    usual = USUAL_TIMES_S.get(unit)
    return Fraction(time_by_pint(unit)).limit_denominator(10**12) if usual is None else usual


def time_by_pint(unit: str) -> float:
    """How long a unit of time is, as pint computes it, in seconds; raises what pint raises."""
    return float(registry().Quantity(1, unit).to("s").magnitude)


def check_unit(unit: str) -> None:
    """Raise ValueError where pint does not know the unit; no unit is a unit.

    Two words beside each other would be a product, and `deg C` a degree of angle times a coulomb.
    """
    if unit.strip() in USUAL_UNITS or unit.strip() in USUAL_TEMPERATURES:
        return
    if re.search(r"\w\s+\w", unit.strip()):
        raise ValueError(f"{unit!r} is two units beside each other: write it as one (degC), or with * or / between")
    try:
        registry().Unit(_spelled(unit))
    except Exception as error:
        raise ValueError(f"{unit!r} is no known unit (such as degC, bar, pH, m3, kg/h)") from error


def convert(value: float, unit: str, to: str) -> float:
    """Convert a point on a scale (60 degC is 333.15 K); ValueError where the units do not agree."""
    if unit == to:
        return value
    try:
        return float(registry().Quantity(value, _spelled(unit)).to(_spelled(to)).magnitude)
    except Exception as error:
        raise ValueError(f"{unit or 'no unit'} cannot be converted to {to or 'no unit'}") from error


def convert_difference(value: float, unit: str, to: str, per: str = "") -> float:
    """Convert a difference on a scale (`per` a time): ValueError where the unit is a temperature, or does not agree."""
    target = _delta(to) + (f"/{per}" if per else "")
    if not per and unit == target:
        return value
    try:
        quantity = registry().Quantity(value, _spelled(unit))
        if str(quantity.units) in {"degree_Celsius", "degree_Fahrenheit"}:
            reason = f"{unit} is a temperature, not a difference: write delta_{unit}"
        elif per and "degree_Celsius" in str(quantity.units).replace("delta_degree_Celsius", ""):
            reason = f"{unit} is of a temperature, not of a difference: write delta_degC"
        else:
            return float(quantity.to(target).magnitude)
    except Exception as error:
        raise ValueError(f"{unit or 'no unit'} cannot be converted to {target}") from error
    raise ValueError(reason)


def difference(text: str, unit: str, per: str = "") -> float:
    """Read a difference (`0.5 delta_degC`, `2 delta_degC/min`, or a bare number) in a tag's unit (per `per`)."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no quantity (such as 0.5 delta_degC)")
    if not match[2]:
        return float(match[1])
    if _spelled(match[2]) == _usual_delta(unit, per):
        return float(match[1])
    try:
        quantity = registry().Quantity(float(match[1]), _spelled(match[2]))
    except Exception as error:
        raise ValueError(f"{text!r} is no quantity (such as 0.5 delta_degC)") from error
    target = _delta(unit) + (f"/{per}" if per else "")
    if str(quantity.units) in {"degree_Celsius", "degree_Fahrenheit"}:
        raise ValueError(f"{text!r} is a temperature, not a difference: write delta_degC")
    try:
        return float(quantity.to(target).magnitude)
    except Exception as error:
        raise ValueError(f"{text!r} cannot be converted to {target}") from error


def _usual_delta(unit: str, per: str) -> str | None:
    """How a difference in a usual unit (`per` a time) is written, as pint would spell it; None for other units."""
    bare = unit.strip()
    spelled = _spelled(bare) if bare in USUAL_UNITS else USUAL_TEMPERATURES.get(bare)
    return spelled if spelled is None or not per else f"{spelled}/{per}"


def _delta(unit: str) -> str:
    spelled = _spelled(unit)
    parsed = str(registry().Unit(spelled))
    return {"degree_Celsius": "delta_degC", "degree_Fahrenheit": "delta_degF"}.get(parsed, spelled)


def quantity_in(text: str, unit: str) -> float:
    """Read a quantity with its unit (`83.144 kJ/mol`) in another; ValueError says what is wrong."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None or not match[2]:
        raise ValueError(f"{text!r} is no quantity with a unit (such as 83.144 kJ/mol)")
    return convert(float(match[1]), match[2], unit)
