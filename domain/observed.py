"""How much of a time a parameter was observed, and how much of that inside each of its ranges: whole ns, nothing lost.

The rules are those by which excursions are judged. Between two proven samples the value runs along a straight line, and
crosses a limit where the line meets it. What a gap or Bad quality hides is not observed; between samples on different
sides of a limit everything from its begin to the sample that proves the other side is not proven. A phase begins and
ends between two samples: what the line would say of a range that did not hold at both of them is not proven either.
Behind the newest sample nothing is observed. Inside, outside and unproven add up to the whole time, always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.recipes import Limits, RangeKind, Ranges

Stretch = tuple[int, int]
Times = NDArray[np.int64]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Rows of one parameter in the order of time, n of them; `ok` are proven. `gaps` touch nowhere and are in order.

    The proven rows around the time that is asked for belong to it: the last before it and the first after it.
    """

    time_ns: Times
    value: Values
    ok: Mask
    gaps: Sequence[Stretch] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when ranges hold: from `start_ns` to before `end_ns`, in a phase that began at `phase_ns`."""

    phase_ns: int
    start_ns: int
    end_ns: int

    @property
    def whole_ns(self) -> int:
        """How long it is."""
        return max(0, self.end_ns - self.start_ns)


@dataclass(frozen=True, slots=True)
class Within:
    """A time against one range: these add up to the whole of it, ns."""

    inside_ns: int
    above_ns: int
    below_ns: int
    unproven_ns: int

    @property
    def outside_ns(self) -> int:
        """Proven outside, on either side."""
        return self.above_ns + self.below_ns


@dataclass(frozen=True, slots=True)
class Observed:
    """What the record says of a parameter in a time; `mean` is time-weighted, of what is observed.

    Minimum, maximum and mean are by straight lines with the values at both ends among them (OPC UA part 13:
    TimeAverage, Minimum2, Maximum2); a line that something hides does not count to the mean. None: nothing is proven.
    """

    whole_ns: int
    observed_ns: int
    hidden: tuple[Stretch, ...]  # what is not observed, in order
    rows: int
    bad_rows: int
    least: float | None
    most: float | None
    mean: float | None
    within: Mapping[RangeKind, Within] = field(default_factory=dict)

    @property
    def unobserved_ns(self) -> int:
        """Of the whole time."""
        return self.whole_ns - self.observed_ns


def observe(course: Course, window: Window, ranges: Ranges) -> Observed:
    """What a course says of a time, and of each range in it."""
    lines = _lines(course, window)
    in_it = (course.time_ns >= window.start_ns) & (course.time_ns < window.end_ns)
    least, most, mean = _figures(course, in_it, lines, window)
    hidden = _hidden(lines, window)
    return Observed(
        window.whole_ns,
        window.whole_ns - sum(end - start for start, end in hidden),
        tuple(hidden),
        int(np.count_nonzero(in_it)),
        int(np.count_nonzero(in_it & ~course.ok)),
        least,
        most,
        mean,
        {kind: _within(lines, window, limits) for kind, limits in ranges.items()},
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Straight lines between neighbouring proven samples that reach into a window, m of them.

    `blind` has what hides parts of a line, by its place. `unknown` lies before the first and behind the last line.
    """

    from_ns: Times
    to_ns: Times
    first: Values
    last: Values
    blind: Mapping[int, list[Stretch]]
    unknown: list[Stretch]

    def plain(self) -> Mask:
        """Lines that nothing hides."""
        clear = np.ones(len(self.from_ns), dtype=np.bool_)
        clear[list(self.blind)] = False
        return clear


def _lines(course: Course, window: Window) -> _Lines:
    if not window.whole_ns:
        nothing, none = np.empty(0, dtype=np.int64), np.empty(0)
        return _Lines(nothing, nothing, none, none, {}, [])
    good = np.flatnonzero(course.ok)
    times = course.time_ns[good]
    begin = max(int(np.searchsorted(times, window.start_ns, "right")) - 1, 0)
    end = int(np.searchsorted(times, window.end_ns)) + 1
    good = good[begin:end]
    times, values = course.time_ns[good], course.value[good]
    from_ns, to_ns = times[:-1], times[1:]
    unknown = _unknown(times, window)
    return _Lines(from_ns, to_ns, values[:-1], values[1:], _blind(course, good, from_ns, to_ns), unknown)


