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

from detectors.arrivals import NEVER_NS, Frame
from detectors.cases import Evidence, Json, Origin, Run, case_of
from detectors.context.units import Unit
from detectors.gaps import Gaps
from detectors.holds.budgets import Budgets, Live, less
from detectors.holds.calm import Band, Calm
from detectors.holds.clocks import Span
from detectors.holds.correcting import Correcting, fault_of, newest_stay
from detectors.holds.events import CLEANING, USE, Activity, Trigger, trigger_of
from detectors.holds.late import Rejudging
from detectors.holds.measures import Measures
from detectors.holds.saying import BREACH, INDETERMINATE, WARNING, Saying
from detectors.holds.stays import Moment, Stay, Waiting, events_of
from detectors.holds.table import BudgetRow, Row, budget_row_of, row_of
from detectors.late.derived import Record
from detectors.late.rejudging import Stretch
from detectors.part import Part, Said
from domain.entries import ActionKind, Gap, Heartbeat, PersonAction, RowPosition
from domain.findings import Conclusion, Finding
from domain.genealogy import BatchLink, Kinship
from domain.holds import HoldDecision, HoldKind, HoldMode
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import MINUTE_NS

__all__ = ["CLEANING", "USE", "Activity", "Holds", "Row"]

_CONDITION_WITHIN_NS = 2 * MINUTE_NS
"""So long after its stop a stay waits for the tag of its condition to come that far; then it is judged without."""

