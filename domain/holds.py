"""Holds: how long material or equipment may wait (ICH Q7 8.2, EU GMP Annex 15)."""

import enum
from dataclasses import dataclass

from domain.entries import PersonAction

USUAL_HEAT_J_PER_MOL = 83_144.0
"""The heat of activation of a mean kinetic temperature where nobody measured the product's own."""


class HoldKind(enum.StrEnum):
    """What waits: material, used equipment, cleaned equipment, or a step."""

    INTERMEDIATE = "intermediate"
    DIRTY = "dirty"
    CLEAN = "clean"
    STEP = "step"


class HoldMode(enum.StrEnum):
    """What of the time counts."""

    WALL = "wall"  # all of it
    IN_CONDITION = "in_condition"  # all of it, and the condition is watched as well
    OVER_TEMPERATURE = "over_temperature"  # only what lies above the condition
    ENDPOINT = "endpoint"  # processing to a target: recorded, never too long


@dataclass(frozen=True, slots=True)
class Condition:
    """The range in which something has to wait, in the tag's unit; both limits are inside, None: no limit."""

    tag: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a stored material's temperature (degC) is measured, for its mean kinetic temperature over a window."""

    tag: str
    window_ns: int
    heat_j_per_mol: float = USUAL_HEAT_J_PER_MOL


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on what several holds of one batch take together, and its forebears before it."""

    name: str
    limit_ns: int
    warn_before_ns: tuple[int, ...] = ()  # longest first
    study: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """A limit on how long something may wait.

    `start` and `stop` name events of the unit. An event is one of `first_transfer_in`, `last_transfer_in`,
    `first_transfer_out`, `last_transfer_out`, `last_use_end`, `cleaning_start`, `cleaning_end`, `first_use_start`,
    or a phase's `NAME.start` / `NAME.end`. `limit_ns` is None for an `endpoint`, and where only a budget counts.
    """

    name: str
    kind: HoldKind
    unit: str
    start: str
    stop: str
    limit_ns: int | None
    warn_before_ns: tuple[int, ...] = ()  # longest first
    study: str = ""
    mode: HoldMode = HoldMode.WALL
    condition: Condition | None = None
    counts_in_condition: bool = False  # time out of the condition stops the clock: by name only
    warn_after_ns: tuple[int, ...] = ()  # shortest first
    budget: str | None = None
    storage: Storage | None = None

    @property
    def warnings_ns(self) -> tuple[int, ...]:
        """After how long each warning is due, shortest first."""
        before = () if self.limit_ns is None else tuple(self.limit_ns - each for each in self.warn_before_ns)
        return tuple(sorted((*before, *self.warn_after_ns)))


@dataclass(frozen=True, slots=True)
class HoldDecision:
    """What became of what a person said of a hold; `error` is why it changes nothing."""

    action: PersonAction
    error: str = ""
