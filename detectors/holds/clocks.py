"""How much time really went by between two readings of a source's clock.

A source's clock is compared with ours at every heartbeat that measures its skew. What changes between two of them is

- a **leap** of the source's clock, where ours went on by no more than usual: taken out;
- a step of **ours**, where the source's went on by no more than usual: nothing happened to the source's times;
- **drift**, where it is little: either clock may be the right one;
- a **doubt**, where both may have been set while nobody looked: it happened, or it did not.

Drift and doubt make bounds of what was one number. What is judged by them is judged by the worst case.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

from detectors.cases import Json
from domain.time import MINUTE_NS, SECOND_NS

LEAP_NS = 10 * SECOND_NS
"""A change of the skew from one heartbeat to the next that is no drift."""

_USUAL_NS = MINUTE_NS  # between two heartbeats, as long as nobody knows better
_LONGER = 3  # times the usual is still "no more than usual": a heartbeat may be late


class Stamp(NamedTuple):
    """What had happened to a source's clock when it was read; `beat` counts the heartbeats until then."""

    leaps_ns: int = 0
    drift_ns: int = 0
    doubt_low_ns: int = 0
    doubt_high_ns: int = 0
    beat: int = 0


class Span(NamedTuple):
    """The least and the most that a time can have been; None: nobody can say."""

    low_ns: int
    high_ns: int | None


NOTHING = Span(0, 0)


@dataclass(slots=True)
class SourceClock:
    """What is known of a source's clock beside ours."""

    now_ns: int = 0
    skew_ns: int | None = None
    usual_ns: int = _USUAL_NS
    leaps_ns: int = 0
    drift_ns: int = 0
    doubt_low_ns: int = 0
    doubt_high_ns: int = 0
    beats: int = 0

    def beat(self, now_ns: int, skew_ns: int | None) -> int:
        """Take a heartbeat; return by how much the source's clock evidently leapt since the last (0: it did not)."""
        ours_ns = now_ns - self.now_ns
        leap_ns = 0
        if skew_ns is not None:
            if self.skew_ns is not None:
                leap_ns = self._change(ours_ns, skew_ns - self.skew_ns)
            self.skew_ns = skew_ns
        if self.beats and not leap_ns and ours_ns > 0:
            self.usual_ns = ours_ns
        self.now_ns = now_ns
        self.beats += 1
        return leap_ns

    def _change(self, ours_ns: int, change_ns: int) -> int:
        if abs(change_ns) <= LEAP_NS:
            self.drift_ns += change_ns
        elif 0 <= ours_ns <= _LONGER * self.usual_ns:
            self.leaps_ns += change_ns
            return change_ns
        elif not 0 <= ours_ns + change_ns <= _LONGER * self.usual_ns:
            self.doubt_low_ns += min(0, change_ns)
            self.doubt_high_ns += max(0, change_ns)
        return 0

    def theirs_ns(self, now_ns: int) -> int:
        """What the source's clock shows when ours shows a time."""
        return now_ns + (self.skew_ns or 0)

    def stamp(self) -> Stamp:
        """What has happened to it so far."""
        return Stamp(self.leaps_ns, self.drift_ns, self.doubt_low_ns, self.doubt_high_ns, self.beats)

    def state(self) -> Json:
        """All of it."""
        return asdict(self)


def elapsed(apart_ns: int, one: Stamp, other: Stamp) -> Span:
    """How long it really was between two readings of a clock that are so far apart, `other` being the later one."""
    apart_ns -= other.leaps_ns - one.leaps_ns
    drift_ns = other.drift_ns - one.drift_ns
    low_ns = apart_ns - max(0, drift_ns) - (other.doubt_high_ns - one.doubt_high_ns)
    high_ns = apart_ns - min(0, drift_ns) - (other.doubt_low_ns - one.doubt_low_ns)
    return Span(max(0, low_ns), max(0, high_ns))
