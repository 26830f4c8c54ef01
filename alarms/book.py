"""The alarm book: findings, time and people's actions in; transitions out. Pure, so a replay says the same again.

Time comes as an argument. Delays of findings run in the time of the evidence and of the heartbeats; shelves end by the
heartbeat alone. A tick says at what time a delay ended, not when that was noticed.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from alarms.acting import Subject, acted, comment_of
from alarms.alarm import Alarm, alarm_id, worst_first
from alarms.circumstances import Circumstances, Told
from alarms.defaults import Step, default_step, step_for
from domain.alarms import AlarmState, Transition
from domain.entries import ActionKind, PersonAction
from domain.errors import Refused
from domain.findings import EquipmentState, Finding, PhaseRecord
from domain.rules import Priority, Rulebook, SuppressionNow

_ACTIONS_REMEMBERED = 1_000


class AlarmBook:
    """Every alarm there is, and what was last said of it."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._circumstances = Circumstances(rulebook)
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
        told: Iterable[Told] = (),
    ) -> "AlarmBook":
        """The book as it was when `transitions` (newest per alarm), `findings` and `told` were committed.

        `findings`: the newest version of each that is not cleared, and of those of active alarms that cleared lately
        (their off-delay may still run). `told`: of each unit the newest run of a phase and the newest state of its
        equipment. `now_ns`: the last tick that was applied, as far as it is known. With another rulebook than before,
        the first tick says what differs.
        """
        book = cls(rulebook)
        for each in told:
            book._circumstances.take(each)
        book._circumstances.tick(now_ns)
        for transition in transitions:
            book._alarms[transition.alarm] = Alarm(transition.alarm, book._circumstances, transition)
        for finding in findings:
            step = step_for(rulebook, finding)
            if step.rule.priority is not Priority.EVENT:
                alarm = book._alarm(alarm_id(finding.subject, step.alarm))
                alarm.put_back(step, finding, now_ns)
        for alarm in list(book._alarms.values()):
            alarm.speak_of_what_stands()
            if alarm.facts.active or not alarm.is_empty:
                book._due_ns[alarm.id] = now_ns
            else:
                book._plan(alarm)
        return book

    def apply(self, *concluded: Finding | Told) -> list[Transition]:
        """Take what the detectors concluded, in their order: findings, and what units do from now on.

        What is of one moment is judged together: a step change that crosses three ranges at one sample is said once,
        as its worst, and a phase that begins there is known before.
        """
        transitions: list[Transition] = []
        for at_ns, group in groupby(concluded, key=_moment):
            together = list(group)
            others = [each for each in together if not isinstance(each, Finding)]
            changed = {each.unit for each in others if self._circumstances.take(each)}
            touched = {alarm.id: alarm for alarm in self._concerned(changed)}
            for alarm in touched.values():
                transitions += alarm.settle(at_ns)
            for finding in together:
                if isinstance(finding, Finding):
                    transitions += self._take(finding, at_ns, touched)
            for alarm in touched.values():
                transitions += alarm.judge(at_ns)
                self._plan(alarm)
        return transitions

    def _take(self, finding: Finding, at_ns: int, touched: dict[str, Alarm]) -> list[Transition]:
        """Give a finding to its alarm, which is touched by that."""
        step = step_for(self._rulebook, finding)
        if step.rule.priority is Priority.EVENT:
            return []
        alarm = self._alarm_of(finding, step)
        settled = [] if alarm.id in touched else alarm.settle(at_ns)
        touched[alarm.id] = alarm
        alarm.take(step, finding)
        return settled

    def _concerned(self, units: set[str]) -> Iterator[Alarm]:
        """The alarms that findings of these units keep active, or soon may."""
        if units:
            yield from (alarm for id_, alarm in sorted(self._alarms.items()) if alarm.is_of(units))

    def tick(self, now_ns: int) -> list[Transition]:
        """Let delays, shelves and re-alarm times end that end up to now (the heartbeat's time)."""
        idle = set(self._circumstances.tick(now_ns))
        due = {id_ for id_, due_ns in self._due_ns.items() if due_ns <= now_ns}
        due |= {alarm.id for alarm in self._concerned(idle)}
        transitions: list[Transition] = []
        # By id, so that a book that was rebuilt says the same in the same order.
        for id_ in sorted(due):
            alarm = self._alarms[id_]
            transitions += _end_of_shelf(alarm, now_ns)
            transitions += alarm.settle(now_ns)
            transitions += alarm.judge(now_ns)
            transitions += _re_alarm(alarm, now_ns)
            self._plan(alarm)
        return transitions

    def state_of(self, id_: str) -> str:
        """The state that people see of an alarm, in a word; empty where there is none by that id."""
        alarm = self._alarms.get(id_)
        return "" if alarm is None else str(alarm.facts.state)

    def act(self, action: PersonAction) -> list[Transition]:
        """Do what a person asks. Refused says why not; what is already so is left as it is, and nothing is said."""
        alarm = self._alarms.get(action.subject)
        if alarm is None or alarm.newest is None:
            message = f"there is no alarm {action.subject!r}"
            raise Refused(message)
        comment = comment_of(action, self._circumstances.class_of(alarm.newest.alarm_class))
        if action.id in self._done:
            return []  # journaled twice: asked again after a crash
        done = acted(Subject(self._rulebook, alarm.newest, alarm.rule, alarm.shelf), action)
        self._done.append(action.id)
        if done is None:
            return []
        asks = action.kind is ActionKind.RETURN_TO_SERVICE and alarm.is_unanswered(done.facts)
        said = alarm.say(done.what, action.at_ns, facts=done.facts, person=action.person, comment=comment, asks=asks)
        self._plan(alarm)
        return [said]

    def suppressions(self) -> Sequence[SuppressionNow]:
        """The suppressions that are in force, also where nothing is active that they hide; from any thread."""
        return self._circumstances.in_force()

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
            alarm = self._alarms[id_] = Alarm(id_, self._circumstances)
        return alarm

    def _plan(self, alarm: Alarm) -> None:
        """Note when time alone changes this alarm next; forget one of which nothing was ever said."""
        told = (alarm.due_ns, alarm.facts.shelved_until_ns, alarm.re_alarm_due_ns)
        dues = [due_ns for due_ns in told if due_ns is not None]
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
        transitions.append(alarm.say("unshelved", until_ns, facts=facts, asks=facts.active))
    return transitions


def _re_alarm(alarm: Alarm, now_ns: int) -> list[Transition]:
    """Ask again about what still stands: once, however long nobody could tell."""
    due_ns = alarm.re_alarm_due_ns
    if due_ns is None or due_ns > now_ns:
        return []
    return [alarm.say("realarmed", now_ns, facts=alarm.facts, asks=True)]


def _moment(concluded: Finding | Told) -> int:
    match concluded:
        case Finding():
            return concluded.at_ns
        case PhaseRecord():
            return concluded.start_ns if concluded.end_ns is None else concluded.end_ns
        case EquipmentState():
            return concluded.since_ns
