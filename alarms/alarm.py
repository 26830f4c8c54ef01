"""One alarm: the findings that keep it active, and the facts that follow from them. No clock: times are arguments."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alarms.defaults import Step, default_step, is_hint
from domain.alarms import AlarmFacts, Transition
from domain.findings import Finding, FindingId, Stage
from domain.rules import Priority
from domain.time import format_time

_LONGEST_SUBJECT = 60
_NOT_IN_A_URL = re.compile(r"[^A-Za-z0-9._-]")


def alarm_id(subject: str, name: str) -> str:
    """A name that lasts: `R101.TT~high`. It needs no escaping in a URL.

    Where the subject has other characters or is long, they are replaced and a hash of the subject keeps it unique.
    """
    safe = _NOT_IN_A_URL.sub("-", subject)[:_LONGEST_SUBJECT]
    if safe != subject:
        safe += "-" + hashlib.sha256(subject.encode()).hexdigest()[:8]
    return f"{safe}~{name}"


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


class Alarm:
    """An alarm, as its newest transition and its members tell it."""

    def __init__(self, id_: str, newest: Transition | None = None) -> None:
        self.id = id_
        self.newest = newest
        self._members: dict[FindingId, Member] = {}
        self._unjudged: set[FindingId] = set()  # taken since the last judgement
        self._over: set[FindingId] = set()  # of these, those that were over before they were heard of
        self._left: list[Member] = []  # those that stopped keeping it active, since the last judgement

    @property
    def facts(self) -> AlarmFacts:
        """What is known of it."""
        return AlarmFacts() if self.newest is None else self.newest.facts

    @property
    def is_empty(self) -> bool:
        """Whether no finding concerns it at the moment."""
        return not self._members

    @property
    def due_ns(self) -> int | None:
        """The next moment at which a delay ends; shelves are the book's."""
        return min((due for member in self._members.values() if (due := member.due_ns) is not None), default=None)

    @property
    def shelf(self) -> Priority:
        """What a shelf that is made now covers. One made of a hint covers hints alone: whatever leaves a range ends it.

        That is told as the priority of an event: every alarm is worse.
        """
        assert self.newest is not None
        return Priority.EVENT if is_hint(self.newest.rule) else self.newest.priority

    def has(self, finding: FindingId) -> bool:
        """Whether this finding concerns it."""
        return finding in self._members

    def take(self, step: Step, finding: Finding) -> None:
        """Take a new version of a finding; `judge` says what follows, once all of this moment are taken."""
        known = self._members.get(finding.id)
        if known is not None and known.finding.version > finding.version:
            return
        member = self._member(step, finding, known)
        if finding.stage is not Stage.CLEARED:
            self._members[finding.id] = member
            self._unjudged.add(finding.id)
            self._over.discard(finding.id)
        elif finding.id in self._unjudged | self._over or (known is None and finding.version == 1):
            # Over before anybody heard of it (late data, or shorter than a sample): people hear of it all the same.
            self._members[finding.id] = member
            self._over.add(finding.id)
        elif known is not None and known.counted:
            self._members[finding.id] = replace(known, finding=finding, step=step, cleared_ns=finding.at_ns)
        else:
            self._members.pop(finding.id, None)

    def put_back(self, step: Step, finding: Finding, now_ns: int) -> None:
        """Take a finding that was committed before a stop, as it was then.

        `now_ns` is the latest heartbeat that was applied; what was counted or dropped by then stays so. A finding whose
        delay was over when it came (another tag's time was ahead) counts from the next tick on: had it counted, the
        alarm would say so.
        """
        member = self._member(step, finding, None)
        was_leading = self.newest is not None and self.facts.active and self.newest.finding == finding.id
        due_ns = member.on_due_ns
        is_due = due_ns is not None and due_ns <= max(now_ns, finding.at_ns)
        may_count = self.facts.active and step.severity <= self._said_severity
        member = replace(member, counted=member.counted or was_leading or (is_due and may_count))
        if finding.stage is Stage.CLEARED:
            member = replace(member, cleared_ns=finding.at_ns)
            if not member.counted or self._was_dropped(member, now_ns):
                return
        self._members[finding.id] = member

    def _was_dropped(self, member: Member, now_ns: int) -> bool:
        """Whether the off-delay of a cleared member had ended before the stop."""
        if self.newest is None or not self.facts.active:
            return True
        # A person acts by the service's clock, which may be ahead of the evidence's: that says nothing of delays.
        seen_ns = now_ns if self.newest.person else max(now_ns, self.newest.at_ns)
        due_ns = member.off_due_ns
        assert due_ns is not None
        return due_ns <= seen_ns or member.step.severity > self._said_severity

    @property
    def _said_severity(self) -> tuple[int, int]:
        assert self.newest is not None
        return (-int(self.newest.priority), default_step(self.newest.rule).rank)

    def _member(self, step: Step, finding: Finding, known: Member | None) -> Member:
        if known is not None and known.counted:
            return Member(finding, step, counted=True)
        # The clock of the on-delay stops where the value came back, not where that was noticed.
        until_ns = finding.at_ns
        if finding.stage is not Stage.OPEN and finding.end_ns is not None:
            until_ns = finding.end_ns
        return Member(finding, step, counted=finding.onset_ns + step.rule.on_delay_ns <= until_ns)

    def settle(self, now_ns: int) -> list[Transition]:
        """Let every delay end that ends up to now, each at its own time."""
        transitions: list[Transition] = []
        while (due_ns := self.due_ns) is not None and due_ns <= now_ns:
            self._pass(due_ns)
            transitions += self.judge(due_ns)
        return transitions

    def judge(self, at_ns: int) -> list[Transition]:
        """Compare what the findings say with what was last said, and say the difference."""
        transitions = self._difference(at_ns)
        over, self._over = self._over, set()
        self._unjudged.clear()
        for id_ in over:
            member = self._members.pop(id_)
            if member.counted:
                self._members[id_] = replace(member, cleared_ns=member.finding.at_ns)
        return transitions + self._difference(at_ns) if over else transitions

    def _difference(self, at_ns: int) -> list[Transition]:
        self._pass(at_ns)
        left, self._left = self._left, []
        counted = [member for member in self._members.values() if member.counted]
        if not counted:
            return [self._return(left, at_ns)] if self.facts.active else []
        # The newest of the worst: it is what a person can still look at.
        worst = max(counted, key=lambda member: (member.step.severity, member.finding.onset_ns, member.finding.id))
        if not self.facts.active:
            return [self._activate(worst, at_ns)]
        if worst.step.severity > self._said_severity:
            facts = self._out_of_its_shelf(replace(self.facts, acknowledged=False), worst.step)
            return [self.say("severity", at_ns, facts=facts, member=worst)]
        if worst.step.severity < self._said_severity:
            return [self.say("eased", at_ns, facts=self.facts, member=worst)]
        return []

    def _return(self, left: Sequence[Member], at_ns: int) -> Transition:
        """Say that it is back to normal, in the words of what ended now: what it began with may be over for long."""
        assert self.newest is not None
        facts, ids = replace(self.facts, active=False), {member.finding.id for member in left}
        if not left or FindingId(self.newest.finding) in ids:
            return self.say("returned", at_ns, facts=facts)
        worst = max(left, key=lambda member: (member.step.severity, member.finding.onset_ns, member.finding.id))
        return self.say("returned", at_ns, facts=facts, member=worst)

    def _pass(self, now_ns: int) -> None:
        """Let the delays end that end at this moment."""
        for id_, member in list(self._members.items()):
            if member.off_due_ns is not None and member.off_due_ns <= now_ns:
                self.newest = self.newest and self._told(None)  # its last words, for what is said next
                self._left.append(self._members.pop(id_))
            elif member.on_due_ns is not None and member.on_due_ns <= now_ns:
                self._members[id_] = replace(member, counted=True)

    def _activate(self, worst: Member, at_ns: int) -> Transition:
        facts = replace(self.facts, active=True, acknowledged=False)
        facts = self._out_of_its_shelf(facts, worst.step)
        return self.say("activated", at_ns, facts=facts, member=worst)

    def _out_of_its_shelf(self, facts: AlarmFacts, step: Step) -> AlarmFacts:
        """A shelf covers what was shelved: something worse takes the alarm out of it."""
        shelved = facts.shelved_priority
        covers_hints_alone = shelved is Priority.EVENT
        is_covered = step.rank < 0 if covers_hints_alone else shelved is None or step.rule.priority >= shelved
        if is_covered:
            return facts
        return replace(facts, shelved_until_ns=None, shelved_priority=None)

    def say(
        self,
        what: str,
        at_ns: int,
        *,
        facts: AlarmFacts,
        member: Member | None = None,
        person: str = "",
        comment: str = "",
    ) -> Transition:
        """Make the next transition; what it does not change is as it was in the last one."""
        number = 1 if self.newest is None else self.newest.number + 1
        told = self._told(member)
        is_news = what in ("activated", "severity") or (what == "unshelved" and facts.active and not person)
        announces = is_news and not facts.is_put_away and not facts.acknowledged
        said = replace(
            told,
            announces=announces,
            asked_ns=at_ns if announces else told.asked_ns,
            activated_ns=at_ns if what == "activated" else told.activated_ns,
            acknowledged_ns=(at_ns if what == "acknowledged" else told.acknowledged_ns) if facts.acknowledged else None,
            id=f"{self.id}.{number}",
            number=number,
            at_ns=at_ns,
            what=what,
            facts=facts,
            person=person,
            comment=comment,
        )
        self.newest = said
        return said

    def _told(self, member: Member | None) -> Transition:
        """What is said of a finding; without one the last transition, in its finding's newest words."""
        if member is None:
            assert self.newest is not None
            known = self._members.get(FindingId(self.newest.finding))
            if known is None:
                return self.newest
            message = self._with_its_hints(known.finding)
            return replace(self.newest, message=message, finding_version=known.finding.version)
        finding, rule, active = member.finding, member.step.rule, self.facts.active
        occurrence = 0 if self.newest is None else self.newest.occurrence
        return Transition(
            id="",
            alarm=self.id,
            number=0,
            at_ns=0,
            what="",
            facts=AlarmFacts(),
            priority=rule.priority,
            rule=finding.rule,
            subject=finding.subject,
            name=rule.name,
            message=self._with_its_hints(finding),
            unit=finding.unit,
            batch=finding.batch,
            phase=finding.phase,
            finding=finding.id,
            finding_version=finding.version,
            cause=rule.cause,
            consequence=rule.consequence,
            action=rule.action,
            respond_within_ns=rule.respond_within_ns,
            occurrence=occurrence if active else occurrence + 1,
            since_ns=self.newest.since_ns if active and self.newest is not None else finding.onset_ns,
            activated_ns=None if self.newest is None else self.newest.activated_ns,
            asked_ns=None if self.newest is None else self.newest.asked_ns,
            acknowledged_ns=None if self.newest is None else self.newest.acknowledged_ns,
        )

    def _with_its_hints(self, finding: Finding) -> str:
        """A finding's sentence, and since when which hints go with it: one cause is told once."""
        others = [each for each in self._members.values() if each.counted and each.finding.id != finding.id]
        hints = sorted((each.finding.onset_ns, each.step.rule.name) for each in others if each.step.rank < 0)
        if not hints or is_hint(finding.rule):
            return finding.message
        since_ns = {name: onset_ns for onset_ns, name in reversed(hints)}  # of two charts the first
        told = ", ".join(f"{name} since {format_time(since_ns[name])[11:16]} UTC" for name in sorted(since_ns))
        return f"{finding.message} With it: {told}."


def worst_first(transitions: Sequence[Transition]) -> list[Transition]:
    """Unacknowledged and severe first, then the newest: the order of an alarm list."""
    return sorted(transitions, key=lambda said: (said.facts.acknowledged, said.priority, -said.at_ns, said.alarm))
