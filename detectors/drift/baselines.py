"""What preceding runs of a phase tell of a parameter: its mean course, its spread, and how much batches differ.

Windows are aligned by their time into the phase. From the second run on, each run is compared with the course of those
before it, so that what is called normal is how a run differs from runs that it was not part of. After enough runs a
baseline is frozen, and judges from the first window of the next run on. Until then it only learns.

A run counts if it was seen from its start, and nothing but drift was found on the tag in it: one in which a range was
left is no reference.
"""

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Index
from detectors.cases import Json
from detectors.drift.charts import BINS, Charts, longer
from detectors.drift.learning import Column, Products, add, autoregression, centred, forget, no_moments
from domain.rules import DriftRule

_LATEST_START = 3  # windows into the phase: a run that was seen later is not seen from its start
_SUMS = ("total", "weight", "square")
_TENTH = 1.2816  # of the normal distribution


@dataclass(slots=True, eq=False)
class Baseline:
    """One tag in one phase of one recipe version; sums over the runs that count."""

    recipe: str
    phase: str
    step_ns: int
    batches: list[str] = field(default_factory=list)
    total: Column = field(default_factory=lambda: np.zeros(BINS))
    weight: Column = field(default_factory=lambda: np.zeros(BINS))
    square: Column = field(default_factory=lambda: np.zeros(BINS))  # of what runs differ by from those before
    squared: Column = field(default_factory=lambda: np.zeros(BINS))  # windows that these are of
    runs: float = 0.0  # that were compared with those before
    windows: float = 0.0
    after: float = 0.0  # products about each run's own level, as in `detectors.drift.learning`
    before: float = 0.0
    lagged: float = 0.0
    level: float = 0.0  # sum of squares of the runs' levels
    deviates: bool = False  # of deviations from a set point, not of readings

    def course(self) -> Column:
        """The mean in each step of the phase; a step that no run has seen is as its neighbours."""
        known = self.weight.nonzero()[0]
        mean = self.total[known] / self.weight[known]
        course: Column = np.interp(np.arange(BINS), known, mean)
        return course

    def roughness(self) -> Column:
        """How much more runs differ in a step than on average; never less than 1."""
        known = self.squared > 0
        overall = self.square.sum() / max(float(self.squared.sum()), 1.0)
        rough = np.ones(BINS)
        if overall > 0.0:
            rough[known] = np.sqrt(np.maximum(self.square[known] / self.squared[known] / overall, 1.0))
        return rough

    def coarsen(self, step_ns: int) -> None:
        """Make steps as long as these, a power of two times its own."""
        while self.step_ns < step_ns:
            for name in ("total", "weight", "square", "squared"):
                setattr(self, name, halved(getattr(self, name)))
            self.step_ns *= 2

    def doubt(self) -> float:
        """The variance of a new run's level about the course, at most with 90 % confidence, for few runs too."""
        if not self.runs:
            return 0.0
        tenth = 1.0 - 2.0 / (9.0 * self.runs) - _TENTH * math.sqrt(2.0 / (9.0 * self.runs))  # Wilson and Hilferty
        return self.level / (self.runs * max(tenth, 0.2) ** 3) * (1.0 + 1.0 / len(self.batches))

    @property
    def key(self) -> tuple[str, str, bool]:
        """What it is of; a tag has one of each."""
        return self.recipe, self.phase, self.deviates

    @property
    def name(self) -> str:
        """What a finding calls it: which batches, and a digest of the numbers."""
        numbers = np.concatenate([self.total, self.weight, [self.after, self.before, self.lagged, self.level]])
        digest = hashlib.sha256(numbers.tobytes()).hexdigest()[:8]
        span = self.batches[0] if len(self.batches) == 1 else f"{self.batches[0]} to {self.batches[-1]}"
        count = f"{len(self.batches)} batches" if len(self.batches) > 1 else "1 batch"
        return f"{self.recipe} {self.phase}: {count}, {span} ({digest})".strip()

    def state(self) -> Json:
        """All of it but the columns."""
        pooled = [self.runs, self.windows, self.after, self.before, self.lagged, self.level]
        return [self.recipe, self.phase, self.step_ns, self.batches, pooled, self.deviates]

    def columns(self) -> Column:
        """The columns as rows."""
        return np.array([self.total, self.weight, self.square, self.squared])


def baseline_from(state: Json, columns: Column) -> Baseline:
    """The baseline that `state` and `columns` told."""
    recipe, phase, step_ns, batches, pooled, *more = state  # before deviations there was no more
    return Baseline(recipe, phase, step_ns, list(batches), *(row.copy() for row in columns), *pooled, *more)


