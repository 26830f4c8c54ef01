"""Master recipes from the file: every phase, parameter and range checked, and in the unit of the tag that it judges."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from domain.checks import Expectation
from domain.errors import Complaint
from domain.recipes import (
    PROVEN,
    Charged,
    DwellRanges,
    ExpectedYield,
    Limits,
    ParameterRanges,
    Phase,
    RangeKind,
    RateRanges,
    Recipe,
)
from domain.tags import Tag
from service.config import procedure
from service.config.checking import meant_or_known, unknown
from service.config.comparing import expectation
from service.config.document import Document, PathKey
from service.config.equipment import told_phases
from service.config.model import ConfigFile
from service.config.quantities import convert, convert_difference
from service.config.shape.recipes import (
    AdditionRate,
    DurationLimits,
    ParameterText,
    PhaseText,
    RangesText,
    RelativeText,
    TimeAt,
    YieldText,
)
from service.config.tags import Expanded

Convert = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Site:
    """What recipes refer to, and where complaints go."""

    document: Document
    file: ConfigFile
    expanded: Expanded
    tags: Mapping[str, Tag]
    complaints: list[Complaint]

    def complain(self, path: PathKey, message: str) -> None:
        """Say what is wrong at a path."""
        self.complaints.append(self.document.complain(path, message))

    def measured(self, product: str, role: str) -> list[Tag]:
        """The tags of a role on the units that may make the product (on all where none of these has it)."""
        able = [
            name for name, unit in self.file.units.items() if not isinstance(unit.recipe, str) or unit.recipe == product
        ]
        roles = self.expanded.parameters
        found = [self.tags[roles[name][role]] for name in able if roles[name].get(role) in self.tags]
        return found or [self.tags[tag[role]] for tag in roles.values() if tag.get(role) in self.tags]

    def unmeasured(self, role: str) -> str:
        """What is said of a role that no unit has a tag for."""
        known = sorted({each for roles in self.expanded.parameters.values() for each in roles})
        return f"no unit has a tag for the parameter {role!r}{meant_or_known(role, known)}"


def recipes(site: Site) -> dict[str, Recipe]:
    """Every master recipe; complaints are added for what cannot judge."""
    return {product: _recipe(site, product) for product in site.file.recipes}


def _recipe(site: Site, product: str) -> Recipe:
    text = site.file.recipes[product]
    path = ("recipes", product)
    phases = {name: _phase(site, product, name, phase) for name, phase in text.phases.items()}
    for name in text.phases:
        _check_reached(site, product, name)
    steps = procedure.steps(site.complain, (*path, "procedure"), text.procedure)
    procedure.check(site.complain, path, text, set(site.file.units))
    if site.file.approval != "off" and not text.change:
        site.complain((*path, "change"), "what is to be approved needs a change number")
    yields = {name: _yield(site, (*path, "yields", name), name, each) for name, each in text.yields.items()}
    return Recipe(product, text.version, text.change, phases, text.gmp_start, steps, yields)


def _phase(site: Site, product: str, name: str, text: PhaseText) -> Phase:
    path = ("recipes", product, "phases", name)
    parameters = {}
    for role, ranges in text.parameters.items():
        built = _parameter(site, product, (*path, role), role, ranges)
        if built is not None:
            parameters[role] = built
    rates = {
        key: rate
        for key, each in text.addition_rate.items()
        if (rate := _rate(site, product, (*path, "addition_rate", key), key, each)) is not None
    }
    for key, each in text.addition_rate.items():
        earlier = [name for name, other in text.addition_rate.items() if other.of == each.of]
        if earlier[0] != key:
            site.complain((*path, "addition_rate", key), f"{earlier[0]!r} is the rate of {each.of!r} already")
    dwells = {
        key: dwell
        for key, each in text.time_at.items()
        if (dwell := _dwell(site, product, (*path, "time_at", key), key, each)) is not None
    }
    durations = _durations(site, (*path, "duration"), text.duration)
    return Phase(
        name,
        parameters,
        durations.pop(RangeKind.VALIDATED, None),
        text.duration.study if text.duration else "",
        rates,
        dwells,
        _expects(site, product, path, text),
        durations,
    )


def _check_reached(site: Site, product: str, phase: str) -> None:
    """A phase that no unit can come to is judged by nobody, and nobody would hear of it."""
    able = [unit for unit in site.file.units.values() if not isinstance(unit.recipe, str) or unit.recipe == product]
    told = [told_phases(unit) for unit in able]
    if told and all(names is not None and phase not in names for names in told) and any(told):
        known = sorted({name for names in told for name in names or ()})
        message = f"no unit is ever in a phase {phase!r}{meant_or_known(phase, known)}"
        site.complain(("recipes", product, "phases", phase), message)


def _expects(site: Site, product: str, path: PathKey, text: PhaseText) -> tuple[Expectation, ...]:
    """What a phase is expected to do to parameters that its units measure."""
    found = []
    for role, each in text.expects.items():
        measured = site.measured(product, role)
        if not measured:
            site.complain((*path, "expects", role), site.unmeasured(role))
            continue
        found.append(expectation((*path, "expects", role), role, each, measured[0].unit, site.complain))
    return tuple(found)


def _durations(site: Site, path: PathKey, text: DurationLimits | None) -> dict[RangeKind, Limits]:
    """How long a phase may last, by kind, in ns."""
    if text is None:
        return {}
    ranges = _ranges(site, path, text, lambda side: _as_ns(side, text.unit), None)
    if not ranges:
        site.complain(path, "has no range: give one of nor, alert, action, validated, par")
    _check_nesting(site, path, ranges)
    if site.file.approval != "off":
        _check_study(site, path, text.study, ranges)
    return ranges


def _as_ns(value: float, unit: str) -> float:
    try:
        return round(convert(value, unit, "ns"))
    except ValueError as error:
        raise ValueError(f"{unit or 'no unit'} is no unit of time (such as min, h)") from error


def _tag_of(site: Site, product: str, path: PathKey, role: str) -> Tag | None:
    """A tag that measures a role; None after a complaint."""
    measured = site.measured(product, role)
    if not measured:
        site.complain(path, site.unmeasured(role))
        return None
    units = {(tag.unit, tag.reference) for tag in measured}
    if len(units) > 1:
        site.complain(path, f"its tags differ in unit or reference: {sorted(units)}")
        return None
    tag = measured[0]
    if tag.kind == "text":
        site.complain(path, f"tag {tag.name!r} is text: it has no ranges")
        return None
    return tag


def _parameter(site: Site, product: str, path: PathKey, role: str, text: ParameterText) -> ParameterRanges | None:
    """The ranges of a parameter in its tag's unit; None after a complaint."""
    before = len(site.complaints)
    tag = _tag_of(site, product, path, role)
    if tag is None:
        return None
    if text.reference != tag.reference:
        said, has = text.reference or "neither gauge nor absolute", tag.reference or "neither gauge nor absolute"
        remedy = f"write `reference: {tag.reference}`, with limits that are so" if tag.reference else "leave it out"
        site.complain(path, f"is {said}, but tag {tag.name!r} is {has}: {remedy}")
    ranges = _ranges(site, path, text, lambda side: convert(side, text.unit, tag.unit), tag)
    relative: dict[RangeKind, Limits] = {}
    role_of_set_point = ""
    if text.relative is not None:
        relative = _relative(site, path, text, text.relative, tag)
        if isinstance(text.set_point, str):
            role_of_set_point = text.set_point
            _check_set_point(site, product, path, text.set_point, role, tag)
        elif text.set_point is not None and len(site.complaints) == before:
            around = convert(text.set_point, text.unit, tag.unit)
            ranges |= {kind: _shifted(limits, around) for kind, limits in relative.items()}
            relative = {}
    elif text.set_point is not None:
        site.complain((*path, "set_point"), "nothing is `relative` to it")
    _check_study(site, path, text.study, ranges | relative)
    if len(site.complaints) == before:
        _check_nesting(site, path, ranges, text)
        _check_fit(site, path, relative, ranges)
    if len(site.complaints) > before:
        return None
    ordered = {kind: ranges[kind] for kind in RangeKind if kind in ranges}
    return ParameterRanges(role, tag.unit, tag.reference, ordered, text.after, text.study, role_of_set_point, relative)


