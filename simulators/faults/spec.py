"""What a fault is, before anything breaks: kind, target, when, how it develops. The kinds are in `catalogue`."""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field


class Shape(enum.StrEnum):
    """How a fault develops."""

    STEP = "step"
    RAMP = "ramp"  # within `ramp_s`; `power` 2 begins slowly and becomes faster, as fouling does
    INTERMITTENT = "intermittent"  # there for `on_s` of every `period_s`


@dataclass(frozen=True, slots=True)
class AtTime:
    """Starts at a second of the campaign."""

    second: int


@dataclass(frozen=True, slots=True)
class AtPhase:
    """Starts `after_s` into a phase of a unit; `batch` counts that unit's batches in this run from 1, None: every one.

    With `batch` None the fault comes back in each batch.
    """

    unit: str
    phase: str
    after_s: int = 0
    batch: int | None = 1


@dataclass(frozen=True, slots=True)
class AtCondition:
    """Starts when the true value of a tag has been above (or below) a limit for `for_s`; once."""

    tag: str
    above: float = math.inf
    below: float = -math.inf
    for_s: int = 0


Trigger = AtTime | AtPhase | AtCondition


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault of a scenario. `target` is a unit, a tag or a server, as its kind asks.

    `lasts_s` None: for good. `settings` are the kind's own parameters in the units that its catalogue entry names.
    """

    id: str
    kind: str
    target: str
    start: Trigger
    lasts_s: int | None = None
    shape: Shape = Shape.STEP
    ramp_s: int = 0
    power: float = 1.0
    period_s: int = 0
    on_s: int = 0
    settings: Mapping[str, float | str] = field(default_factory=dict)

    def share(self, since_s: float) -> float:
        """How far the fault has developed `since_s` after its start: 0 healthy, 1 fully."""
        if since_s < 0 or (self.lasts_s is not None and since_s >= self.lasts_s):
            return 0.0
        if self.shape is Shape.RAMP:
            return min(since_s / self.ramp_s, 1.0) ** self.power if self.ramp_s else 1.0
        if self.shape is Shape.INTERMITTENT:
            return 1.0 if since_s % self.period_s < self.on_s else 0.0
        return 1.0


@dataclass(frozen=True, slots=True)
class FaultChange:
    """A fault began, ended, or (intermittent) came and went, at a second of the campaign."""

    spec: FaultSpec
    active: bool
    second: int
