"""What is wrong with a fault before it is run, in words."""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from simulators.faults.kind import SERVERS, Domain, FaultKind, Target, sort_of_unit
from simulators.faults.kinds import CATALOGUE, PAUSED_KINDS
from simulators.faults.measuring import temperature_tag
from simulators.faults.spec import AtCondition, AtPhase, AtTime, FaultSpec, Shape
from simulators.layout import Layout
from simulators.tags import state_roles

_ACCUMULATE: Final = frozenset({"drift", "clock_drift"})


def check(
    spec: FaultSpec,
    layout: Layout,
    tag_names: Collection[str],
    phases: Mapping[str, Collection[str]] | None = None,
) -> list[str]:
    """Every problem of a fault, each a clause in words that names what it is about; empty: none.

    `phases` are the names of the phases of each unit that has any; None: they are not checked.
    """
    kind = CATALOGUE.get(spec.kind)
    if kind is None:
        return [f"kind: {spec.kind!r} is none of {', '.join(CATALOGUE)}"]
    return [
        *_target_problems(spec, kind, layout, tag_names),
        *_setting_problems(spec, kind, tag_names),
        *_start_problems(spec, layout, tag_names, phases),
        *_shape_problems(spec, kind),
    ]


def target_of(target: str, layout: Layout, tag_names: Collection[str]) -> Target | None:
    """What a target is; None: there is no such thing."""
    if target in SERVERS:
        return Target(target)
    if target in layout.units:
        return sort_of_unit(target, layout)
    return Target.TAG if target in tag_names else None


def _target_problems(spec: FaultSpec, kind: FaultKind, layout: Layout, tag_names: Collection[str]) -> Iterator[str]:
    sort = target_of(spec.target, layout, tag_names)
    if sort is None:
        yield f"target: there is no unit, tag or server {spec.target!r}; {_possible(kind, layout)}"
    elif sort not in kind.targets:
        article = "the server" if sort in SERVERS else f"a {sort}"
        yield f"target: {spec.target!r} is {article}, and {spec.kind} befalls {_possible(kind, layout)}"
    elif kind.domain is Domain.INSTRUMENT and _is_state(spec.target, layout):
        yield f"target: {spec.target!r} comes from the control system: there is no instrument that {spec.kind} befalls"


def _is_state(tag: str, layout: Layout) -> bool:
    unit, _, role = tag.rpartition(".")
    return unit in layout.units and role in state_roles(layout, unit)


def _possible(kind: FaultKind, layout: Layout) -> str:
    """The sorts that a kind may befall, with the names where there are few."""
    by_target = {
        Target.REACTOR: layout.reactors,
        Target.TANK: tuple(line.tank for line in layout.lines),
        Target.CRYSTALLISER: tuple(line.crystalliser for line in layout.lines),
        Target.STILL: tuple(line.still for line in layout.lines),
    }
    few = 6
    said = []
    for sort in kind.targets:
        names = by_target.get(sort, ())
        listed = f" ({', '.join(names[:few])}{' …' if len(names) > few else ''})" if names else ""
        said.append(f"the server {sort}" if sort in SERVERS else f"a {sort}{listed}")
    return " or ".join(said)


def _setting_problems(spec: FaultSpec, kind: FaultKind, tag_names: Collection[str]) -> Iterator[str]:
    for name, value in spec.settings.items():
        setting = kind.settings.get(name)
        if setting is None:
            known = ", ".join(kind.settings) or "it has none"
            yield f"settings.{name}: {spec.kind} has no such setting ({known})"
        elif problem := setting.problem(value):
            yield f"settings.{name}: {problem}"
    for name, setting in kind.settings.items():
        if setting.required and name not in spec.settings:
            yield f"settings.{name}: {spec.kind} needs it: {setting.does}"
    if spec.kind == "clip":
        yield from _clip_problems(spec)
    liquid = temperature_tag(spec.target)
    if "compensated_at" in spec.settings and liquid not in tag_names:
        yield f"settings.compensated_at: the plant does not measure the liquid's temperature, {liquid}"


