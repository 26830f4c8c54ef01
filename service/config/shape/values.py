"""Values as the configuration file writes them: lengths of time, units, ranges, names of what is given."""

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from domain.recipes import Limits
from service.config.quantities import check_unit, duration_ns


def _duration(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} needs a unit (such as 500ms, 10min, 72h)")  # noqa: TRY004  pydantic wants ValueError
    return duration_ns(value)


def _unit(value: str) -> str:
    check_unit(value)
    return value


Duration = Annotated[int, BeforeValidator(_duration, json_schema_input_type=str)]
"""A length of time as text; becomes ns."""
AUTO = -1
"""In place of ns: as the tag's own habits say."""


def _duration_or_auto(value: object) -> int:
    return AUTO if value == "auto" else _duration(value)


DurationOrAuto = Annotated[int, BeforeValidator(_duration_or_auto, json_schema_input_type=str)]
"""A length of time as text, or `auto`; becomes ns, or `AUTO`."""
HealthName = Literal["stale", "frozen", "noise", "spike", "jump", "range"]


def host(value: str) -> str:
    """A host's name alone; ValueError for what holds more."""
    if not value or "@" in value or "://" in value or any(character.isspace() for character in value):
        raise ValueError("is no host; user and password have keys of their own")  # nor told: a password may be in it
    return value


UnitName = Annotated[str, AfterValidator(_unit)]
Number = float | None
Interval = tuple[Number, Number]
_SIDES = {">": ("low", True), ">=": ("low", False), "<": ("high", True), "<=": ("high", False)}
_NAMES = {"low": "lower", "high": "upper"}
_END = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")


def _end(value: object, side: str) -> tuple[float | None, bool]:
    """One end of a range, and whether it is outside: a number, null, or text such as `> 20`."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return (None if value is None else float(value)), False
    found = _END.fullmatch(value) if isinstance(value, str) else None
    try:
        limit = float(found[2]) if found is not None else math.nan
    except ValueError:
        limit = math.nan
    if found is None or math.isnan(limit):
        sign = ">" if side == "low" else "<"
        raise ValueError(f'{value!r} is no end of a range: write a number, null, or "{sign} 20"')
    told, is_open = _SIDES[found[1]]
    if told != side:
        raise ValueError(f"{value!r} is the {_NAMES[told]} end of a range, not its {_NAMES[side]} one")
    return limit, is_open


def _bounds(value: object) -> Limits:
    """A range as it is written: `[low, high]`, or the only end that it has as text."""
    if isinstance(value, Limits):
        return value
    if isinstance(value, str) and _END.fullmatch(value):
        side = "low" if value.strip().startswith(">") else "high"
        value = [value, None] if side == "low" else [None, value]
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError('must be a list of two, such as [55, 65] or [null, "< 65"]')
    (low, low_open), (high, high_open) = _end(value[0], "low"), _end(value[1], "high")
    return Limits(low, high, low_open, high_open)


_EndSchema = float | str | None
Bounds = Annotated[Limits, BeforeValidator(_bounds, json_schema_input_type=tuple[_EndSchema, _EndSchema] | str)]
"""A range in the unit that stands beside it; an end that is text may be outside (`> 20`)."""
PriorityName = Literal["critical", "high", "medium", "low", "event"]
AlarmPriorityName = Literal["critical", "high", "medium", "low"]


class Section(BaseModel):
    """A part of the file: unknown keys are refused, numbers may stand where text is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, populate_by_name=True)
