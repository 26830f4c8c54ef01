"""From a fault's text to a `FaultSpec`: what it is on, when it starts, how it develops, and its kind's settings."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from domain.time import SECOND_NS, format_duration, format_time, parse_duration_s
from service.bench import values
from service.bench.complaints import Complaints
from service.bench.plant_reading import furthest
from service.bench.schema import ComesAndGoes, ConditionStart, FaultText, PhaseStart, RampText
from service.config.checking import meant, unknown
from service.config.document import PathKey
from simulators.faults.catalogue import (
    CATALOGUE,
    DIFFERENCE,
    POINT,
    RATE,
    SERVERS,
    Domain,
    FaultKind,
    Setting,
    Target,
    check,
    target_of,
)
from simulators.faults.spec import AtCondition, AtPhase, AtTime, FaultSpec, Shape, Trigger
from simulators.layout import Layout
from simulators.recipe import Recipe, phases_of
from simulators.scenario import CampaignPlan, Servers
from simulators.tags import PlantTags

_SECONDS_PER_HOUR: Final = 3600
_PLACES: Final = {
    "kind": "kind",
    "target": "on",
    "start.unit": "start.of",
    "start.tag": "start.when",
    "ramp": "shape.ramp",
    "power": "shape.power",
    "period": "shape.every",
}
"""Where in the text a problem that `check` finds stands."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What faults may refer to."""

    start_ns: int
    lasts_s: int
    layout: Layout
    recipe: Recipe
    plan: CampaignPlan
    servers: Servers
    tags: PlantTags
    step_s: int = 5

    def unit_of(self, tag: str) -> str | None:
        """The plant unit of a measured tag; None where it is none."""
        return next((each.unit for each in self.tags.measured if each.name == tag), None)

    def phases(self) -> dict[str, tuple[str, ...]]:
        """The phases of each unit that has any."""
        units = self.layout.units
        return {unit: tuple(phase.name for phase in phases_of(self.layout, self.recipe, unit)) for unit in units}

    def earliest_s(self, start: AtPhase) -> int | None:
        """The earliest second at which a phase of a reactor has lasted so long; None where only the run can tell."""
        if start.unit not in self.layout.reactors:
            return None
        names = [phase.name for phase in self.recipe.phases]
        cycle_s = sum(phase.lasts_s for phase in self.recipe.phases)
        until_s = sum(phase.lasts_s for phase in self.recipe.phases[: names.index(start.phase)])
        first_s = self.plan.start_s[self.layout.reactors.index(start.unit)]
        return first_s + ((start.batch or 1) - 1) * cycle_s + until_s + start.after_s


def read_faults(texts: Sequence[FaultText], scene: Scene, complaints: Complaints) -> tuple[FaultSpec, ...]:
    """Every fault that can be read; what is wrong with the others is added to the complaints."""
    found: dict[str, FaultSpec] = {}
    for index, text in enumerate(texts):
        path = ("faults", str(index))
        reader = _FaultReader(text, scene, path, complaints)
        spec = reader.spec(_free_id(text, found))
        if spec is None:
            continue
        if spec.id in found:
            complaints.add((*path, "id"), f"another fault has the id {spec.id!r}")
        found[spec.id] = spec
    return tuple(found.values())


def _free_id(text: FaultText, taken: Mapping[str, FaultSpec]) -> str:
    """The id that was given, or the kind's name, with a number from the second on."""
    if text.id is not None:
        return text.id
    number = 1 + sum(spec.kind == text.kind for spec in taken.values())
    return text.kind if number == 1 else f"{text.kind}-{number}"