def _clip_problems(spec: FaultSpec) -> Iterator[str]:
    low, high = spec.settings.get("low"), spec.settings.get("high")
    if low is None and high is None:
        yield "settings: clip needs an end, low or high"
    elif isinstance(low, float | int) and isinstance(high, float | int) and low >= high:
        yield f"settings: the low end ({low:g}) is not below the high end ({high:g})"


def _start_problems(
    spec: FaultSpec, layout: Layout, tag_names: Collection[str], phases: Mapping[str, Collection[str]] | None
) -> Iterator[str]:
    start = spec.start
    if isinstance(start, AtTime):
        if start.second < 0:
            yield f"start: {start.second} s is before the campaign"
    elif isinstance(start, AtPhase):
        yield from _phase_problems(spec, start, layout, phases)
    else:
        yield from _condition_problems(start, layout, tag_names)


def _phase_problems(
    spec: FaultSpec, start: AtPhase, layout: Layout, phases: Mapping[str, Collection[str]] | None
) -> Iterator[str]:
    if start.unit not in layout.units:
        yield f"start.unit: there is no unit {start.unit!r}"
    elif phases is not None and start.phase not in phases.get(start.unit, ()):
        known = ", ".join(phases.get(start.unit, ())) or "it has none"
        yield f"start.phase: {start.unit} has no phase {start.phase!r} ({known})"
    if start.after_s < 0:
        yield f"start.after: {start.after_s} s is before the phase"
    if start.batch is not None and start.batch < 1:
        yield f"start.batch: batches count from 1, not {start.batch}"
    if start.batch is None and spec.lasts_s is None:
        yield "lasts: a fault that comes back in every batch needs to end before"


def _condition_problems(start: AtCondition, layout: Layout, tag_names: Collection[str]) -> Iterator[str]:
    if start.tag not in tag_names:
        yield f"start.tag: there is no tag {start.tag!r}"
    elif _is_state(start.tag, layout):
        yield f"start.tag: {start.tag!r} comes from the control system: it has no true value to compare with a limit"
    if math.isnan(start.above) or math.isnan(start.below):
        yield "start: a limit is no number"
    elif math.isinf(start.above) and math.isinf(start.below):
        yield "start: a condition needs a limit, above or below"
    if start.for_s < 0:
        yield f"start.for: {start.for_s} s is no time"


def _shape_problems(spec: FaultSpec, kind: FaultKind) -> Iterator[str]:
    if spec.lasts_s is not None and spec.lasts_s <= 0:
        yield f"lasts: {spec.lasts_s} s is no time"
    if spec.lasts_s is None and spec.kind in PAUSED_KINDS:
        yield f"lasts: {spec.kind} needs a time to come back"
    if spec.shape is Shape.RAMP:
        yield from _ramp_problems(spec, kind)
    elif spec.ramp_s:
        yield f"ramp: a fault of shape {spec.shape} has none"
    if spec.shape is Shape.INTERMITTENT:
        yield from _interval_problems(spec)
    elif spec.period_s or spec.on_s:
        yield f"period: a fault of shape {spec.shape} has none"


def _ramp_problems(spec: FaultSpec, kind: FaultKind) -> Iterator[str]:
    if not kind.gradual:
        yield f"shape: {spec.kind} is there or not: it has no ramp"
    if spec.ramp_s <= 0:
        yield f"ramp: {spec.ramp_s} s is no time"
    elif spec.lasts_s is not None and spec.ramp_s > spec.lasts_s:
        yield f"ramp: {spec.ramp_s} s is longer than the fault lasts ({spec.lasts_s} s)"
    if not 0.0 < spec.power < math.inf:
        yield f"power: {spec.power:g} is not above 0"


def _interval_problems(spec: FaultSpec) -> Iterator[str]:
    if spec.kind in _ACCUMULATE:
        yield f"shape: {spec.kind} adds up, so it cannot come and go"
    if not 0 < spec.on_s < spec.period_s:
        yield f"period: there for {spec.on_s} s of every {spec.period_s} s is impossible"
