"""Watches a campaign and writes down what is really so."""

from collections import deque
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import numpy as np

from domain.status import GOOD
from simulators.campaign import Campaign
from simulators.operators.logbook import Situation
from simulators.scenario import Scenario
from simulators.tags import PlantTags, scenario_tags
from simulators.truth.excursions import Excursion, Excursions
from simulators.truth.fault_watch import FaultWatch, Followed
from simulators.truth.holds import Holds
from simulators.truth.labels import Label
from simulators.truth.limits import Array, Limits, range_rows
from simulators.truth.normality import Normality
from simulators.truth.places import places_of, twins_of
from simulators.truth.profile import Profile
from simulators.truth.telling import Noted, Teller
from simulators.truth.truth import NO_VALUES, Header, PhaseSpan, Truth, Values
from simulators.truth.visibility import SUSTAINED_S

VALUES_EVERY_S: Final = 10
"""How often true values are kept."""

_MOST_NOTED: Final = 200_000  # excursions, and phases; of a run without an end the oldest are forgotten


@dataclass(slots=True)
class _PhaseRun:
    unit: str
    batch: str
    phase: str
    since_s: int
    until_s: int | None = None


class TruthRecorder:
    """An observer of a campaign: `campaign.observers.append(recorder)`, and `truth()` at any time.

    Without a profile a fault is visible by limits alone. `keep_values` False: for a run without an end. `speed`: how
    many plant seconds a second of the network takes, 1 on virtual time; None: the scenario's.
    """

    def __init__(
        self, scenario: Scenario, profile: Profile | None, *, keep_values: bool = True, speed: float | None = None
    ) -> None:
        self._scenario = scenario
        self._keep_values = keep_values
        self._tags: PlantTags = scenario_tags(scenario)
        units, measured = scenario.layout.units, self._tags.measured
        self._places = places_of(scenario.layout, self._tags)
        self._unit_of = {tag: place.unit for place in self._places for tag in place.tags}
        self._columns = {
            unit: [column for column, tag in enumerate(measured) if tag.name == f"{unit}.{tag.role}"] for unit in units
        }
        self._names = (*(tag.name for tag in measured), *(f"{unit}.STEP" for unit in units))
        self._limits = Limits(scenario.recipe, scenario.layout, measured)
        self._excursions = Excursions(self._limits, self._began)
        self._normality = Normality(profile, units, measured)
        self._faults = FaultWatch(self._names, units, scenario.speed if speed is None else speed)
        self._holds = Holds(scenario.layout, scenario.recipe)
        self._tank_columns = {
            tag.place: column for column, tag in enumerate(measured) if tag.quantity == "hold_temperature"
        }
        self._sigma = np.zeros(len(measured))
        self._seed = scenario.seed
        self._second = -1
        self._now: dict[str, Situation] = {}
        self._runs: deque[_PhaseRun] = deque(maxlen=_MOST_NOTED)
        self._running: dict[str, _PhaseRun] = {}
        self._batches: set[tuple[str, int]] = set()
        self._noted: deque[Noted] = deque(maxlen=_MOST_NOTED)
        self._numbers: dict[tuple[str, str], int] = {}
        self._seconds: list[int] = []
        self._values: list[Array] = []

    def observe(self, campaign: Campaign) -> None:
        """Look at a campaign after a step."""
        self._second = second = campaign.second
        self._seed, self._sigma = campaign.seed, campaign.panel.sigma
        for unit in self._columns:
            now = campaign.situation(unit)
            if now is not self._now.get(unit):
                self._enter(unit, now)
        self._limits.advance(second)
        self._normality.advance(second)
        value = campaign.true_values()
        self._excursions.advance(second, value)
        self._holds.observe(second, campaign.situation, lambda tank: float(value[self._tank_columns[tank]]))
        self._watch_faults(campaign, value)
        if self._keep_values and second % VALUES_EVERY_S == 0:
            self._seconds.append(second)
            self._values.append(value.copy())

    def truth(self) -> Truth:
        """What was really so up to now; RuntimeError: nothing has been observed."""
        if self._second < 0:
            message = "no step of a campaign has been observed: there is no truth to tell"
            raise RuntimeError(message)
        names = tuple(tag.name for tag in self._tags.measured)
        return Truth(self._header(), self.labels(), names, self._true_values())

    def labels(self) -> tuple[Label, ...]:
        """Every label up to now, in the order of the onsets."""
        teller = Teller(self._scenario.start_ns, self._second)
        labels = [
            *(teller.fault(fault, self._names) for fault in self._faults.faults),
            *(teller.excursion(noted) for noted in self._noted),
            *teller.holds(self._holds),
        ]
        return tuple(sorted(labels, key=lambda label: (label.onset_ns, label.kind, label.id)))

    def _enter(self, unit: str, now: Situation) -> None:
        before = self._now.get(unit)
        self._now[unit] = now
        self._normality.enter(unit, now)
        if before is None or (before.phase, before.since_s) != (now.phase, now.since_s):
            if before is not None:
                self._running[unit].until_s = now.since_s
                self._excursions.leave(self._columns[unit], now.since_s)
            self._limits.enter(unit, now.phase, now.since_s)
            self._running[unit] = run = _PhaseRun(unit, now.batch, now.phase, now.since_s)
            self._runs.append(run)
        if now.batch and unit in self._scenario.layout.reactors:
            self._batches.add((unit, now.batch_number))

    def _began(self, excursion: Excursion) -> None:
        tag = self._tags.measured[excursion.column]
        key = (excursion.what, tag.name)
        self._numbers[key] = self._numbers.get(key, 0) + 1
        unit = self._unit_of[tag.name]
        now, sigma = self._now[unit], float(self._sigma[excursion.column])
        self._noted.append(Noted(excursion, self._numbers[key], tag.name, tag.unit, unit, now.batch, now.phase, sigma))

    def _watch_faults(self, campaign: Campaign, value: Array) -> None:
        normality = self._normality
        overrun = normality.overrun(campaign.second) > 0
        normal = (value >= normality.true_low) & (value <= normality.true_high)
        outside = self._excursions.outside.any(axis=(0, 1))
        beyond = np.concatenate((outside | ~normal, overrun))
        said, reported_beyond = value, None
        if self._faults.needs_reports:
            readings = campaign.panel.noise_free(np.arange(len(value)))
            said = readings.value
            limits = self._limits
            normal = (said >= normality.reported_low) & (said <= normality.reported_high) & (readings.status == GOOD)
            inside = ((said >= limits.low) & (said <= limits.high)).all(axis=0)
            reported_beyond = np.concatenate((~(normal & inside) & ~beyond[: len(value)], overrun))
        for fault, column in self._faults.advance(campaign, beyond, reported_beyond):
            fault.because = self._because(fault, column, value if fault.shows_in_truth else said)

    def _because(self, fault: Followed, column: int, value: Array) -> str:
        """What a perfect observer saw, in words."""
        name = self._names[column]
        if column >= len(value):
            unit = name.rpartition(".")[0]
            return f"{unit} was in {self._now[unit].phase} for longer than in any normal batch"
        normality = self._normality
        low, high = (
            (normality.true_low, normality.true_high)
            if fault.shows_in_truth
            else (normality.reported_low, normality.reported_high)
        )
        low_limit, high_limit = self._limits.low[:, column].max(), self._limits.high[:, column].min()
        quantity = f"{value[column]:.6g} {self._tags.measured[column].unit}".rstrip()
        verb = "was" if fault.shows_in_truth else "reported"
        normal = f"normal is {low[column]:.6g} … {high[column]:.6g}"
        if not low_limit <= value[column] <= high_limit:
            normal = f"its range is {low_limit:.6g} … {high_limit:.6g}"
        return f"{name} {verb} {quantity}; {normal}; for {SUSTAINED_S} s"

    def _header(self) -> Header:
        scenario, teller = self._scenario, Teller(self._scenario.start_ns, self._second)
        return Header(
            scenario=scenario.name,
            seed=self._seed,
            start_ns=scenario.start_ns,
            lasts_s=self._second,
            version=version("thermowell"),
            batches=len(self._batches),
            places=self._places,
            served={
                server: tuple(tag for tag, outlet in self._tags.outlets.items() if outlet == server)
                for server in sorted(set(self._tags.outlets.values()))
            },
            ranges=range_rows(scenario.recipe),
            twins=twins_of(self._tags),
            phases=tuple(
                PhaseSpan(
                    run.unit,
                    run.batch,
                    run.phase,
                    teller.ns(run.since_s),
                    None if run.until_s is None else teller.ns(run.until_s),
                )
                for run in self._runs
            ),
        )

    def _true_values(self) -> Values:
        if not self._values:
            return NO_VALUES
        number = len(self._tags.measured)
        teller = Teller(self._scenario.start_ns, self._second)
        times = np.array([teller.ns(second) for second in self._seconds], np.int64)
        tags = np.tile(np.arange(number, dtype=np.int32), len(times))
        return Values(np.repeat(times, number), tags, np.concatenate(self._values))
