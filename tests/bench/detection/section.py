"""One line of the proof: a detector's figures on one set, each with its interval, and what knows nothing beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import Refused


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value with its 95 % interval; None where the data cannot tell it (nothing to find, one file)."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked of a figure."""

    at_least: float | None = None
    at_most: float | None = None

    def met(self, value: float | None) -> bool | None:
        """Whether a value does; None: not known."""
        if value is None:
            return None
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        low = "" if self.at_least is None else f"≥ {self.at_least:g}"
        return low if self.at_most is None else f"{low} ≤ {self.at_most:g}".strip()


@dataclass(frozen=True, slots=True)
class Section:
    """What was measured on one set.

    `figures` are the names of build/detection.json; `baselines` hold the same names of detectors that see no data;
    `apart` the same of parts of the set (a group of files); `more` whatever else explains it, as plain numbers.
    """

    name: str
    what: str
    scored: str  # how much of what
    unit: Mapping[str, str]
    figures: Mapping[str, Figure]
    baselines: Mapping[str, Mapping[str, float | None]]
    goals: Mapping[str, Goal] = field(default_factory=dict)
    apart: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The section of build/detection.json: values by name, and around them what they mean."""
        return {
            **{name: figure.value for name, figure in self.figures.items()},
            "interval": {name: [figure.low, figure.high] for name, figure in self.figures.items()},
            "unit": dict(self.unit),
            "goal": {name: str(goal) for name, goal in self.goals.items()},
            "met": {name: goal.met(self.figures[name].value) for name, goal in self.goals.items()},
            "baselines": {name: dict(each) for name, each in self.baselines.items()},
            "apart": {name: dict(each) for name, each in self.apart.items()},
            "scored": self.scored,
            "what": self.what,
            "notes": list(self.notes),
            **self.more,
        }


class Absent(Refused):
    """The data of a set are not here; the text says where they come from."""


@dataclass(frozen=True, slots=True)
class Run:
    """Where a set's data are, where its rows go, and how much is asked.

    `data` is the folder of all public sets, None without one; `out` is build/detection; `whole` asks for the long
    form of what has one.
    """

    data: Path | None
    out: Path
    whole: bool = False

    def folder(self, name: str, source: str) -> Path:
        """The folder of one set's data, or Absent."""
        folder = None if self.data is None else self.data / name
        if folder is None or not folder.is_dir():
            raise Absent(f"no folder {name!r} in BENCHMARKS; public at {source}")
        return folder


Measure = Callable[[Run], list[Section]]
"""What a module of a set has: `measure`, which runs the detectors over it, writes the rows, and scores them."""
