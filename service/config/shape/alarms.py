"""The alarm system: shifts, positions, classes, suppression by design, the weekly report."""

from typing import Self

from pydantic import Field, model_validator

from service.config.shape.access import RoleName
from service.config.shape.values import AlarmPriorityName, Duration, Section


class ShiftsText(Section):
    """When shifts begin, by the plant's own clock."""

    zone: str
    starts: tuple[str, ...] = Field(min_length=1, max_length=24)


class PositionText(Section):
    """A seat from which an operator answers alarms: whose load is measured."""

    units: tuple[str, ...] = ()  # names, or patterns such as `R1*`; none: all that no other position has


class ReportText(Section):
    """To whom the week's alarm report goes, and when."""

    to: str
    at: str = "Mon 07:00"
    zone: str | None = None  # left out: that of the shifts, else UTC


class ClassText(Section):
    """What holds for alarms of one kind."""

    standard_comment: str = ""
    shelve: tuple[RoleName, ...] = ()
    longest_shelf: Duration | None = None
    re_alarm: Duration = 0
    re_alarm_unacknowledged: Duration = 0
    latching: bool = False


class SuppressText(Section):
    """Alarms to which nobody need respond while their unit is idle, in a phase, or its equipment in a state."""

    alarms: tuple[str, ...] = Field(min_length=1)
    units: tuple[str, ...] = ()
    idle: Duration | None = None
    phases: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _when(self) -> Self:
        if self.idle is None and not self.phases and not self.equipment:
            raise ValueError("needs one of `idle`, `phases` and `equipment`: when it is suppressed")
        return self


class AlarmSystemText(Section):
    """What holds for all alarms."""

    classes: dict[str, ClassText] = {}
    longest_shelf: dict[AlarmPriorityName, Duration] = {}
    suppress: dict[str, SuppressText] = {}
    report: ReportText | None = None
