"""Findings about the condition in which something waits: when its tag leaves the range, and when it comes back."""

import math

from detectors.cases import Evidence, Origin, open_case, quantity
from detectors.holds import words
from detectors.holds.measures import Measures
from detectors.holds.stays import Moment, Stay, Waiting
from detectors.holds.strips import INSIDE, OUTSIDE, Strip
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.holds import Hold, HoldMode
from domain.time import format_duration

CONDITION = "hold.out_of_condition"


class Excursions:
    """What is said of the conditions of stays, as their strips come to it."""

    def __init__(self, origin: Origin, measures: Measures) -> None:
        self._origin = origin
        self._measures = measures

    def tell(
        self, waiting: Waiting, stay: Stay, strip: Strip, at_ns: int, position: RowPosition, value: float | None
    ) -> list[Finding]:
        """Tell what the strip of a condition has come to since it was last told, within the stay."""
        hold = waiting.hold
        if hold.mode is not HoldMode.IN_CONDITION or strip.proven_ns is None:
            return []
        end_ns = strip.proven_ns if stay.stop is None else min(strip.proven_ns, stay.stop.time_ns)
        from_ns = max(stay.start.time_ns, stay.told_ns)
        found: list[Finding] = []
        if from_ns > end_ns:
            return found
        if CONDITION in stay.cases and value is not None and strip.side(value):
            stay.peak = _further(strip, stay.peak, value)
        for state, begin_ns, until_ns in list(strip.stretches(from_ns, end_ns)):
            if state == OUTSIDE and CONDITION not in stay.cases and until_ns >= begin_ns:
                found.append(self._leaves(waiting, stay, strip, begin_ns, at_ns, position, value))
            elif state == INSIDE and CONDITION in stay.cases:
                found.append(self._returns(hold, stay, strip, begin_ns, at_ns))
        stay.told_ns = end_ns
        return found

    def end(self, waiting: Waiting, stay: Stay, strip: Strip, stop: Moment, position: RowPosition) -> list[Finding]:
        """Tell of the condition up to the stop; an excursion that lasts ends with the stay."""
        found = self.tell(waiting, stay, strip, stop.time_ns, position, None)
        if CONDITION in stay.cases:
            end_ns = max(stop.time_ns, stay.cases[CONDITION].onset_ns)
            found.append(self._returns(waiting.hold, stay, strip, end_ns, stop.time_ns))
        return found

    def calm(self, hold: Hold, stay: Stay, strip: Strip) -> tuple[float, float] | None:
        """Between which values a row says nothing of a stay, as long as its strip does not change; None: any may."""
        if stay.stop is not None or stay.base is None:
            return None
        if hold.mode is not HoldMode.IN_CONDITION or (not strip.is_outside_now() and CONDITION not in stay.cases):
            return -math.inf, math.inf
        if CONDITION not in stay.cases or stay.peak is None or not strip.is_outside_now():
            return None
        return (-math.inf, stay.peak) if strip.side(stay.peak) > 0 else (stay.peak, math.inf)

    def _leaves(
        self,
        waiting: Waiting,
        stay: Stay,
        strip: Strip,
        onset_ns: int,
        at_ns: int,
        position: RowPosition,
        value: float | None,
    ) -> Finding:
        hold = waiting.hold
        assert hold.condition is not None
        stay.excursions += 1
        stay.peak = value if value is not None and strip.side(value) else None
        case = open_case(self._origin, CONDITION, hold.name, onset_ns, position, None, hold.unit)
        case.batch = stay.batch
        # A row that comes long after the start may tell of several.
        stays = waiting.stays if stay in waiting.stays else [*waiting.stays, stay]
        others = sum(each.detected == position for one in stays if one.batch == stay.batch for each in one.told)
        label = others + 1 if others else ""
        case.id = f"{CONDITION}/{hold.name}/{stay.batch}/{label}/{position.entry}.{position.row}"
        stay.cases[CONDITION] = case
        shown = "outside" if stay.peak is None else quantity(stay.peak, strip.unit)
        within = words.in_words(hold.condition, strip.unit)
        message = f"{hold.name}: {hold.condition.tag} is {shown}, not {within}{words.place(stay)}. The clock goes on."
        if hold.counts_in_condition:
            message = message.replace("The clock goes on.", "Only time in its condition counts.")
        told = self._outside(hold, stay, strip, onset_ns, at_ns)
        return self._keep(stay, case.say(Stage.OPEN, max(at_ns, onset_ns), message, told))

    def _returns(self, hold: Hold, stay: Stay, strip: Strip, end_ns: int, at_ns: int) -> Finding:
        assert hold.condition is not None
        case = stay.cases.pop(CONDITION)
        evidence = self._outside(hold, stay, strip, case.onset_ns, end_ns)
        spent = format_duration(int(evidence["outside_max_ns"] or 0))
        message = (
            f"{hold.name}: {hold.condition.tag} was not {words.in_words(hold.condition, strip.unit)} "
            f"for {spent}{words.place(stay)}."
        )
        return self._keep(stay, case.say(Stage.CLEARED, max(at_ns, end_ns), message, evidence, end_ns))

    def _keep(self, stay: Stay, finding: Finding) -> Finding:
        stay.tell(finding)
        return finding

    def _outside(self, hold: Hold, stay: Stay, strip: Strip, onset_ns: int, until_ns: int) -> Evidence:
        """Minutes outside: of this excursion, and of the stay so far."""
        assert hold.condition is not None
        this = strip.outside(onset_ns, max(until_ns, onset_ns))
        whole = strip.outside(stay.start.time_ns, max(until_ns, stay.start.time_ns), stay.base)
        return {
            "tag": hold.condition.tag,
            "low": hold.condition.low,
            "high": hold.condition.high,
            "unit": strip.unit,
            "peak": stay.peak,
            "outside_min_ns": this.low_ns,
            "outside_max_ns": this.high_ns,
            "hold_outside_min_ns": whole.low_ns,
            "hold_outside_max_ns": whole.high_ns,
            "excursions": stay.excursions,
            "study": hold.study or None,
        }


def _further(strip: Strip, peak: float | None, value: float) -> float:
    """The value that is further outside."""
    if peak is None or strip.side(peak) != strip.side(value):
        return value
    return max(peak, value) if strip.side(value) > 0 else min(peak, value)
