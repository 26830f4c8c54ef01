"""The alarm list as people read it: since when, who has acknowledged it, and with which words."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from api.shapes import Shape, transition_shape
from api.times import TimeForm
from domain.alarms import Transition
from domain.ports import RecordsReader
from domain.rules import Rulebook, SuppressionNow

HISTORY_PER_ALARM = 100
REMEMBERED = 2_000
MOST_HEARD = 500


class AlarmList:
    """Reads the alarms with the past that a list shows; the past of one that did not change is remembered.

    Calls block: never on an event loop.
    """

    def __init__(self, records: RecordsReader) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._remembered: OrderedDict[tuple[str, int], tuple[Transition, ...]] = OrderedDict()

    def shapes(self, form: TimeForm, *, everything: bool = False) -> list[Shape]:
        """All alarms that are not normal (or all), in the order of the records: what needs a person comes first."""
        return [self.shape(newest, form) for newest in self._records.alarms(everything=everything)]

    def shape(self, newest: Transition, form: TimeForm) -> Shape:
        """One alarm by its newest transition, as `RecordsReader.alarms` tells it: in the words of now."""
        history = self._history(newest)
        taken = _newest(history, ("acknowledged",), newest.occurrence) if newest.facts.acknowledged else None
        shelved = _newest(history, ("shelved",), None) if newest.facts.shelved_until_ns is not None else None
        shape = transition_shape(newest, form)
        shape["id"] = newest.alarm
        shape["transition"] = newest.id
        back = None if newest.facts.active else _newest(history, ("returned",), newest.occurrence)
        shape |= form.put(since=_since_ns(newest, history), returned=None if back is None else back.at_ns)
        shape["acknowledged_by"] = _deed(taken, form)
        shape["shelved_by"] = _deed(shelved, form)
        return shape

    def _history(self, newest: Transition) -> tuple[Transition, ...]:
        key = (newest.alarm, newest.number)
        history = self._remembered.get(key)
        if history is None:
            history = tuple(self._records.transitions(newest.alarm, HISTORY_PER_ALARM))
            with self._lock:
                self._remembered[key] = history
                while len(self._remembered) > REMEMBERED:
                    self._remembered.popitem(last=False)
        return history


def summary_shape(newest: Sequence[Transition]) -> Shape:
    """Counts by priority of what waits and what lasts, counts of what is put away, and the alarms to be heard.

    An alarm is heard while it lasts and nobody has acknowledged it, unless it is put away or the control system sounds
    for it. Its `key` changes when people are asked again: it is active once more, has become worse, or still stands.
    """
    waiting = dict.fromkeys(("1", "2", "3", "4"), 0)
    lasting, away = dict(waiting), dict.fromkeys(("shelved", "suppressed", "out_of_service"), 0)
    heard: list[Shape] = []
    unacknowledged = 0
    for each in newest:
        facts, priority = each.facts, str(int(each.priority))
        away["shelved"] += facts.shelved_until_ns is not None
        away["suppressed"] += facts.suppressed
        away["out_of_service"] += facts.out_of_service
        if facts.is_put_away:
            continue
        unacknowledged += not facts.acknowledged
        lasting[priority] = lasting.get(priority, 0) + facts.active
        if facts.active and not facts.acknowledged:
            waiting[priority] = waiting.get(priority, 0) + 1
            if not each.is_told_by_dcs:
                heard.append(_heard(each))
    told: Shape = {"waiting": waiting, "lasting": lasting, "unacknowledged": unacknowledged}
    return told | {"put_away": away, "heard": heard[:MOST_HEARD], "heard_cut": len(heard) > MOST_HEARD}


def suppression_shapes(told: Sequence[SuppressionNow], rulebook: Rulebook, form: TimeForm) -> list[Shape]:
    """Suppressions by design that are in force, each with the rules whose alarms it puts away."""
    rules = {each.name: sorted(each.rules) for each in rulebook.suppressions}
    return [
        {
            "suppression": each.name,
            "unit": each.unit,
            "why": each.why,
            "until": each.until,
            **form.put(since=each.since_ns),
            "rules": rules.get(each.name, []),
        }
        for each in told
    ]


def _heard(each: Transition) -> Shape:
    asked = each.asked_ns if each.asked_ns is not None else each.occurrence
    key = f"{each.alarm} {asked} {int(each.priority)}"
    return {"key": key, "alarm": each.alarm, "priority": int(each.priority), "message": each.message}


def _since_ns(newest: Transition, history: Sequence[Transition]) -> int:
    """The onset of what made it active, else when it was activated."""
    if newest.since_ns is not None:
        return newest.since_ns
    began = _newest(history, ("activated",), None)
    return newest.at_ns if began is None else began.at_ns


def _newest(newest_first: Iterable[Transition], what: Sequence[str], occurrence: int | None) -> Transition | None:
    for transition in newest_first:
        if transition.what in what and occurrence in (None, transition.occurrence):
            return transition
    return None


def _deed(transition: Transition | None, form: TimeForm) -> Shape | None:
    """Who did it, when, and why."""
    if transition is None:
        return None
    return {"person": transition.person, **form.put(at=transition.at_ns), "comment": transition.comment}
