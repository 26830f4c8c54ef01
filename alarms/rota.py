"""Who is on duty, from duties that are already plain times. Pure: the time is an argument, and so is the calendar.

A duty is a stretch of the wall's time that one person has. Where duties overlap, all of their people are on duty; where
there is none, the rota's fallback is told, and that is said.
"""

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Duty:
    """A person's duty: start ≤ time < end, UTC ns."""

    start_ns: int
    end_ns: int
    person: str


@dataclass(frozen=True, slots=True)
class Watch:
    """A stretch in which the same people are on duty: since ≤ time < until. No people: nobody is."""

    since_ns: int
    until_ns: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who is told at a time, and why. `names` is never empty as long as the rota has a fallback."""

    names: tuple[str, ...]
    is_fallback: bool
    since_ns: int | None = None  # of the people or of the hole; None: the calendar does not reach so far
    until_ns: int | None = None


class Roster:
    """The duties of one rota, from `first_ns` until `last_ns`; beyond that nothing is known."""

    def __init__(self, duties: Iterable[Duty], first_ns: int, last_ns: int) -> None:
        self.first_ns, self.last_ns = first_ns, max(first_ns, last_ns)
        self._watches = _merged(_watches(duties, self.first_ns, self.last_ns))
        self._starts_ns = [watch.since_ns for watch in self._watches]

    def watch_at(self, time_ns: int) -> Watch | None:
        """The stretch that a time is in; None outside of what is known."""
        if not self.first_ns <= time_ns < self.last_ns:
            return None
        return self._watches[bisect.bisect_right(self._starts_ns, time_ns) - 1]

    def on_duty(self, time_ns: int, fallback: str) -> OnDuty:
        """Who is told at a time: everybody on duty, or the fallback where nobody is."""
        watch = self.watch_at(time_ns)
        fallbacks = (fallback,) if fallback else ()
        if watch is None:
            return OnDuty(fallbacks, is_fallback=True)
        return OnDuty(watch.people or fallbacks, not watch.people, watch.since_ns, watch.until_ns)

    def watches(self, start_ns: int, end_ns: int) -> Iterator[Watch]:
        """The stretches that overlap start ≤ time < end, in order, as long as they are."""
        for watch in self._watches:
            if watch.until_ns > start_ns and watch.since_ns < end_ns:
                yield watch

    def uncovered(self, start_ns: int, end_ns: int) -> list[Watch]:
        """The holes within start ≤ time < end, cut to it; what is not known is a hole."""
        holes = [watch for watch in self.watches(start_ns, end_ns) if not watch.people]
        if start_ns < self.first_ns:
            holes.insert(0, Watch(start_ns, min(end_ns, self.first_ns), ()))
        if end_ns > self.last_ns:
            holes.append(Watch(max(start_ns, self.last_ns), end_ns, ()))
        return _merged(Watch(max(hole.since_ns, start_ns), min(hole.until_ns, end_ns), ()) for hole in holes)

    def next_change_ns(self, time_ns: int) -> int | None:
        """When other people are on duty than at a time; None: not as far as is known."""
        watch = self.watch_at(time_ns)
        return None if watch is None or watch.until_ns >= self.last_ns else watch.until_ns


def _watches(duties: Iterable[Duty], first_ns: int, last_ns: int) -> Iterator[Watch]:
    """The stretches between one start or end of a duty and the next."""
    edges: list[tuple[int, int, str]] = []
    for duty in duties:
        start_ns, end_ns = max(duty.start_ns, first_ns), min(duty.end_ns, last_ns)
        if start_ns < end_ns:
            edges += [(start_ns, 1, duty.person), (end_ns, -1, duty.person)]
    edges.sort()
    since_ns, counts = first_ns, dict[str, int]()
    for at_ns, change, person in edges:
        if at_ns > since_ns:
            yield Watch(since_ns, at_ns, _present(counts))
            since_ns = at_ns
        counts[person] = counts.get(person, 0) + change
    if since_ns < last_ns:
        yield Watch(since_ns, last_ns, ())


def _present(counts: dict[str, int]) -> tuple[str, ...]:
    return tuple(sorted(person for person, count in counts.items() if count > 0))


def _merged(watches: Iterable[Watch]) -> list[Watch]:
    """Stretches of the same people that touch, as one."""
    merged: list[Watch] = []
    for watch in watches:
        last = merged[-1] if merged else None
        if last is not None and last.people == watch.people and last.until_ns >= watch.since_ns:
            merged[-1] = Watch(last.since_ns, max(last.until_ns, watch.until_ns), watch.people)
        else:
            merged.append(watch)
    return merged