def _shifted(limits: Limits, by: float) -> Limits:
    low, high = (None if side is None else by + side for side in (limits.low, limits.high))
    return replace(limits, low=low, high=high)


def _relative(
    site: Site, path: PathKey, text: ParameterText, relative: RelativeText, tag: Tag
) -> dict[RangeKind, Limits]:
    """Ranges around the set point, as differences in the tag's unit."""
    place = (*path, "relative")
    if text.set_point is None:
        site.complain(place, "needs a `set_point`: a number, or the role of the tag that gives it")
    for kind in RangeKind:
        if getattr(text, kind) is not None and getattr(relative, kind) is not None:
            site.complain((*place, kind), "is given as an absolute range too")
    found = _ranges(site, place, relative, lambda side: convert_difference(side, relative.unit, tag.unit), None)
    _check_nesting(site, place, found)
    return found


def _check_set_point(site: Site, product: str, path: PathKey, role: str, parameter: str, tag: Tag) -> None:
    """The set point is measured as its parameter is, on every unit."""
    place = (*path, "set_point")
    found = _tag_of(site, product, place, role)
    if found is not None and (found.unit, found.reference) != (tag.unit, tag.reference):
        has = f"{found.unit or 'no unit'} {found.reference}".rstrip()
        wants = f"{tag.unit or 'no unit'} {tag.reference}".rstrip()
        site.complain(place, f"tag {found.name!r} is in {has}, but {tag.name!r} in {wants}")
    for name, roles in site.expanded.parameters.items():
        unit = site.file.units[name]
        able = not isinstance(unit.recipe, str) or unit.recipe == product
        if found is not None and able and parameter in roles and role not in roles:
            site.complain(place, f"unit {name!r} has no tag for the set point {role!r}")


