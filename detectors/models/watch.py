"""One frozen model over all units that it watches: cells in, statistics and what is out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json
from detectors.models.batch import BatchModel, References
from detectors.models.course import Courses, FeatureVerdict
from detectors.models.grid import Closed, Grid
from detectors.models.latch import Latch, Patience
from detectors.models.multivariate import Contribution, Index, Multivariate, Numbers, Statistics
from detectors.snapshots import below
from domain.models import Model, ModelKind


class Moves:
    """A multivariate model, as a watch steps it."""

    rules = ("model.t2", "model.spe")

    def __init__(self, model: Multivariate, units: int) -> None:
        self._statistics = Statistics(model, units)
        self.limits = model.limits

    def begin(self, unit: int, campaign: str) -> None:
        """A run begins: there is no past."""
        self._statistics.reset(np.array([unit], dtype=np.intp))

    def step(self, units: Index, end_ns: NDArray[np.int64], values: Numbers, known: NDArray[np.bool_]) -> Numbers:
        """T² and SPE of each unit's cell."""
        return self._statistics.step(units, values, known)

    def contributions(self, unit: int, which: int) -> list[Contribution]:
        """Which tags make a statistic what it is."""
        return self._statistics.contributions(unit, which)

    def end(self, unit: int, batch: str, *, sound: bool) -> FeatureVerdict | None:
        """A run ends; there is nothing to say of the whole of it."""
        return None

    def state(self) -> Json:
        """Nothing but arrays."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of it."""
        return self._statistics.arrays()

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told."""
        self._statistics.load(arrays)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A cell of one unit: its statistics in their limits, what was out before it and is now, and since when."""

    unit: int
    end_ns: int
    row: int
    ratio: Numbers
    was_out: NDArray[np.bool_]
    is_out: NDArray[np.bool_]
    since_ns: NDArray[np.int64]


def fitted(model: Model) -> Multivariate | BatchModel:
    """The arrays of a model by their names. TypeError where they are not those of its kind."""
    arrays = {name: np.asarray(array, dtype=np.float64) for name, array in model.arrays.items()}
    return Multivariate(**arrays) if model.kind is ModelKind.MULTIVARIATE else BatchModel(**arrays)


class ModelWatch:
    """The grid, the statistics and the latch of one model; units by their number in it."""

    def __init__(self, model: Model) -> None:
        units = len(model.units)
        self.model = model
        self.grid = Grid(units, len(model.parameters), model.every_ns, model.stale_ns)
        inner = fitted(model)
        self.judge: Moves | Courses
        if isinstance(inner, Multivariate):
            self.judge = Moves(inner, units)
        else:
            references = References(model.least_references, model.most_references)
            self.judge = Courses(inner, references, units, model.every_ns, warped=model.warped)
        self._latch = Latch((units, len(self.judge.rules)), Patience(model.on, model.off, model.back))
        self._since_ns: NDArray[np.int64] = np.zeros((units, len(self.judge.rules)), dtype=np.int64)

    def begin(self, unit: int, from_ns: int, campaign: str) -> None:
        """A run of the model's phase begins; it is judged from a time on."""
        self.grid.start(unit, from_ns)
        self.judge.begin(unit, campaign)
        self._latch.reset(np.array([unit], dtype=np.intp))

    def read(self, closed: Closed) -> list[Reading]:
        """Judge cells; only those of which something is or was out."""
        units = closed.units
        missing = 1.0 - closed.known.mean(axis=1)
        judged = missing <= self.model.most_missing
        found = np.full((len(units), len(self.judge.rules)), np.nan)
        for unit in units[~judged].tolist():
            if isinstance(self.judge, Moves):
                self.judge.begin(unit, "")
        if np.count_nonzero(judged):
            found[judged] = self.judge.step(
                units[judged], closed.end_ns[judged], closed.values[judged], closed.known[judged]
            )
        ratio = found / self.judge.limits
        was = self._latch.is_out[units]
        quiet = self._latch.count[units] == 0
        now = self._latch.step(units, ratio, np.ones(found.shape[1]))
        begins = ~was & quiet & (ratio > 1.0)
        self._since_ns[units] = np.where(begins, closed.end_ns[:, None], self._since_ns[units])
        told = (was | now).any(axis=1)
        return [
            Reading(
                int(units[at]),
                int(closed.end_ns[at]),
                int(closed.row[at]),
                ratio[at],
                was[at],
                now[at],
                self._since_ns[units[at]].copy(),
            )
            for at in np.flatnonzero(told).tolist()
        ]

    def follow(self, other: "ModelWatch") -> None:
        """Take the batches before from another watch of the same model."""
        if isinstance(self.judge, Courses) and isinstance(other.judge, Courses):
            self.judge.follow(other.judge)

    def end(self, unit: int, batch: str, *, sound: bool) -> FeatureVerdict | None:
        """A run ends; its last cells have been read."""
        self.grid.stop(unit)
        self._latch.reset(np.array([unit], dtype=np.intp))
        return self.judge.end(unit, batch, sound=sound)

    def state(self) -> Json:
        """The state, as far as it is no array."""
        return self.judge.state()

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays of all its parts."""
        told: dict[str, NDArray[np.generic]] = {"since_ns": self._since_ns}
        for name, part in (
            ("grid", self.grid.arrays()),
            ("judge", self.judge.arrays()),
            ("latch", self._latch.arrays()),
        ):
            told |= {f"{name}/{key}": array for key, array in part.items()}
        return told

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._since_ns = arrays["since_ns"].astype(np.int64)
        self.grid.load(below(arrays, "grid"))
        self._latch.load(below(arrays, "latch"))
        self.judge.load(state, below(arrays, "judge"))
