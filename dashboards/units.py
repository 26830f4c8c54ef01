"""Units of measurement as Grafana knows them."""

_KNOWN = {
    "": "none",
    "degC": "celsius",
    "degF": "fahrenheit",
    "K": "kelvin",
    "bar": "pressurebar",
    "mbar": "pressurembar",
    "Pa": "pressurepa",
    "kPa": "pressurekpa",
    "hPa": "pressurehpa",
    "psi": "pressurepsi",
    "%": "percent",
    "percent": "percent",
    "rpm": "rotrpm",
    "W": "watt",
    "kW": "kwatt",
    "V": "volt",
    "A": "amp",
    "s": "s",
    "min": "m",
    "h": "h",
    "L": "litre",
    "liter": "litre",
    "kg": "masskg",
    "g": "massg",
}


def grafana_unit(unit: str) -> str:
    """Grafana's id of a unit; one that it does not know stands behind the number as it is written."""
    return _KNOWN.get(unit, f"suffix: {unit}")
