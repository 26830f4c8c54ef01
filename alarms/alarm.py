"""One alarm: the findings that keep it active, and the facts that follow from them. No clock: times are arguments."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from alarms.circumstances import Circumstances
from alarms.defaults import Step, default_step, is_hint, rule_of
from alarms.member import Member, member_of
from domain.alarms import AlarmFacts, Transition
from domain.findings import Finding, FindingId, Stage
from domain.rules import AlarmRule, Priority
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


class Alarm:
    """An alarm, as its newest transition and its members tell it."""

    def __init__(self, id_: str, circumstances: Circumstances, newest: Transition | None = None) -> None:
        self.id = id_
        self.newest = newest
        self._circumstances = circumstances
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
        """The next moment at which a delay ends; shelves and re-alarms are the book's."""
        return min((due for member in self._members.values() if (due := member.due_ns) is not None), default=None)

    @property
    def rule(self) -> AlarmRule:
        """The rule by which it was last spoken of."""
        assert self.newest is not None
        known = self._members.get(FindingId(self.newest.finding))
        if known is not None:
            return known.step.rule
        return rule_of(self._circumstances.rulebook, self.newest.subject, self.newest.rule)

    @property
    def re_alarm_due_ns(self) -> int | None:
        """When it is asked about again, if it stands until then."""
        said, facts = self.newest, self.facts
        if said is None or not facts.active or facts.is_put_away or said.is_told_by_dcs:
            return None
        alarm_class = self._circumstances.class_of(said.alarm_class)
        if facts.acknowledged:
            own_ns, since_ns = self.rule.re_alarm_ns, said.acknowledged_ns
            after_ns = alarm_class.re_alarm_ns if own_ns is None else own_ns
        else:
            after_ns, since_ns = alarm_class.re_alarm_unacknowledged_ns, said.asked_ns
        if not after_ns:
            return None
        return (said.at_ns if since_ns is None else since_ns) + after_ns

    def is_of(self, units: Collection[str]) -> bool:
        """Whether something that concerns it happens on one of these units."""
        return any(member.finding.unit in units for member in self._members.values())

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
        member = member_of(step, finding, known)
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
        member = member_of(step, finding, None)
        was_leading = self.newest is not None and self.facts.active and self.newest.finding == finding.id
        due_ns = member.on_due_ns
        is_due = due_ns is not None and due_ns <= max(now_ns, finding.at_ns)
        may_count = self.facts.active and not self._outranks(member)
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
        return due_ns <= seen_ns or self._outranks(member)

    def _outranks(self, member: Member) -> bool:
        """Whether it is worse than what was said: had it counted, it would lead. What is suppressed leads nobody."""
        return member.step.severity > self._said_severity and not self._reason(member)

    @property
    def _said_severity(self) -> tuple[int, int]:
        assert self.newest is not None
        return (-int(self.newest.priority), default_step(self.newest.rule).rank)

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
        worst = self._worst()
        if worst is None:
            return [self._return(left, at_ns)] if self.facts.active else []
        facts, reason = self.facts, self._reason(worst)
        if not facts.active or facts.suppressed_by != reason:
            facts = replace(facts, active=True, suppressed=bool(reason), suppressed_by=reason)
        what = self._what_changes(worst, facts)
        if what is None:
            self._speak_of(worst)
            return []
        return [self.say(what, at_ns, facts=facts, member=worst, asks=self._is_asked(what, worst, facts))]

    def _worst(self) -> Member | None:
        """What keeps it active, before anything else what somebody has to respond to."""
        counted = [member for member in self._members.values() if member.counted]
        if len(counted) < 2:
            return counted[0] if counted else None
        heeded = [member for member in counted if not self._reason(member)]
        return max(heeded or counted, key=lambda member: member.weight)

    def speak_of_what_stands(self) -> None:
        """Go on with what keeps it active where what it spoke of is over: that is as bad, so nothing is said of it."""
        worst = self._worst() if self.facts.active else None
        if worst is not None and worst.step.severity == self._said_severity:
            self._speak_of(worst)

    def _speak_of(self, worst: Member) -> None:
        said = self.newest
        assert said is not None
        if FindingId(said.finding) in self._members:
            return
        self.newest = replace(
            self._told(worst),
            id=said.id,
            number=said.number,
            at_ns=said.at_ns,
            what=said.what,
            facts=said.facts,
            person=said.person,
            comment=said.comment,
            announces=said.announces,
        )

    def _reason(self, member: Member) -> str:
        return self._circumstances.reason(member.step.rule, member.finding)

    def _what_changes(self, worst: Member, facts: AlarmFacts) -> str | None:
        """What is to be said where this leads now; None: it was said."""
        if not self.facts.active:
            return "activated"
        if facts.suppressed_by != self.facts.suppressed_by:
            return "suppressed" if facts.suppressed else "unsuppressed"
        if worst.step.severity == self._said_severity:
            return None
        return "severity" if worst.step.severity > self._said_severity else "eased"

    def _is_asked(self, what: str, worst: Member, facts: AlarmFacts) -> bool:
        """Whether people have to respond to it as it is now, or have yet to be asked."""
        assert self.newest is not None or what == "activated"
        if what in ("activated", "severity"):
            return True
        if what == "suppressed":
            return worst.step.severity > self._said_severity
        return what == "unsuppressed" and self.is_unanswered(facts)

    def is_unanswered(self, facts: AlarmFacts) -> bool:
        """Whether nobody was asked about it as it is, or nobody has answered."""
        assert self.newest is not None
        return facts.active and (not facts.acknowledged or self.newest.asked_ns is None)

    def _return(self, left: Sequence[Member], at_ns: int) -> Transition:
        """Say that it is back to normal, in the words of the worst that ended now: what it began with may be less."""
        assert self.newest is not None
        facts = replace(self.facts, active=False, suppressed=False, suppressed_by="")
        worst = max(left, key=lambda member: member.weight, default=None)
        return self.say("returned", at_ns, facts=facts, member=worst)

    def _pass(self, now_ns: int) -> None:
        """Let the delays end that end at this moment."""
        for id_, member in list(self._members.items()):
            if member.off_due_ns is not None and member.off_due_ns <= now_ns:
                self.newest = self.newest and self._told(None)  # its last words, for what is said next
                self._left.append(self._members.pop(id_))
            elif member.on_due_ns is not None and member.on_due_ns <= now_ns:
                self._members[id_] = replace(member, counted=True)

    def say(
        self,
        what: str,
        at_ns: int,
        *,
        facts: AlarmFacts,
        member: Member | None = None,
        person: str = "",
        comment: str = "",
        asks: bool = False,
    ) -> Transition:
        """Make the next transition; what it does not change is as it was in the last one.

        `asks`: people have to respond to it as it is now. While it is suppressed or out of service nobody has to, and
        while it is shelved nobody is asked.
        """
        number = 1 if self.newest is None else self.newest.number + 1
        told = self._told(member)
        if asks:
            facts = _asked_of(facts, told)
        alarm_class = self._circumstances.class_of(told.alarm_class)
        if alarm_class.latching and facts.active and not _is_unheeded(facts):
            facts = replace(facts, latched=True)
        is_asked = asks and not facts.is_put_away
        asked_ns = (at_ns if is_asked else None) if asks else told.asked_ns
        acknowledged_ns = None if asks else told.acknowledged_ns
        if person and facts.acknowledged and what in ("acknowledged", "unshelved"):
            acknowledged_ns, asked_ns = at_ns, at_ns if asked_ns is None else asked_ns
        self.newest = replace(
            told,
            id=f"{self.id}.{number}",
            number=number,
            at_ns=at_ns,
            what=what,
            facts=facts,
            person=person,
            comment=comment,
            announces=is_asked and not told.is_told_by_dcs,
            activated_ns=at_ns if what == "activated" else told.activated_ns,
            asked_ns=asked_ns,
            acknowledged_ns=acknowledged_ns,
        )
        return self.newest

    def _told(self, member: Member | None) -> Transition:
        """What is said of a finding; without one the last transition, in its finding's newest words."""
        if member is None:
            assert self.newest is not None
            known = self._members.get(FindingId(self.newest.finding))
            if known is None:
                return self.newest
            version, message = known.finding.version, self._with_its_hints(known.finding)
            if (version, message) == (self.newest.finding_version, self.newest.message):
                return self.newest
            return replace(self.newest, message=message, finding_version=version)
        finding, rule, active, newest = member.finding, member.step.rule, self.facts.active, self.newest
        occurrence = 0 if newest is None else newest.occurrence
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
            since_ns=newest.since_ns if active and newest is not None else finding.onset_ns,
            alarm_class=rule.alarm_class,
            first_in_group=rule.first_in_group,
            position=self._circumstances.position_of(finding.unit),
            dcs_alarm=rule.dcs_alarm,
            dcs_priority=rule.dcs_priority,
            activated_ns=None if newest is None else newest.activated_ns,
            asked_ns=None if newest is None else newest.asked_ns,
            acknowledged_ns=None if newest is None else newest.acknowledged_ns,
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


def _is_unheeded(facts: AlarmFacts) -> bool:
    """Whether by design, or by who took it out of service, nobody need respond."""
    return facts.suppressed or facts.out_of_service


def _asked_of(facts: AlarmFacts, told: Transition) -> AlarmFacts:
    """The facts of an alarm that is to be answered; whoever was not asked owes no acknowledgement.

    A shelf covers what was shelved: something worse takes the alarm out of it.
    """
    if _is_unheeded(facts):
        return facts
    shelved = facts.shelved_priority
    covers_hints_alone = shelved is Priority.EVENT
    is_covered = is_hint(told.rule) if covers_hints_alone else shelved is None or told.priority >= shelved
    if is_covered:
        return replace(facts, acknowledged=False)
    return replace(facts, acknowledged=False, shelved_until_ns=None, shelved_priority=None)


def worst_first(transitions: Sequence[Transition]) -> list[Transition]:
    """Unacknowledged and severe first, then the newest: the order of an alarm list."""
    return sorted(transitions, key=lambda said: (said.facts.acknowledged, said.priority, -said.at_ns, said.alarm))
