"""Runs normal batches and makes a profile of them; what has been run once is kept, in memory and in a folder."""

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from simulators.campaign import Campaign
from simulators.layout import Layout, Line
from simulators.scenario import InstrumentChange, Scenario
from simulators.tags import MeasuredTag, scenario_tags
from simulators.truth.profile import GRID_S, Array, Band, Profile, Run, band

BATCHES: Final = 20
"""A profile is made of at least so many batches of each generation."""

_GENERATIONS: Final = 2  # the first batch, and one behind another
_FOULED_GENERATIONS: Final = 3
_LONGEST_S: Final = 4 * 86_400  # of plant time: a plant that has not got there by then tells what it has told
_SEED: Final = 20_251_122
_KEPT: Final = 16  # profiles, in memory
_BEGINS_S: Final = 1800  # so long the plant is idle before its first batch
_LOOK_S: Final = 600  # how often it looks whether everybody has done

_profiles: dict[str, Profile] = {}


def profile_of(scenario: Scenario, folder: Path | None = None, *, whole: bool = False) -> Profile:
    """The profile of a scenario's plant, from memory, from a file in `folder`, or by running normal batches.

    It holds the reactors where every fault befalls a reactor, else every unit; `whole`: every unit in any case, for a
    plant in which anything may be broken later. A file is keyed by everything that a profile depends on, the program's
    own text included: scenarios of the same plant and plan share it.
    """
    sorts = _sorts(scenario)
    befallen = _befallen(scenario, sorts)
    if not befallen and not whole:
        return Profile({})
    whole = whole or not befallen <= set(scenario.layout.reactors)
    wanted = frozenset(sorts[unit] for unit in (scenario.layout.units if whole else scenario.layout.reactors))
    batches = _FOULED_GENERATIONS if scenario.plan.fouling_per_batch else _GENERATIONS
    fewest = min(list(sorts.values()).count(sort) for sort in sorts.values())
    normal = _several(scenario, -(-BATCHES // fewest), batches)
    key = _key(normal, wanted)
    profile = _profiles.get(key)
    if profile is None:
        file = None if folder is None else folder / f"profile-{key}.npz"
        profile = (_load(file) if file is not None and file.exists() else None) or _run(normal, sorts, wanted)
        if file is not None and not file.exists():
            _save(profile, file)
        while len(_profiles) >= _KEPT:
            del _profiles[next(iter(_profiles))]
        _profiles[key] = profile
    return profile


def _befallen(scenario: Scenario, units: Iterable[str]) -> set[str]:
    """The units whose values a fault of the scenario can move."""
    return {
        unit for fault in scenario.faults for unit in units if unit in (fault.target, fault.target.rpartition(".")[0])
    }


@dataclass(frozen=True, slots=True)
class _Sort:
    """What units have to have in common for their batches to be alike: the class, and how their instruments differ."""

    of: str
    changes: tuple[tuple[str, InstrumentChange], ...]


def _sorts(scenario: Scenario) -> dict[str, _Sort]:
    layout = scenario.layout
    of = dict.fromkeys(layout.reactors, "reactor")
    for line in layout.lines:
        of |= {line.tank: "tank", line.crystalliser: "crystalliser", line.still: "still"}
    changes: defaultdict[str, list[tuple[str, InstrumentChange]]] = defaultdict(list)
    for tag, change in sorted(scenario.instruments.items()):
        unit, _, role = tag.rpartition(".")
        changes[unit].append((role, change))
    return {unit: _Sort(sort, tuple(changes[unit])) for unit, sort in of.items()}


def _run(normal: Scenario, sorts: Mapping[str, _Sort], wanted: frozenset[_Sort]) -> Profile:
    """Run normal batches, until each wanted unit has had its own, and make the profile of the scenario's units."""
    wanted_units = [unit for unit in normal.layout.units if sorts[_original(unit)] in wanted]
    reference = _Reference(normal, wanted_units)
    runs: dict[tuple[_Sort, str], defaultdict[int, list[Run]]] = {}
    sigma: dict[_Sort, Array] = {}
    for unit, phase, generation, run in reference.runs():
        sort = sorts[_original(unit)]
        runs.setdefault((sort, phase), defaultdict(list))[generation].append(run)
        sigma[sort] = reference.sigma(unit)
    bands = {
        (sort, phase): band(list(by_generation.values()), sigma[sort])
        for (sort, phase), by_generation in runs.items()
        if max(len(each) for each in by_generation.values()) > 2  # fewer tell no spread
    }
    units = [unit for unit, sort in sorts.items() if sort in wanted]
    return Profile(
        {(unit, phase): each for unit in units for (sort, phase), each in bands.items() if sort == sorts[unit]}
    )


def _several(scenario: Scenario, copies: int, batches: int) -> Scenario:
    """The same plant several times, each with names of its own, healthy, for so many batches."""
    layout, plan = scenario.layout, scenario.plan
    cycle_s = sum(phase.lasts_s for phase in scenario.recipe.phases)
    begins_s = [(start_s - min(plan.start_s)) % cycle_s for start_s in plan.start_s]
    if len(set(layout.feeds)) == len(layout.feeds):
        begins_s = [0] * len(begins_s)  # nobody waits for another: it does not matter who is first
    return replace(
        scenario,
        layout=Layout(
            tuple(_named(unit, copy) for copy in range(copies) for unit in layout.reactors),
            tuple(
                Line(_named(line.tank, copy), _named(line.crystalliser, copy), _named(line.still, copy))
                for copy in range(copies)
                for line in layout.lines
            ),
            tuple(feed + copy * len(layout.lines) for copy in range(copies) for feed in layout.feeds),
        ),
        plan=replace(
            plan,
            start_s=tuple(_BEGINS_S + each_s for each_s in begins_s) * copies,
            first_batch=(1,) * (copies * len(layout.reactors)),
            batches=batches,
        ),
        instruments=_unread(scenario, copies),
        faults=(),
        step_s=Campaign.COARSE_STEP_S,
        lasts_s=_LONGEST_S,
    )


def _unread(scenario: Scenario, copies: int) -> dict[str, InstrumentChange]:
    """The same instruments, but nobody has to hear their readings: what they would report is asked."""
    own = {tag.name for tag in scenario_tags(scenario).measured if tag.name.rpartition(".")[0] in scenario.layout.units}
    return {
        f"{_named(unit, copy)}.{role}": replace(scenario.instruments.get(tag, InstrumentChange()), period_s=_LONGEST_S)
        for tag in sorted(own)
        for unit, _, role in [tag.rpartition(".")]
        for copy in range(copies)
    }


def _named(unit: str, copy: int) -> str:
    return f"{unit}~{copy}"


def _original(unit: str) -> str:
    return unit.rpartition("~")[0]


class _Reference:
    """Normal batches of several plants, run until each of some units has had all of its batches."""

    def __init__(self, normal: Scenario, wanted: Sequence[str]) -> None:
        self._batches = normal.plan.batches or 0
        self._units = wanted
        self._campaign = Campaign(normal, _SEED)
        tags = self._campaign.tags.measured
        self._columns = {unit: _columns_of(unit, tags) for unit in wanted}
        self._endless = np.array([tag.instrument.is_like.rollover > 0 for tag in tags])
        self._everything = np.arange(len(tags))

    def sigma(self, unit: str) -> Array:
        """The standard deviations of a unit's instruments; infinite for one that only counts up."""
        return np.where(self._endless, np.inf, self._campaign.panel.sigma)[self._columns[unit]]

    def runs(self) -> Iterator[tuple[str, str, int, Run]]:
        """Every phase that has run to its end: unit, phase, number of the batch, and its values."""
        true, reported, changes = self._sampled()
        for unit, begins in changes.items():
            columns = self._columns[unit]
            for (since_s, phase, batch), (until_s, _, _) in pairwise(begins):
                rows = slice(-(-since_s // GRID_S), max(-(-until_s // GRID_S), -(-since_s // GRID_S) + 1))
                run = Run(true[rows, columns], reported[rows, columns], until_s - since_s)
                yield unit, phase, batch, run

    def _sampled(self) -> tuple[Array, Array, dict[str, list[tuple[int, str, int]]]]:
        """True and reported values, a row per `GRID_S`; and when which phase began on each unit."""
        campaign = self._campaign
        true, reported = [], []
        begins: dict[str, list[tuple[int, str, int]]] = {unit: [self._begin(unit)] for unit in self._units}
        while campaign.second < _LONGEST_S and (campaign.second % _LOOK_S or not self._done()):
            true.append(campaign.true_values().copy())
            reported.append(campaign.panel.noise_free(self._everything).value)
            for moment in campaign.advance(campaign.second + GRID_S):
                for unit in (name.removesuffix(".STEP") for name in moment.changed if name.endswith(".STEP")):
                    if unit in begins:
                        begins[unit].append(self._begin(unit))
        return np.stack(true), np.stack(reported), begins

    def _begin(self, unit: str) -> tuple[int, str, int]:
        now = self._campaign.situation(unit)
        return now.since_s, now.phase, now.batch_number

    def _done(self) -> bool:
        situations = [self._campaign.situation(unit) for unit in self._units]
        return all(now.batch_number >= self._batches and not now.batch for now in situations)


def _columns_of(unit: str, tags: Sequence[MeasuredTag]) -> slice:
    own = [column for column, tag in enumerate(tags) if tag.name.rpartition(".")[0] == unit]
    return slice(own[0], own[-1] + 1)


def _key(normal: Scenario, wanted: frozenset[_Sort]) -> str:
    depends = (normal.layout, normal.recipe, normal.plan, sorted(normal.instruments.items()), sorted(map(repr, wanted)))
    return hashlib.sha256(f"{_program()}{depends!r}".encode()).hexdigest()[:32]


@cache
def _program() -> str:
    """A hash of the text of this room."""
    text = hashlib.sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        text.update(file.read_bytes())
    return text.hexdigest()


def _save(profile: Profile, file: Path) -> None:
    """Whole or not at all: several runs may share a folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False, suffix=".part") as part:
        arrays = {
            f"{unit}/{phase}/{name}": np.asarray(getattr(each, name))
            for (unit, phase), each in profile.bands.items()
            for name in Band.__slots__
        }
        np.savez(part, **arrays)  # type: ignore[arg-type] # its stubs take the keywords for its own
    Path(part.name).replace(file)


def _load(file: Path) -> Profile | None:
    """None: it cannot be read, and is made anew."""
    try:
        with np.load(file) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        names = {tuple(name.split("/")[:2]) for name in found}
        return Profile({(unit, phase): _loaded(found, f"{unit}/{phase}") for unit, phase in names})
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _loaded(arrays: Mapping[str, Array], name: str) -> Band:
    return Band(
        arrays[f"{name}/true_low"],
        arrays[f"{name}/true_high"],
        arrays[f"{name}/reported_low"],
        arrays[f"{name}/reported_high"],
        float(arrays[f"{name}/longest_s"]),
    )
