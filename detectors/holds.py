"""How long material or equipment waits, from recorded events, never from a timer.

What the events of a hold are made of:

| event | told by |
|---|---|
| `first_transfer_in`, `first_transfer_out` | the transfer tag turns true (or its flow positive) |
| `last_transfer_in`, `last_transfer_out` | the transfer tag turns false: the last so far |
| `last_use_end` | a phase ends that is not a cleaning phase: the last so far |
| `first_use_start` | a phase starts that is not a cleaning phase |
| `cleaning_start`, `cleaning_end` | a phase of the unit's `cleaning_phases` starts, ends |
| `NAME.start`, `NAME.end` | the phase of that name starts, ends |

"The last so far" is taken back when its counterpart begins again: a hold that starts at the end of a use does not run
while the unit is in use, and one that stopped at the end of a transfer out goes on from its first start while more
flows out. A hold that starts at a `first_` event or at a phase's event keeps its earliest start until it stops.

Elapsed time is source time minus source time. An open hold is judged by the heartbeats, less the worst measured skew
of the source's clock since it began. Where a gap hides the start, the hold is judged by the earliest possible one.
"""

from dataclasses import dataclass, field

from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, case_of, open_case
from domain.entries import Position, RowPosition
from domain.findings import Finding, Stage
from domain.holds import Hold
from domain.rules import Rulebook
from domain.time import format_duration

TRANSFER_IN = "transfer_in"
TRANSFER_OUT = "transfer_out"
USE = "use"
CLEANING = "cleaning"


@dataclass(frozen=True, slots=True)
class Activity:
    """Something on a unit begins or ends: a transfer, a use, a cleaning, a phase.

    `earliest_ns` is before `time_ns` where a gap hides when it really happened.
    """

    unit: str
    name: str  # transfer_in | transfer_out | use | cleaning | a phase's name with "phase:" before it
    begins: bool
    time_ns: int
    earliest_ns: int
    position: RowPosition
    source: str
    batch: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an event of a hold listens to; `provisional` ones are taken back when the activity begins again."""

    name: str
    begins: bool
    provisional: bool


def trigger_of(event: str) -> Trigger:
    """The trigger of an event's name, as in the table of this module."""
    known = {
        "first_transfer_in": Trigger(TRANSFER_IN, begins=True, provisional=False),
        "last_transfer_in": Trigger(TRANSFER_IN, begins=False, provisional=True),
        "first_transfer_out": Trigger(TRANSFER_OUT, begins=True, provisional=False),
        "last_transfer_out": Trigger(TRANSFER_OUT, begins=False, provisional=True),
        "last_use_end": Trigger(USE, begins=False, provisional=True),
        "first_use_start": Trigger(USE, begins=True, provisional=False),
        "cleaning_start": Trigger(CLEANING, begins=True, provisional=False),
        "cleaning_end": Trigger(CLEANING, begins=False, provisional=True),
    }
    if event in known:
        return known[event]
    phase, _, what = event.rpartition(".")
    return Trigger(f"phase:{phase}", begins=what == "start", provisional=False)


@dataclass(frozen=True, slots=True)
class Start:
    """When a hold began, and by which row; `earliest_ns` is the worst case."""

    time_ns: int
    earliest_ns: int
    position: RowPosition
    source: str
    batch: str


@dataclass(slots=True, eq=False)
class Waiting:
    """The state of one hold."""

    hold: Hold
    start: Start | None = None
    stopped: bool = False  # provisionally, or until it starts again
    stopped_batch: str = ""
    skew_ns: int = 0
    warned: int = 0  # how many of the warnings have been given
    cases: dict[str, Case] = field(default_factory=dict)  # by rule


