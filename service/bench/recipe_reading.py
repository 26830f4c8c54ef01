"""What differs from the usual recipe: phases, set points, ranges."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from service.bench.complaints import Complaints
from service.bench.schema import Interval, PhaseChange, RangesText, RecipeText
from service.config.checking import unknown
from service.config.document import PathKey
from simulators.recipe import USUAL, Recipe, RecipePhase, TrueRanges
from simulators.tags import MeasuredTag

_COLDEST_K: Final = 263.15
_HOTTEST_K: Final = 363.15


def read_recipe(text: RecipeText, tags: Mapping[str, MeasuredTag], complaints: Complaints) -> Recipe:
    """The usual recipe with what differs; `tags` are a reactor's measured tags by role."""
    ranges = dict(USUAL.ranges)
    phases = {phase.name: phase for phase in USUAL.phases}
    for name, change in text.phases.items():
        if name not in phases:
            complaints.add(("recipe", name), unknown("phase", name, phases))
            continue
        phases[name] = _phase(("recipe", name), phases[name], change, complaints)
        for role, asked in change.ranges.items():
            path = ("recipe", name, role)
            if asked.after is not None and asked.after >= phases[name].lasts_s:
                complaints.add((*path, "after"), f"the phase {name} is over after {phases[name].lasts_s} s")
            ranges[name, role] = _ranges(path, asked, ranges.get((name, role), TrueRanges()), tags, complaints)
    limit_s = USUAL.hold_limit_s if text.hold_limit is None else text.hold_limit
    if limit_s == 0:
        complaints.add(("recipe", "hold_limit"), "must be above 0: every batch waits in its tank")
    return Recipe(text.product or USUAL.product, tuple(phases.values()), ranges, limit_s)


def _phase(path: PathKey, phase: RecipePhase, change: PhaseChange, complaints: Complaints) -> RecipePhase:
    temperature = phase.temperature
    if change.temperature is not None:
        asked = complaints.point((*path, "temperature"), change.temperature, "K", bare="degC")
        temperature = temperature if asked is None else asked
        if not _COLDEST_K <= temperature <= _HOTTEST_K:
            complaints.add((*path, "temperature"), "is outside what the jacket reaches, -10 to 90 degC")
    lasts_s = phase.lasts_s if change.lasts is None else change.lasts
    ramp_s = phase.ramp_s if change.ramp is None else change.ramp
    if lasts_s < 60:
        complaints.add((*path, "lasts"), "a phase lasts at least a minute")
    if ramp_s > lasts_s:
        key = "ramp" if change.ramp is not None else "lasts"
        complaints.add((*path, key), f"the ramp of {ramp_s} s does not fit into a phase of {lasts_s} s")
    return replace(phase, temperature=temperature, lasts_s=lasts_s, ramp_s=ramp_s)


def _ranges(
    path: PathKey,
    text: RangesText,
    usual: TrueRanges,
    tags: Mapping[str, MeasuredTag],
    complaints: Complaints,
) -> TrueRanges:
    role = path[-1]
    if role not in tags:
        complaints.add(path, unknown("parameter of a reactor", role, tags))
        return usual
    unit, before = tags[role].unit, len(complaints)
    given = {
        kind: _interval((*path, kind), interval, text.unit, unit, complaints)
        for kind in ("nor", "validated", "par")
        if (interval := getattr(text, kind)) is not None
    }
    after_s = usual.after_s if text.after is None else text.after
    found = TrueRanges(
        given.get("nor", usual.nor),
        given.get("validated", usual.validated),
        given.get("par", usual.par),
        after_s,
    )
    for inner, outer in (("nor", "validated"), ("validated", "par"), ("nor", "par")):
        if len(complaints) == before and not _nests(getattr(found, inner), getattr(found, outer)):
            at = inner if inner in given else outer
            complaints.add((*path, at), f"{inner} does not lie inside {outer}")
    return found


def _interval(
    path: PathKey, interval: Interval, written: str | None, unit: str, complaints: Complaints
) -> tuple[float | None, float | None]:
    low, high = (
        None if side is None else complaints.point((*path, str(index)), side, unit, written)
        for index, side in enumerate(interval)
    )
    if low is not None and high is not None and low >= high:
        complaints.add(path, f"{low:g} is not below {high:g}")
    return low, high


def _nests(inner: tuple[float | None, float | None], outer: tuple[float | None, float | None]) -> bool:
    """Tell whether an interval lies inside another; a side that is not given does not count."""
    low = inner[0] is None or outer[0] is None or inner[0] >= outer[0]
    return low and (inner[1] is None or outer[1] is None or inner[1] <= outer[1])
