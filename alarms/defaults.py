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

from alarms.rationalised import batches, instruments, predictions, process, service
from domain.findings import Finding, Stage
from domain.rules import AlarmRule, Priority, Rulebook


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


_SINGLE = (
    *process.SINGLE,
    *batches.SINGLE,
    *predictions.SINGLE,
    *instruments.SINGLE,
    *service.SINGLE,
)


def _steps(alarm: str, rules: Sequence[AlarmRule], first: int = 1) -> dict[str, Step]:
    return {rule.rule: Step(alarm, rank, rule) for rank, rule in enumerate(rules, start=first)}


_SIDES = ("high", "low")
_OF_RANGES = ("excursion.", "outside_nor", "duration.", "dwell.")

DEFAULTS: dict[str, Step] = {
    **_steps("high", process.excursions("high")),
    **_steps("low", process.excursions("low")),
    **_steps("hold", batches.HOLD),
    **_steps("drift", predictions.DRIFT, first=-3),
    **_steps("phase.expectation", predictions.EXPECTATION, first=-1),
    **_steps("model", predictions.MODEL),
    **_steps("time at too long", [rule for rule in batches.DWELL if rule.rule.endswith("high")]),
    **_steps("time at too short", [rule for rule in batches.DWELL if rule.rule.endswith("low")]),
    **_steps("duration.long", batches.TOO_LONG),
    **_steps("duration.short", batches.TOO_SHORT),
    **_steps("yield", batches.YIELD),
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
