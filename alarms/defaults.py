"""What each rule means to people where the configuration says nothing: priority, delays and the texts of the response.

One alarm stands for everything that can be wrong with one subject on one side. Its steps are ordered from the inside
out: a temperature that drifts up, then is above NOR, then above its alert limit, then above its validated range is one
alarm that becomes more severe, not four horns. `bad`, `stale` and `disconnected` are alarms of their own and hide
nothing.

A drift and an expectation that is not met are hints: they say on which side (`side` of their evidence) and are the
innermost steps of that side. So one that comes before the excursion alarms, and one that comes during it goes with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.findings import OTHER_DURATIONS, Finding, Stage
from domain.recipes import RangeKind
from domain.rules import AlarmRule, Priority, Rulebook
from domain.time import MINUTE_NS, SECOND_NS
from domain.troubles import TROUBLES


@dataclass(frozen=True, slots=True)
class Step:
    """One way in which an alarm can be active; a higher rank is further out."""

    alarm: str  # the alarm's name in its id: `high`
    rank: int
    rule: AlarmRule

    @property
    def severity(self) -> tuple[int, int]:
        """Larger is worse: by priority, then by rank."""
        return (-int(self.rule.priority), self.rank)


def _excursions(side: str) -> tuple[AlarmRule, ...]:
    """The steps of one side of a parameter, from the inside out."""
    beyond = "above" if side == "high" else "below"
    material = "Batch material may be affected; quality assesses it."
    return (
        AlarmRule(
            side,
            f"excursion.{RangeKind.NOR}.{side}",
            Priority.MEDIUM,
            consequence=f"Left alone it may run {beyond} the validated range.",
            action="Bring it back to its set point; watch the other parameters of the phase.",
            respond_within_ns=30 * MINUTE_NS,
        ),
        AlarmRule(
            f"alert {side}",
            f"excursion.{RangeKind.ALERT}.{side}",
            Priority.MEDIUM,
            consequence=f"Left alone it may run {beyond} the action limit.",
            action="Find the cause; be ready for the response that the action limit asks for.",
            respond_within_ns=20 * MINUTE_NS,
        ),
        AlarmRule(
            f"limit {side}",
            f"fixed.{side}",
            Priority.HIGH,
            consequence="Equipment or material may be affected.",
            action="Check the instrument and the unit on the spot.",
            respond_within_ns=10 * MINUTE_NS,
        ),
        AlarmRule(
            f"action {side}",
            f"excursion.{RangeKind.ACTION}.{side}",
            Priority.HIGH,
            consequence=f"Left alone it may run {beyond} the validated range.",
            action="Take the response of the procedure for this limit.",
            respond_within_ns=10 * MINUTE_NS,
        ),
        AlarmRule(
            f"validated {side}",
            f"excursion.{RangeKind.VALIDATED}.{side}",
            Priority.HIGH,
            consequence=material,
            action="Bring it back, tell quality, record what was done.",
            respond_within_ns=10 * MINUTE_NS,
        ),
        AlarmRule(
            f"PAR {side}",
            f"excursion.{RangeKind.PAR}.{side}",
            Priority.CRITICAL,
            consequence=f"Nothing is proven for this batch {beyond} this range.",
            action="Bring it back at once, tell quality, hold the batch.",
            respond_within_ns=5 * MINUTE_NS,
        ),
    )


_HOLD = (
    AlarmRule(
        "hold warning",
        "hold.warning",
        Priority.MEDIUM,
        consequence="The hold's proven time runs out.",
        action="Plan the next step before the limit.",
    ),
    AlarmRule(
        "hold indeterminate",
        "hold.indeterminate",
        Priority.HIGH,
        cause="The start or the stop of the hold was not recorded.",
        consequence="Nobody can prove how long the material or equipment waited.",
        action="Find the missing event in the batch record; tell quality.",
        respond_within_ns=60 * MINUTE_NS,
    ),
    AlarmRule(
        "hold out of condition",
        "hold.out_of_condition",
        Priority.HIGH,
        consequence="The study proves the hold in its condition only.",
        action="Bring the condition back; tell quality.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "hold breach",
        "hold.breach",
        Priority.CRITICAL,
        consequence="It waited longer than the study proves.",
        action="Do not use it further; tell quality.",
        respond_within_ns=10 * MINUTE_NS,
    ),
)

_DRIFT = (
    AlarmRule(
        "drift",
        "drift.ewma",
        Priority.LOW,
        consequence="Still within its range; it may leave it.",
        action="Compare with the last batches; look for the cause.",
    ),
    AlarmRule(
        "drift",
        "drift.cusum",
        Priority.MEDIUM,
        consequence="Still within its range; it may leave it.",
        action="Look for the cause before the range is left.",
        respond_within_ns=30 * MINUTE_NS,
    ),
)

_EXPECTATION = (
    AlarmRule(
        "not as expected",
        "phase.expectation",
        Priority.MEDIUM,
        consequence="The phase does not do what its recipe says.",
        action="Check the equipment that should do it.",
        respond_within_ns=15 * MINUTE_NS,
    ),
)

_MODEL = (
    AlarmRule(
        "model",
        "batch.feature",
        Priority.LOW,
        consequence="The batch is not out of its ranges for that; it went unlike those before it.",
        action="Compare with the batches that it names; look for the cause before the next one.",
    ),
    AlarmRule(
        "model",
        "model.t2",
        Priority.LOW,
        consequence="Still within its ranges; nobody has seen the unit there.",
        action="Look at the tags that it names; compare with the last batches.",
    ),
    AlarmRule(
        "model",
        "batch.tube",
        Priority.MEDIUM,
        consequence="Still within its ranges; it may leave them.",
        action="Look at the tags that it names; compare with the last batches.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "model",
        "model.spe",
        Priority.MEDIUM,
        consequence="A sensor or the process may be at fault, within the ranges.",
        action="Check the instruments that it names, then the unit.",
        respond_within_ns=30 * MINUTE_NS,
    ),
)

_DWELL = tuple(
    AlarmRule(
        f"time at {words}",
        f"dwell.{kind}.{side}",
        Priority.HIGH if kind in (RangeKind.VALIDATED, RangeKind.PAR, RangeKind.ACTION) else Priority.MEDIUM,
        consequence="Batch material may be affected; quality assesses it.",
        action="Compare with the batch record; tell quality.",
        respond_within_ns=30 * MINUTE_NS,
    )
    for side, words in (("high", "too long"), ("low", "too short"))
    for kind in RangeKind
)


_TOO_LONG = (
    *(
        AlarmRule(
            f"phase beyond its {kind} duration",
            f"duration.{kind}.long",
            Priority.MEDIUM if kind is RangeKind.ACTION else Priority.LOW,
            consequence="Left alone it may last longer than validated.",
            action="Find out why the phase goes on.",
            respond_within_ns=30 * MINUTE_NS,
        )
        for kind in OTHER_DURATIONS[:-1]
    ),
    AlarmRule(
        "phase too long",
        "duration.long",
        Priority.MEDIUM,
        consequence="The phase is outside its validated duration.",
        action="Find out why the phase goes on; tell quality.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "phase beyond its proven duration",
        f"duration.{RangeKind.PAR}.long",
        Priority.HIGH,
        consequence="Nothing is proven for a phase that lasts so long.",
        action="Find out why the phase goes on; tell quality, hold the batch.",
        respond_within_ns=10 * MINUTE_NS,
    ),
)

_TOO_SHORT = (
    *(
        AlarmRule(
            f"phase below its {kind} duration",
            f"duration.{kind}.short",
            Priority.EVENT if kind is RangeKind.NOR else Priority.LOW,
            consequence="The phase was shorter than usual.",
            action="Compare with the batch record.",
        )
        for kind in OTHER_DURATIONS[:-1]
    ),
    AlarmRule(
        "phase too short",
        "duration.short",
        Priority.LOW,
        consequence="The phase was shorter than its validated duration.",
        action="Compare with the batch record; tell quality.",
    ),
    AlarmRule(
        "phase below its proven duration",
        f"duration.{RangeKind.PAR}.short",
        Priority.MEDIUM,
        consequence="Nothing is proven for a phase that is so short.",
        action="Compare with the batch record; tell quality, hold the batch.",
        respond_within_ns=30 * MINUTE_NS,
    ),
)

_YIELD = tuple(
    AlarmRule(
        f"yield {words}",
        f"yield.{side}",
        Priority.MEDIUM,
        consequence=consequence,
        action="Check the amounts and their events; tell quality.",
        respond_within_ns=60 * MINUTE_NS,
    )
    for side, words, consequence in (
        ("low", "too low", "Product was lost, not made, or not weighed."),
        ("high", "too high", "What was weighed is not all product, or more was charged than told."),
    )
)

_SINGLE = (
    AlarmRule(
        "yield unknown",
        "yield.indeterminate",
        Priority.EVENT,
        consequence="The yield is not proven.",
        action="Have the missing amount told; tell quality.",
    ),
    AlarmRule(
        "advisory",
        "advice.drift",
        Priority.EVENT,
        consequence="None: an online model's opinion, beside the chart that judges.",
        action="Compare with the chart.",
    ),
    *(
        AlarmRule(
            "advisory",
            rule,
            Priority.EVENT,
            consequence="None: it learns by itself, and nobody approved what it learnt.",
            action=f"Look at {what}; the rules that judge say what is out of its range.",
        )
        for rule, what in (
            ("advice.shift", "the tags that it names"),
            ("advice.change", "the tags that it names"),
            ("advice.novelty", "the tag"),
        )
    ),
    AlarmRule(
        "rate",
        "rate",
        Priority.MEDIUM,
        consequence="The process or the instrument changed suddenly.",
        action="Check the instrument, then the unit.",
        respond_within_ns=20 * MINUTE_NS,
    ),
    AlarmRule(
        "several outside NOR",
        "outside_nor",
        Priority.HIGH,
        consequence="Proven ranges hold for one parameter at a time; this combination is not proven.",
        action="Bring the parameters back to their set points; tell quality.",
        respond_within_ns=10 * MINUTE_NS,
    ),
    AlarmRule(
        "phase of unknown duration",
        "duration.indeterminate",
        Priority.EVENT,
        cause="The phase ran already when the service first saw it, or a gap hides when it began or ended.",
        consequence="Its duration is not proven to be inside its ranges.",
        action="Compare with the batch record.",
    ),
    AlarmRule(
        "time at unknown",
        "dwell.indeterminate",
        Priority.EVENT,
        cause="The phase ran already when the service first saw it, or a gap hides when it began.",
        consequence="The time is not proven to be long enough.",
        action="Compare with the batch record.",
    ),
    AlarmRule(
        "no ranges",
        "ranges.missing",
        Priority.HIGH,
        cause="No version of the ranges was approved for this batch, or it does not fit the tags.",
        consequence="Nobody is told when the phase leaves its ranges.",
        action="Watch the phase at the control system; have the ranges approved for the next batch.",
        respond_within_ns=10 * MINUTE_NS,
    ),
    AlarmRule(
        "impossible",
        "context.impossible",
        Priority.MEDIUM,
        cause="What tags or events say of a batch, a phase or a unit cannot be.",
        consequence="Ranges and holds may be judged for another batch or phase than the real one.",
        action="Compare with the batch record and the control system; correct the source.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "conflict",
        "context.conflict",
        Priority.LOW,
        cause="An event says otherwise than the unit's tags.",
        consequence="The tags judge; one of the two is wrong.",
        action="Find out which one is right; correct the source.",
    ),
    AlarmRule(
        "stale",
        "stale",
        Priority.MEDIUM,
        cause="The source is heard, this tag is not.",
        consequence="The parameter is not proven in range.",
        action="Check the instrument and its entry in the server.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "ahead",
        "ahead",
        Priority.HIGH,
        cause="The tag's times lie far beyond our clock: its device's clock or time zone is wrong, or ours is.",
        consequence="Its readings are recorded and not judged.",
        action="Have the clock set; watch the parameter at the control system.",
        respond_within_ns=10 * MINUTE_NS,
    ),
    AlarmRule(
        "frozen",
        "frozen",
        Priority.LOW,
        cause="Samples arrive and the value never changes.",
        consequence="The value may not be the process's.",
        action="Compare with a second instrument.",
    ),
    AlarmRule(
        "noise lost",
        "noise.lost",
        Priority.LOW,
        cause="A filter, a substituted value or a frozen transmitter.",
        consequence="The value may not be the process's.",
        action="Compare with a second instrument.",
    ),
    AlarmRule(
        "noise high",
        "noise.high",
        Priority.LOW,
        cause="A loose contact, electrical noise, or bubbles and poor mixing at the instrument.",
        consequence="Single readings may cross limits that the process keeps.",
        action="Check the instrument and its wiring.",
    ),
    AlarmRule(
        "spike",
        "spike",
        Priority.EVENT,
        consequence="None by itself; many of them mean a loose contact.",
        action="Nobody need respond.",
    ),
    AlarmRule(
        "uncertain",
        "uncertain",
        Priority.EVENT,
        cause="The server says so: a value that was put in by hand, a sensor out of calibration, or not accurate.",
        consequence="The value counts as any other, and may be off.",
        action="Nobody need respond; see what the instrument says of itself.",
    ),
    AlarmRule(
        "jump",
        "jump",
        Priority.MEDIUM,
        cause="An instrument was adjusted or exchanged, or its signal is disturbed; few processes are so quick.",
        consequence="Every reading since is in doubt.",
        action="Compare with a second instrument.",
        respond_within_ns=20 * MINUTE_NS,
    ),
    AlarmRule(
        "pair split",
        "pair.split",
        Priority.MEDIUM,
        consequence="One of two instruments of the same quantity is wrong.",
        action="Find out which one with a third measurement; use the other one.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "vapour split",
        "vapour.split",
        Priority.MEDIUM,
        cause="A wrong pressure or temperature, or another composition or gas than expected.",
        consequence="Pressure or temperature is not proven.",
        action="Compare with a second instrument.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "jacket balance",
        "jacket.balance",
        Priority.LOW,
        cause="Fouling, a wrong temperature, or poor mixing.",
        consequence="The jacket may be too weak when it is needed.",
        action="Compare temperatures; look at the jacket's history.",
    ),
    AlarmRule(
        "volume balance",
        "volume.balance",
        Priority.MEDIUM,
        cause="A leak, a valve that is not tight, a wrong level or totaliser.",
        consequence="What is in the unit is not what was added.",
        action="Compare level, totaliser and valves.",
        respond_within_ns=20 * MINUTE_NS,
    ),
    AlarmRule(
        "calibration overdue",
        "calibration.overdue",
        Priority.LOW,
        consequence="What it measures is no longer proven.",
        action="Have it calibrated.",
    ),
    AlarmRule(
        "calibration failed",
        "calibration.failed",
        Priority.HIGH,
        consequence="Every batch since the last good calibration was made with a doubtful instrument.",
        action="Tell quality; assess the batches that are named.",
        respond_within_ns=60 * MINUTE_NS,
    ),
    AlarmRule(
        "sensor range",
        "sensor.range",
        Priority.MEDIUM,
        consequence="What lies beyond the instrument's range is not measured.",
        action="Check the instrument, its range and its wiring.",
        respond_within_ns=20 * MINUTE_NS,
    ),
    AlarmRule(
        "bad",
        "bad",
        Priority.MEDIUM,
        on_delay_ns=10 * SECOND_NS,
        consequence="The parameter is not proven in range.",
        action="Check the instrument and its wiring.",
        respond_within_ns=30 * MINUTE_NS,
    ),
    AlarmRule(
        "disconnected",
        "source.disconnected",
        Priority.HIGH,
        on_delay_ns=10 * SECOND_NS,
        consequence="Nothing from this source is watched.",
        action="Check the server and the network; watch the process at the control system.",
        respond_within_ns=10 * MINUTE_NS,
    ),
    AlarmRule(
        "clock skew",
        "source.skew",
        Priority.LOW,
        consequence="Times of this source are off by as much.",
        action="Have the source's clock set.",
    ),
    AlarmRule(
        "hold record",
        "hold.record",
        Priority.EVENT,
        consequence="None: it says how long something waited.",
        action="None: it is recorded.",
    ),
    AlarmRule(
        "hold corrected",
        "hold.corrected",
        Priority.EVENT,
        consequence="What was said of the hold has a new version; the old one is kept.",
        action="None: it is recorded, with its reason.",
    ),
    AlarmRule(
        "model missing",
        "model.missing",
        Priority.MEDIUM,
        cause="The file of an approved model is not in the data folder, or its tags are in other units now.",
        consequence="What the model watched is watched by the other rules alone.",
        action="Put the file back, or have a model approved that was trained on the tags as they are.",
        respond_within_ns=60 * MINUTE_NS,
    ),
    AlarmRule(
        "mirror away",
        "mirror.away",
        Priority.LOW,
        cause="The mirror's server is down, full or does not know the token.",
        consequence="What others read from the mirror is old. The record is whole and fills it when it is back.",
        action="Look at the mirror's server.",
        respond_within_ns=8 * 60 * MINUTE_NS,
    ),
    *(trouble.alarm for trouble in TROUBLES),
    AlarmRule(
        "record damaged",
        "record.damaged",
        Priority.HIGH,
        cause="The disk, or somebody, changed bytes of a file after they were written.",
        consequence="What lies there cannot be read; what is around it is whole.",
        action="Keep the file, run `thermowell verify`, look at the disk, and take the file from a backup.",
        respond_within_ns=8 * 60 * MINUTE_NS,
    ),
)


def _steps(alarm: str, rules: Sequence[AlarmRule], first: int = 1) -> dict[str, Step]:
    return {rule.rule: Step(alarm, rank, rule) for rank, rule in enumerate(rules, start=first)}


_SIDES = ("high", "low")
_OF_RANGES = ("excursion.", "outside_nor", "duration.", "dwell.")

DEFAULTS: dict[str, Step] = {
    **_steps("high", _excursions("high")),
    **_steps("low", _excursions("low")),
    **_steps("hold", _HOLD),
    **_steps("drift", _DRIFT, first=-3),
    **_steps("phase.expectation", _EXPECTATION, first=-1),
    **_steps("model", _MODEL),
    **_steps("time at too long", [rule for rule in _DWELL if rule.rule.endswith("high")]),
    **_steps("time at too short", [rule for rule in _DWELL if rule.rule.endswith("low")]),
    **_steps("duration.long", _TOO_LONG),
    **_steps("duration.short", _TOO_SHORT),
    **_steps("yield", _YIELD),
    **{rule.rule: Step(rule.rule, 1, rule) for rule in _SINGLE},
}
"""The step of every rule in `domain.findings.RULES`."""


def default_step(rule: str) -> Step:
    """The step of a rule; one that the table does not know is an alarm of its own, of medium priority."""
    known = DEFAULTS.get(rule)
    return known if known is not None else Step(rule, 1, AlarmRule(rule, rule, Priority.MEDIUM))


def is_hint(rule: str) -> bool:
    """Whether a rule says that something is coming, while nothing is out of its range for that."""
    return default_step(rule).rank < 0


def step_for(rulebook: Rulebook, finding: Finding) -> Step:
    """How this finding annunciates: as the tag's own alarm says, else as the table says; never, if it is advisory.

    A step that nobody configured is at least as severe as what was configured further in: whoever made `high` on NOR
    critical does not expect the validated range to be less.
    """
    step = _on_its_side(rulebook, _step(rulebook, finding), finding)
    is_event = rulebook.late_excursions == "event" and is_history(finding)
    if is_event or (rulebook.before_gmp == "event" and _is_before_gmp(rulebook, finding)):
        return replace(step, rule=replace(step.rule, priority=Priority.EVENT))
    return step


def _is_before_gmp(rulebook: Rulebook, finding: Finding) -> bool:
    """Whether a range of the recipe was left before GMP begins, and nobody put an alarm on that."""
    if finding.evidence.get("gmp") != "before" or not finding.rule.startswith(_OF_RANGES):
        return False
    rules = rulebook.tags.get(finding.subject)
    return rules is None or all(rule.rule != finding.rule for rule in rules.alarms)


def _on_its_side(rulebook: Rulebook, step: Step, finding: Finding) -> Step:
    """A hint is a step of the alarm of its side; one whose side is not told is an alarm of its own.

    One that nobody configured is no worse than the mildest alarm of that side: else it would hide it.
    """
    side = finding.evidence.get("side")
    if step.rank >= 0 or side not in _SIDES:
        return step
    step = replace(step, alarm=str(side))
    rules = rulebook.tags.get(finding.subject)
    if rules is not None and any(rule.rule == finding.rule for rule in rules.alarms):
        return step
    outer = [_own_step(rulebook, finding.subject, rule) for rule, each in DEFAULTS.items() if each.alarm == side]
    mildest = max((each.rule.priority for each in outer if each.rule.priority is not Priority.EVENT), default=None)
    if mildest is None or mildest <= step.rule.priority:
        return step
    return replace(step, rule=replace(step.rule, priority=mildest))


def is_history(finding: Finding) -> bool:
    """Whether it was over when rows that came late showed it."""
    return finding.version == 1 and finding.stage is Stage.CLEARED and "rejudged" in finding.evidence


def _step(rulebook: Rulebook, finding: Finding) -> Step:
    step = default_step(finding.rule)
    if finding.evidence.get("advisory"):
        # What nobody approved may advise; it never raises an alarm, whatever is configured.
        return replace(step, rule=replace(step.rule, priority=Priority.EVENT))
    return _own_step(rulebook, finding.subject, finding.rule)


def rule_of(rulebook: Rulebook, subject: str, rule: str) -> AlarmRule:
    """The alarm rule of a finding rule on a subject, where the finding itself is not at hand."""
    return _own_step(rulebook, subject, rule).rule


def _own_step(rulebook: Rulebook, subject: str, name: str) -> Step:
    step = default_step(name)
    rules = rulebook.tags.get(subject)
    configured = () if rules is None else rules.alarms
    for rule in configured:
        if rule.rule == name:
            return replace(step, rule=rule)
    inner = [
        rule.priority
        for rule in configured
        if (default_step(rule.rule).alarm == step.alarm or (is_hint(rule.rule) and step.alarm in _SIDES))
        and default_step(rule.rule).rank < step.rank
        and rule.priority is not Priority.EVENT
    ]
    if not inner or min(inner) >= step.rule.priority:
        return step
    return replace(step, rule=replace(step.rule, priority=min(inner)))