def halved(column: Column) -> Column:
    """Pairs of steps made one, and room behind them."""
    return np.concatenate([column.reshape(-1, 2).sum(axis=1), np.zeros(BINS // 2)])


class Runs:
    """What the current run of each place adds to its baseline, if it counts. Arrays have the places as first axis."""

    def __init__(self) -> None:
        self.is_learnt: NDArray[np.bool_] = np.zeros(1, dtype=np.bool_)
        self.step_ns: NDArray[np.int64] = np.ones(1, dtype=np.int64)
        self.total: Column = np.zeros((1, BINS))
        self.weight: Column = np.zeros((1, BINS))
        self.square: Column = np.zeros((1, BINS))
        self.moments = no_moments(1)  # of what the run differs by from those before it

    def add(self, place: int) -> None:
        """Make room for a place."""
        if place < len(self.is_learnt):
            return
        for name, column in vars(self).items():
            if isinstance(column, np.ndarray):
                setattr(self, name, longer(column, place + 1))
        for name in self.moments.__slots__:
            setattr(self.moments, name, longer(getattr(self.moments, name), place + 1))

    def start(self, place: int, step_ns: int) -> None:
        """Learn from a run."""
        self.is_learnt[place] = True
        self.step_ns[place] = step_ns
        self.total[place] = self.weight[place] = self.square[place] = 0.0
        forget(self.moments, place)

    def take(self, charts: Charts, places: Index, mean: Column, middle_ns: NDArray[np.int64]) -> None:
        """Learn from a window of each of distinct places."""
        chosen = self.is_learnt[places]
        if not np.count_nonzero(chosen):
            return
        places, mean, middle_ns = places[chosen], mean[chosen], middle_ns[chosen]
        into_ns = middle_ns - charts.from_ns[places]
        self._forget_late_starts(charts, places, into_ns)
        for place in places[into_ns >= BINS * self.step_ns[places]].tolist():
            self._lengthen(place, int(middle_ns[places == place][0] - charts.from_ns[place]))
        step = np.clip(into_ns // self.step_ns[places], 0, BINS - 1)
        differs = np.clip(mean - charts.course_at(places, middle_ns), -1e100, 1e100)
        self.total[places, step] += mean
        self.weight[places, step] += 1.0
        self.square[places, step] += differs * differs
        add(self.moments, places, differs)

    def _forget_late_starts(self, charts: Charts, places: Index, into_ns: NDArray[np.int64]) -> None:
        first = self.moments.count[places] == 0
        late = first & (into_ns > _LATEST_START * charts.every_ns[places])
        self.is_learnt[places[late]] = False

    def _lengthen(self, place: int, into_ns: int) -> None:
        while into_ns >= BINS * int(self.step_ns[place]):
            for column in (self.total, self.weight, self.square):
                column[place] = halved(column[place])
            self.step_ns[place] *= 2

    def end(self, place: int, rule: DriftRule, baseline: Baseline, batch: str) -> None:
        """Add a run to its baseline, if it counts."""
        if not self.is_learnt[place]:
            return
        self.is_learnt[place] = False
        at = np.array([place])
        mean, products = centred(self.moments, at)
        count, level = float(products.count[0]), float(mean[0])
        if count < rule.learn:
            return
        before = len(baseline.batches)
        step_ns = max(int(self.step_ns[place]), baseline.step_ns)
        baseline.coarsen(step_ns)
        while int(self.step_ns[place]) < step_ns:
            self._lengthen(place, BINS * int(self.step_ns[place]))
        baseline.total += self.total[place]
        baseline.weight += self.weight[place]
        baseline.batches.append(batch)
        if before:
            baseline.square += self.square[place]
            baseline.squared += self.weight[place]
            baseline.runs += 1.0
            baseline.windows += count
            baseline.after += float(products.after[0])
            baseline.before += float(products.before[0])
            baseline.lagged += float(products.lagged[0])
            baseline.level += level * level / (1.0 + 1.0 / before)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All columns by name."""
        own = {name: column for name, column in vars(self).items() if isinstance(column, np.ndarray)}
        return own | {f"moments/{name}": getattr(self.moments, name) for name in self.moments.__slots__}

    def kept(self, places: int) -> dict[str, NDArray[np.generic]]:
        """The columns of a snapshot: as many places as there are, and sums only of runs that are learnt from."""
        kept = {name: column[:places] for name, column in self.arrays().items()}
        learnt = self.is_learnt[:places]
        return kept | {name: kept[name][learnt] for name in _SUMS}

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `kept` told."""
        learnt = arrays["is_learnt"].astype(np.bool_)
        for name, column in arrays.items():
            owner, _, key = name.rpartition("/")
            whole = column.copy()
            if name in _SUMS:
                whole = np.zeros((len(learnt), BINS))
                whole[learnt] = column
            setattr(self.moments if owner else self, key, whole)


def judge_by(charts: Charts, place: int, rule: DriftRule, baseline: Baseline, floor: float) -> None:
    """Chart a run that begins by what the preceding ones told. Its level is learnt from its first windows too."""
    pooled = (baseline.windows, baseline.after, baseline.before, baseline.lagged)
    phi, sigma = autoregression(Products(*(np.array([each]) for each in pooled)), baseline.runs)
    charts.phi[place], charts.target[place] = phi[0], 0.0
    charts.freeze(place, rule, float(sigma[0]), floor)
    own = 1.0 - float(charts.phi[place])
    doubt = max(baseline.doubt() / float(charts.sigma[place]) ** 2, 1e-12)
    charts.doubt[place] = doubt
    charts.settles_at[place] = rule.learn
    left = 1.0 / (1.0 / doubt + rule.learn * own * own)
    charts.rough[place] = baseline.roughness()
    charts.judges_by_course[place] = True
    charts.widen(place, rule, own * math.sqrt(left), baseline.windows, float(charts.phi[place]))