def _check_fit(
    site: Site, path: PathKey, relative: Mapping[RangeKind, Limits], ranges: Mapping[RangeKind, Limits]
) -> None:
    """A range around a moving set point cannot lie inside an absolute one that is narrower, at any set point."""
    order = list(RangeKind)
    for kind, limits in relative.items():
        for other, outer in ranges.items():
            inside, around = (limits, outer) if order.index(kind) < order.index(other) else (outer, limits)
            if around.width is not None and (inside.width is None or not _as_wide(inside).nests_in(_as_wide(around))):
                names = (kind, other) if inside is limits else (other, kind)
                site.complain((*path, "relative", kind), f"{names[0]} does not lie inside {names[1]} at any set point")


def _as_wide(limits: Limits) -> Limits:
    """An interval of the same width and ends that begins at 0."""
    return replace(limits, low=0.0, high=limits.width)


def _rate(site: Site, product: str, path: PathKey, name: str, text: AdditionRate) -> RateRanges | None:
    before = len(site.complaints)
    tag = _tag_of(site, product, (*path, "of"), text.of)
    if tag is None:
        return None
    if text.over <= 0:
        site.complain((*path, "over"), "a rate needs time to change in")
    unit = f"{tag.unit}/min" if tag.unit else "1/min"
    ranges = _ranges(site, path, text, lambda side: convert_difference(side, text.unit, tag.unit, "min"), tag)
    _check_nesting(site, path, ranges)
    _check_study(site, path, text.study, ranges)
    if len(site.complaints) > before:
        return None
    return RateRanges(name, text.of, unit, text.over, text.falling, ranges, text.after, text.study)


