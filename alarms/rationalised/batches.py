"""What is about the proof of a batch: holds, durations, times at temperature, yields, the ranges themselves."""

from alarms.rationalised.entry import alarm, event
from domain.findings import OTHER_DURATIONS
from domain.recipes import RangeKind
from domain.rules import Severity

HOLD = (
    alarm(
        "hold warning",
        "hold.warning",
        Severity.MAJOR,
        60,
        "gmp",
        cause="The next step has not begun yet.",
        consequence="The hold's proven time runs out.",
        action="Plan the next step before the limit.",
    ),
    alarm(
        "hold indeterminate",
        "hold.indeterminate",
        Severity.SEVERE,
        60,
        "gmp",
        cause="The start or the stop of the hold was not recorded.",
        consequence="Nobody can prove how long the material or equipment waited.",
        action="Find the missing event in the batch record; tell quality.",
    ),
    alarm(
        "hold out of condition",
        "hold.out_of_condition",
        Severity.SEVERE,
        30,
        "gmp",
        cause="Cooling, heating or the atmosphere of what waits has failed, or its instrument has.",
        consequence="The study proves the hold in its condition only.",
        action="Bring the condition back; tell quality.",
    ),
    alarm(
        "hold breach",
        "hold.breach",
        Severity.SEVERE,
        10,
        "gmp",
        cause="The next step came too late, or its event was not told.",
        consequence="It waited longer than the study proves.",
        action="Do not use it further; tell quality.",
    ),
)


DWELL = tuple(
    alarm(
        f"time at {words}",
        f"dwell.{kind}.{side}",
        Severity.SEVERE if kind in (RangeKind.VALIDATED, RangeKind.PAR, RangeKind.ACTION) else Severity.MAJOR,
        30,
        "gmp",
        cause="The phase was ended early or late, or the parameter was brought there early or late.",
        consequence="Batch material may be affected; quality assesses it.",
        action="Compare with the batch record; tell quality.",
    )
    for side, words in (("high", "too long"), ("low", "too short"))
    for kind in RangeKind
)


TOO_LONG = (
    *(
        alarm(
            f"phase beyond its {kind} duration",
            f"duration.{kind}.long",
            Severity.MODERATE if kind is RangeKind.ACTION else Severity.MINOR,
            30,
            "process",
            cause="The end of the phase is not reached, or it was not told.",
            consequence="Left alone it may last longer than validated.",
            action="Find out why the phase goes on.",
        )
        for kind in OTHER_DURATIONS[:-1]
    ),
    alarm(
        "phase too long",
        "duration.long",
        Severity.MAJOR,
        30,
        "gmp",
        cause="The end of the phase is not reached, or it was not told.",
        consequence="The phase is outside its validated duration.",
        action="Find out why the phase goes on; tell quality.",
    ),
    alarm(
        "phase beyond its proven duration",
        f"duration.{RangeKind.PAR}.long",
        Severity.MAJOR,
        10,
        "gmp",
        cause="The end of the phase is not reached, or it was not told.",
        consequence="Nothing is proven for a phase that lasts so long.",
        action="Find out why the phase goes on; tell quality, hold the batch.",
    ),
)

TOO_SHORT = (
    event(
        f"phase below its {RangeKind.NOR} duration",
        f"duration.{RangeKind.NOR}.short",
        "process",
        consequence="The phase was shorter than usual.",
        action="Compare with the batch record.",
    ),
    *(
        alarm(
            f"phase below its {kind} duration",
            f"duration.{kind}.short",
            Severity.MINOR,
            240,
            "process",
            cause="The phase was ended early, or its start was told late.",
            consequence="The phase was shorter than usual.",
            action="Compare with the batch record.",
        )
        for kind in (RangeKind.ALERT, RangeKind.ACTION)
    ),
    alarm(
        "phase too short",
        "duration.short",
        Severity.MODERATE,
        240,
        "gmp",
        cause="The phase was ended early, or its start was told late.",
        consequence="The phase was shorter than its validated duration.",
        action="Compare with the batch record; tell quality.",
    ),
    alarm(
        "phase below its proven duration",
        f"duration.{RangeKind.PAR}.short",
        Severity.MAJOR,
        30,
        "gmp",
        cause="The phase was ended early, or its start was told late.",
        consequence="Nothing is proven for a phase that is so short.",
        action="Compare with the batch record; tell quality, hold the batch.",
    ),
)

YIELD = tuple(
    alarm(
        f"yield {words}",
        f"yield.{side}",
        Severity.MAJOR,
        60,
        "gmp",
        cause="An amount was lost, not told, or told wrongly.",
        consequence=consequence,
        action="Check the amounts and their events; tell quality.",
    )
    for side, words, consequence in (
        ("low", "too low", "Product was lost, not made, or not weighed."),
        ("high", "too high", "What was weighed is not all product, or more was charged than told."),
    )
)


SINGLE = (
    event(
        "yield unknown",
        "yield.indeterminate",
        "gmp",
        consequence="The yield is not proven.",
        action="Have the missing amount told; tell quality.",
    ),
    alarm(
        "several outside NOR",
        "outside_nor",
        Severity.MAJOR,
        10,
        "gmp",
        cause="One disturbance moves several parameters, or several fail at once.",
        consequence="Proven ranges hold for one parameter at a time; this combination is not proven.",
        action="Bring the parameters back to their set points; tell quality.",
    ),
    event(
        "phase of unknown duration",
        "duration.indeterminate",
        "gmp",
        cause="The phase ran already when the service first saw it, or a gap hides when it began or ended.",
        consequence="Its duration is not proven to be inside its ranges.",
        action="Compare with the batch record.",
    ),
    event(
        "time at unknown",
        "dwell.indeterminate",
        "gmp",
        cause="The phase ran already when the service first saw it, or a gap hides when it began.",
        consequence="The time is not proven to be long enough.",
        action="Compare with the batch record.",
    ),
    alarm(
        "no ranges",
        "ranges.missing",
        Severity.MAJOR,
        10,
        "gmp",
        cause="No version of the ranges was approved for this batch, or it does not fit the tags.",
        consequence="Nobody is told when the phase leaves its ranges.",
        action="Watch the phase at the control system; have the ranges approved for the next batch.",
    ),
    alarm(
        "impossible",
        "context.impossible",
        Severity.MAJOR,
        30,
        "gmp",
        cause="What tags or events say of a batch, a phase or a unit cannot be.",
        consequence="Ranges and holds may be judged for another batch or phase than the real one.",
        action="Compare with the batch record and the control system; correct the source.",
    ),
    alarm(
        "conflict",
        "context.conflict",
        Severity.MODERATE,
        240,
        "gmp",
        cause="An event says otherwise than the unit's tags.",
        consequence="The tags judge; one of the two is wrong.",
        action="Find out which one is right; correct the source.",
    ),
    alarm(
        "calibration failed",
        "calibration.failed",
        Severity.SEVERE,
        60,
        "gmp",
        cause="The instrument was found off when it was calibrated.",
        consequence="Every batch since the last good calibration was made with a doubtful instrument.",
        action="Tell quality; assess the batches that are named.",
    ),
    event(
        "hold record",
        "hold.record",
        "gmp",
        consequence="None: it says how long something waited.",
        action="None: it is recorded.",
    ),
    event(
        "hold corrected",
        "hold.corrected",
        "gmp",
        consequence="What was said of the hold has a new version; the old one is kept.",
        action="None: it is recorded, with its reason.",
    ),
)
