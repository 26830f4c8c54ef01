"""A tag against a range, as one strip of time: when it was proven inside, when outside, and when nobody can tell.

Between two proven samples the value runs along a straight line, and the strip changes where the line meets a limit
(the limit itself is inside). A gap or a Bad stretch between two samples of the same side is blind for as long as it
lasts; between samples of different sides everything is, from its begin to the sample that proves the other side. Each
mark carries what lies before it, so that any two moments behind the first mark have an exact answer, however many
marks have been forgotten.
"""

import bisect
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from detectors.cases import Json
from detectors.gaps import Gaps, Stretch, merged
from detectors.holds.clocks import Span
from domain.holds import Condition

INSIDE, OUTSIDE, BLIND = 0, 1, 2

_MOST_MARKS = 2048


class Mark(NamedTuple):
    """From here on the strip is in a state; before here it was so long outside, and so long blind."""

    from_ns: int
    state: int
    outside_ns: int
    blind_ns: int


class Strip:
    """One tag against one condition."""

    def __init__(self, condition: Condition, gaps: Gaps) -> None:
        self.condition = condition
        self._gaps = gaps
        self.tag: int | None = None
        self.source = ""
        self.unit = ""
        self._low = -np.inf if condition.low is None else condition.low
        self._high = np.inf if condition.high is None else condition.high
        self._marks: list[Mark] = []
        self._proven: tuple[int, float] | None = None  # the last proven sample
        self._bad_since_ns: int | None = None
        self._unheard_since_ns: int | None = None
        self._unheard_before: int | None = None  # while rows come again

    @property
    def proven_ns(self) -> int | None:
        """Until when the strip is certain: a later sample changes nothing before it."""
        return None if self._proven is None else self._proven[0]

    def side(self, value: float) -> int:
        """1 above the range, -1 below it, 0 inside."""
        return int(value > self._high) - int(value < self._low)

    def blind(self, until_ns: int) -> list[Stretch]:
        """What a gap or Bad quality hides between the last proven sample and a time."""
        if self._proven is None or self.tag is None:
            return []
        hidden: list[Stretch] = []
        if not self._gaps.is_empty:
            hidden = self._gaps.within(self.tag, self.source, self._proven[0], until_ns)
        for since_ns in (self._bad_since_ns, self._unheard_since_ns):
            if since_ns is not None and since_ns < until_ns:
                hidden = merged([*hidden, (max(since_ns, self._proven[0]), until_ns)])
        return hidden

    def heard(self, now_ns: int, *, connected: bool) -> None:
        """Take whether the tag's source is heard, by the source's clock; what it then still delivers was not lost."""
        if connected:
            self._unheard_since_ns = None
        elif self._unheard_since_ns is None:
            self._unheard_since_ns = now_ns

    def follow(self, last: tuple[int, float]) -> None:
        """Take a proven row of which it is known that it changes nothing."""
        self._proven = last

    def calm(self) -> tuple[float, float] | None:
        """Between which values the next row changes nothing, where no gap is before it; None: any row may."""
        if self._proven is None or self._bad_since_ns is not None or self._unheard_since_ns is not None:
            return None
        side = self.side(self._proven[1])
        if side == 0:
            return self._low, self._high
        if side > 0:
            return math.nextafter(self._high, math.inf), math.inf
        return -math.inf, math.nextafter(self._low, -math.inf)

    def take(self, time_ns: int, value: float, *, is_proven: bool) -> None:
        """Take a row."""
        self._unheard_since_ns = None
        if not is_proven:
            if self._bad_since_ns is None:
                self._bad_since_ns = time_ns
                self._mark(time_ns, BLIND)
            return
        if self._proven is None:
            self._mark(time_ns, OUTSIDE if self.side(value) else INSIDE)
        else:
            self._join(self._proven, time_ns, value)
        self._bad_since_ns = None
        self._proven = (time_ns, value)

    def _join(self, before: tuple[int, float], time_ns: int, value: float) -> None:
        """Draw the strip between two proven samples."""
        side, side_before = self.side(value), self.side(before[1])
        hidden = self.blind(time_ns)
        if hidden:
            self._cut(before[0])
            if side != side_before:
                self._mark(hidden[0][0], BLIND)
                self._mark(time_ns, OUTSIDE if side else INSIDE)
                return
            for start_ns, end_ns in hidden:
                self._mark(start_ns, BLIND)
                self._mark(end_ns, OUTSIDE if side else INSIDE)
        elif side != side_before:
            if side_before:
                self._mark(self._crossing_ns(before, time_ns, value, side_before), INSIDE)
            if side:
                self._mark(self._crossing_ns(before, time_ns, value, side), OUTSIDE)

    def _crossing_ns(self, before: tuple[int, float], time_ns: int, value: float, side: int) -> int:
        limit = self._high if side > 0 else self._low
        part = (limit - before[1]) / (value - before[1])
        return before[0] + round(min(max(part, 0.0), 1.0) * (time_ns - before[0]))

    def gap(self, start_ns: int, end_ns: int | None) -> None:
        """Take a gap that is told after samples that lie behind it."""
        if self._proven is None or not self._marks:
            return
        proven_ns = self._proven[0]
        end_ns = proven_ns if end_ns is None else min(end_ns, proven_ns)
        start_ns = max(start_ns, self._marks[0].from_ns)
        if start_ns >= end_ns:
            return
        later = [(mark.from_ns, mark.state) for mark in self._marks if mark.from_ns > end_ns]
        after = self._marks[self._place(end_ns)].state
        del self._marks[bisect.bisect_left(self._marks, start_ns, key=lambda mark: mark.from_ns) :]
        for from_ns, state in ((start_ns, BLIND), (end_ns, after), *later):
            self._mark(from_ns, state)

    def go_back(self, known: tuple[int, float] | None) -> None:
        """Be as it was at a proven sample, or as it was before any: its rows come again, until `go_on`."""
        self._bad_since_ns, self._unheard_before = None, self._unheard_since_ns
        if known is None:
            self._marks, self._proven = [], None
            return
        time_ns, value = known
        state = OUTSIDE if self.side(value) else INSIDE
        first = next((mark for mark in self._marks if mark.from_ns == time_ns), None)
        self._marks = [mark for mark in self._marks if mark.from_ns < time_ns]
        if not self._marks and first is not None:
            self._marks = [first._replace(state=state)]
        self._mark(time_ns, state)
        self._proven = known

    def go_on(self) -> None:
        """All rows have come again; whether the source is heard is as it was."""
        self._unheard_since_ns = self._unheard_before

    def _mark(self, from_ns: int, state: int) -> None:
        if not self._marks:
            self._marks.append(Mark(from_ns, state, 0, from_ns))  # blind since 1970
            return
        last = self._marks[-1]
        if last.state == state:
            return
        from_ns = max(from_ns, last.from_ns)
        outside_ns, blind_ns = _until(last, from_ns)
        if from_ns == last.from_ns:
            del self._marks[-1]
            if self._marks and self._marks[-1].state == state:
                return
        self._marks.append(Mark(from_ns, state, outside_ns, blind_ns))
        if len(self._marks) > _MOST_MARKS:
            del self._marks[: _MOST_MARKS // 2]

    def _cut(self, after_ns: int) -> None:
        """Forget the marks behind a time."""
        while len(self._marks) > 1 and self._marks[-1].from_ns > after_ns:
            del self._marks[-1]

    def _place(self, time_ns: int) -> int:
        return bisect.bisect_right(self._marks, time_ns, key=lambda mark: mark.from_ns) - 1

    def forgot(self, time_ns: int) -> bool:
        """Whether the marks at a time are forgotten: what `before` says of it is no longer exact."""
        first = self._marks[0] if self._marks else None
        return first is not None and time_ns < first.from_ns and first.blind_ns != first.from_ns

    def before(self, time_ns: int) -> tuple[int, int]:
        """How long the strip was outside and blind before a time; nothing is known before the first mark."""
        if not self._marks:
            return 0, time_ns  # blind since 1970
        place = self._place(time_ns)
        if place < 0:
            return self._marks[0].outside_ns, self._marks[0].blind_ns - (self._marks[0].from_ns - time_ns)
        return _until(self._marks[place], time_ns)

    def outside(self, from_ns: int, until_ns: int, base: tuple[int, int] | None = None) -> Span:
        """The least and the most that the tag was outside between two times; `base` is `before(from_ns)`, kept.

        A silent tag is where it was last: behind the last sample nothing is proven, and it counts to the most where
        that sample was outside, or where something hides it.
        """
        if until_ns <= from_ns:
            return Span(0, 0)
        if not self._marks or self._proven is None or (base is None and self.forgot(from_ns)) or self.forgot(until_ns):
            return Span(0, until_ns - from_ns)
        proven_ns = min(max(self._proven[0], from_ns), until_ns)
        outside, blind = self.before(proven_ns)
        outside_then, blind_then = self.before(from_ns) if base is None else base
        low_ns = outside - outside_then
        high_ns = low_ns + blind - blind_then
        if proven_ns < until_ns:
            hidden = self.blind(until_ns)
            if self.side(self._proven[1]):
                high_ns += until_ns - proven_ns
            else:
                high_ns += sum(max(0, end - max(start, proven_ns)) for start, end in hidden)
        return Span(low_ns, high_ns)

    def is_outside_now(self) -> bool:
        """Whether the last proven sample was outside."""
        return self._proven is not None and self.side(self._proven[1]) != 0

    def stretches(self, from_ns: int, until_ns: int) -> Iterator[tuple[int, int, int]]:
        """State, begin and end of each stretch between two times, up to the last proven sample."""
        if self._proven is None:
            return
        until_ns = min(until_ns, self._proven[0])
        for place in range(max(self._place(from_ns), 0), len(self._marks)):
            mark = self._marks[place]
            end_ns = self._marks[place + 1].from_ns if place + 1 < len(self._marks) else self._proven[0]
            if mark.from_ns > until_ns:
                return
            yield mark.state, max(mark.from_ns, from_ns), min(end_ns, until_ns)

    def state(self) -> Json:
        """All of it."""
        return {
            "marks": [list(mark) for mark in self._marks],
            "proven": None if self._proven is None else list(self._proven),
            "bad_since_ns": self._bad_since_ns,
            "unheard_since_ns": self._unheard_since_ns,
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._marks = [Mark(*mark) for mark in state["marks"]]
        self._proven = None if state["proven"] is None else (state["proven"][0], state["proven"][1])
        self._bad_since_ns, self._unheard_since_ns = state["bad_since_ns"], state["unheard_since_ns"]


def _until(mark: Mark, time_ns: int) -> tuple[int, int]:
    """How long it was outside and blind before a time in the stretch that begins with a mark."""
    long_ns = time_ns - mark.from_ns
    return (
        mark.outside_ns + (long_ns if mark.state == OUTSIDE else 0),
        mark.blind_ns + (long_ns if mark.state == BLIND else 0),
    )