def _dwell(site: Site, product: str, path: PathKey, name: str, text: TimeAt) -> DwellRanges | None:
    before = len(site.complaints)
    tag = _tag_of(site, product, (*path, "of"), text.of)
    if tag is None:
        return None
    unit = text.within_unit or tag.unit
    within = _interval(site, path, "within", text.within, lambda side: convert(side, unit, tag.unit), "within_unit")
    if (text.within.low, text.within.high) == (None, None):
        site.complain((*path, "within"), "has no end: the parameter is always within it")
    ranges = _ranges(site, path, text, lambda side: _as_ns(side, text.unit), None)
    _check_nesting(site, path, ranges)
    _check_study(site, path, text.study, ranges)
    if len(site.complaints) > before or within is None:
        return None
    return DwellRanges(name, text.of, tag.unit, within, ranges, text.study)


def _yield(site: Site, path: PathKey, name: str, text: YieldText) -> ExpectedYield:
    low, high = text.expected
    if low is not None and high is not None and low > high:
        site.complain((*path, "expected"), "its lower end is above its upper end")
    if any(side is not None and side < 0 for side in text.expected):
        site.complain((*path, "expected"), "a yield is not below nothing")
    for index, unit in enumerate(text.leaves):
        if unit not in site.file.units:
            site.complain((*path, "leaves", str(index)), unknown("unit", unit, sorted(site.file.units)))
    per = None if text.per is None else Charged(text.per.material, text.per.amount, text.per.unit)
    study, material = text.study, text.material
    return ExpectedYield(name, text.unit, text.theoretical, low, high, study, material, text.leaves, per)


def _ranges(site: Site, path: PathKey, text: RangesText, to: Convert, tag: Tag | None) -> dict[RangeKind, Limits]:
    """The given ranges from the inside out; what cannot be converted is complained of once."""
    ranges: dict[RangeKind, Limits] = {}
    for kind in RangeKind:
        interval = getattr(text, kind)
        if interval is None:
            continue
        limits = _interval(site, path, kind, interval, to, of="" if tag is None else f" of tag {tag.name!r}")
        if limits is None:
            break
        if (interval.low, interval.high) == (None, None):
            site.complain((*path, kind), "has no limit on either side: leave it out, or give one")
        ranges[kind] = limits
    return ranges


def _interval(
    site: Site,
    path: PathKey,
    key: str,
    interval: Limits,
    to: Convert,
    unit_key: str = "unit",
    of: str = "",
) -> Limits | None:
    """A converted interval; None after a complaint about its unit."""
    try:
        low, high = (None if side is None else to(side) for side in (interval.low, interval.high))
    except ValueError as error:
        site.complain((*path, unit_key), f"{error}{of}")
        return None
    if any(side is not None and not math.isfinite(side) for side in (low, high)):
        site.complain((*path, key), "an end is no number that can be compared: an open end is null")
        return None
    limits = replace(interval, low=low, high=high)
    if low is not None and high is not None and low > high:
        site.complain((*path, key), "its lower end is above its upper end")
    elif limits.is_empty:
        site.complain((*path, key), "nothing is inside: its ends are the same, and one of them is outside")
    return limits


def _check_study(site: Site, path: PathKey, study: str, ranges: Mapping[RangeKind, Limits]) -> None:
    proven = [kind.value for kind in PROVEN if kind in ranges]
    if proven and not study:
        site.complain(path, f"names no `study` that proves its {' and '.join(proven)} range")


def _check_nesting(
    site: Site, path: PathKey, ranges: Mapping[RangeKind, Limits], text: ParameterText | None = None
) -> None:
    """What is given must nest: NOR in alert in action in validated in PAR."""
    for inner, outer in itertools.pairwise(kind for kind in RangeKind if kind in ranges):
        if not ranges[inner].nests_in(ranges[outer]):
            is_relative = text is not None and text.relative is not None and getattr(text, inner) is None
            place = (*path, "relative", inner.value) if is_relative else (*path, inner.value)
            site.complain(place, f"{inner.value} does not lie inside {outer.value}")
