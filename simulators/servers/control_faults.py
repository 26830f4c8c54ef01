"""A fault as it is asked for over the wire: JSON to `FaultSpec`, each wrong field named.

Durations and ids are as in scenario files (`service.bench.values`, `service.bench.schema`), which a simulator does not
import; a duration may be a bare number of seconds, too.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

from domain.time import parse_duration_s
from simulators.faults.spec import AtTime, FaultSpec, Shape
from simulators.live import NotPossible

_FIELDS: Final = frozenset(
    {"id", "kind", "target", "settings", "lasts", "after", "shape", "ramp", "power", "period", "on"}
)
_STATED: Final = frozenset({"state", "since"})  # of an answer that is sent back
_LONGEST_S: Final = 366 * 86_400
_LONGEST_ID: Final = 200
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def duration_s(field: str, value: object) -> int:
    """A duration as `"1 h 30 min"`, `"2 days"` or a number of seconds, in whole s; NotPossible."""
    length_s = _length_s(value)
    if length_s is None:
        raise NotPossible(field, f"{value!r} is no duration: say 90, '90 s', '10min', '1 h 30 min' or '2 days'")
    if length_s < 0:
        raise NotPossible(field, f"{value!r} is negative")
    if length_s > _LONGEST_S:
        raise NotPossible(field, f"{value!r} is longer than a year")
    if length_s != int(length_s):
        raise NotPossible(field, f"{value!r} is no whole number of seconds")
    return int(length_s)


def _length_s(value: object) -> float | None:
    """Seconds of what may be a duration, negative ones too; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        length_s = _number_or_duration_s(value)
    except (ValueError, OverflowError):  # an int beyond every float
        return None
    return length_s if math.isfinite(length_s) else None


def _number_or_duration_s(value: float | str) -> float:
    try:
        return float(value)
    except ValueError:
        return parse_duration_s(str(value))


def fault_spec(body: object, second: int, free_id: str) -> FaultSpec:
    """The fault that a body asks for, from `second` of the campaign on; NotPossible names what is wrong in itself."""
    if not isinstance(body, dict):
        raise NotPossible("body", "a fault is an object with kind and target")
    unknown = sorted(set(body) - _FIELDS - _STATED)
    if unknown:
        raise NotPossible(unknown[0], f"a fault has no such field; it has {', '.join(sorted(_FIELDS))}")
    lasts = body.get("lasts")
    return FaultSpec(
        id=_id(body, free_id),
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


def _id(body: Mapping[str, object], free_id: str) -> str:
    """The id that is said, as scenario files may have it, or one that is free."""
    said = _text(body, "id", free_id)
    if not _ID.fullmatch(said):
        raise NotPossible("id", f"{said!r} is no name of a fault: letters, digits, '.', '_' and '-', no space")
    return said


def _text(body: Mapping[str, object], field: str, otherwise: str | None = None) -> str:
    value = body.get(field, otherwise)
    if value is None:
        raise NotPossible(field, "it has to be said")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        raise NotPossible(field, f"{value!r} is no name")
    return value


def _seconds(body: Mapping[str, object], field: str) -> int:
    return duration_s(field, body.get(field, 0))


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
