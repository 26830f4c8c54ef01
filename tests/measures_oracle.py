"""The measures of the alarm system once more, slowly and in plain Python: what the queries are checked against."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import ceil

from domain.alarms import Transition
from domain.performance import (
    Asked,
    Chattering,
    Fleeting,
    Flood,
    Frequent,
    Load,
    Named,
    Performance,
    PutAway,
    Response,
    Standing,
    is_annunciation,
)
from domain.rules import Priority
from domain.time import DAY_NS, HOUR_NS, MINUTE_NS

TEN_MINUTES = 10 * MINUTE_NS


def performance(said: Sequence[Transition], asked: Asked) -> Performance:
    """`said` in the order in which it was written."""
    mine = [each for each in said if asked.position in (None, asked.positions.of(each))]
    told = [each for each in mine if each.at_ns < asked.end_ns]
    within = [each for each in told if each.at_ns >= asked.start_ns]
    asks = [each for each in within if is_annunciation(each)]
    return Performance(
        asked=asked,
        load=[_load(name, [each for each in asks if asked.positions.of(each) == name], asked) for name in asked.names],
        floods=_floods(told, asked),
        frequent=_frequent(asks),
        chattering=_chattering(asks),
        fleeting=_fleeting(told, asked),
        stale=_standing(told, asked, stale=True),
        standing=_standing(told, asked, stale=False),
        priorities={one: sum(each.priority is one for each in asks) for one in Priority if one is not Priority.EVENT},
        response=_response(within, asks),
        put_away=_put_away(told, asked),
    )


def _load(name: str, asks: Sequence[Transition], asked: Asked) -> Load:
    periods = Counter((each.at_ns - asked.start_ns) // TEN_MINUTES for each in asks)
    hours = Counter((each.at_ns - asked.start_ns) // HOUR_NS for each in asks)
    over, busy = sum(count > 10 for count in periods.values()), sum(count > 30 for count in hours.values())
    return Load(name, len(asks), max(periods.values(), default=0), over, busy)


def _floods(told: Sequence[Transition], asked: Asked) -> list[Flood]:
    """Step through every moment at which the number of the last ten minutes changes."""
    floods = []
    for name in asked.names:
        times = sorted(
            each.at_ns
            for each in told
            if is_annunciation(each) and each.at_ns >= asked.start_ns - DAY_NS and asked.positions.of(each) == name
        )
        begun: int | None = None
        for now in sorted({*times, *(time + TEN_MINUTES for time in times)}):
            count = sum(now - TEN_MINUTES < time <= now for time in times)
            if begun is None and count > 10:
                begun = now
            elif begun is not None and count < 5:
                floods.append(_flood(name, times, begun, now, asked))
                begun = None
    return sorted((each for each in floods if each is not None), key=lambda each: (each.start_ns, each.position))


def _flood(name: str, times: Sequence[int], begun: int, end: int, asked: Asked) -> Flood | None:
    if end <= asked.start_ns:
        return None
    belonging = [time for time in times if begun - TEN_MINUTES < time < end]
    peak = max(sum(now - TEN_MINUTES < time <= now for time in times) for now in belonging)
    return Flood(name, begun, end if end < asked.end_ns else None, peak, len(belonging))


def _by_alarm(said: Iterable[Transition]) -> dict[str, list[Transition]]:
    found = defaultdict(list)
    for each in said:
        found[each.alarm].append(each)
    return found


def _named(said: Sequence[Transition]) -> Named:
    return Named(said[0].alarm, said[0].subject, said[0].name, said[0].unit)


def _frequent(asks: Sequence[Transition]) -> list[Frequent]:
    found = [Frequent(_named(said), len(said)) for said in _by_alarm(asks).values()]
    return sorted(found, key=lambda each: (-each.times, each.named.alarm))[:10]


def _chattering(asks: Sequence[Transition]) -> list[Chattering]:
    found = []
    for said in _by_alarm(each for each in asks if each.what == "activated").values():
        times = [each.at_ns for each in said]
        minutes = [[time for time in times if last - MINUTE_NS < time <= last] for last in times]
        bursts = [minute for minute in minutes if len(minute) >= 3]
        if bursts:
            inside = {time for minute in bursts for time in minute}
            found.append(Chattering(_named(said), sum(time in inside for time in times), max(map(len, bursts))))
    return sorted(found, key=lambda each: (-each.most, -each.times, each.named.alarm))


def _activations(said: Sequence[Transition]) -> list[tuple[Transition, Transition | None]]:
    found: list[tuple[Transition, Transition | None]] = []
    was_active = False
    for each in said:
        if each.facts.active and not was_active:
            found.append((each, None))
        elif was_active and not each.facts.active:
            found[-1] = (found[-1][0], each)
        was_active = each.facts.active
    return found


def _fleeting(told: Sequence[Transition], asked: Asked) -> list[Fleeting]:
    found = []
    for said in _by_alarm(told).values():
        times = sum(
            end is not None and begin.at_ns >= asked.start_ns and end.at_ns - begin.at_ns < MINUTE_NS
            for begin, end in _activations(said)
            if is_annunciation(begin)
        )
        if times:
            found.append(Fleeting(_named(said), times))
    return sorted(found, key=lambda each: (-each.times, each.named.alarm))


def _standing(told: Sequence[Transition], asked: Asked, *, stale: bool) -> list[Standing]:
    found = []
    for said in _by_alarm(told).values():
        for begin, end in _activations(said):
            lasted = (asked.end_ns if end is None else end.at_ns) - begin.at_ns
            is_stale = lasted > DAY_NS and (end is None or end.at_ns > asked.start_ns)
            if is_stale if stale else end is None:
                last = said[-1]
                is_over = end is not None
                found.append(
                    Standing(_named(said), last.priority, begin.at_ns, lasted, last.facts.acknowledged, is_over)
                )
    return sorted(found, key=lambda each: (-each.active_ns, each.named.alarm))


def _response(within: Sequence[Transition], asks: Sequence[Transition]) -> Response:
    waited: list[float] = []
    for asking in asks:
        later = within[within.index(asking) + 1 :]
        answers = [each.at_ns for each in later if each.alarm == asking.alarm and each.facts.acknowledged]
        waited.append(max(min(answers) - asking.at_ns, 0) if answers else float("inf"))
    waited.sort()

    def rank(share: float) -> int | None:
        found = waited[ceil(len(waited) * share) - 1] if waited else float("inf")
        return None if found == float("inf") else int(found)

    return Response(len(waited), sum(each < float("inf") for each in waited), rank(0.5), rank(0.95))


def _put_away(told: Sequence[Transition], asked: Asked) -> list[PutAway]:
    found = []
    for said in _by_alarm(told).values():
        sums = [0, 0, 0]
        for index, each in enumerate(said):
            until = said[index + 1].at_ns if index + 1 < len(said) else asked.end_ns
            lasted = max(min(until, asked.end_ns) - max(each.at_ns, asked.start_ns), 0)
            facts = each.facts
            for place, fact in enumerate((facts.shelved_until_ns is not None, facts.suppressed, facts.out_of_service)):
                sums[place] += lasted * fact
        if any(sums):
            found.append(PutAway(_named(said), *sums))
    return sorted(
        found, key=lambda each: (-each.shelved_ns - each.suppressed_ns - each.out_of_service_ns, each.named.alarm)
    )