class Holds:
    """All holds of the rulebook."""

    def __init__(self, rulebook: Rulebook, origin: Origin) -> None:
        self._origin = origin
        self._waiting = {name: Waiting(hold) for name, hold in rulebook.holds.items()}

    def take(self, activity: Activity, skew_of: dict[str, int], run: Run | None) -> list[Finding]:
        """Take an activity of a unit; say what it means for the unit's holds."""
        found: list[Finding] = []
        for waiting in self._waiting.values():
            if waiting.hold.unit == activity.unit:
                found += self._stop(waiting, activity, run)
                found += self._start(waiting, activity, skew_of, run)
        return found

    def _start(self, waiting: Waiting, activity: Activity, skew_of: dict[str, int], run: Run | None) -> list[Finding]:
        trigger = trigger_of(waiting.hold.start)
        if activity.name != trigger.name:
            return []
        running = waiting.start is not None and not waiting.stopped
        if activity.begins != trigger.begins:
            if trigger.provisional and running:
                return self._cancel(waiting, activity)
            return []
        found: list[Finding] = []
        if running and waiting.start is not None:
            other_batch = activity.name.startswith("phase:") and activity.batch != waiting.start.batch
            if not other_batch:
                return []
            found = [self._indeterminate(waiting, activity, run, "stop"), *self._close(waiting, activity.time_ns, None)]
        waiting.start = Start(
            activity.time_ns, activity.earliest_ns, activity.position, activity.source, activity.batch
        )
        waiting.stopped, waiting.warned = False, 0
        waiting.skew_ns = skew_of.get(activity.source, 0)
        return found

    def _cancel(self, waiting: Waiting, activity: Activity) -> list[Finding]:
        """The end that started the hold was not the last: it starts again at the next one."""
        found = self._judge_stop(waiting, activity)
        found += self._close(waiting, activity.time_ns, activity)
        waiting.start = None
        return found

    def _stop(self, waiting: Waiting, activity: Activity, run: Run | None) -> list[Finding]:
        trigger = trigger_of(waiting.hold.stop)
        if activity.name != trigger.name:
            return []
        if activity.begins != trigger.begins:
            if trigger.provisional and waiting.stopped and waiting.start is not None:
                waiting.stopped = False  # more flows out: the hold went on
            return []
        other_batch = activity.name.startswith("phase:") and activity.batch != waiting.stopped_batch
        if waiting.stopped and not other_batch:
            return []  # a later use, transfer or cleaning is not the first
        if waiting.start is None or waiting.stopped:
            found = [self._indeterminate(waiting, activity, run, "start")]
        else:
            found = self._judge_stop(waiting, activity)
            found += self._close(waiting, activity.time_ns, activity)
        waiting.stopped, waiting.stopped_batch = True, activity.batch
        return found

    def _judge_stop(self, waiting: Waiting, activity: Activity) -> list[Finding]:
        """Judge the whole of a hold by its own events; a breach may not have been announced yet."""
        start = waiting.start
        if start is None or "hold.breach" in waiting.cases:
            return []
        if activity.time_ns - start.earliest_ns <= waiting.hold.limit_ns:
            return []
        return [self._breach(waiting, start, activity.time_ns, activity.position)]

    def beat(self, now_ns: int, skew_of: dict[str, int], position: RowPosition) -> list[Finding]:
        """Announce what has waited too long by now, or will soon have."""
        found: list[Finding] = []
        for waiting in self._waiting.values():
            start = waiting.start
            if start is None or waiting.stopped:
                continue
            waiting.skew_ns = max(waiting.skew_ns, skew_of.get(start.source, 0))
            elapsed_ns = now_ns - start.earliest_ns - waiting.skew_ns
            if elapsed_ns > waiting.hold.limit_ns:
                if "hold.breach" not in waiting.cases:
                    found.append(self._breach(waiting, start, now_ns, position))
                    found += self._quiet(waiting, "hold.warning", now_ns)
            else:
                found += self._warn(waiting, start, elapsed_ns, now_ns, position)
        return found

    def _warn(
        self, waiting: Waiting, start: Start, elapsed_ns: int, now_ns: int, position: RowPosition
    ) -> list[Finding]:
        """Give the next warning that is due; of several at once the last."""
        hold = waiting.hold
        due = _warnings_due(hold, elapsed_ns)
        if due <= waiting.warned:
            return []
        # An earlier warning ends first, so that the next one is heard.
        found = self._quiet(waiting, "hold.warning", now_ns)
        waiting.warned = due
        case = self._open(waiting, "hold.warning", start, position)
        left = format_duration(hold.limit_ns - elapsed_ns)
        message = (
            f"{hold.name} has waited {format_duration(elapsed_ns)}: {left} are left of "
            f"{format_duration(hold.limit_ns)}{self._place(start)}."
        )
        return [*found, case.say(Stage.OPEN, now_ns, message, self._evidence(waiting, start, now_ns))]

    def _breach(self, waiting: Waiting, start: Start, at_ns: int, position: RowPosition) -> Finding:
        case = self._open(waiting, "hold.breach", start, position)
        limit = format_duration(waiting.hold.limit_ns)
        message = (
            f"{waiting.hold.name} has waited {format_duration(at_ns - start.time_ns)}, over its limit of {limit}"
            f"{self._place(start)}."
        )
        return case.say(Stage.OPEN, at_ns, message, self._evidence(waiting, start, at_ns))

    def _open(self, waiting: Waiting, rule: str, start: Start, position: RowPosition) -> Case:
        case = open_case(self._origin, rule, waiting.hold.name, start.time_ns, position, None, waiting.hold.unit)
        case.batch = start.batch
        case.id = f"{rule}/{waiting.hold.name}/{start.batch}//{position.entry}.{position.row}"
        waiting.cases[rule] = case
        return case

    def _indeterminate(self, waiting: Waiting, activity: Activity, run: Run | None, missing: str) -> Finding:
        """Say that one end of a hold was never recorded. It is not zero, and nobody can prove how long it was."""
        hold = waiting.hold
        known = waiting.start if missing == "stop" else None
        case = open_case(
            self._origin, "hold.indeterminate", hold.name, activity.time_ns, activity.position, run, hold.unit
        )
        case.batch = activity.batch if known is None else known.batch
        event = hold.start if missing == "start" else hold.stop
        message = f"{hold.name}: {event} was not recorded, so nobody can prove how long it waited."
        evidence: Evidence = {
            "missing": event,
            "started_ns": None if known is None else known.time_ns,
            "stopped_ns": activity.time_ns if missing == "start" else None,
            "elapsed_min_ns": 0,
            "elapsed_max_ns": None,
            "limit_ns": hold.limit_ns,
            "study": hold.study or None,
        }
        return case.say(Stage.CLEARED, activity.time_ns, message, evidence, activity.time_ns)

    def _close(self, waiting: Waiting, at_ns: int, activity: Activity | None) -> list[Finding]:
        """End what is open about a hold that has stopped."""
        start = waiting.start
        found: list[Finding] = []
        for rule in list(waiting.cases):
            case = waiting.cases.pop(rule)
            if start is None or activity is None:
                found.append(case.say(Stage.CLEARED, at_ns, f"{waiting.hold.name} began anew.", {}, at_ns))
                continue
            waited = format_duration(at_ns - start.time_ns)
            message = f"{waiting.hold.name} has ended after {waited}{self._place(start)}."
            evidence = self._evidence(waiting, start, at_ns, stopped=activity)
            found.append(case.say(Stage.CLEARED, at_ns, message, evidence, at_ns))
        return found

    def _quiet(self, waiting: Waiting, rule: str, at_ns: int) -> list[Finding]:
        case = waiting.cases.pop(rule, None)
        if case is None or waiting.start is None:
            return []
        message = f"{waiting.hold.name} is now nearer its limit{self._place(waiting.start)}."
        return [case.say(Stage.CLEARED, at_ns, message, self._evidence(waiting, waiting.start, at_ns), at_ns)]

    def _place(self, start: Start) -> str:
        return f", batch {start.batch}" if start.batch else ""

    def _evidence(self, waiting: Waiting, start: Start, at_ns: int, stopped: Activity | None = None) -> Evidence:
        # A closed hold is a difference on one clock; an open one is between two, which may be apart by the skew.
        skew_ns = waiting.skew_ns if stopped is None else 0
        stop_earliest_ns = at_ns if stopped is None else stopped.earliest_ns
        return {
            "started_ns": start.time_ns,
            "stopped_ns": None if stopped is None else stopped.time_ns,
            "elapsed_min_ns": max(0, stop_earliest_ns - start.time_ns - skew_ns),
            "elapsed_max_ns": at_ns - start.earliest_ns + skew_ns,
            "limit_ns": waiting.hold.limit_ns,
            "kind": str(waiting.hold.kind),
            "study": waiting.hold.study or None,
        }

    def running(self) -> list[tuple[Hold, Start]]:
        """The holds that run now, and how each began."""
        return [
            (waiting.hold, waiting.start)
            for waiting in self._waiting.values()
            if waiting.start is not None and not waiting.stopped
        ]

    def state(self) -> Json:
        """All of it."""
        return {name: _waiting_state(waiting) for name, waiting in self._waiting.items()}

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        for name, each in state.items():
            waiting = self._waiting[name]
            waiting.start = None
            if each["start"] is not None:
                time_ns, earliest_ns, (entry, row), source, batch = each["start"]
                position = RowPosition(Position(entry), row)
                waiting.start = Start(time_ns, earliest_ns, position, source, batch)
            waiting.stopped, waiting.skew_ns, waiting.warned = each["stopped"], each["skew_ns"], each["warned"]
            waiting.stopped_batch = each["stopped_batch"]
            waiting.cases = {rule: case_from(case) for rule, case in each["cases"].items()}

    def carry_over(self, state: Json) -> None:
        """Take from a state of other rules how each hold began whose unit, start and stop are still the same.

        What was announced stays behind, so that the next heartbeat judges by the limits that are in force now; `go_on`
        takes back what they say as well.
        """
        self.load(
            {
                name: {**each, "cases": {}, "warned": 0}
                for name, each in state.items()
                if name in self._waiting and each.get("events") == _events(self._waiting[name].hold)
            }
        )

    def go_on(self, finding: Finding) -> bool:
        """Follow on what was announced of a hold, if it still runs and its limit is the same; else it is left alone."""
        waiting = self._waiting.get(finding.subject)
        if waiting is None or waiting.start is None or waiting.stopped or finding.rule in waiting.cases:
            return False
        start, hold = waiting.start, waiting.hold
        judged_by = (finding.evidence.get("started_ns"), finding.evidence.get("limit_ns"))
        if judged_by != (start.time_ns, hold.limit_ns):
            return False
        if finding.rule == "hold.warning":
            waiting.warned = _warnings_due(hold, finding.at_ns - start.earliest_ns - waiting.skew_ns)
            if not waiting.warned:
                return False
        waiting.cases[finding.rule] = case_of(finding)
        return True


def _warnings_due(hold: Hold, elapsed_ns: int) -> int:
    """How many of a hold's warnings are due after it has waited so long."""
    return sum(elapsed_ns >= hold.limit_ns - before_ns for before_ns in hold.warn_before_ns)


def _events(hold: Hold) -> list[str]:
    """What makes a hold the same under other rules, whatever its limit."""
    return [hold.unit, hold.start, hold.stop]


def _waiting_state(waiting: Waiting) -> Json:
    start = waiting.start
    told = None
    if start is not None:
        told = [start.time_ns, start.earliest_ns, list(start.position), start.source, start.batch]
    return {
        "events": _events(waiting.hold),
        "start": told,
        "stopped": waiting.stopped,
        "stopped_batch": waiting.stopped_batch,
        "skew_ns": waiting.skew_ns,
        "warned": waiting.warned,
        "cases": {rule: case.state() for rule, case in waiting.cases.items()},
    }
