"""A finding within an alarm, and its delays."""

from dataclasses import dataclass

from alarms.defaults import Step
from domain.findings import Finding, Stage


@dataclass(frozen=True, slots=True)
class Member:
    """A finding that keeps an alarm active, or is about to, or has just stopped."""

    finding: Finding
    step: Step
    counted: bool = False  # open for its on-delay, so it makes the alarm active
    cleared_ns: int | None = None

    @property
    def on_due_ns(self) -> int | None:
        """When the on-delay ends, if it still runs. It runs from the onset, and only while the value is outside."""
        if self.counted or self.finding.stage is not Stage.OPEN:
            return None
        return self.finding.onset_ns + self.step.rule.on_delay_ns

    @property
    def off_due_ns(self) -> int | None:
        """When the off-delay ends, if it runs."""
        return None if self.cleared_ns is None else self.cleared_ns + self.step.rule.off_delay_ns

    @property
    def due_ns(self) -> int | None:
        """When something happens by the passing of time alone."""
        return self.on_due_ns if self.cleared_ns is None else self.off_due_ns

    @property
    def weight(self) -> tuple[tuple[int, int], int, str]:
        """The newest of the worst leads: it is what a person can still look at."""
        return (self.step.severity, self.finding.onset_ns, self.finding.id)


def member_of(step: Step, finding: Finding, known: Member | None) -> Member:
    """A version of a finding; one that counted counts on."""
    if known is not None and known.counted:
        return Member(finding, step, counted=True)
    # The clock of the on-delay stops where the value came back, not where that was noticed.
    until_ns = finding.at_ns
    if finding.stage is not Stage.OPEN and finding.end_ns is not None:
        until_ns = finding.end_ns
    return Member(finding, step, counted=finding.onset_ns + step.rule.on_delay_ns <= until_ns)
