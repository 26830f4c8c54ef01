"""Corrections: a person says when a hold really started or stopped, and why."""

from dataclasses import replace

from detectors.cases import Evidence, Origin, open_case
from detectors.holds.clocks import Stamp
from detectors.holds.measures import Measures
from detectors.holds.saying import Saying
from detectors.holds.stays import Moment, Stay, Waiting
from domain.entries import ActionKind, PersonAction, RowPosition
from domain.findings import Finding, Stage
from domain.holds import Hold
from domain.time import format_time

CORRECTED = "hold.corrected"


class Correcting:
    """Takes corrections. What was said before stays as it was; each statement gets a new version."""

    def __init__(self, origin: Origin, measures: Measures, saying: Saying) -> None:
        self._origin = origin
        self._measures = measures
        self._saying = saying

    def correct(self, waiting: Waiting, stay: Stay, action: PersonAction, position: RowPosition) -> list[Finding]:
        """Correct one end of a stay that has no `fault_of` it."""
        is_start = action.kind is ActionKind.HOLD_START
        true_ns = action.until_ns
        assert true_ns is not None
        old = stay.start if is_start else stay.stop
        old_ns = None if old is None or (is_start and not stay.knows_start) else old.time_ns
        self._put(waiting, stay, true_ns, position, is_start=is_start)
        why: Evidence = {
            "corrected": "start" if is_start else "stop",
            "corrected_from_ns": old_ns,
            "corrected_to_ns": true_ns,
            "person": action.person,
            "reason": action.comment.strip(),
        }
        until = stay.stop or self._measures.now(stay.start.source, action.at_ns, position)
        found = [self._record(waiting, stay.batch, action, position, old_ns)]
        found += self._saying.corrected(waiting, stay, until, action.at_ns, position, why)
        return found

    def start_told_late(self, waiting: Waiting, stay: Stay, start: Moment, batch: str) -> list[Finding]:
        """The start of a stay that ended without one comes after its stop: what was said of it gets a new version."""
        assert stay.stop is not None
        stamp = stay.stop.stamp if start.source == stay.stop.source else start.stamp
        stay.start = replace(start, position=stay.start.position, stamp=stamp)
        stay.knows_start, stay.base, stay.outside, stay.batch = True, None, None, stay.batch or batch
        stay.told_ns = max(stay.told_ns, start.time_ns)
        why: Evidence = {"told_late": waiting.hold.start}
        how = "by its start, which was told late"
        return self._saying.corrected(waiting, stay, stay.stop, stay.stop.time_ns, start.position, why, how)

    def _put(self, waiting: Waiting, stay: Stay, true_ns: int, position: RowPosition, *, is_start: bool) -> None:
        """Move an end; by the clock as it was read there, so no leap lies between it and the other end's."""
        stay.outside = None
        if is_start:
            stamp = stay.start.stamp
            stay.start = replace(stay.start, time_ns=true_ns, earliest_ns=true_ns, stamp=stamp)
            stay.knows_start, stay.base, stay.told_ns = True, None, max(stay.told_ns, true_ns)
            return
        stamp = self._stamp(stay)
        stay.stop = Moment(true_ns, true_ns, position, stay.start.source, stamp)
        if not stay.is_judged:
            stay.is_judged, waiting.stopped_batch = True, stay.batch
            waiting.past.append(stay)
            stay.said.update(stay.cases)

    def _stamp(self, stay: Stay) -> Stamp:
        return self._measures.stamp(stay.start.source) if stay.stop is None else stay.stop.stamp

    def _record(
        self,
        waiting: Waiting,
        batch: str,
        action: PersonAction,
        position: RowPosition,
        old_ns: int | None,
    ) -> Finding:
        """That somebody corrected a hold, whatever follows from it."""
        hold = waiting.hold
        case = open_case(self._origin, CORRECTED, hold.name, action.at_ns, position, None, hold.unit)
        case.batch = batch
        end = "start" if action.kind is ActionKind.HOLD_START else "stop"
        told = "nothing" if action.until_ns is None else format_time(action.until_ns)
        was = "" if old_ns is None else f" instead of {format_time(old_ns)}"
        message = f"{action.person} recorded {told}{was} as the true {end} of {hold.name}, batch {batch}"
        message = f"{message}: {action.comment.strip()}."
        evidence: Evidence = {
            "corrected": end,
            "corrected_from_ns": old_ns,
            "corrected_to_ns": action.until_ns,
            "person": action.person,
            "reason": action.comment.strip(),
        }
        return case.say(Stage.CLEARED, action.at_ns, message, evidence, action.at_ns)


def newest_stay(waiting: Waiting, batch: str) -> Stay | None:
    """The newest stay of a batch: the one that runs, else the last that ended."""
    return next((stay for stay in reversed(waiting.stays) if stay.batch == batch), None)


def stay_over_by(waiting: Waiting, start: Moment, batch: str) -> Stay | None:
    """The stay that has ended, and that a start which is told only now is of: it lies before its stop."""
    stay = waiting.stay
    if stay is None or stay.stop is None or start.time_ns >= stay.stop.time_ns:
        return None
    if stay.knows_start and start.time_ns < stay.start.time_ns:
        return None
    return stay if not batch or not stay.batch or batch == stay.batch else None


def fault_of(hold: Hold, batch: str, stay: Stay | None, action: PersonAction) -> str:
    """Why a correction can be true of no stay that is known; empty: it can be true."""
    if stay is None:
        return f"no stay of batch {batch!r} in hold {hold.name!r} is known"
    if action.until_ns is None:
        return "it needs the time that is true"
    told = format_time(action.until_ns)
    if action.kind is ActionKind.HOLD_START:
        if stay.stop is None or action.until_ns <= stay.stop.time_ns:
            return ""
        return f"a start at {told} would lie after the stop at {format_time(stay.stop.time_ns)}"
    is_early = action.until_ns < stay.start.time_ns
    return f"a stop at {told} would lie before the start at {format_time(stay.start.time_ns)}" if is_early else ""