_CHILDREN_KEPT = 4096

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
        self._calm = Calm(gaps)
        self._saying = Saying(rulebook, origin, self._measures)
        self._budgets = Budgets(dict(rulebook.budgets), origin)
        self._correcting = Correcting(origin, self._measures, self._saying)
        self._rejudging = Rejudging(self._measures, self._saying)
        self._recheck = recheck
        self._waiting = {name: Waiting(hold) for name, hold in rulebook.holds.items()}
        self._triggers = {
            name: (trigger_of(hold.start), trigger_of(hold.stop)) for name, hold in rulebook.holds.items()
        }
        self._of_unit: dict[str, list[Waiting]] = {}
        for waiting in self._waiting.values():
            self._of_unit.setdefault(waiting.hold.unit, []).append(waiting)
        self._looking_at: dict[str, list[Waiting]] = {}  # by the tag of the condition
        for waiting in self._waiting.values():
            if waiting.hold.condition is not None:
                self._looking_at.setdefault(waiting.hold.condition.tag, []).append(waiting)
        self._followers: dict[int, list[Waiting]] = {}  # the same by the tag's id
        self._parents: dict[str, dict[str, None]] = {}  # of the batches that wait
        self.table: tuple[Row, ...] = ()
        """Everything that waits, as the last heartbeat or event left it; replaced whole, so any thread may read it."""
        self.budget_table: tuple[BudgetRow, ...] = ()
        """The budgets of the batches that wait; likewise."""

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._measures.grow(size)
        self._calm.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        self._look()
        self._measures.bind(tag)
        self._followers[tag.id] = self._looking_at.get(tag.name, [])

    # What starts and stops them

    def take(self, activity: Activity, run: Run | None) -> list[Finding]:
        """Take an activity of a unit; say what it means for the unit's holds."""
        self._look()
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
        waiting.stay = Stay(moment, activity.batch, batch_is_certain=activity.is_phase)
        waiting.stopped_batch = None
        return found

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
        return [*found, *self._book(waiting, stay, stay.stop, position)]

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
        if waiting.hold.budget is not None:
            self._budgets.account(waiting.hold.budget, stay.batch).parts.pop(_part(waiting, stay), None)

    def _stop_is_missing(self, waiting: Waiting, stay: Stay, over: Moment) -> list[Finding]:
        """A stay is over by `over`, and nobody recorded when it stopped: at the earliest when it was last sighted."""
        seen_ns = max(stay.start.time_ns, min(stay.sighted_ns or stay.start.time_ns, over.time_ns))
        stay.stop = replace(over, earliest_ns=min(seen_ns, over.earliest_ns))
        found = self._saying.missing_stop(waiting, stay, stay.stop)
        self._judged(waiting, stay)
        return [*found, *self._book(waiting, stay, stay.stop, over.position)]

    # What their condition does

    def judge(self, frame: Frame) -> list[Said]:
        """Take the rows of the tags that holds look at."""
        rows = frame.rows
        index = self._measures.watched(rows)
        if index is None:
            return []
        index = self._calm.take(frame, index)
        said: list[Said] = []
        begin = 0
        tags = rows.tag[index]
        while begin < len(index):
            tag = int(tags[begin])
            end = begin + 1
            while end < len(index) and tags[end] == tag:
                end += 1
            said += self._follow(frame, tag, index[begin:end].tolist())
            begin = end
        return said

    def _follow(self, frame: Frame, tag: int, index: list[int]) -> list[Said]:
        """Take the rows of one tag, in their order."""
        self._hand_on([tag])
        rows = frame.rows
        said: list[Said] = []
        strips = self._measures.strips_of(tag)
        followers = [
            waiting for waiting in self._followers[tag] if waiting.stay is not None and not waiting.stay.is_judged
        ]
        awaited = self._awaited(tag)
        for each in index:
            is_proven = rows.ok is None or bool(rows.ok[each])
            if not is_proven and (rows.bad is None or not rows.bad[each]):
                continue  # a text proves nothing, and hides nothing
            time_ns, value = int(rows.time_ns[each]), float(rows.value[each])
            self._measures.heat(tag, time_ns, value, is_proven=is_proven)
            for strip in strips:
                strip.take(time_ns, value, is_proven=is_proven)
            for stay in awaited:
                self._ask(stay, tag, time_ns, is_proven=is_proven)
            for waiting in followers:
                found = self._tell(waiting, time_ns, rows.position(each), value if is_proven else None)
                said += [(frame.place(each), finding) for finding in found]
        self._calm_down(tag)
        return said

    def _awaited(self, tag: int) -> list[Stay]:
        """The stays that were judged before the tag of their condition came as far as their stop."""
        return [stay for waiting in self._followers[tag] for stay in waiting.past if stay.awaits_ns is not None]

    def _ask(self, stay: Stay, tag: int, time_ns: int, *, is_proven: bool) -> None:
        """Ask that a stay is judged again by a row that comes only now."""
        if stay.awaits_ns is None:
            return
        self._recheck(tag, min(time_ns, stay.awaits_ns), time_ns)
        if is_proven and time_ns >= stay.awaits_ns:
            stay.awaits_ns = None

    def _calm_down(self, tag: int) -> None:
        """Derive between which values the next rows of a tag change nothing."""
        low, high, last_ns = np.inf, -np.inf, NEVER_NS
        strips = self._measures.strips_of(tag)
        needs_each = self._measures.is_stored(tag) or bool(self._awaited(tag))
        bands: list[Band | None] = [None] if needs_each else [strip.calm() for strip in strips]
        for waiting in self._followers[tag]:
            strip, stay = self._measures.strip(waiting.hold), waiting.stay
            if strip is not None and stay is not None and not stay.is_judged:
                bands.append(self._saying.calm(waiting.hold, stay, strip))
        known = [band for band in bands if band is not None]
        if known and len(known) == len(bands) and strips[0].proven_ns is not None:
            low, high = max(band[0] for band in known), min(band[1] for band in known)
            last_ns = strips[0].proven_ns
        self._calm.begin(tag, low, high, last_ns)

    def _hand_on(self, tags: list[int]) -> None:
        """Let strips and stays come to where the calm rows of their tags are."""
        for tag in tags:
            last = self._calm.newest(tag)
            if last is None:
                continue
            for strip in self._measures.strips_of(tag):
                strip.follow(last)
            for waiting in self._followers[tag]:
                stay = waiting.stay
                if stay is not None and not stay.is_judged and waiting.hold.mode is HoldMode.IN_CONDITION:
                    stay.told_ns = max(stay.told_ns, last[0])

    def _look(self) -> None:
        """Come to where all tags are; something is to change, so that no row is known to change nothing."""
        self._hand_on(self._calm.ahead())
        self._calm.end()

    def _tell(self, waiting: Waiting, at_ns: int, position: RowPosition, value: float | None) -> list[Finding]:
        """Say what a row of a condition's tag means for a stay."""
        stay, strip = waiting.stay, self._measures.strip(waiting.hold)
        if stay is None or strip is None or stay.is_judged:
            return []
        self._measures.keep_base(stay, strip)
        if stay.stop is not None and strip.proven_ns is not None and strip.proven_ns >= stay.stop.time_ns:
            return self._judge_whole(waiting, stay, position)
        return self._saying.excursions(waiting, stay, strip, at_ns, position, value)

    def gap(self, gap: Gap) -> None:
        """Take a gap that may be told after the samples around it."""
        self._look()
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
        self._look()
        found: list[Finding] = []
        for strip in self._measures.strips_of(tag.id):
            waiting = [each for each in self._waiting.values() if self._measures.strip(each.hold) is strip]
            said, changed = self._rejudging.rejudge(strip, tag, stretch, waiting, record)
            found += said
            for each in changed:
                at = RowPosition(record.position, 0)
                found += self._book_again(each.waiting, each.stay, at, {"rejudged": int(record.position)})
        return found

    def _book_again(self, waiting: Waiting, stay: Stay, position: RowPosition, why: Evidence) -> list[Finding]:
        """Put what a stay has taken, as it is known now, in the place of what was booked."""
        budget = waiting.hold.budget
        if budget is None or not stay.batch or stay.stop is None or not stay.is_judged:
            return []
        spent = less(self._measures.used(waiting.hold, stay, stay.stop), stay.credit)
        self._budgets.account(budget, stay.batch).parts[_part(waiting, stay)] = spent
        live = self._live(budget).get(stay.batch, [])
        at_ns = max(stay.stop.time_ns, stay.last_seen_ns or stay.stop.time_ns)
        return self._budgets.judge_again(budget, stay.batch, live, at_ns, position, waiting.hold.unit, why)

    # What time does

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Announce what has waited too long by now, or will soon have."""
        source, now_ns = heartbeat.source, heartbeat.now_ns
        self._hand_on(self._calm.ahead())
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
        found += self._judge_budgets(now_ns, position)
        if found or leap_ns or not heartbeat.connected:
            self._calm.end()
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
            found += self._saying.excursions(waiting, stay, strip, now_ns, position, None)
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
        if stay.batch in self._parents.get(unit.batch, {}):
            self._rename(waiting, stay, unit.batch, now_ns)
            return []
        return [] if leaves and stay.again is None else self._next_batch(waiting, stay, unit.batch, now_ns)

    def _rename(self, waiting: Waiting, stay: Stay, batch: str, now_ns: int) -> None:
        """What waits became another batch where it is; what it has waited as the other counts to that one's budget."""
        now = replace(stay.start, time_ns=now_ns, earliest_ns=now_ns, stamp=self._measures.stamp(stay.start.source))
        used = self._measures.used(waiting.hold, stay, now)
        if waiting.hold.budget is not None:
            account = self._budgets.account(waiting.hold.budget, stay.batch)
            account.parts[_part(waiting, stay)] = less(used, stay.credit)
        stay.batch, stay.credit = batch, used

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

    # Budgets

    def link(self, concluded: Sequence[Conclusion]) -> None:
        """Take links of batches: a child inherits what its parent has taken of every budget by then."""
        self._look()
        for link in concluded:
            if isinstance(link, BatchLink):
                if link.kinship is not Kinship.TRANSFER:  # what a transfer began in may have been emptied unseen
                    self._parents.setdefault(link.child, {})[link.parent] = None
                self._budgets.inherit(link.parent, link.child, self._live_spans)
        while len(self._parents) > _CHILDREN_KEPT:
            del self._parents[next(iter(self._parents))]

    def _live_spans(self, budget: str, batch: str) -> list[Span]:
        return [each.spent for each in self._live(budget).get(batch, [])]

    def _live(self, budget: str) -> dict[str, list[Live]]:
        """The stays that run now and count to a budget, by batch, as the last heartbeat or event saw them."""
        found: dict[str, list[Live]] = {}
        for waiting in self._waiting.values():
            stay = waiting.stay
            if waiting.hold.budget != budget or stay is None or stay.is_judged or not stay.batch:
                continue
            until = self._measures.seen(stay) if stay.stop is None else stay.stop
            spent = less(self._measures.used(waiting.hold, stay, until), stay.credit)
            found.setdefault(stay.batch, []).append(Live(_part(waiting, stay), waiting.hold.unit, spent))
        return found

    def _book(self, waiting: Waiting, stay: Stay, stop: Moment, position: RowPosition) -> list[Finding]:
        """Put what a stay has taken to its batch's account, and judge that."""
        budget = waiting.hold.budget
        if budget is None or not stay.batch:
            return []
        spent = less(self._measures.used(waiting.hold, stay, stop), stay.credit)
        self._budgets.account(budget, stay.batch).parts[_part(waiting, stay)] = spent
        live = self._live(budget).get(stay.batch, [])
        return self._budgets.judge(budget, stay.batch, live, stop.time_ns, position, waiting.hold.unit)

    def _judge_budgets(self, now_ns: int, position: RowPosition) -> list[Finding]:
        found: list[Finding] = []
        for name in self._budgets.budgets:
            live = self._live(name)
            for batch, stays in live.items():
                found += self._budgets.judge(name, batch, stays, now_ns, position, stays[-1].unit)
        return found

    # What people see and say

    def _draw(self, now_ns: int, position: RowPosition) -> None:
        self.table = tuple(
            row_of(waiting, stay, self._measures, self._saying, now_ns, position)
            for waiting in self._waiting.values()
            if (stay := waiting.running) is not None
        )

        self.budget_table = tuple(
            budget_row_of(budget, batch, self._budgets.account(name, batch), stays, now_ns)
            for name, budget in self._budgets.budgets.items()
            for batch, stays in self._live(name).items()
        )

    def correct(self, action: PersonAction, position: RowPosition) -> list[HoldDecision | Finding]:
        """Take the true start or stop of a hold from a person: everything said of it gets a new version.

        What can be true of no stay is refused, and changes nothing.
        """
        if action.kind not in (ActionKind.HOLD_START, ActionKind.HOLD_STOP):
            return []
        self._look()
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
        found += self._book_again(waiting, stay, position, {"corrected": stay.batch})
        strip = self._measures.strip(waiting.hold)
        if strip is not None and strip.tag is not None:
            now_ns = self._measures.seen(stay).time_ns if stay.stop is None else stay.stop.time_ns
            self._recheck(strip.tag, stay.start.time_ns, max(now_ns, stay.start.time_ns))
        return found

    def state(self) -> Json:
        """All of it."""
        self._hand_on(self._calm.ahead())
        return {
            "waiting": {name: waiting.state() for name, waiting in self._waiting.items()},
            "measures": self._measures.state(),
            "budgets": self._budgets.state(),
            "parents": [[child, list(parents)] for child, parents in self._parents.items()],
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told, as far as the rules still have it."""
        self._look()
        for name, each in state["waiting"].items():
            waiting = self._waiting[name]
            waiting.load(each)
        self._measures.load(state["measures"])
        self._budgets.load(state["budgets"])
        self._parents = {child: dict.fromkeys(parents) for child, parents in state["parents"]}

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
        self._budgets.forget_said()
        for waiting in self._waiting.values():
            for stay in (*waiting.past, *((waiting.stay,) if waiting.stay is not None else ())):
                stay.cases, stay.said, stay.warned, stay.forecast, stay.base = {}, {}, 0, False, None
                stay.told, stay.unknown_until_ns, stay.outside = [], stay.told_ns, None

    def go_on(self, finding: Finding) -> bool:
        """Follow on what was announced of a hold, if it still runs and its limit is the same; else it is left alone."""
        self._look()
        waiting = self._waiting.get(finding.subject)
        stay = None if waiting is None else waiting.running
        if waiting is None or stay is None or finding.rule in stay.cases:
            return False
        if finding.rule not in (BREACH, WARNING, INDETERMINATE):
            return False
        hold = waiting.hold
        started_ns = stay.start.time_ns if stay.knows_start else None
        if (finding.evidence.get("started_ns"), finding.evidence.get("limit_ns")) != (started_ns, hold.limit_ns):
            return False
        if finding.rule == WARNING:
            then = self._measures.now(stay.start.source, finding.at_ns, finding.detected)
            used = self._measures.used(hold, stay, then)
            worst_ns = used.low_ns if used.high_ns is None else used.high_ns
            stay.warned = sum(worst_ns >= after_ns for after_ns in hold.warnings_ns)
            stay.forecast = "runs_out_ns" in finding.evidence
            if not stay.warned and not stay.forecast:
                return False
        stay.cases[finding.rule] = case_of(finding)
        return True


def _part(waiting: Waiting, stay: Stay) -> tuple[str, int, int]:
    return waiting.hold.name, int(stay.start.position.entry), stay.start.position.row


def _after_leap(moment: Moment, now: Moment, leap_ns: int) -> Moment:
    """The same end, knowing that its clock leapt before it was read, where it lies nearer to the clock's new time."""
    if moment.source != now.source or moment.stamp.beat != now.stamp.beat - 1:
        return moment
    if abs(now.time_ns - moment.time_ns) > abs(now.time_ns - leap_ns - moment.time_ns):
        return moment
    return replace(moment, stamp=moment.stamp._replace(leaps_ns=moment.stamp.leaps_ns + leap_ns))
