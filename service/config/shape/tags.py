"""A tag: its sensor, its fixed limits, and how its health and its drift are watched."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain.time import parse_time_ns
from service.config.shape.values import (
    AlarmPriorityName,
    Duration,
    DurationOrAuto,
    HealthName,
    Interval,
    PriorityName,
    Section,
    UnitName,
)


class Sensor(Section):
    """The instrument behind a tag."""

    range: Interval = (None, None)
    calibration_due: str | None = None
    calibrated: str | None = None  # the last good calibration
    every: Duration | None = None
    failed: str | None = None  # a calibration since then that failed

    @model_validator(mode="after")
    def _calibrated_before(self) -> Self:
        if self.every is not None and self.calibrated is None:
            raise ValueError("`every` needs `calibrated`")
        if self.every is not None and self.calibration_due is not None:
            raise ValueError("needs one of `every` and `calibration_due`, not both")
        for name in ("calibration_due", "calibrated", "failed"):
            text = getattr(self, name)
            if text is not None:
                parse_time_ns(text)
        return self


class AlarmText(Section):
    """An alarm on a tag, with the texts of its rationalisation (ISA-18.2)."""

    limit: str = "validated"
    severity: Literal["minor", "moderate", "major", "severe"] | None = None  # of the consequence
    priority: PriorityName | None = None  # left out: what severity and time to respond make
    priority_reason: str = ""
    on_delay: Duration = 0
    off_delay: Duration = 0
    deadband: str = "0"
    cause: str = ""
    consequence: str = ""
    action: str = ""
    respond_within: Duration | None = None
    alarm_class: str = Field(default="", alias="class")  # left out: that of the rule that it listens to
    re_alarm: Duration | None = None
    longest_shelf: Duration | None = None
    first_in_group: str = ""
    phases: tuple[str, ...] = ()
    dcs_alarm: str = ""
    dcs_priority: AlarmPriorityName | None = None


class FixedLimits(Section):
    """Limits that hold outside any phase too."""

    low: float | None = None
    high: float | None = None


_LEAST_BATCHES = 3  # with two nobody knows how much batches differ


class ConfirmedDrift(Section):
    """What `thermowell drift confirm` measured: when, for which stated run length, and of each chart least and most."""

    on: date
    stated: float = Field(ge=1)
    windows: dict[str, tuple[Annotated[float, Field(ge=1)], float | None]]


class Drift(Section):
    """CUSUM and EWMA within a phase, at a stated in-control ARL₀; without one the plant's budget says it."""

    every: Duration = 60_000_000_000
    arl0: float | None = Field(default=None, ge=10, le=1e10)
    k: Annotated[float, Field(ge=0.1, le=3)] | tuple[Annotated[float, Field(ge=0.1, le=3)], ...] = (0.5, 0.25)
    lam: float = Field(default=0.2, gt=0, le=1, alias="lambda")
    target: float | None = None
    sigma: float | None = Field(default=None, gt=0)
    learn: int = Field(default=20, ge=12, le=1000)
    fast_start: bool = False
    batches: int = Field(default=5, ge=0, le=100)
    advisory: bool = False
    restart_after: Duration | None = None
    confirmed: ConfirmedDrift | None = None

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.every <= 0:
            raise ValueError("`every` is no time: a window needs one (such as 60s)")
        if 0 < self.batches < _LEAST_BATCHES:
            raise ValueError(f"`batches` is 0 (each run by itself) or at least {_LEAST_BATCHES}")
        if isinstance(self.k, tuple) and len(self.k) not in (1, 2):
            raise ValueError("`k` is one number or two")
        return self


class NoveltyText(Section):
    """A tag whose values are compared with all that it had before; advisory."""

    every: Duration = 60_000_000_000
    stale: Duration = 600_000_000_000
    quiet: int = Field(default=500, ge=60, le=100_000)


class SteadyText(Section):
    """A unit that should stay as it is, against a reference of its own; advisory."""

    parameters: list[str] = Field(min_length=1, max_length=100)
    every: Duration = 10_000_000_000
    stale: Duration = 600_000_000_000
    reference: int = Field(default=400, ge=200, le=10_000)
    phase: str = ""


class PlantDrift(Section):
    """How often the plant's drift charts may alarm falsely, all together."""

    false_alarms: str = "1 per week"


class TagText(Section):
    """A tag: where it comes from, and what is watched on it whatever the phase."""

    source: str | None = None
    node: str | None = None
    topic: str | None = None
    value: str = ""
    time: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    status: str | None = None
    unit: UnitName = ""
    reference: Literal["", "gauge", "absolute"] = ""
    kind: Literal["number", "boolean", "text"] = "number"
    description: str = ""
    sampling_interval: Duration = 0
    sensor: Sensor = Sensor()
    limits: FixedLimits = FixedLimits()
    rate: str | None = None
    stale: DurationOrAuto | None = None
    frozen: DurationOrAuto | None = None
    health: Literal["auto"] | tuple[HealthName, ...] = ()
    drift: Drift | None = None
    novelty: NoveltyText | None = None
    alarms: dict[str, AlarmText] = {}


class Template(Section):
    """Tags that several units have alike; `{unit}` stands for the unit's name."""

    tags: dict[str, TagText]