class _FaultReader:
    """Reads one fault."""

    def __init__(self, text: FaultText, scene: Scene, path: PathKey, complaints: Complaints) -> None:
        self._text = text
        self._scene = scene
        self._path = path
        self._complaints = complaints

    def _complain(self, key: str, message: str) -> None:
        self._complaints.add((*self._path, *(key.split(".") if key else ())), message)

    def spec(self, id_: str) -> FaultSpec | None:
        """The fault; None after a complaint."""
        text, before = self._text, len(self._complaints)
        kind = CATALOGUE.get(text.kind)
        if kind is None:
            self._complain("kind", unknown("kind of fault", text.kind, CATALOGUE) + _of_catalogue(text.kind))
            return None
        self._check_target(kind)
        settings = self._settings(kind)
        start = self._start()
        if start is None or len(self._complaints) > before:
            return None
        spec = self._shaped(FaultSpec(id_, text.kind, text.on, start, text.lasts, settings=settings))
        for problem in check(spec, self._scene.layout, self._scene.tags.names, self._scene.phases()):
            place, _, message = problem.partition(": ")
            self._complain(_PLACES.get(place, place.removeprefix("settings").removeprefix(".")), message)
        if len(self._complaints) > before:
            return None
        self._check_time(spec)
        return spec

    def _check_target(self, kind: FaultKind) -> None:
        scene, target = self._scene, self._text.on
        what = target_of(target, scene.layout, scene.tags.names)
        absent = {Target.OPCUA: not scene.servers.opcua, Target.MQTT: not scene.servers.mqtt}
        if what is None:
            self._complain("on", unknown("unit, tag or server", target, _targets(kind, scene)))
        elif absent.get(what):
            self._complain("on", f"this scenario has no {target} server")
        elif what is Target.TAG and kind.domain is Domain.INSTRUMENT and scene.unit_of(target) is None:
            self._complain("on", f"{target} is told by the control system: no instrument is behind it")
        elif what is Target.TAG and kind.domain in (Domain.OPCUA, Domain.MQTT):
            outlet = scene.tags.outlets[target]
            if outlet != kind.domain.value:
                self._complain(
                    "on", f"{target} is served over {outlet}: {kind.kind} befalls what is served over {kind.domain}"
                )

    def _settings(self, kind: FaultKind) -> dict[str, float | str]:
        found: dict[str, float | str] = {}
        for name, written in self._text.settings.items():
            setting = kind.settings.get(name)
            if setting is None:
                known = ["id", "lasts", "shape", *kind.settings]
                hint = meant(name, known) or f" ({kind.kind} has {', '.join(kind.settings) or 'no settings'})"
                self._complain(name, f"is no setting of {kind.kind}{hint}")
                continue
            try:
                found[name] = value_of(setting, written, self._scene.unit_of(self._text.on) or "")
                self._check_size(name, setting, found[name])
            except ValueError as error:
                self._complain(name, str(error))
        return found

    def _check_size(self, name: str, setting: Setting, value: float | str) -> None:
        """Where a setting's limits are the tag's: what no instrument of its kind could ever show is refused."""
        tag = next((each for each in self._scene.tags.measured if each.name == self._text.on), None)
        if tag is None or isinstance(value, str) or setting.unit not in (POINT, DIFFERENCE, RATE):
            return
        most = furthest(tag) * (_SECONDS_PER_HOUR if setting.unit == RATE else 1)
        if abs(value) > most:
            self._complain(name, f"{value:g} is far beyond what {tag.name} can show (at most {most:g})")

    def _start(self) -> Trigger | None:
        start = self._text.start
        if isinstance(start, PhaseStart):
            return self._at_phase(start)
        if isinstance(start, ConditionStart):
            return self._at_condition(start)
        try:
            second = (
                (values.instant_ns(start) - self._scene.start_ns) // SECOND_NS
                if values.looks_like_an_instant(start)
                else values.offset_s(start)
            )
        except ValueError as error:
            self._complain("start", str(error))
            return None
        return AtTime(second)

    def _at_phase(self, start: PhaseStart) -> AtPhase | None:
        phases = self._scene.phases()
        unit = start.of or (self._text.on if self._text.on in phases else self._text.on.partition(".")[0])
        if unit not in phases:
            if start.of is None:
                self._complain("start", f"which unit's phase? `of` names it: {', '.join(phases)}")
            else:
                self._complain("start.of", unknown("unit with phases", unit, phases))
            return None
        if start.phase not in phases[unit]:
            self._complain("start.phase", unknown(f"phase of {unit}", start.phase, phases[unit]))
            return None
        batch = None if start.batch == "every" else start.batch
        most = self._scene.plan.batches
        if batch is not None and most is not None and batch > most and unit in self._scene.layout.reactors:
            self._complain("start.batch", f"{unit} runs {most} batches in this campaign")
        lasts_s = next((phase.lasts_s for phase in self._scene.recipe.phases if phase.name == start.phase), None)
        if lasts_s is not None and unit in self._scene.layout.reactors and start.after >= lasts_s:
            length = format_duration(lasts_s * SECOND_NS)
            self._complain("start.after", f"the phase {start.phase} of {unit} is over after {length}")
        return AtPhase(unit, start.phase, start.after, batch)

    def _at_condition(self, start: ConditionStart) -> AtCondition | None:
        unit = self._scene.unit_of(start.when)
        if unit is None:
            names = [tag.name for tag in self._scene.tags.measured]
            self._complain("start.when", unknown("measured tag", start.when, names))
            return None
        if start.above is not None and start.below is not None:
            self._complain("start.below", "above or below, not both: a fault starts at one limit")
            return None
        limits = {}
        for key, otherwise in (("above", math.inf), ("below", -math.inf)):
            written = getattr(start, key)
            try:
                limits[key] = otherwise if written is None else values.point(written, unit)
            except ValueError as error:
                self._complain(f"start.{key}", str(error))
        return AtCondition(start.when, for_s=start.for_, **limits)

    def _shaped(self, spec: FaultSpec) -> FaultSpec:
        shape = self._text.shape
        if isinstance(shape, RampText):
            return replace(spec, shape=Shape.RAMP, ramp_s=shape.ramp, power=shape.power)
        if isinstance(shape, ComesAndGoes):
            return replace(spec, shape=Shape.INTERMITTENT, period_s=shape.every, on_s=shape.for_)
        return spec

    def _check_time(self, spec: FaultSpec) -> None:
        """A fault that can only start after the end of the run is none, nor one that falls between two steps."""
        scene, start = self._scene, spec.start
        if spec.lasts_s is not None and spec.lasts_s < scene.step_s:
            self._complain("lasts", f"is shorter than the plant's step of {scene.step_s} s")
        if spec.shape is Shape.INTERMITTENT and spec.on_s < scene.step_s:
            self._complain("shape.for", f"is shorter than the plant's step of {scene.step_s} s")
        second = start.second if isinstance(start, AtTime) else None
        if isinstance(start, AtPhase):
            second = scene.earliest_s(start)
        if second is not None and second >= scene.lasts_s:
            at = format_time(scene.start_ns + second * SECOND_NS)
            end = format_time(scene.start_ns + scene.lasts_s * SECOND_NS)
            self._complain("start", f"is {at} at the earliest, and the run ends {end}")


