"""The alarm book: findings, time and people's actions in; transitions out. Pure, so a replay says the same again.

Time comes as an argument. Delays of findings run in the time of the evidence and of the heartbeats; shelves end by the
heartbeat alone. A tick says at what time a delay ended, not when that was noticed.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from alarms.alarm import Alarm, alarm_id, worst_first
from alarms.defaults import Step, default_step, step_for
from domain.alarms import AlarmState, Transition
from domain.entries import ActionKind, PersonAction
from domain.errors import Refused
from domain.findings import Finding
from domain.rules import Priority, Rulebook
from domain.time import HOUR_NS, format_duration

LONGEST_SHELF_NS = 24 * HOUR_NS
"""A shelf always ends: nobody can put an alarm away for longer than a day at once."""

_ACTIONS_REMEMBERED = 1_000

_SAID_OF = {
    ActionKind.HOLD_START: "a hold",
    ActionKind.HOLD_STOP: "a hold",
    ActionKind.CALIBRATED: "an instrument",
    ActionKind.CALIBRATION_FAILED: "an instrument",
    ActionKind.APPROVE_MODEL: "a model",
    ActionKind.APPROVE_RANGES: "a proposal of ranges",
    ActionKind.REJECT_RANGES: "a proposal of ranges",
    ActionKind.WITHDRAW_RANGES: "a proposal of ranges",
}


class AlarmBook:
    """Every alarm there is, and what was last said of it."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._alarms: dict[str, Alarm] = {}
        self._due_ns: dict[str, int] = {}  # only alarms that change by the passing of time
        self._done: deque[str] = deque(maxlen=_ACTIONS_REMEMBERED)

    @classmethod
    def rebuilt(
        cls,
        rulebook: Rulebook,
        transitions: Iterable[Transition],
        findings: Iterable[Finding],
        now_ns: int = 0,
    ) -> "AlarmBook":
        """The book as it was when `transitions` (newest per alarm) and `findings` were committed.

        `findings`: the newest version of each that is not cleared, and of those of active alarms that cleared lately
        (their off-delay may still run). `now_ns`: the last tick that was applied, as far as it is known. With another
        rulebook than before, the first tick says what differs.
        """
        book = cls(rulebook)
        for transition in transitions:
            book._alarms[transition.alarm] = Alarm(transition.alarm, transition)
        for finding in findings:
            step = step_for(rulebook, finding)
            if step.rule.priority is not Priority.EVENT:
                alarm = book._alarm(alarm_id(finding.subject, step.alarm))
                alarm.put_back(step, finding, now_ns)
        for alarm in list(book._alarms.values()):
            if alarm.facts.active or not alarm.is_empty:
                book._due_ns[alarm.id] = now_ns
            else:
                book._plan(alarm)
        return book

    def apply(self, *findings: Finding) -> list[Transition]:
        """Take what a detector concluded, in its order.

        Findings of one moment are judged together: a step change that crosses three ranges at one sample is said once,
        as its worst.
        """
        transitions: list[Transition] = []
        for at_ns, together in groupby(findings, key=lambda finding: finding.at_ns):
            touched: dict[str, Alarm] = {}
            for finding in together:
                step = step_for(self._rulebook, finding)
                if step.rule.priority is Priority.EVENT:
                    continue
                alarm = self._alarm_of(finding, step)
                if alarm.id not in touched:
                    touched[alarm.id] = alarm
                    transitions += alarm.settle(at_ns)
                alarm.take(step, finding)
            for alarm in touched.values():
                transitions += alarm.judge(at_ns)
                self._plan(alarm)
        return transitions

    def tick(self, now_ns: int) -> list[Transition]:
        """Let delays and shelves end that end up to now (the heartbeat's time)."""
        transitions: list[Transition] = []
        # By id, so that a book that was rebuilt says the same in the same order.
        for id_ in sorted(id_ for id_, due_ns in self._due_ns.items() if due_ns <= now_ns):
            alarm = self._alarms[id_]
            transitions += _end_of_shelf(alarm, now_ns)
            transitions += alarm.settle(now_ns)
            transitions += alarm.judge(now_ns)
            self._plan(alarm)
        return transitions

    def act(self, action: PersonAction) -> list[Transition]:
        """Do what a person asks. Refused says why not; what is already so is left as it is, and nothing is said."""
        alarm = self._alarms.get(action.subject)
        if alarm is None or alarm.newest is None:
            message = f"there is no alarm {action.subject!r}"
            raise Refused(message)
        if not action.comment.strip():
            message = f"alarm {action.subject!r}: to {action.kind} needs a comment that says why"
            raise Refused(message)
        if not action.person.strip():
            message = f"alarm {action.subject!r}: to {action.kind} needs a named person"
            raise Refused(message)
        if action.id in self._done:
            return []  # journaled twice: asked again after a crash
        transitions = self._do(alarm, action)
        self._done.append(action.id)
        self._plan(alarm)
        return transitions

    def _do(self, alarm: Alarm, action: PersonAction) -> list[Transition]:  # noqa: C901, PLR0912  a case for each kind
        facts = alarm.facts
        match action.kind:
            case ActionKind.ACKNOWLEDGE:
                if facts.acknowledged:
                    return []
                what, facts = "acknowledged", replace(facts, acknowledged=True)
            case ActionKind.SHELVE:
                until_ns = _shelf_end(action)
                what, facts = "shelved", replace(facts, shelved_until_ns=until_ns, shelved_priority=alarm.shelf)
            case ActionKind.UNSHELVE:
                if facts.shelved_until_ns is None:
                    return []
                what, facts = "unshelved", replace(facts, shelved_until_ns=None, shelved_priority=None)
            case ActionKind.COMMENT:
                what = "commented"
            case ActionKind.OUT_OF_SERVICE:
                if facts.out_of_service:
                    return []
                what, facts = "out_of_service", replace(facts, out_of_service=True)
            case ActionKind.RETURN_TO_SERVICE:
                if not facts.out_of_service:
                    return []
                what, facts = "returned_to_service", replace(facts, out_of_service=False)
            case ActionKind.RESET:
                if not facts.latched:
                    return []
                what, facts = "reset", replace(facts, latched=False)
            case _:
                message = f"{action.kind} is said of {_SAID_OF[action.kind]}, not of an alarm"
                raise Refused(message)
        return [alarm.say(what, action.at_ns, facts=facts, person=action.person, comment=action.comment.strip())]

    def alarms(self) -> list[Transition]:
        """The newest transition of every alarm that is not normal, unacknowledged and severe first."""
        newest = [alarm.newest for alarm in self._alarms.values() if alarm.newest is not None]
        return worst_first([said for said in newest if said.facts.state is not AlarmState.NORMAL])

    def _alarm_of(self, finding: Finding, step: Step) -> Alarm:
        """The alarm that a finding concerns. Of a hint it is the one that it began with: older ones told no side."""
        first = self._alarms.get(alarm_id(finding.subject, default_step(finding.rule).alarm))
        return (
            first if first is not None and first.has(finding.id) else self._alarm(alarm_id(finding.subject, step.alarm))
        )

    def _alarm(self, id_: str) -> Alarm:
        alarm = self._alarms.get(id_)
        if alarm is None:
            alarm = self._alarms[id_] = Alarm(id_)
        return alarm

    def _plan(self, alarm: Alarm) -> None:
        """Note when time alone changes this alarm next; forget one of which nothing was ever said."""
        dues = [due_ns for due_ns in (alarm.due_ns, alarm.facts.shelved_until_ns) if due_ns is not None]
        if dues:
            self._due_ns[alarm.id] = min(dues)
        else:
            self._due_ns.pop(alarm.id, None)
            if alarm.newest is None and alarm.is_empty:
                self._alarms.pop(alarm.id, None)


def _end_of_shelf(alarm: Alarm, now_ns: int) -> list[Transition]:
    """Take an alarm off its shelf at the shelf's own time, after what fell due before."""
    until_ns = alarm.facts.shelved_until_ns
    if until_ns is None or until_ns > now_ns:
        return []
    transitions = alarm.settle(until_ns)
    if alarm.facts.shelved_until_ns is not None:  # else it has just become worse than what was shelved
        facts = replace(alarm.facts, shelved_until_ns=None, shelved_priority=None)
        transitions.append(alarm.say("unshelved", until_ns, facts=facts))
    return transitions


def _shelf_end(action: PersonAction) -> int:
    if action.until_ns is None or action.until_ns <= action.at_ns:
        message = f"alarm {action.subject!r}: a shelf needs an end that is still to come"
        raise Refused(message)
    if action.until_ns - action.at_ns > LONGEST_SHELF_NS:
        message = f"alarm {action.subject!r}: a shelf lasts at most {format_duration(LONGEST_SHELF_NS)}"
        raise Refused(message)
    return action.until_ns
