"""Labels: what was really so, with onset and end in plant time."""

import enum
from dataclasses import dataclass


class LabelKind(enum.StrEnum):
    """What a label says."""

    FAULT = "fault"  # something was broken
    OUTSIDE = "outside"  # a true value was outside a range of its phase
    HOLD = "hold"  # a hold was really over its limit
    WAITING = "waiting"  # a hold was in the second half of its limit: whoever warns then is right, nobody has to


@dataclass(frozen=True, slots=True)
class Label:
    """One thing that was really so. Times are UTC ns of the plant; `end_ns` None: still so at the end of the run.

    A fault is visible from `visible_ns` on: the true value of a measured tag (`seen_on`) is beyond a limit, or beyond
    3 standard deviations of its normal phase profile, for 60 s. For a fault of an instrument, a server or the network
    it is what the tag reports, without its noise, that counts, where the truth itself is not beyond. `hidden` says
    that the control loop made up for it: never visible in this run. For the other kinds onset and visibility are one;
    there `hidden` says that it was too brief (less than 60 s) or too small (less than the instrument's standard
    deviation) for anybody to see.
    """

    kind: LabelKind
    id: str  # the fault's; else what, subject and number
    what: str  # the fault's kind; `validated.high`, `nor.low` …; the hold's name
    subject: str  # the fault's target; the tag; the hold's unit
    unit: str
    onset_ns: int
    end_ns: int | None
    batch: str = ""
    phase: str = ""
    visible_ns: int | None = None
    seen_on: tuple[str, ...] = ()
    hidden: bool = False
    effect_end_ns: int | None = None  # until when a fault that is over could be seen; None: it left no trace
    because: str = ""  # what a perfect observer saw: tag, value, limit
