"""Findings: what the detectors conclude, each with its evidence, and never a clock."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from domain.approvals import Closing, Decision
from domain.entries import NOWHERE, BatchEvent, RowPosition
from domain.genealogy import BatchLink
from domain.holds import HoldDecision
from domain.models import ModelDecision
from domain.recipes import RangeKind
from domain.troubles import SUMMARIES

OTHER_DURATIONS = tuple(kind for kind in RangeKind if kind is not RangeKind.VALIDATED)
"""Ranges of a phase's duration whose rules name them; those of the validated one are older, and name none."""

RULES = {
    "excursion.{kind}.high": "above a range of its phase; kind is a RangeKind",
    "excursion.{kind}.low": "below a range of its phase",
    "fixed.high": "above a limit that always holds",
    "fixed.low": "below a limit that always holds",
    "rate": "changes faster than allowed",
    "outside_nor": "two or more parameters of a phase outside NOR at once",
    "duration.long": "a phase lasts longer than validated",
    "duration.short": "a phase ended sooner than validated",
    **{f"duration.{kind}.long": f"a phase lasts longer than its {kind} duration" for kind in OTHER_DURATIONS},
    **{f"duration.{kind}.short": f"a phase ended sooner than its {kind} duration" for kind in OTHER_DURATIONS},
    "duration.indeterminate": "nobody can tell whether a phase lasted as long as it should; an event",
    "ranges.missing": "a phase runs that no approved range judges",
    "dwell.{kind}.high": "a parameter was within an interval longer than a range of that time; kind is a RangeKind",
    "dwell.{kind}.low": "a phase ended before a parameter was long enough within an interval",
    "dwell.indeterminate": "nobody can tell whether a parameter was long enough within an interval; an event",
    "yield.low": "a batch gave less than its recipe expects",
    "yield.high": "a batch gave more than its recipe expects",
    "yield.indeterminate": "nobody can tell what a batch gave: an amount is missing; an event",
    "hold.warning": "a hold comes near its limit",
    "hold.breach": "a hold is over its limit",
    "hold.indeterminate": "a hold's start or stop is missing",
    "hold.out_of_condition": "what waits is out of the condition in which it has to wait",
    "hold.record": "how long something waited, where nothing limits it or it was stored",
    "hold.corrected": "a person said when a hold really started or stopped",
    "context.impossible": "what was told of batches, phases or units cannot be; its evidence says `what`",
    "context.conflict": "an event says otherwise than the tags of its unit",
    "drift.cusum": "a parameter drifts within its range (CUSUM)",
    "advice.drift": "what online models say of a drift; advisory: an event",
    "advice.shift": "a unit is no longer as it was in its reference; advisory: an event",
    "advice.change": "a unit changed from one level to another; advisory: an event",
    "advice.novelty": "a tag is where it never was; advisory: an event",
    "drift.ewma": "a parameter drifts within its range (EWMA)",
    "model.t2": "a unit is where it was not in normal runs (T²)",
    "model.spe": "the tags of a unit do not move together as they did (SPE)",
    "model.missing": "an approved model judges nothing, or not all that it should",
    "batch.tube": "a batch leaves the course of those before it",
    "batch.feature": "a phase that ended was unlike those before it",
    "stale": "a tag says nothing though its source is heard",
    "ahead": "a tag dates its readings far beyond our clock: recorded, and not judged",
    "frozen": "samples arrive and the value never changes",
    "bad": "the quality is Bad",
    "uncertain": "the quality is Uncertain: the value counts, and may be off; an event",
    "noise.lost": "a tag scatters less than half as much as usual in its phase",
    "noise.high": "a tag scatters more than twice as much as usual in its phase",
    "spike": "single readings are far off their neighbours",
    "jump": "the level changes from one reading to the next, and stays",
    "pair.split": "two instruments of one quantity do not agree",
    "vapour.split": "pressure and temperature do not agree where vapour alone fills the head space",
    "jacket.balance": "the contents do not warm or cool as the jacket's heat lets expect",
    "volume.balance": "a level does not gain what came in",
    "phase.expectation": "a phase does not do to a parameter what its recipe expects",
    "calibration.overdue": "a tag's calibration is due and not done",
    "calibration.failed": "a calibration failed; the batches since the last good one are named",
    "sensor.range": "a reading is at or beyond the end of its instrument's range",
    "source.disconnected": "a source is not heard",
    "source.skew": "a source's clock is off",
    "mirror.away": "a mirror takes nothing",
    **SUMMARIES,
    "record.damaged": "stored bytes are not as they were written",
}
"""Every rule that a finding may name."""

FindingId = NewType("FindingId", str)
"""Rule, subject, batch, phase instance and first detecting sample; never the interpolated onset."""


class Stage(enum.StrEnum):
    """How far a finding has come. The record ends at the crossing; the alarm clears past the deadband."""

    OPEN = "open"
    ENDED = "ended"  # back inside (or moot), but not yet past the deadband
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Finding:
    """One conclusion of a detector; the same id with a higher version replaces it.

    Times are ns on the source's clock (open holds and silence: the heartbeat's). `at_ns` is the time of the evidence
    that made this version. `evidence` holds what a person needs to check it: limit, peak, area (unit·minute),
    dur_min_ns, dur_max_ns.
    """

    id: FindingId
    version: int
    rule: str  # one of RULES
    subject: str  # the tag's, the unit's, the hold's, the budget's or the yield's name
    stage: Stage
    onset_ns: int
    end_ns: int | None
    at_ns: int
    detected: RowPosition
    message: str  # one sentence: thing, value, limit
    unit: str = ""  # of equipment
    batch: str = ""
    phase: str = ""
    phase_instance: str = ""
    ranges_version: str = ""  # recipe and version in force
    rules_hash: str = ""
    evidence: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recheck:
    """Late rows changed the past of a tag, from the first of them to the last: judge it again, write new versions."""

    tag: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class PhaseRecord:
    """One run of a phase on a unit, as the tags told it; `instance` is unique and stable in replay."""

    instance: str
    unit: str
    batch: str
    phase: str
    recipe: str  # product and version: "API-1 v7"
    start_ns: int
    end_ns: int | None = None
    start_position: RowPosition = NOWHERE


@dataclass(frozen=True, slots=True)
class EquipmentState:
    """What the equipment of a unit is told to be in, since a row of its tag; empty: that row's quality is Bad."""

    unit: str
    state: str
    since_ns: int
    position: RowPosition = NOWHERE


@dataclass(frozen=True, slots=True)
class BatchTold:
    """An event of a batch that counts, in its place: one that was told, or one that follows from tags.

    Of one that follows from tags `source` is theirs, and `recorded_ns` the source time of the row that proves it.
    """

    event: BatchEvent
    position: RowPosition


Conclusion = (
    Finding
    | Recheck
    | PhaseRecord
    | EquipmentState
    | BatchTold
    | BatchLink
    | Decision
    | Closing
    | ModelDecision
    | HoldDecision
)
"""Whatever follows from an entry."""
