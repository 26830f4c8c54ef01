"""Findings about one stay: warnings, breaches, and how it ended."""

from detectors.cases import Case, Evidence, Origin, open_case
from detectors.holds import words
from detectors.holds.clocks import Span
from detectors.holds.excursions import CONDITION, Excursions
from detectors.holds.measures import Measures
from detectors.holds.stays import Moment, Stay, Waiting
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.holds import Hold, HoldMode
from domain.rules import Rulebook
from domain.shifts import Shifts
from domain.time import format_duration

BREACH = "hold.breach"
WARNING = "hold.warning"
INDETERMINATE = "hold.indeterminate"
RECORD = "hold.record"

_DISPROVED = "disproved"
"""Why a breach is none: it was one in the worst case only, and that is now known not to be."""


class Saying:
    """What is said of stays. Times of findings are the heartbeat's while a stay runs, and its own once it has ended."""

    def __init__(self, rulebook: Rulebook, origin: Origin, measures: Measures, excursions: Excursions) -> None:
        self._origin = origin
        self._measures = measures
        self._excursions = excursions
        self._shifts: Shifts | None = rulebook.shifts

    def running(self, waiting: Waiting, stay: Stay, now: Moment, now_ns: int) -> list[Finding]:
        """Judge a stay that runs: over its limit, near it, or near it before the shift ends."""
        hold, limit_ns = waiting.hold, waiting.hold.limit_ns
        used = self._measures.used(hold, stay, now)
        worst_ns = used.low_ns if used.high_ns is None else used.high_ns
        if limit_ns is None or worst_ns <= limit_ns:
            return [*self._disproved(hold, stay, used, now, now_ns), *self._warn(hold, stay, used, now, now_ns)]
        if BREACH not in stay.cases:
            return [self._breach(hold, stay, used, now, now_ns), *self.quiet(hold, stay, WARNING, now, now_ns)]
        if not stay.is_proven and words.is_proven(hold, used):
            stay.is_proven = True
            message = words.breached(hold, stay, used, self._measures.unit(hold))
            return [stay.cases[BREACH].say(Stage.OPEN, now_ns, message, self._evidence(hold, stay, used, now))]
        return []

    def _breach(self, hold: Hold, stay: Stay, used: Span, until: Moment, at_ns: int) -> Finding:
        case = self._open(hold, stay, BREACH, stay.start.time_ns, until.position)
        stay.is_proven = words.is_proven(hold, used)
        message = words.breached(hold, stay, used, self._measures.unit(hold))
        return case.say(Stage.OPEN, at_ns, message, self._evidence(hold, stay, used, until))

    def _disproved(self, hold: Hold, stay: Stay, used: Span, now: Moment, now_ns: int) -> list[Finding]:
        """Take a breach back that was one in the worst case, which is now known not to be."""
        if BREACH not in stay.cases or stay.is_proven:
            return []  # what was certain once is no less by a clock that was set back
        message = (
            f"{words.warned(hold, stay, used, self._measures.unit(hold))[:-1]}. It is not over its limit after all."
        )
        evidence = {**self._evidence(hold, stay, used, now), "withdrawn": _DISPROVED}
        return [self._take_back(hold, stay, used, message, evidence, now_ns)]

    def _take_back(self, hold: Hold, stay: Stay, used: Span, message: str, evidence: Evidence, at_ns: int) -> Finding:
        """End a breach of a stay that runs and is none; its warnings are given again as they fall due."""
        case, stay.is_proven = stay.cases.pop(BREACH), False
        worst_ns = used.low_ns if used.high_ns is None else used.high_ns
        stay.warned = sum(worst_ns >= after_ns for after_ns in hold.warnings_ns)
        return case.say(Stage.CLEARED, at_ns, message, evidence, at_ns)

    def _warn(self, hold: Hold, stay: Stay, used: Span, now: Moment, now_ns: int) -> list[Finding]:
        """Give the next warning that is due; of several at once the last."""
        worst_ns = used.low_ns if used.high_ns is None else used.high_ns
        due = sum(worst_ns >= after_ns for after_ns in hold.warnings_ns)
        runs_out_ns = self._runs_out_ns(hold, stay, used, now_ns)
        forecast = not stay.forecast and runs_out_ns is not None
        if due <= stay.warned and not forecast:
            return []
        # An earlier warning ends first, so that the next one is heard.
        found = self.quiet(hold, stay, WARNING, now, now_ns)
        stay.warned = max(due, stay.warned)
        stay.forecast = stay.forecast or runs_out_ns is not None
        case = self._open(hold, stay, WARNING, stay.start.time_ns, now.position)
        message = words.warned(hold, stay, used, self._measures.unit(hold))
        evidence = dict(self._evidence(hold, stay, used, now))
        if runs_out_ns is not None and self._shifts is not None:
            message = f"{message[:-1]}. It runs out at {self._shifts.local_clock(runs_out_ns)}, before this shift ends."
            evidence |= {"runs_out_ns": runs_out_ns, "shift_end_ns": self._shifts.end_ns(now_ns)}
        return [*found, case.say(Stage.OPEN, now_ns, message, evidence)]

    def _runs_out_ns(self, hold: Hold, stay: Stay, used: Span, now_ns: int) -> int | None:
        """When a hold runs out, where that is within this shift and half of it is used; None otherwise."""
        runs_out_ns = self.forecast_ns(hold, used, now_ns)
        if runs_out_ns is None or self._shifts is None or hold.limit_ns is None or used.high_ns is None:
            return None
        is_near = 2 * used.high_ns >= hold.limit_ns and runs_out_ns < self._shifts.end_ns(now_ns)
        return runs_out_ns if is_near else None

    def forecast_ns(self, hold: Hold, used: Span, now_ns: int) -> int | None:
        """When a hold is over its limit if all goes on as it does; None: not so, or nobody can say."""
        if hold.limit_ns is None or used.high_ns is None:
            return None
        strip = self._measures.strip(hold)
        if strip is not None:
            counts_outside = hold.mode is HoldMode.OVER_TEMPERATURE
            stands = strip.is_outside_now() is not counts_outside
            if stands and (counts_outside or hold.counts_in_condition):
                return None
        return now_ns + max(0, hold.limit_ns - used.high_ns)

    def quiet(self, hold: Hold, stay: Stay, rule: str, now: Moment, at_ns: int) -> list[Finding]:
        """End what was announced because something worse, or nothing, is to be said."""
        case = stay.cases.pop(rule, None)
        if case is None:
            return []
        used = self._measures.used(hold, stay, now)
        message = f"{hold.name} is now nearer its limit{words.place(stay)}."
        return [case.say(Stage.CLEARED, at_ns, message, self._evidence(hold, stay, used, now), at_ns)]

    def ended(self, waiting: Waiting, stay: Stay, stop: Moment, position: RowPosition) -> list[Finding]:
        """Judge the whole of a stay by its own ends, and close what is open about it."""
        hold, at_ns = waiting.hold, stop.time_ns
        strip = self._measures.strip(hold)
        found = [] if strip is None else self._excursions.end(waiting, stay, strip, stop, position)
        used = self._measures.used(hold, stay, stop)
        found += self._judged(hold, stay, used, stop, position)
        evidence = self._evidence(hold, stay, used, stop)
        message = words.ended(hold, stay, used, self._measures.unit(hold))
        for rule in list(stay.cases):
            case = stay.said[rule] = stay.cases.pop(rule)
            is_none = {"withdrawn": _DISPROVED} if rule == BREACH and not _is_over(hold, used) else {}
            found.append(case.say(Stage.CLEARED, at_ns, message, {**evidence, **is_none}, at_ns))
        if hold.mode is HoldMode.ENDPOINT or hold.storage is not None:
            case = self._open(hold, stay, RECORD, stay.start.time_ns, position)
            stay.said[RECORD] = stay.cases.pop(RECORD)
            found.append(case.say(Stage.CLEARED, at_ns, message, evidence, at_ns))
        return found

    def _judged(self, hold: Hold, stay: Stay, used: Span, stop: Moment, position: RowPosition) -> list[Finding]:
        """A breach that no heartbeat announced."""
        if not _is_over(hold, used) or BREACH in stay.cases:
            return []
        case = self._open(hold, stay, BREACH, stay.start.time_ns, position)
        message = words.breached(hold, stay, used, self._measures.unit(hold))
        return [case.say(Stage.OPEN, stop.time_ns, message, self._evidence(hold, stay, used, stop))]

    def unknown_start(self, waiting: Waiting, stay: Stay, at_ns: int, position: RowPosition) -> Finding:
        """Say that something waits whose start nobody recorded: nobody can prove how long, and it goes on."""
        hold = waiting.hold
        case = self._open(hold, stay, INDETERMINATE, stay.start.time_ns, position)
        message = (
            f"{hold.name} waits, and its {hold.start} was not recorded: nobody can prove since when{words.place(stay)}."
        )
        return case.say(Stage.OPEN, at_ns, message, self.missing(hold, stay, hold.start, Span(0, None)))

    def missing_start(self, waiting: Waiting, stay: Stay, stop: Moment) -> Finding:
        """Say that a stop came without a start: it is not zero, and nobody can prove how long it was."""
        hold = waiting.hold
        case = self._open(hold, stay, INDETERMINATE, stop.time_ns, stop.position)
        stay.said[INDETERMINATE] = stay.cases.pop(INDETERMINATE)
        message = f"{hold.name}: {hold.start} was not recorded, so nobody can prove how long it waited."
        evidence = self.missing(hold, stay, hold.start, Span(0, None))
        return case.say(Stage.CLEARED, stop.time_ns, message, evidence, stop.time_ns)

    def missing_stop(self, waiting: Waiting, stay: Stay, over: Moment) -> list[Finding]:
        """Say that a stay is over, though nobody recorded its stop: `over` has its last sight as the earliest."""
        hold = waiting.hold
        strip = self._measures.strip(hold)
        found = [] if strip is None else self._excursions.end(waiting, stay, strip, over, over.position)
        used = self._measures.used(hold, stay, over)
        case = open_case(self._origin, INDETERMINATE, hold.name, over.time_ns, over.position, None, hold.unit)
        case.batch = stay.batch
        case.id = f"{INDETERMINATE}/{hold.name}/{stay.batch}//{over.position.entry}.{over.position.row}"
        stay.said[INDETERMINATE] = case
        most = used.low_ns if used.high_ns is None else used.high_ns
        long = words.between(used.low_ns, most) if used.high_ns is not None else f"at least {format_duration(most)}"
        message = (
            f"{hold.name}: {hold.stop} was not recorded, so nobody can prove how long it waited "
            f"({long}){words.place(stay)}."
        )
        evidence = self.missing(hold, stay, hold.stop, used)
        found.append(case.say(Stage.CLEARED, over.time_ns, message, evidence, over.time_ns))
        for rule in list(stay.cases):
            known = stay.said[rule] = stay.cases.pop(rule)
            found.append(known.say(Stage.CLEARED, over.time_ns, message, evidence, over.time_ns))
        return found

    def missing(self, hold: Hold, stay: Stay, event: str, used: Span) -> Evidence:
        """The evidence of a hold that misses an end."""
        return {
            "missing": event,
            "started_ns": stay.start.time_ns if stay.knows_start else None,
            "stopped_ns": None if stay.stop is None else stay.stop.time_ns,
            "elapsed_min_ns": used.low_ns,
            "elapsed_max_ns": used.high_ns,
            "limit_ns": hold.limit_ns,
            "kind": str(hold.kind),
            "mode": str(hold.mode),
            "study": hold.study or None,
        }

    def withdrawn(self, waiting: Waiting, stay: Stay, at_ns: int, why: str) -> list[Finding]:
        """Take back what is open about a stay."""
        found = []
        for rule in list(stay.cases):
            case = stay.said[rule] = stay.cases.pop(rule)
            found.append(case.say(Stage.CLEARED, at_ns, f"{waiting.hold.name}: {why}.", {}, at_ns))
        return found

    def corrected(
        self,
        waiting: Waiting,
        stay: Stay,
        until: Moment,
        at_ns: int,
        position: RowPosition,
        why: Evidence,
        how: str = "by a corrected time",
    ) -> list[Finding]:
        """The next version of everything that was said of a stay, by its corrected ends."""
        hold = waiting.hold
        used = self._measures.used(hold, stay, until)
        evidence = {**self._evidence(hold, stay, used, until), **why}
        unit = self._measures.unit(hold)
        worst_ns = used.low_ns if used.high_ns is None else used.high_ns
        is_over = _is_over(hold, used)
        found: list[Finding] = []
        message = words.ended(hold, stay, used, unit)
        if stay.stop is None:
            message = words.breached(hold, stay, used, unit) if is_over else words.warned(hold, stay, used, unit)
        message = f"{message[:-1]}, {how}."
        if is_over and BREACH not in stay.cases and BREACH not in stay.said:
            case = self._open(hold, stay, BREACH, stay.start.time_ns, position)
            found.append(case.say(Stage.OPEN, at_ns, message, evidence))
            if stay.stop is not None:
                stay.said[BREACH] = stay.cases.pop(BREACH)
                found.append(case.say(Stage.CLEARED, at_ns, message, evidence, stay.stop.time_ns))
        elif BREACH in stay.cases and is_over:
            found.append(stay.cases[BREACH].say(Stage.OPEN, at_ns, message, evidence))
        for rule in [rule for rule in stay.cases if rule != BREACH or not is_over]:
            if rule != CONDITION:
                case = stay.cases.pop(rule)
                found.append(case.say(Stage.CLEARED, at_ns, message, evidence, at_ns))
        if stay.stop is not None:
            again = {rule: case for rule, case in stay.said.items() if rule != WARNING and case.id not in _ids(found)}
            for rule, case in again.items():
                # A breach that is none after all is told apart from one that is over.
                is_none = {"withdrawn": "judged again"} if rule == BREACH and not is_over else {}
                found.append(case.say(Stage.CLEARED, at_ns, message, {**evidence, **is_none}, stay.stop.time_ns))
        stay.warned = sum(worst_ns >= after_ns for after_ns in hold.warnings_ns)
        stay.forecast = False
        return found

    def figures(self, waiting: Waiting, stay: Stay, until: Moment) -> Evidence:
        """What a stay has taken, as evidence."""
        return self._evidence(waiting.hold, stay, self._measures.used(waiting.hold, stay, until), until)

    def judged_again(
        self, waiting: Waiting, stay: Stay, was: Evidence, until: Moment, at_ns: int, position: RowPosition
    ) -> list[Finding]:
        """The next version of what was said of a stay whose figures were others; a heartbeat says what is due."""
        hold = waiting.hold
        at_ns = max(at_ns, until.time_ns)
        why: Evidence = {"rejudged": int(position.entry)}
        how = "judged again by all rows of its tag"
        if stay.is_judged:
            return self.corrected(waiting, stay, until, at_ns, position, why, how)
        used = self._measures.used(hold, stay, until)
        if hold.limit_ns is None or BREACH not in stay.cases or _worst_ns(was) <= hold.limit_ns:
            return []
        if _is_over(hold, used):
            return []
        unit = self._measures.unit(hold)
        message = f"{words.warned(hold, stay, used, unit)[:-1]}, {how}: it is not over its limit."
        evidence = {**self._evidence(hold, stay, used, until), **why, "withdrawn": "judged again"}
        return [self._take_back(hold, stay, used, message, evidence, at_ns)]

    def _open(self, hold: Hold, stay: Stay, rule: str, onset_ns: int, position: RowPosition) -> Case:
        case = open_case(self._origin, rule, hold.name, onset_ns, position, None, hold.unit)
        case.batch = stay.batch
        case.id = f"{rule}/{hold.name}/{stay.batch}//{position.entry}.{position.row}"
        stay.cases[rule] = case
        return case

    def _evidence(self, hold: Hold, stay: Stay, used: Span, until: Moment) -> Evidence:
        told = dict(words.evidence(hold, stay, used, self._measures.lasted(stay, until)))
        if hold.condition is not None:
            spent = self._measures.outside(hold, stay, until)
            told |= {"outside_min_ns": spent.low_ns, "outside_max_ns": spent.high_ns}
        if hold.storage is not None:
            kinetic = self._measures.kinetics[hold.storage]
            mean_c, seconds = kinetic.over(stay.start.time_ns, until.time_ns)
            told |= {"mean_kinetic_degC": mean_c, "mean_kinetic_of_s": round(seconds, 3)}
        return told


def _is_over(hold: Hold, used: Span) -> bool:
    """Whether the most is over the limit."""
    worst_ns = used.low_ns if used.high_ns is None else used.high_ns
    return hold.limit_ns is not None and worst_ns > hold.limit_ns


def _worst_ns(figures: Evidence) -> int:
    """The most that counted, by the evidence of a stay."""
    name = "counted" if "counted_max_ns" in figures else "elapsed"
    most, least = figures[f"{name}_max_ns"], figures[f"{name}_min_ns"]
    worst = least if most is None else most
    assert isinstance(worst, int)
    return worst


def _ids(found: list[Finding]) -> set[str]:
    return {str(finding.id) for finding in found}
