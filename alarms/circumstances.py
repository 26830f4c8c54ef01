"""What units are doing, and which alarms are therefore suppressed by design (ISA-18.2). Pure: told by the journal.

What nobody has told suppresses nothing: a unit of which no phase was ever heard is not idle, and one whose equipment
tag is Bad is in no state.
"""

from dataclasses import dataclass, replace

from alarms.defaults import is_history
from domain.findings import EquipmentState, Finding, PhaseRecord
from domain.rationalisation import class_of
from domain.rules import AlarmClass, AlarmRule, Rulebook, Suppression, SuppressionNow
from domain.time import format_duration

Told = PhaseRecord | EquipmentState


@dataclass(frozen=True, slots=True)
class _Unit:
    """What one unit is doing."""

    instance: str = ""  # of the phase that was told last
    phase: str | None = None  # None: nobody has told; empty: none runs
    since_ns: int = 0
    equipment: str = ""
    equipment_since_ns: int = 0


_UNKNOWN = _Unit()


class Circumstances:
    """The rules, and what every unit is doing."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._units: dict[str, _Unit] = {}
        self._now_ns: int | None = None  # of the newest tick: what lasts is judged by it alone
        self._idle_due_ns: dict[str, int] = {}  # when a unit has been idle for long enough, while that is to come
        self._idle_after_ns = sorted(
            {each.idle_after_ns for each in rulebook.suppressions if each.idle_after_ns is not None}
        )

    def take(self, told: Told) -> bool:
        """Take what a unit does from now on; tell whether that is another thing than before."""
        known = self._units.get(told.unit, _UNKNOWN)
        if isinstance(told, EquipmentState):
            is_same = told.state == known.equipment
            since_ns = known.equipment_since_ns if is_same else told.since_ns
            now = replace(known, equipment=told.state, equipment_since_ns=since_ns)
        elif told.end_ns is None:
            now = replace(known, instance=told.instance, phase=told.phase, since_ns=told.start_ns)
        elif known.phase is None or told.instance == known.instance:
            now = replace(known, instance=told.instance, phase="", since_ns=told.end_ns)
        else:
            return False  # the end of a run after which another began: judged again
        self._units[told.unit] = now
        self._plan(told.unit)
        return now != known

    def tick(self, now_ns: int) -> list[str]:
        """Let time pass; the units that have now been idle for long enough for something."""
        self._now_ns = now_ns
        due = sorted(unit for unit, due_ns in self._idle_due_ns.items() if due_ns <= now_ns)
        for unit in due:
            self._plan(unit)
        return due

    def _plan(self, unit: str) -> None:
        """Note when this unit has been idle for long enough next."""
        state = self._units[unit]
        self._idle_due_ns.pop(unit, None)
        if state.phase == "":
            to_come = [state.since_ns + after_ns for after_ns in self._idle_after_ns]
            coming = [due_ns for due_ns in to_come if self._now_ns is None or due_ns > self._now_ns]
            if coming:
                self._idle_due_ns[unit] = coming[0]

    def class_of(self, name: str) -> AlarmClass:
        """What holds for a class of alarms."""
        return class_of(self.rulebook, name)

    def position_of(self, unit: str) -> str:
        """The operator's position that a unit belongs to; empty: there is only one."""
        return self.rulebook.positions.get(unit, "")

    def reason(self, rule: AlarmRule, finding: Finding) -> str:
        """Why nobody need respond to this finding just now, in words; empty: somebody has to."""
        state = self._units.get(finding.unit, _UNKNOWN)
        over = is_history(finding)
        phase = finding.phase if over else state.phase
        if rule.phases and phase is not None and phase not in rule.phases:
            doing = f"is in {phase}" if phase else "runs no phase"
            return f"{finding.unit} {doing}; valid in {', '.join(rule.phases)}"
        if over:
            return ""  # what the unit does now says nothing of then
        for each in self.rulebook.suppressions:
            if finding.rule in each.rules and (not each.units or finding.unit in each.units):
                doing = self._matching(each, state)
                if doing:
                    return f"{each.name}: {finding.unit} is {doing}"
        return ""

    def _matching(self, suppression: Suppression, state: _Unit) -> str:
        if state.equipment and state.equipment in suppression.equipment:
            return f"in state {state.equipment}"
        if state.phase and state.phase in suppression.phases:
            return f"in {state.phase}"
        after_ns = suppression.idle_after_ns
        if after_ns is None or state.phase != "":
            return ""
        if after_ns == 0:
            return "idle"
        is_long = self._now_ns is not None and state.since_ns + after_ns <= self._now_ns
        return f"idle for more than {format_duration(after_ns)}" if is_long else ""

    def in_force(self) -> list[SuppressionNow]:
        """The suppressions that are in force, by unit; from any thread."""
        units = sorted(self._units.items(), key=lambda item: item[0])
        told = [self._told(each, unit, state) for unit, state in units for each in self.rulebook.suppressions]
        return [each for each in told if each is not None]

    def _told(self, each: Suppression, unit: str, state: _Unit) -> SuppressionNow | None:
        """Why a suppression is in force for a unit, since when, and what ends it; None where it is not."""
        why = self._matching(each, state) if not each.units or unit in each.units else ""
        if not why:
            return None
        if state.equipment and state.equipment in each.equipment:
            return SuppressionNow(each.name, unit, why, "its equipment is in another state", state.equipment_since_ns)
        if state.phase:
            return SuppressionNow(each.name, unit, why, f"{state.phase} ends", state.since_ns)
        return SuppressionNow(each.name, unit, why, "a phase begins", state.since_ns + (each.idle_after_ns or 0))
