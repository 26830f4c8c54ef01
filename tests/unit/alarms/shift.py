"""A shift's log for tests of the alarm book: findings come, time passes, people act."""

from collections.abc import Sequence
from dataclasses import replace

from alarms.book import AlarmBook
from domain.alarms import Transition
from domain.entries import NOWHERE, ActionKind, PersonAction
from domain.findings import Finding, FindingId, Stage
from domain.rules import AlarmRule, Priority, Rulebook, TagRules
from domain.time import SECOND_NS

TAG = "R101.TT"
HIGH = "R101.TT~high"


def rulebook(*alarms: AlarmRule, tag: str = TAG) -> Rulebook:
    return Rulebook(tags={tag: TagRules(tag, alarms=alarms)})


def configured(rule: str = "excursion.nor.high", name: str = "high", **changed: object) -> AlarmRule:
    priority = changed.pop("priority", Priority.HIGH)
    return AlarmRule(name, rule, priority, **changed)  # type: ignore[arg-type]  # the caller names fields


def finding(
    rule: str,
    stage: Stage,
    at_s: float,
    *,
    version: int = 1,
    onset_s: float | None = None,
    end_s: float | None = None,
    id_: str | None = None,
    subject: str = TAG,
    side: str = "",
) -> Finding:
    onset_s = at_s if onset_s is None else onset_s
    return Finding(
        FindingId(id_ or f"{rule}/{subject}"),
        version,
        rule,
        subject,
        stage,
        round(onset_s * SECOND_NS),
        None if end_s is None else round(end_s * SECOND_NS),
        round(at_s * SECOND_NS),
        NOWHERE,
        f"{subject}: {rule} v{version}",
        unit="R101",
        batch="B-1",
        phase="dose",
        evidence={"side": side} if side else {},
    )


class Shift:
    """Keeps every transition and tells them as short words."""

    def __init__(self, book: AlarmBook) -> None:
        self.book = book
        self.log: list[Transition] = []
        self._versions: dict[str, Finding] = {}

    def _add(self, transitions: Sequence[Transition]) -> list[str]:
        self.log += transitions
        return [each.what for each in transitions]

    def opens(self, at_s: float, *rules: str, **more: object) -> list[str]:
        """Findings open, all at one moment."""
        findings = [self._next(rule, Stage.OPEN, at_s, **more) for rule in rules]
        return self._add(self.book.apply(*findings))

    def ends(self, at_s: float, rule: str) -> list[str]:
        """Back inside, not past the deadband."""
        return self._add(self.book.apply(self._next(rule, Stage.ENDED, at_s)))

    def clears(self, at_s: float, *rules: str) -> list[str]:
        """Past the deadband."""
        return self._add(self.book.apply(*(self._next(rule, Stage.CLEARED, at_s) for rule in rules)))

    def _next(self, rule: str, stage: Stage, at_s: float, **more: object) -> Finding:
        before = self._versions.get(rule)
        if stage is Stage.OPEN or before is None:
            made = finding(rule, stage, at_s, id_=f"{rule} at {at_s}", **more)  # type: ignore[arg-type]  # named
        else:
            onset_s = before.onset_ns / SECOND_NS
            end_s = at_s if before.end_ns is None else before.end_ns / SECOND_NS
            made = finding(rule, stage, at_s, version=before.version + 1, onset_s=onset_s, end_s=end_s, id_=before.id)
            made = replace(made, evidence=before.evidence)
        self._versions[rule] = made
        return made

    def made(self, rule: str) -> Finding:
        """The newest version of what a rule found last."""
        return self._versions[rule]

    def ticks(self, at_s: float) -> list[str]:
        return self._add(self.book.tick(round(at_s * SECOND_NS)))

    def acts(
        self,
        at_s: float,
        kind: ActionKind,
        *,
        until_s: float | None = None,
        alarm: str = HIGH,
        comment: str = "seen",
        person: str = "Ann",
    ) -> list[str]:
        until_ns = None if until_s is None else round(until_s * SECOND_NS)
        at_ns = round(at_s * SECOND_NS)
        return self._add(self.book.act(PersonAction(f"a{at_ns}", at_ns, person, kind, alarm, comment, until_ns)))

    def acknowledges(self, at_s: float) -> list[str]:
        return self.acts(at_s, ActionKind.ACKNOWLEDGE)

    def shelves(self, at_s: float, until_s: float) -> list[str]:
        return self.acts(at_s, ActionKind.SHELVE, until_s=until_s)

    @property
    def last(self) -> Transition:
        return self.log[-1]