def _unknown(times: Times, window: Window) -> list[Stretch]:
    """The parts of a window before the first proven sample and behind the last."""
    if not len(times):
        return [(window.start_ns, window.end_ns)]
    first_ns, last_ns = int(times[0]), int(times[-1])
    ends = [(window.start_ns, min(first_ns, window.end_ns)), (max(last_ns, window.start_ns), window.end_ns)]
    return [(start, end) for start, end in ends if start < end]


def _blind(course: Course, good: NDArray[np.intp], from_ns: Times, to_ns: Times) -> dict[int, list[Stretch]]:
    """What hides parts of lines: rows that prove nothing, from their time on, and gaps."""
    found: dict[int, list[Stretch]] = {}
    for place in np.flatnonzero(np.diff(good) > 1).tolist():
        since_ns = int(course.time_ns[good[place] + 1])
        found[place] = [(min(since_ns, int(to_ns[place])), int(to_ns[place]))]
    for start_ns, end_ns in course.gaps:
        first = int(np.searchsorted(to_ns, start_ns, "right"))
        for place in range(first, int(np.searchsorted(from_ns, end_ns))):
            stretch = (max(start_ns, int(from_ns[place])), min(end_ns, int(to_ns[place])))
            if stretch[0] < stretch[1]:
                found.setdefault(place, []).append(stretch)
    return {place: joined(stretches) for place, stretches in sorted(found.items())}


def joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same stretches in order, one where they overlap or touch."""
    whole: list[Stretch] = []
    for start, end in sorted(stretches):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return whole


def _hidden(lines: _Lines, window: Window) -> list[Stretch]:
    """What is not observed of a window."""
    every = [*lines.unknown, *(stretch for stretches in lines.blind.values() for stretch in stretches)]
    clipped = [(max(start, window.start_ns), min(end, window.end_ns)) for start, end in every]
    return joined([stretch for stretch in clipped if stretch[0] < stretch[1]])


def _figures(
    course: Course, in_it: Mask, lines: _Lines, window: Window
) -> tuple[float | None, float | None, float | None]:
    """Least, most and mean value."""
    plain = lines.plain()
    from_ns, to_ns = lines.from_ns[plain], lines.to_ns[plain]
    start, end = lines.first[plain], lines.last[plain]
    if len(from_ns):  # only the first line may begin before the window, and only the last end behind it
        one, other = (int(from_ns[0]), float(start[0])), (int(from_ns[-1]), float(start[-1]))
        first_end, last_end = (int(to_ns[0]), float(end[0])), (int(to_ns[-1]), float(end[-1]))
        from_ns[0], start[0] = _cut(one, first_end, max(one[0], window.start_ns))
        to_ns[-1], end[-1] = _cut(other, last_end, min(last_end[0], window.end_ns))
    seen = [each for each in (course.value[in_it & course.ok], start[:1], end[-1:]) if len(each)]
    if not seen:
        return None, None, None
    weight = (to_ns - from_ns).astype(np.float64)
    whole = float(weight.sum())
    mean = 0.5 * float(((start + end) * weight).sum()) / whole if whole else None
    return min(float(each.min()) for each in seen), max(float(each.max()) for each in seen), mean


def _cut(one: tuple[int, float], other: tuple[int, float], at_ns: int) -> tuple[int, float]:
    """A time on a line, and the value there; at its ends exactly theirs."""
    if at_ns == other[0]:
        return other
    return at_ns, one[1] + (other[1] - one[1]) * ((at_ns - one[0]) / max(other[0] - one[0], 1))


def _within(lines: _Lines, window: Window, limits: Limits) -> Within:
    """One range: the lines that nothing hides all at once, the others and the two at the ends one by one."""
    closed = limits.closed
    low = -np.inf if closed.low is None else closed.low
    high = np.inf if closed.high is None else closed.high
    apart = ~lines.plain() | (lines.from_ns < window.start_ns) | (lines.to_ns >= window.end_ns)
    clear = ~apart
    first, last, span = lines.first[clear], lines.last[clear], (lines.to_ns - lines.from_ns)[clear]
    above = _beyond(first, last, span, high, 1)
    below = _beyond(first, last, span, low, -1)
    inside = int(span.sum()) - above - below
    for place in np.flatnonzero(apart).tolist():
        a, b, c = _one(lines, place, window, (float(low), float(high)))
        inside, above, below = inside + a, above + b, below + c
    return Within(inside, above, below, window.whole_ns - inside - above - below)


def _beyond(first: Values, last: Values, span: Times, limit: float, sign: int) -> int:
    """How long lines are beyond a limit, ns."""
    before, after = (first - limit) * sign > 0, (last - limit) * sign > 0
    whole = int(span[before & after].sum())
    crossing = before ^ after
    if not crossing.any():
        return whole
    until = _crossing(first[crossing], last[crossing], span[crossing], limit)
    return whole + int(np.where(before[crossing], until, span[crossing] - until).sum())


def _crossing(first: Values, last: Values, span: Times, limit: float) -> Times:
    """How long after its begin each line meets a limit, in whole ns."""
    until: Times = np.rint(np.clip((limit - first) / (last - first), 0.0, 1.0) * span).astype(np.int64)
    return until


def _one(lines: _Lines, place: int, window: Window, limits: tuple[float, float]) -> tuple[int, int, int]:
    """How long one line is proven inside, above and below in a window: at its ends, or with something hidden."""
    from_ns, to_ns = int(lines.from_ns[place]), int(lines.to_ns[place])
    first, last = float(lines.first[place]), float(lines.last[place])
    side, then = _side(first, limits), _side(last, limits)
    hidden = lines.blind.get(place, [])
    start_ns, end_ns = max(from_ns, window.start_ns), min(to_ns, window.end_ns)
    is_foreign = from_ns < window.phase_ns  # at its begin another phase ran
    is_lead, is_tail = from_ns < window.start_ns, to_ns >= window.end_ns
    if side == then:
        if side and (is_tail or (is_lead and is_foreign)):
            return 0, 0, 0
        seen = end_ns - start_ns - sum(max(0, min(end, end_ns) - max(start, start_ns)) for start, end in hidden)
        return _given(side, seen)
    if (is_lead and (is_foreign or (side and not then))) or (is_tail and side):
        return 0, 0, 0
    if hidden:
        return _given(side, max(0, min(hidden[0][0], end_ns) - start_ns))
    return _crossed((from_ns, to_ns), (first, last), (start_ns, end_ns), limits, is_tail=is_tail)


def _crossed(
    line: Stretch, values: tuple[float, float], within: Stretch, limits: tuple[float, float], *, is_tail: bool
) -> tuple[int, int, int]:
    """A line that nothing hides and that changes sides; of one that the end of the phase cuts, what is inside alone."""
    low, high = limits
    crossed = [low] * ((values[0] < low) != (values[1] < low)) + [high] * ((values[0] > high) != (values[1] > high))
    first, last = np.array([values[0]]), np.array([values[1]])
    span = np.array([line[1] - line[0]])
    marks = sorted(line[0] + int(_crossing(first, last, span, limit)[0]) for limit in crossed)
    side, then = _side(values[0], limits), _side(values[1], limits)
    sides = [side, 0, then] if side and then else [side, then]  # from one side to the other by way of the inside
    total = [0, 0, 0]
    for each, start, end in zip(sides, [line[0], *marks], [*marks, line[1]], strict=True):
        if not (is_tail and each):
            total[each] += max(0, min(end, within[1]) - max(start, within[0]))
    return total[0], total[1], total[-1]


def _side(value: float, limits: tuple[float, float]) -> int:
    """1 above, -1 below, 0 inside."""
    return int(value > limits[1]) - int(value < limits[0])


def _given(side: int, long_ns: int) -> tuple[int, int, int]:
    return (long_ns * (side == 0), long_ns * (side > 0), long_ns * (side < 0))
