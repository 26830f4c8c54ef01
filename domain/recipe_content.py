"""A master recipe as canonical text: what people approve, what its hash proves, and what judges years later.

The text is JSON with sorted keys and no blanks. Numbers are written so that they read back to the bit, yields as the
decimals that they are; whatever is written alike judges alike, and the other way round.

The text of a version that is approved never changes. A field that came later than a format is therefore written only
where it says something: `_LATER` names these fields.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import cast

from domain.checks import Expectation
from domain.errors import DamagedFile
from domain.recipes import (
    Charged,
    DwellRanges,
    ExpectedYield,
    Limits,
    Operation,
    Parallel,
    ParameterRanges,
    Phase,
    RangeKind,
    RateRanges,
    Recipe,
    Step,
    UnitProcedure,
)

FORMAT = 1

_LATER = frozenset({"duration_ranges", "material", "leaves", "per"})
"""Fields that came after recipes had been approved: where they are empty they are not written."""

_OPEN = {"(]": (True, False), "[)": (False, True), "()": (True, True)}
"""Which ends of an interval are outside it; one with both ends inside is written without this."""

_Told = dict[str, object]


def canonical(recipe: Recipe) -> str:
    """The recipe as text; equal recipes give equal texts. ValueError for a limit that is no finite number."""
    told = {"format": FORMAT, **_told(recipe)}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_of(content: str) -> str:
    """What names a content: its SHA-256."""
    return hashlib.sha256(content.encode()).hexdigest()


def recipe_of(content: str) -> Recipe:
    """The recipe that a text tells; DamagedFile where it tells none."""
    try:
        told = json.loads(content)
        if told["format"] != FORMAT:
            raise DamagedFile(f"a recipe of format {told['format']}; this program reads {FORMAT}")
        return Recipe(
            product=str(told["product"]),
            version=int(told["version"]),
            change=str(told["change"]),
            phases={name: _phase(phase) for name, phase in told["phases"].items()},
            gmp_start=str(told["gmp_start"]),
            procedure=_steps(told["procedure"]),
            yields={name: _yield(each) for name, each in told["yields"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise DamagedFile(f"this is no recipe: {error!r}") from error


def _told(value: object) -> _Told:
    """A dataclass by its fields; `Step`s say which of the two they are."""
    known = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}  # type: ignore[arg-type]  # only these
    told = {name: each for name, each in known.items() if each or name not in _LATER}
    if isinstance(value, Parallel):
        return {"parallel": told["paths"]}
    return told


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | Decimal):
        return str(value) if isinstance(value, Decimal) else value
    if isinstance(value, float):
        return 0.0 if value == 0 else value  # -0.0 is the same limit
    if isinstance(value, Limits):
        return [_plain(value.low), _plain(value.high), *([value.ends] if value.ends != "[]" else [])]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return _told(value)


def _limits(told: object) -> Limits:
    low, high, *ends = cast("list[float | None]", told)
    for side in (low, high):
        if side is not None and (isinstance(side, bool) or not isinstance(side, int | float)):
            raise TypeError(f"{side!r} is no limit")
    if not ends:
        return Limits(low, high)
    (written,) = ends
    return Limits(low, high, *_OPEN[str(written)])


def _ranges(told: object) -> dict[RangeKind, Limits]:
    given = cast("dict[str, object]", told)
    if not set(given) <= set(RangeKind):
        raise ValueError(f"{sorted(given)} are no ranges")
    return {kind: _limits(given[kind]) for kind in RangeKind if kind in given}


def _phase(told: _Told) -> Phase:
    duration = told["duration"]
    return Phase(
        name=str(told["name"]),
        parameters={name: _parameter(each) for name, each in _named(told["parameters"])},
        duration=None if duration is None else _limits(duration),
        duration_study=str(told["duration_study"]),
        rates={name: _rate(each) for name, each in _named(told["rates"])},
        dwells={name: _dwell(each) for name, each in _named(told["dwells"])},
        expects=tuple(_expectation(each) for each in cast("list[_Told]", told["expects"])),
        duration_ranges=_ranges(told.get("duration_ranges", {})),
    )


def _named(told: object) -> list[tuple[str, _Told]]:
    return list(cast("dict[str, _Told]", told).items())


def _whole(told: object) -> int:
    if not isinstance(told, int) or isinstance(told, bool):
        raise TypeError(f"{told!r} is no whole number")
    return told


def _parameter(told: _Told) -> ParameterRanges:
    return ParameterRanges(
        parameter=str(told["parameter"]),
        unit=str(told["unit"]),
        reference=str(told["reference"]),
        ranges=_ranges(told["ranges"]),
        after_ns=_whole(told["after_ns"]),
        study=str(told["study"]),
        set_point=str(told["set_point"]),
        relative=_ranges(told["relative"]),
    )


def _rate(told: _Told) -> RateRanges:
    return RateRanges(
        name=str(told["name"]),
        parameter=str(told["parameter"]),
        unit=str(told["unit"]),
        window_ns=_whole(told["window_ns"]),
        falling=bool(told["falling"]),
        ranges=_ranges(told["ranges"]),
        after_ns=_whole(told["after_ns"]),
        study=str(told["study"]),
    )


def _dwell(told: _Told) -> DwellRanges:
    return DwellRanges(
        name=str(told["name"]),
        parameter=str(told["parameter"]),
        unit=str(told["unit"]),
        within=_limits(told["within"]),
        ranges=_ranges(told["ranges"]),
        study=str(told["study"]),
    )


def _expectation(told: _Told) -> Expectation:
    numbers = ("above", "below", "rises_per_min", "falls_per_min", "steady_per_min", "until")
    sides = {name: _limits([told[name], None]).low for name in numbers}
    return Expectation(
        role=str(told["role"]), after_ns=_whole(told["after_ns"]), for_ns=_whole(told["for_ns"]), **sides
    )


def _yield(told: _Told) -> ExpectedYield:
    low, high = told["low_percent"], told["high_percent"]
    return ExpectedYield(
        name=str(told["name"]),
        unit=str(told["unit"]),
        theoretical=Decimal(str(told["theoretical"])),
        low_percent=None if low is None else Decimal(str(low)),
        high_percent=None if high is None else Decimal(str(high)),
        study=str(told["study"]),
        material=str(told.get("material", "")),
        leaves=tuple(cast("list[str]", told.get("leaves", []))),
        per=None if told.get("per") is None else _charged(cast("_Told", told["per"])),
    )


def _charged(told: _Told) -> Charged:
    return Charged(str(told["material"]), Decimal(str(told["amount"])), str(told["unit"]))


def _steps(told: object) -> tuple[Step, ...]:
    return tuple(_step(each) for each in cast("list[_Told]", told))


def _step(told: _Told) -> Step:
    if "parallel" in told:
        return Parallel(tuple(_steps(path) for path in cast("list[object]", told["parallel"])))
    operations = cast("list[_Told]", told["operations"])
    return UnitProcedure(
        str(told["name"]),
        tuple(Operation(str(each["name"]), tuple(cast("list[str]", each["phases"]))) for each in operations),
        tuple(cast("list[str]", told["units"])),
    )
