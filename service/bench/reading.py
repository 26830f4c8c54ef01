"""From a scenario file to a `Scenario`: every wrong line at once, each with its place and what was perhaps meant."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from domain.errors import Complaint, ConfigError
from service.bench import fault_reading, values
from service.bench.checking import in_order, unknown, validated
from service.bench.schema import (
    CampaignText,
    Interval,
    PhaseChange,
    PlantText,
    RangesText,
    ScenarioText,
    ServersText,
)
from service.config.document import Document, PathKey, read_document
from simulators.faults.spec import FaultSpec
from simulators.layout import SMALL, Layout, Line
from simulators.recipe import USUAL, Recipe, RecipePhase, TrueRanges
from simulators.scenario import Acceptance, CampaignPlan, InstrumentChange, Scenario, Servers
from simulators.tags import MeasuredTag, plant_tags

LIBRARY = Path(__file__).parents[2] / "simulators" / "scenarios"
"""The scenarios that come with the bench."""

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ][0-9:.]+)?")
_TAKEN = ("opcua", "mqtt", "U1")
_FIRST_BATCH = 17
_USUAL_START_S = 20 * 60
_START_EVERY_S = 2 * 3600  # so that operators need not be everywhere at once
_DEFAULTS = Scenario("", "", 0, 0, 0, SMALL, USUAL, CampaignPlan((), ()))


def library() -> tuple[Path, ...]:
    """The files of the scenarios that come with the bench, by name."""
    return tuple(sorted(LIBRARY.glob("*.yaml")))


def find(word: str) -> Path:
    """The file of a scenario: a path, or the name of one in the library; ConfigError where there is none."""
    given = Path(word)
    if given.is_file():
        return given
    known = {file.stem: file for file in library()}
    if word in known:
        return known[word]
    raise ConfigError((Complaint(word, 1, 1, "(file)", f"no such file, and {unknown('scenario', word, known)}"),))


def read_scenario(file: Path) -> Scenario:
    """Read and check a scenario; ConfigError carries every complaint found, each with its place."""
    document = _document(file)
    if ("include",) in document.places:
        raise ConfigError((document.complain(("include",), "is not a known key: a scenario is one file"),))
    return _Reader(document, validated(document, ScenarioText)).scenario()


def _document(file: Path) -> Document:
    """The file's values; a day that no calendar has is complained about, as YAML reads dates by itself."""
    try:
        return read_document(file)
    except ValueError as error:
        complaints = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for date in _DATE.finditer(line):
                try:
                    values.instant_ns(date[0])
                except ValueError as wrong:
                    complaints.append(Complaint(str(file), number, date.start() + 1, "(yaml)", str(wrong)))
        raise ConfigError(tuple(complaints) or (Complaint(str(file), 1, 1, "(yaml)", str(error)),)) from error


