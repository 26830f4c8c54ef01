"""Batches of several units against one frozen batch model: the tube cell by cell, the features at the phase's end."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json
from detectors.models.batch import (
    FEATURE,
    TUBE,
    Aligner,
    BatchModel,
    References,
    deviation,
    features,
    largest,
    most_off,
)
from detectors.models.multivariate import Contribution, Index, Numbers

MOST_CELLS = 20_000
"""Cells of one run that are kept for its features; a longer run has none."""


@dataclass(slots=True, eq=False)
class Going:
    """One unit: the run that goes on, and the batches before it in its campaign, the oldest first."""

    campaign: str = ""
    before: list[tuple[str, Numbers]] = field(default_factory=list)
    first_end_ns: int | None = None
    rows: list[Numbers] = field(default_factory=list)  # NaN where not known
    off: Numbers | None = None  # of the newest cell, in spreads
    cost: Numbers | None = None  # of the alignment


@dataclass(frozen=True, slots=True)
class FeatureVerdict:
    """A phase that has ended against those before it; `ratio` is the largest deviation in its limit."""

    ratio: float
    contributions: list[Contribution]
    before: tuple[str, ...]


class Courses:
    """The state of every unit that one batch model watches.

    With `references.least` 0 nothing is compared with the batches before: the centre is the frozen model's own.
    """

    rules = ("batch.tube",)

    def __init__(self, model: BatchModel, references: References, units: int, every_ns: int, *, warped: bool) -> None:
        self._model, self._references, self._every_ns, self._warped = model, references, every_ns, warped
        self._going = [Going() for _ in range(units)]
        self.limits = model.limits[:FEATURE]

    def begin(self, unit: int, campaign: str) -> None:
        """A run begins. Another campaign begins with no batch before it."""
        going = self._going[unit]
        if going.campaign != campaign:
            going.campaign, going.before = campaign, []
        going.first_end_ns, going.rows, going.off, going.cost = None, [], None, None

    def follow(self, other: "Courses") -> None:
        """Take the campaigns and the batches before from another of the same model."""
        for own, (campaign, before) in zip(self._going, other.told(), strict=True):
            own.campaign, own.before = campaign, before

    def told(self) -> list[tuple[str, list[tuple[str, Numbers]]]]:
        """Of each unit its campaign, and the batches before with their features."""
        return [(each.campaign, list(each.before)) for each in self._going]

    def step(self, units: Index, end_ns: NDArray[np.int64], values: Numbers, known: NDArray[np.bool_]) -> Numbers:
        """Take a cell of each unit; (n, 1): the largest deviation from the tube in spreads, NaN beyond the course."""
        found = np.full((len(units), 1), np.nan)
        for number, unit in enumerate(units.tolist()):
            found[number, TUBE] = self._step(self._going[unit], int(end_ns[number]), values[number], known[number])
        return found

    def _step(self, going: Going, end_ns: int, values: Numbers, known: NDArray[np.bool_]) -> float:
        if going.first_end_ns is None:
            going.first_end_ns = end_ns
        if len(going.rows) <= MOST_CELLS:
            going.rows.append(np.where(known, values, np.nan))
        if len(going.before) < self._references.least:
            return np.nan
        place = self._place(going, end_ns, values, known)
        if place >= len(self._model.course):
            going.off = None
            return np.nan
        off = (values - self._model.course[place] - self._offset(going)) / self._model.spread[place]
        going.off = np.where(known, off, np.nan)
        return largest(going.off)

    def _place(self, going: Going, end_ns: int, values: Numbers, known: NDArray[np.bool_]) -> int:
        assert going.first_end_ns is not None
        if not self._warped:
            return (end_ns - going.first_end_ns) // self._every_ns
        aligner = Aligner(self._model.course, self._model.spread)
        if going.cost is not None:
            aligner.cost = going.cost
        place = aligner.place(np.where(known, values - self._offset(going), 0.0), known)
        going.cost = aligner.cost
        return place

    def _offset(self, going: Going) -> Numbers:
        """How far this campaign is from the batches that the course was made of; nothing where it is not asked."""
        tags = self._model.tags
        if self._references.least == 0:
            return np.zeros(tags)
        before = np.stack([each for _, each in going.before])[:, :tags]
        offset: Numbers = before.mean(axis=0) - self._model.feature_mean[:tags]
        return offset

    def contributions(self, unit: int, which: int) -> list[Contribution]:
        """Which tags are furthest out of the tube; `which` is 0."""
        going = self._going[unit]
        assert which == TUBE
        if going.off is None:
            return []
        spread = self._model.spread.mean(axis=0)
        return most_off(going.off, spread)

    def end(self, unit: int, batch: str, *, sound: bool) -> FeatureVerdict | None:
        """A run ends; None where it is not judged. A `sound` one that is not out becomes a reference for the next.

        Nothing is judged of a run that ended before half of the course, or with a tag of which nothing is known.
        """
        going, model = self._going[unit], self._model
        rows, going.rows, going.off, going.cost = going.rows, [], None, None
        if not len(model.course) <= 2 * len(rows) <= 2 * MOST_CELLS:
            return None
        stacked = np.stack(rows)
        found = features(stacked, np.isfinite(stacked), model.resolution)
        verdict = None
        if len(going.before) >= self._references.least:
            before = [each for _, each in going.before] if self._references.least else [model.feature_mean]
            off = deviation(found, np.stack(before)) / model.feature_scale
            ratio = largest(off) / float(model.limits[FEATURE])
            names = tuple(name for name, _ in going.before) if self._references.least else ()
            verdict = FeatureVerdict(ratio, most_off(off, model.feature_scale), names)
        # Good is proven: what could not be compared is no reference, unless there is nothing yet to compare it with.
        is_good = verdict is None or verdict.ratio <= 1.0
        if self._references.least and sound and is_good and bool(np.isfinite(found).all()):
            going.before = [*going.before, (batch, found)][-self._references.most :]
        return verdict

    def state(self) -> Json:
        """Campaigns and the names of the batches before."""
        return [[going.campaign, [name for name, _ in going.before], going.first_end_ns] for going in self._going]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Features, cells and costs of each unit."""
        told: dict[str, NDArray[np.generic]] = {}
        for unit, going in enumerate(self._going):
            if going.before:
                told[f"{unit}/before"] = np.stack([each for _, each in going.before])
            if going.rows:
                told[f"{unit}/rows"] = np.stack(going.rows)
            for name, array in (("off", going.off), ("cost", going.cost)):
                if array is not None:
                    told[f"{unit}/{name}"] = array
        return told

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        for unit, (campaign, names, first_end_ns) in enumerate(state):
            own = {
                key.partition("/")[2]: array.astype(np.float64)
                for key, array in arrays.items()
                if key.startswith(f"{unit}/")
            }
            before = list(zip(names, own.get("before", []), strict=True))
            rows = list(own.get("rows", []))
            self._going[unit] = Going(campaign, before, first_end_ns, rows, own.get("off"), own.get("cost"))
