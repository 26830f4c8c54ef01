"""Learned models that judge: frozen, named by the hash of their content, and approved by a second person (rule 7)."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.entries import PersonAction
from domain.tags import Tag


class ModelKind(enum.StrEnum):
    """What a model tells apart."""

    MULTIVARIATE = "multivariate"  # whether the tags move together as they did
    BATCH = "batch"  # whether a batch goes as the batches before it went


@dataclass(frozen=True, eq=False)
class Model:
    """A frozen model of one phase of some units; durations in ns. `hash` is the SHA-256 of all of it.

    The columns of its arrays are `parameters`, roles of the units' tags. Values are held from sample to sample and read
    on a grid of `every_ns`; one older than `stale_ns` is not known, and with more than `most_missing` of the columns
    unknown nothing is judged. A statistic beyond its limit is said after `on` readings, and is over after `off` at no
    more than `back` of its limit.
    """

    name: str
    kind: ModelKind
    hash: str
    trainer: str
    units: tuple[str, ...]
    product: str  # "": of any
    phase: str
    parameters: tuple[str, ...]
    every_ns: int
    after_ns: int  # into the phase
    stale_ns: int
    most_missing: float
    on: int
    off: int
    back: float
    least_references: int  # batches before one, of its campaign
    most_references: int
    warped: bool  # the place in the course is found by time warping, not by the time into the phase
    arrays: Mapping[str, NDArray[np.float64]]
    measures: tuple[str, ...] = ()  # of the parameters, as `Tag.measure` tells them; (): older files do not tell

    def __repr__(self) -> str:
        """Name and hash: what it is, follows from them."""
        return f"Model({self.name!r}, {self.hash!r})"

    def reads(self, tag: Tag, column: int) -> bool:
        """Tell whether a tag is counted in what the model knows its parameter in."""
        return not self.measures or self.measures[column] == tag.measure

    @property
    def version(self) -> str:
        """As it stands in a verdict."""
        return f"{self.name} {self.hash[:12]}"


Library = Callable[[str], Model | None]
"""Models by hash, as far as they are there; always the same for one hash."""


def no_models(hash_: str) -> Model | None:  # noqa: ARG001  as a library is asked
    """A library without a book."""
    return None


@dataclass(frozen=True, slots=True)
class ModelDecision:
    """What became of a person's approval of a model; `error` is why it counts for nothing."""

    action: PersonAction
    error: str = ""