class _Reader:
    """Reads the parts in the order in which they lean on each other, and gathers what is wrong with them."""

    def __init__(self, document: Document, text: ScenarioText) -> None:
        self._document = document
        self._text = text
        self._complaints: list[Complaint] = []

    def _complain(self, path: Iterable[str], message: str) -> None:
        self._complaints.append(self._document.complain(tuple(path), message))

    def scenario(self) -> Scenario:
        """The scenario; ConfigError with every complaint."""
        text = self._text
        layout = self._layout(text.plant)
        servers = _servers(text.servers)
        all_tags = plant_tags(layout, servers)
        tags = {tag.name: tag for tag in all_tags.measured}
        recipe = self._recipe({tag.role: tag for tag in tags.values() if tag.place in layout.reactors})
        plan = self._plan(text.campaign, layout, recipe)
        scene = fault_reading.Scene(text.start, text.lasts, layout, recipe, plan, servers, all_tags)
        specs = fault_reading.specs(text.faults, scene, self._document, self._complaints)
        scenario = Scenario(
            name=text.name,
            teaches=text.teaches,
            seed=text.seed,
            start_ns=text.start,
            lasts_s=text.lasts,
            layout=layout,
            recipe=recipe,
            plan=plan,
            step_s=_DEFAULTS.step_s if text.step is None else text.step,
            speed=_DEFAULTS.speed if text.speed is None else text.speed,
            instruments=self._instruments(tags),
            faults=specs,
            servers=servers,
            acceptance=self._acceptance(specs),
            file=self._document.file,
            text=self._document.text,
        )
        self._check_whole(scenario)
        if self._complaints:
            raise ConfigError(in_order(self._complaints))
        return scenario

    def _check_whole(self, scenario: Scenario) -> None:
        if scenario.lasts_s < 60:
            self._complain(("lasts",), "is too short: a run lasts at least a minute")
        if not 1 <= scenario.step_s <= 5 or 5 % scenario.step_s:
            self._complain(("step",), f"must be 1s or 5s, not {scenario.step_s} s")
        if not scenario.servers.opcua and not scenario.servers.mqtt:
            self._complain(("servers",), "names no server: neither OPC UA nor MQTT")

    def _layout(self, plant: PlantText | None) -> Layout:
        """The units; a tank's crystalliser and still are named after it where nothing else is said."""
        if plant is None:
            return SMALL
        tanks = list(dict.fromkeys(plant.reactors.values()))
        for tank in plant.lines:
            if tank not in tanks:
                self._complain(("plant", "lines", tank), unknown("tank of a reactor", tank, tanks))
        lines = tuple(
            Line(tank, plant.lines[tank].crystalliser, plant.lines[tank].still)
            if tank in plant.lines
            else Line(tank, *_behind(tank))
            for tank in tanks
        )
        for unit in dict.fromkeys([*plant.reactors, *tanks]):
            if unit in _TAKEN:
                self._complain(("plant", "reactors", unit), f"{unit!r} is the name of a server, or of the utilities")
        try:
            return Layout(tuple(plant.reactors), lines, tuple(tanks.index(tank) for tank in plant.reactors.values()))
        except ValueError as error:
            self._complain(("plant",), str(error))
            return SMALL

    def _recipe(self, tags: Mapping[str, MeasuredTag]) -> Recipe:
        text = self._text.recipe
        ranges = dict(USUAL.ranges)
        phases = {phase.name: phase for phase in USUAL.phases}
        for name, change in text.phases.items():
            if name not in phases:
                self._complain(("recipe", name), unknown("phase", name, phases))
                continue
            phases[name] = self._phase(("recipe", name), phases[name], change)
            for role, asked in change.ranges.items():
                path = ("recipe", name, role)
                ranges[name, role] = self._ranges(path, role, asked, ranges.get((name, role), TrueRanges()), tags)
        limit_s = USUAL.hold_limit_s if text.hold_limit is None else text.hold_limit
        return Recipe(text.product or USUAL.product, tuple(phases.values()), ranges, limit_s)

    def _phase(self, path: PathKey, phase: RecipePhase, change: PhaseChange) -> RecipePhase:
        temperature = phase.temperature
        if change.temperature is not None:
            temperature = self._point((*path, "temperature"), change.temperature, "K", temperature, usual_unit="degC")
            if not 263.15 <= temperature <= 363.15:
                self._complain((*path, "temperature"), "is outside what the jacket reaches, -10 to 90 degC")
        lasts_s = phase.lasts_s if change.lasts is None else change.lasts
        ramp_s = phase.ramp_s if change.ramp is None else change.ramp
        if lasts_s < 60:
            self._complain((*path, "lasts"), "a phase lasts at least a minute")
        if ramp_s > lasts_s:
            key = "ramp" if change.ramp is not None else "lasts"
            self._complain((*path, key), f"the ramp of {ramp_s} s does not fit into a phase of {lasts_s} s")
        return replace(phase, temperature=temperature, lasts_s=lasts_s, ramp_s=ramp_s)

    def _ranges(
        self,
        path: PathKey,
        role: str,
        text: RangesText,
        usual: TrueRanges,
        tags: Mapping[str, MeasuredTag],
    ) -> TrueRanges:
        if role not in tags:
            self._complain(path, unknown("parameter of a reactor", role, tags))
            return usual
        unit, before = tags[role].unit, len(self._complaints)
        given = {
            kind: self._interval((*path, kind), interval, text.unit, unit)
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
            if len(self._complaints) == before and not _nests(getattr(found, inner), getattr(found, outer)):
                at = inner if inner in given else outer
                self._complain((*path, at), f"{inner} does not lie inside {outer}")
        return found

    def _interval(
        self, path: PathKey, interval: Interval, written: str | None, unit: str
    ) -> tuple[float | None, float | None]:
        low, high = (
            None if side is None else self._point((*path, str(index)), side, unit, 0.0, written)
            for index, side in enumerate(interval)
        )
        if low is not None and high is not None and low >= high:
            self._complain(path, f"{low:g} is not below {high:g}")
        return low, high

    def _point(
        self, path: PathKey, text: str | float, unit: str, otherwise: float, usual_unit: str | None = None
    ) -> float:
        """A point in `unit`; a bare number is in `usual_unit`, where that is another."""
        if usual_unit is not None and isinstance(text, float):
            text = f"{text!r} {usual_unit}"
        try:
            return values.point(text, unit)
        except ValueError as error:
            self._complain(path, str(error))
            return otherwise

    def _plan(self, text: CampaignText, layout: Layout, recipe: Recipe) -> CampaignPlan:
        usual = CampaignPlan((), ())
        reactors = layout.reactors
        for key in ("starts", "first_batch"):
            for reactor in getattr(text, key):
                if reactor not in reactors:
                    self._complain(("campaign", key, reactor), unknown("reactor", reactor, reactors))
        longest_s = sum(phase.lasts_s for phase in recipe.phases)
        start_s = tuple(
            text.starts.get(reactor, _USUAL_START_S + index * _START_EVERY_S) for index, reactor in enumerate(reactors)
        )
        for reactor, second in text.starts.items():
            if second < -longest_s:
                self._complain(("campaign", "starts", reactor), "is more than a whole cycle before the start")
            if second >= self._text.lasts:
                self._complain(("campaign", "starts", reactor), "is after the end of the run")
        return CampaignPlan(
            start_s=start_s,
            first_batch=tuple(
                text.first_batch.get(reactor, _FIRST_BATCH + 24 * index) for index, reactor in enumerate(reactors)
            ),
            wait_s=usual.wait_s if text.waits is None else text.waits,
            batches=text.batches,
            strength_spread=usual.strength_spread if text.spread is None else text.spread,
            longest_delay_s=usual.longest_delay_s if text.longest_delay is None else text.longest_delay,
            fouling_per_batch=usual.fouling_per_batch if text.fouling is None else text.fouling,
            cleaned_every=usual.cleaned_every if text.cleaned_every is None else text.cleaned_every,
        )

    def _instruments(self, measured: Mapping[str, MeasuredTag]) -> dict[str, InstrumentChange]:
        changes = {}
        for name, text in self._text.instruments.items():
            path = ("instruments", name)
            if name not in measured:
                self._complain(path, unknown("measured tag", name, measured))
                continue
            unit = measured[name].unit
            amounts = {key: self._amount((*path, key), text, unit) for key in ("bias", "noise", "wander", "resolution")}
            points = {
                key: None if (side := getattr(text, key)) is None else self._point((*path, key), side, unit, 0.0)
                for key in ("low", "high")
            }
            for key in ("noise", "wander"):
                if (amounts[key] or 0.0) < 0:
                    self._complain((*path, key), "is negative")
            if amounts["resolution"] is not None and amounts["resolution"] <= 0:
                self._complain((*path, "resolution"), "must be above 0")
            if points["low"] is not None and points["high"] is not None and points["low"] >= points["high"]:
                self._complain((*path, "low"), f"{points['low']:g} is not below {points['high']:g}")
            if text.period == 0:
                self._complain((*path, "period"), "must be above 0")
            changes[name] = InstrumentChange(period_s=text.period, lag_s=text.lag, **amounts, **points)
        return changes

    def _amount(self, path: PathKey, text: object, unit: str) -> float | None:
        written = getattr(text, path[-1])
        if written is None:
            return None
        try:
            return values.amount(written, unit)
        except ValueError as error:
            self._complain(path, str(error))
            return None

    def _acceptance(self, specs: tuple[FaultSpec, ...]) -> Acceptance:
        """Delays by fault id; one by kind counts for every fault of it."""
        text = self._text.acceptance
        delay_s: dict[str, int] = {}
        for word, longest_s in text.delay.items():
            meant = [spec.id for spec in specs if word in (spec.id, spec.kind)]
            written = {name for fault in self._text.faults for name in (fault.id, fault.kind)}
            if not meant and word != "*" and word not in written:
                known = dict.fromkeys([*(spec.id for spec in specs), *(spec.kind for spec in specs)])
                self._complain(("acceptance", "delay", word), unknown("fault of this scenario", word, known))
            delay_s.update(dict.fromkeys(meant or ["*"], longest_s))
        return Acceptance(text.found, delay_s, text.false_alarms, text.lost, text.doubled)


def _behind(tank: str) -> tuple[str, str]:
    """The usual names of what stands behind a tank: T201 → C201, D201."""
    rest = tank[1:] if tank[:1] == "T" and len(tank) > 1 else tank
    return f"C{rest}", f"D{rest}"


def _nests(inner: tuple[float | None, float | None], outer: tuple[float | None, float | None]) -> bool:
    """Tell whether an interval lies inside another; a side that is not given does not count."""
    low = inner[0] is None or outer[0] is None or inner[0] >= outer[0]
    return low and (inner[1] is None or outer[1] is None or inner[1] <= outer[1])


def _servers(text: ServersText) -> Servers:
    usual = Servers()
    publishing_ms = text.opcua.publishing if text.opcua is not None else None
    return Servers(
        opcua=text.opcua is not None,
        mqtt="" if text.mqtt.payload == "none" else text.mqtt.payload,
        protocol=text.mqtt.protocol,
        publishing_ms=usual.publishing_ms if publishing_ms is None else publishing_ms,
        security=text.opcua is not None and text.opcua.security,
    )
