"""How long material or equipment waits, from recorded events, never from a timer.

`hold_events` says what starts and stops a hold, `hold_measures` how much of the time in between counts, `hold_saying`
what is said of it, `hold_budgets` what several holds of a batch take together.

Elapsed time is source time minus source time. An open hold is judged by the heartbeats, set on its source's clock by
the measured skew. Where a gap hides an end, where clocks were set or differ, and where a tag is not proven to be in its
condition, there are two figures, the least and the most, and what alarms is the most. A start or a stop that nobody
recorded is indeterminate, never zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.cases import Json, Origin, Run
from detectors.context.units import Unit
from detectors.gaps import Gaps
from detectors.holds.booking import Booking
from detectors.holds.budgets import Budgets
from detectors.holds.correcting import Correcting, fault_of, newest_stay, stay_over_by
from detectors.holds.events import CLEANING, USE, Activity, Trigger, trigger_of
from detectors.holds.excursions import Excursions
from detectors.holds.following import Following
from detectors.holds.going_on import forget_said, go_on
from detectors.holds.late import Rejudging
from detectors.holds.measures import Measures
from detectors.holds.saying import Saying
from detectors.holds.stays import Moment, Stay, Waiting, events_of
from detectors.holds.table import BudgetRow, Row, row_of
from detectors.late.derived import Record
from detectors.late.rejudging import Stretch
from detectors.part import Part, Said
from domain.entries import ActionKind, Gap, Heartbeat, PersonAction, RowPosition
from domain.findings import Conclusion, Finding
from domain.holds import HoldDecision, HoldKind
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import MINUTE_NS

__all__ = ["CLEANING", "USE", "Activity", "Holds", "Row"]

_CONDITION_WITHIN_NS = 2 * MINUTE_NS
"""So long after its stop a stay waits for the tag of its condition to come that far; then it is judged without."""

_MATERIAL = (HoldKind.INTERMEDIATE, HoldKind.STEP)


class Holds(Part):
    """All holds of the rulebook."""

    name = "holds"

    def __init__(
        self,
        rulebook: Rulebook,
        origin: Origin,
        gaps: Gaps,
        units: Mapping[str, Unit],
        recheck: Callable[[int, int, int], None],
    ) -> None:
        """Make them; `recheck` asks that a stretch (ns) of a tag is judged again."""
        self._units = units
        self._measures = Measures(rulebook, gaps)
        self._excursions = Excursions(origin, self._measures)
        self._saying = Saying(rulebook, origin, self._measures, self._excursions)
        self._correcting = Correcting(origin, self._measures, self._saying)
        self._rejudging = Rejudging(self._measures, self._excursions, self._saying)
        self._recheck = recheck
        self._waiting = {name: Waiting(hold) for name, hold in rulebook.holds.items()}
        self._triggers = {
            name: (trigger_of(hold.start), trigger_of(hold.stop)) for name, hold in rulebook.holds.items()
        }
        self._of_unit: dict[str, list[Waiting]] = {}
        for waiting in self._waiting.values():
            self._of_unit.setdefault(waiting.hold.unit, []).append(waiting)
        self._following = Following(
            gaps, self._measures, self._excursions, list(self._waiting.values()), recheck, self._judge_whole
        )
        self._booking = Booking(Budgets(dict(rulebook.budgets), origin), self._measures, self._waiting)
        self.table: tuple[Row, ...] = ()
        """Everything that waits, as the last heartbeat or event left it; replaced whole, so any thread may read it."""
        self.budget_table: tuple[BudgetRow, ...] = ()
        """The budgets of the batches that wait; likewise."""

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._measures.grow(size)
        self._following.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        self._following.look()
        self._measures.bind(tag)
        self._following.bind(tag)

    # What starts and stops them

    def take(self, activity: Activity, run: Run | None) -> list[Finding]:
        """Take an activity of a unit; say what it means for the unit's holds."""
        self._following.look()
        found: list[Finding] = []
        for waiting in self._of_unit.get(activity.unit, ()):
            starts, stops = self._triggers[waiting.hold.name]
            found += self._stop(waiting, stops, activity)
            found += self._start(waiting, starts, activity)
        return found

    def _moment(self, activity: Activity) -> Moment:
        stamp = self._measures.stamp(activity.source)
        return Moment(activity.time_ns, activity.earliest_ns, activity.position, activity.source, stamp)

    def _start(self, waiting: Waiting, trigger: Trigger, activity: Activity) -> list[Finding]:
        if activity.name != trigger.name:
            return []
        stay, moment = waiting.running, self._moment(activity)
        waiting.is_known = True
        if activity.begins != trigger.begins:
            # The end that started the hold was not the last: it starts again at the next one.
            return self._end(waiting, stay, moment) if trigger.provisional and stay is not None else []
        found: list[Finding] = []
        if stay is not None and not stay.knows_start:
            found = self._saying.withdrawn(waiting, stay, activity.time_ns, f"its {waiting.hold.start} came only now")
        elif stay is not None:
            if not activity.is_phase or activity.batch == stay.batch:
                stay.again = moment
                return []
            found = self._stop_is_missing(waiting, stay, moment)
        found += self._finish(waiting, moment.position)
        over = stay_over_by(waiting, moment, activity.batch)
        if over is not None:
            return found if over.knows_start else found + self._start_was_late(waiting, over, moment, activity.batch)
        waiting.stay = Stay(moment, activity.batch, batch_is_certain=activity.is_phase)
        waiting.stopped_batch = None
        return found

    def _start_was_late(self, waiting: Waiting, stay: Stay, moment: Moment, batch: str) -> list[Finding]:
        """A stay that has ended without a start has one after all."""
        found = self._correcting.start_told_late(waiting, stay, moment, batch)
        found += self._booking.book_again(waiting, stay, moment.position, {"told_late": str(waiting.hold.start)})
        self._judge_condition_again(waiting, stay)
        return found

    def _judge_condition_again(self, waiting: Waiting, stay: Stay) -> None:
        strip = self._measures.strip(waiting.hold)
        if strip is not None and strip.tag is not None:
            now_ns = self._measures.seen(stay).time_ns if stay.stop is None else stay.stop.time_ns
            self._recheck(strip.tag, stay.start.time_ns, max(now_ns, stay.start.time_ns))

    def _stop(self, waiting: Waiting, trigger: Trigger, activity: Activity) -> list[Finding]:
        if activity.name != trigger.name:
            return []
        stay = waiting.stay
        if activity.begins != trigger.begins:
            if trigger.provisional and stay is not None and waiting.stopped_batch is not None and stay.knows_start:
                self._resume(waiting, stay)  # more flows out: the hold went on
            return []
        waiting.is_known = True
        other_batch = activity.is_phase and activity.batch != waiting.stopped_batch
        if waiting.stopped_batch is not None and not other_batch:
            if trigger.provisional and stay is not None and not stay.knows_start and activity.batch == stay.batch:
                stay.stop = self._moment(activity)  # for a start that may be told late, or by a person
            return []  # a later use, transfer or cleaning is not the first
        moment = self._moment(activity)
        if waiting.running is None:
            found = self._finish(waiting, moment.position)
            stay = Stay(moment, activity.batch, knows_start=False, stop=moment, is_judged=True)
            waiting.stay = stay
            waiting.past.append(stay)
            found.append(self._saying.missing_start(waiting, stay, moment))
        else:
            found = self._end(waiting, waiting.running, moment)
        waiting.stopped_batch = activity.batch
        return found

    def _end(self, waiting: Waiting, stay: Stay, stop: Moment) -> list[Finding]:
        """A stay stops; it is judged as soon as its condition is known up to there."""
        found = self._name(waiting, stay, stop.time_ns, leaves=True)
        stay = waiting.running or stay  # the next batch's, where that came in before this stop
        stay.stop = stop
        strip = self._measures.strip(waiting.hold)
        if strip is None or (strip.proven_ns is not None and strip.proven_ns >= stop.time_ns):
            found += self._judge_whole(waiting, stay, stop.position)
        return found

    def _judge_whole(self, waiting: Waiting, stay: Stay, position: RowPosition) -> list[Finding]:
        assert stay.stop is not None
        strip = self._measures.strip(waiting.hold)
        if strip is not None and strip.tag is not None and stay.stop.time_ns < stay.told_ns:
            # Excursions were told of what turns out to lie behind the stop.
            self._recheck(strip.tag, stay.stop.time_ns, stay.told_ns)
        found = self._saying.ended(waiting, stay, stay.stop, position)
        self._judged(waiting, stay)
        return [*found, *self._booking.book(waiting, stay, stay.stop, position)]

    def _judged(self, waiting: Waiting, stay: Stay) -> None:
        """A stay is over and judged; how long it was out of its condition is kept, for the strip forgets."""
        stay.is_judged = True
        waiting.past.append(stay)
        strip = self._measures.strip(waiting.hold)
        if strip is not None and stay.stop is not None:
            stay.outside = self._measures.outside(waiting.hold, stay, stay.stop)
            if strip.proven_ns is None or strip.proven_ns < stay.stop.time_ns:
                stay.awaits_ns = stay.stop.time_ns

    def _finish(self, waiting: Waiting, position: RowPosition) -> list[Finding]:
        """Judge a stay that has stopped and still waits for its condition: something else begins."""
        stay = waiting.stay
        if stay is None or stay.stop is None or stay.is_judged:
            return []
        return self._judge_whole(waiting, stay, position)

    def _resume(self, waiting: Waiting, stay: Stay) -> None:
        if stay.is_judged:  # what was announced has been cleared: it is announced again where it still is so
            stay.warned, stay.forecast, stay.is_proven = 0, False, False
        stay.stop, stay.outside, stay.awaits_ns, stay.is_judged, waiting.stopped_batch = None, None, None, False, None
        stay.said.clear()
        if stay in waiting.past:
            waiting.past.remove(stay)
        self._booking.unbook(waiting, stay)

    def _stop_is_missing(self, waiting: Waiting, stay: Stay, over: Moment) -> list[Finding]:
        """A stay is over by `over`, and nobody recorded when it stopped: at the earliest when it was last sighted."""
        seen_ns = max(stay.start.time_ns, min(stay.sighted_ns or stay.start.time_ns, over.time_ns))
        stay.stop = replace(over, earliest_ns=min(seen_ns, over.earliest_ns))
        found = self._saying.missing_stop(waiting, stay, stay.stop)
        self._judged(waiting, stay)
        return [*found, *self._booking.book(waiting, stay, stay.stop, over.position)]

    # What their condition does

    def judge(self, frame: Frame) -> list[Said]:
        """Take the rows of the tags that holds look at."""
        return self._following.judge(frame)

    def gap(self, gap: Gap) -> None:
        """Take a gap that may be told after the samples around it."""
        self._following.look()
        changed = self._measures.gap(gap)
        for waiting in self._waiting.values():
            stay, strip = waiting.stay, self._measures.strip(waiting.hold)
            if stay is not None and strip in changed and strip is not None and not strip.forgot(stay.start.time_ns):
                stay.base = None

    # What late rows do

    def is_judged(self, tag: int) -> bool:
        """Whether late rows of a tag may change what was said of a hold."""
        return bool(self._measures.strips_of(tag))

    def rejudge(self, tag: Tag, stretch: Stretch, record: Record) -> list[Finding]:
        """Judge the holds again whose condition a tag is of, by all its rows in the order of their times."""
        self._following.look()
        found: list[Finding] = []
        for strip in self._measures.strips_of(tag.id):
            waiting = [each for each in self._waiting.values() if self._measures.strip(each.hold) is strip]
            said, changed = self._rejudging.rejudge(strip, tag, stretch, waiting, record)
            found += said
            for each in changed:
                at = RowPosition(record.position, 0)
                found += self._booking.book_again(each.waiting, each.stay, at, {"rejudged": int(record.position)})
        return found

    # What time does

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Announce what has waited too long by now, or will soon have."""
        source, now_ns = heartbeat.source, heartbeat.now_ns
        self._following.hand_on()
        leap_ns = self._measures.beat(heartbeat)
        now = self._measures.now(source, now_ns, position)
        if leap_ns:
            self._leapt(now, leap_ns)
        found: list[Finding] = []
        for waiting in self._waiting.values():
            found += self._find(waiting, now, now_ns)
            stay = waiting.stay
            if stay is None or stay.is_judged:
                continue
            if stay.start.source != source and stay.start.source in self._measures.clocks:
                continue  # judged by the clock of its own source
            found += self._by_now(waiting, stay, now_ns, position)
        found += self._booking.judge(now_ns, position)
        if found or leap_ns or not heartbeat.connected:
            self._following.end_calm()
        self._draw(now_ns, position)
        return found

    def _by_now(self, waiting: Waiting, stay: Stay, now_ns: int, position: RowPosition) -> list[Finding]:
        now = self._measures.now(stay.start.source, now_ns, position)
        strip = self._measures.strip(waiting.hold)
        if stay.stop is not None:
            there_ns = now.time_ns if strip is None else self._measures.now(strip.source, now_ns, position).time_ns
            due = there_ns - stay.stop.time_ns > _CONDITION_WITHIN_NS
            return self._judge_whole(waiting, stay, position) if due else []
        found = self._name(waiting, stay, now.time_ns)
        stay.last_seen_ns = now.time_ns
        if stay.again is None:
            stay.sighted_ns = now.time_ns
        if strip is not None:
            self._measures.keep_base(stay, strip)
            found += self._excursions.tell(waiting, stay, strip, now_ns, position, None)
        if not stay.is_open:
            return found  # another batch is there by now
        return found + self._saying.running(waiting, stay, now, now_ns)

    def _leapt(self, now: Moment, leap_ns: int) -> None:
        """An end that was told between the last heartbeat and this may have been stamped after the leap."""
        for waiting in self._waiting.values():
            stay = waiting.stay
            if stay is None or stay.is_judged:
                continue
            stay.start = _after_leap(stay.start, now, leap_ns)
            stay.stop = None if stay.stop is None else _after_leap(stay.stop, now, leap_ns)

    def _find(self, waiting: Waiting, now: Moment, now_ns: int) -> list[Finding]:
        """At the first heartbeat of all: material that is there already has waited since nobody knows when."""
        unit = self._units.get(waiting.hold.unit)
        if waiting.is_known or unit is None or unit.pending or not unit.source:
            return []
        if unit.source != now.source:
            return []
        waiting.is_known = True
        if waiting.hold.kind not in _MATERIAL or not unit.batch or unit.run is not None:
            return []
        stay = waiting.stay = Stay(now, unit.batch, knows_start=False, batch_is_certain=True)
        waiting.stopped_batch = None
        return [self._saying.unknown_start(waiting, stay, now_ns, now.position)]

    def _name(self, waiting: Waiting, stay: Stay, now_ns: int, *, leaves: bool = False) -> list[Finding]:
        """Take the batch of a stay from its unit, once its tag has settled; another batch later is another stay.

        What `leaves` is what came in, whatever batch the unit is told to hold by then.
        """
        unit = self._units.get(waiting.hold.unit)
        if unit is None or unit.pending or not unit.batch:
            return []
        if waiting.hold.kind not in _MATERIAL:
            return []
        if not stay.batch_is_certain:
            if now_ns - stay.start.time_ns >= unit.model.settle_ns:
                stay.batch, stay.batch_is_certain = unit.batch, True
            return []
        if unit.batch == stay.batch or unit.batch_start_ns > now_ns:
            return []
        if self._booking.is_made_of(unit.batch, stay.batch):
            self._booking.rename(waiting, stay, unit.batch, now_ns)
            return []
        return [] if leaves and stay.again is None else self._next_batch(waiting, stay, unit.batch, now_ns)

    def _next_batch(self, waiting: Waiting, stay: Stay, batch: str, now_ns: int) -> list[Finding]:
        """Another batch is where this one waited: it is gone, and nobody recorded when."""
        begun = stay.again
        if begun is None:
            stamp = self._measures.stamp(stay.start.source)
            begun = replace(stay.start, time_ns=now_ns, earliest_ns=now_ns, stamp=stamp)
        found = self._stop_is_missing(waiting, stay, begun)
        waiting.stay = Stay(begun, batch, knows_start=stay.again is not None, batch_is_certain=True)
        waiting.stopped_batch = None
        return found

    def link(self, concluded: Sequence[Conclusion]) -> None:
        """Take links of batches: a child inherits what its parent has taken of every budget by then."""
        self._following.look()
        self._booking.link(concluded)

    # What people see and say

    def _draw(self, now_ns: int, position: RowPosition) -> None:
        self.table = tuple(
            row_of(waiting, stay, self._measures, self._saying, now_ns, position)
            for waiting in self._waiting.values()
            if (stay := waiting.running) is not None
        )
        self.budget_table = self._booking.table(now_ns)

    def correct(self, action: PersonAction, position: RowPosition) -> list[HoldDecision | Finding]:
        """Take the true start or stop of a hold from a person: everything said of it gets a new version.

        What can be true of no stay is refused, and changes nothing.
        """
        if action.kind not in (ActionKind.HOLD_START, ActionKind.HOLD_STOP):
            return []
        self._following.look()
        name, _, batch = action.subject.partition("/")
        waiting = self._waiting.get(name)
        if waiting is None:
            return [HoldDecision(action, f"no hold is named {name!r}")]
        stay = newest_stay(waiting, batch)
        error = fault_of(waiting.hold, batch, stay, action)
        if stay is None or error:
            return [HoldDecision(action, error)]
        found: list[HoldDecision | Finding] = [HoldDecision(action)]
        found += self._correcting.correct(waiting, stay, action, position)
        found += self._booking.book_again(waiting, stay, position, {"corrected": stay.batch})
        self._judge_condition_again(waiting, stay)
        return found

    def state(self) -> Json:
        """All of it."""
        self._following.hand_on()
        return {
            "waiting": {name: waiting.state() for name, waiting in self._waiting.items()},
            "measures": self._measures.state(),
            **self._booking.state(),
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told, as far as the rules still have it."""
        self._following.look()
        for name, each in state["waiting"].items():
            waiting = self._waiting[name]
            waiting.load(each)
        self._measures.load(state["measures"])
        self._booking.load(state)

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take from a state of other rules how each hold began whose unit, start and stop are still the same.

        What was announced stays behind, so that the next heartbeat judges by the limits that are in force now; `go_on`
        takes back what they say as well.
        """
        kept = {
            name: each
            for name, each in state["waiting"].items()
            if name in self._waiting and each.get("events") == events_of(self._waiting[name].hold)
        }
        self.load({**state, "waiting": kept}, arrays)
        self._booking.forget_said()
        for waiting in self._waiting.values():
            for stay in (*waiting.past, *((waiting.stay,) if waiting.stay is not None else ())):
                forget_said(stay)

    def go_on(self, finding: Finding) -> bool:
        """Follow on what was announced of a hold, if it still runs and its limit is the same; else it is left alone."""
        self._following.look()
        waiting = self._waiting.get(finding.subject)
        return waiting is not None and go_on(waiting, finding, self._measures)


def _after_leap(moment: Moment, now: Moment, leap_ns: int) -> Moment:
    """The same end, knowing that its clock leapt before it was read, where it lies nearer to the clock's new time."""
    if moment.source != now.source or moment.stamp.beat != now.stamp.beat - 1:
        return moment
    if abs(now.time_ns - moment.time_ns) > abs(now.time_ns - leap_ns - moment.time_ns):
        return moment
    return replace(moment, stamp=moment.stamp._replace(leaps_ns=moment.stamp.leaps_ns + leap_ns))
