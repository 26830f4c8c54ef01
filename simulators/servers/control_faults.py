"""A fault as it is asked for over the wire: JSON to `FaultSpec`, each wrong field named."""

import math
import re
from collections.abc import Mapping
from typing import Final

from simulators.faults.spec import AtTime, FaultSpec, Shape
from simulators.live import NotPossible

_FIELDS: Final = frozenset(
    {"id", "kind", "target", "settings", "lasts", "after", "shape", "ramp", "power", "period", "on"}
)
_STATED: Final = frozenset({"state", "since"})  # of an answer that is sent back
_UNITS_S: Final[Mapping[str, float]] = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_PART: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)(?![a-z])", re.ASCII)
_LONGEST_ID: Final = 200


def duration_s(field: str, value: object) -> float:
    """A duration as `"1 h 30 min"` or a number of seconds, in s; NotPossible."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str):
        parts = list(_PART.finditer(value))
        if parts and "".join(part.group() for part in parts) == value.rstrip():
            return sum(float(part.group(1)) * _UNITS_S[part.group(2)] for part in parts)
    raise NotPossible(field, f"{value!r} is no duration: say 90, '90 s', '10min' or '1 h 30 min'")


def fault_spec(body: object, second: int, free_id: str) -> FaultSpec:
    """The fault that a body asks for, from `second` of the campaign on; NotPossible names what is wrong in itself."""
    if not isinstance(body, dict):
        raise NotPossible("body", "a fault is an object with kind and target")
    unknown = sorted(set(body) - _FIELDS - _STATED)
    if unknown:
        raise NotPossible(unknown[0], f"a fault has no such field; it has {', '.join(sorted(_FIELDS))}")
    lasts = body.get("lasts")
    return FaultSpec(
        id=_text(body, "id", free_id),
        kind=_text(body, "kind"),
        target=_text(body, "target"),
        start=AtTime(second + _seconds(body, "after")),
        lasts_s=None if lasts is None else _seconds(body, "lasts"),
        shape=_shape(body),
        ramp_s=_seconds(body, "ramp"),
        power=_number("power", body.get("power", 1.0)),
        period_s=_seconds(body, "period"),
        on_s=_seconds(body, "on"),
        settings=_settings(body.get("settings", {})),
    )


def _text(body: Mapping[str, object], field: str, otherwise: str | None = None) -> str:
    value = body.get(field, otherwise)
    if value is None:
        raise NotPossible(field, "it has to be said")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        raise NotPossible(field, f"{value!r} is no name")
    return value


def _seconds(body: Mapping[str, object], field: str) -> int:
    return round(duration_s(field, body.get(field, 0)))


def _shape(body: Mapping[str, object]) -> Shape:
    """The shape that is said, or the one that the other fields mean."""
    said = body.get("shape")
    if said is None:
        return Shape.RAMP if body.get("ramp") else Shape.INTERMITTENT if body.get("period") else Shape.STEP
    try:
        return Shape(str(said))
    except ValueError as error:
        raise NotPossible("shape", f"{said!r} is none of {', '.join(Shape)}") from error


def _settings(value: object) -> dict[str, float | str]:
    if not isinstance(value, dict):
        raise NotPossible("settings", f"{value!r} is no object")
    return {
        str(name): given if isinstance(given, str) else _number(f"settings.{name}", given)
        for name, given in value.items()
    }


def _number(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotPossible(field, f"{value!r} is no number")
    return float(value)
