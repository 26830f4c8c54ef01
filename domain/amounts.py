"""Units of amounts that events tell, with exact factors: what a weighing in g is in kg, without binary floats."""

from fractions import Fraction

_UNITS = {
    "mass": {
        "ug": "1e-9",
        "mg": "1e-6",
        "g": "0.001",
        "kg": "1",
        "t": "1000",
        "lb": "0.45359237",
        "oz": "0.028349523125",
    },
    "volume": {"ul": "1e-9", "ml": "1e-6", "l": "0.001", "m3": "1", "L": "0.001", "mL": "1e-6", "hl": "0.1"},
    "amount": {"umol": "1e-6", "mmol": "0.001", "mol": "1", "kmol": "1000"},
}
_FACTORS = {unit: (kind, Fraction(size)) for kind, units in _UNITS.items() for unit, size in units.items()}


def factor(unit: str, to: str) -> Fraction | None:
    """What one `unit` is in `to`; None where nobody knows (10 drums are no mass). Every unit is one of itself."""
    if unit == to:
        return Fraction(1)
    known, wanted = _FACTORS.get(unit), _FACTORS.get(to)
    if known is None or wanted is None or known[0] != wanted[0]:
        return None
    return known[1] / wanted[1]