def value_of(setting: Setting, written: str | float, tag_unit: str) -> float | str:
    """A setting as its kind takes it, in its unit or that of the tag; ValueError says what does not fit."""
    if setting.choices:
        if written not in setting.choices:
            known = ", ".join(setting.choices)
            raise ValueError(f"{written!r} is none of {known}{meant(str(written), setting.choices)}")
        return str(written)
    unit = {POINT: tag_unit, DIFFERENCE: tag_unit, RATE: f"{tag_unit or '1'}/h"}.get(setting.unit, setting.unit)
    if unit == "s" and isinstance(written, str) and not values.is_number(written):
        return parse_duration_s(written)
    on_a_scale = setting.unit in (POINT, "degC")
    return values.point(written, unit) if on_a_scale else values.amount(written, unit)


def _targets(kind: FaultKind, scene: Scene) -> list[str]:
    """What a kind of fault may be on."""
    everything = [*scene.layout.units, *(tag.name for tag in scene.tags.measured), *scene.tags.names, *SERVERS]
    names = dict.fromkeys(str(name) for name in everything)
    return [name for name in names if target_of(name, scene.layout, scene.tags.names) in kind.targets]


def _of_catalogue(word: str) -> str:
    return "" if meant(word, CATALOGUE) else "; docs/faults.md lists all"
