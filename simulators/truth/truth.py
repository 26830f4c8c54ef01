"""The whole truth of one run: labels, true values, and where and how it was taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.truth.labels import Label

FORMAT: Final = 1
"""Of the files; a larger number is a newer program's."""


@dataclass(frozen=True, slots=True)
class Place:
    """A unit of the plant: its measured tags, and the units that feed it or that it feeds."""

    unit: str
    tags: tuple[str, ...]
    neighbours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """One run of a phase on a unit; `end_ns` None: it still ran at the end."""

    unit: str
    batch: str
    phase: str
    start_ns: int
    end_ns: int | None


@dataclass(frozen=True, slots=True)
class RangeRow:
    """One range of one tag role in one phase, plant units; it holds from `after_s` into the phase."""

    phase: str
    role: str
    kind: str  # nor, validated, par
    low: float | None
    high: float | None
    after_s: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """What was run: enough to repeat it, and to score what anybody found in it."""

    scenario: str
    seed: int
    start_ns: int
    lasts_s: int
    version: str  # of this program
    batches: int  # that ran in this time, in whole or in part
    places: tuple[Place, ...]
    served: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # server -> the tags that it serves
    ranges: tuple[RangeRow, ...] = ()
    phases: tuple[PhaseSpan, ...] = ()
    twins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what several instruments measure -> their tags
    format: int = FORMAT

    @property
    def unit_days(self) -> float:
        """How long the units were under watch, added up."""
        return len(self.places) * self.lasts_s / 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """True values as columns of one length; `tag` counts in the truth's `tags`."""

    time_ns: NDArray[np.int64]
    tag: NDArray[np.int32]
    value: NDArray[np.float64]


NO_VALUES: Final = Values(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0))
"""Where nobody kept the true values."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Labels in the order of their onsets, and the true value of every measured tag."""

    header: Header
    labels: tuple[Label, ...]
    tags: tuple[str, ...] = ()
    values: Values = NO_VALUES
