"""What passes, counted by source: at the intake, at the record and at the judge. Sources bound the number of counts."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator

from domain.entries import Entry, Gap, Heartbeat, Position, TextBatch
from domain.figures import Histogram, Reading
from domain.ports import Delivery
from domain.samples import SampleBatch
from service.collecting import Intake

_OPEN_GAPS = 10_000
_MARKS = 4096
_LAG_LASTS_S = 60.0


class SourceTally:
    """What sources say of themselves on their way into the journal. The event loop adds; any thread looks."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._lag: dict[str, tuple[float, float]] = {}  # least lag since it was last told, and when it came
        self._told: set[str] = set()
        self._beats: dict[str, Heartbeat] = {}

    def delivered(self, delivery: Delivery) -> None:
        """A delivery came off the wire."""
        for entry in delivery.entries:
            if isinstance(entry, SampleBatch) and len(entry):
                self._late(delivery.source, (entry.received_ns - int(entry.time_ns.max())) / 1e9)

    def beat(self, heartbeat: Heartbeat) -> None:
        """A heartbeat is to be journaled."""
        self._beats[heartbeat.source] = heartbeat

    def figures(self) -> Iterator[Reading]:
        """Whether each source is heard, and how late it is. Of what came between two looks the newest counts."""
        now_s = self._now_s()
        for source, beat in sorted(self._beats.copy().items()):
            yield Reading("thermowell_source_connected", int(beat.connected), (source,))
            if beat.heard_ns is not None:
                silence_s = (beat.now_ns - beat.heard_ns) / 1e9
                yield Reading("thermowell_source_silence_seconds", max(0.0, silence_s), (source,))
            if beat.skew_ns is not None:
                yield Reading("thermowell_source_clock_skew_seconds", beat.skew_ns / 1e9, (source,))
        for source, (lag_s, came_s) in sorted(self._lag.copy().items()):
            self._told.add(source)
            if now_s - came_s < _LAG_LASTS_S:  # silence is told by its own figure
                yield Reading("thermowell_source_lag_seconds", lag_s, (source,))

    def _late(self, source: str, lag_s: float) -> None:
        """Late rows of a recovery come between live ones: the least lag is what live rows have."""
        known = self._lag.get(source)
        if known is not None and source not in self._told:
            lag_s = min(lag_s, known[0])
        self._told.discard(source)
        self._lag[source] = (lag_s, self._now_s())


class TalliedIntake:
    """The journal's intake, with a tally of what is put into it."""

    def __init__(self, journal: Intake, tally: SourceTally) -> None:
        self._journal, self._tally = journal, tally
        self.room = journal.room

    def submit(self, delivery: Delivery) -> None:
        """Queue a delivery."""
        self._journal.submit(delivery)
        self._tally.delivered(delivery)

    async def append(self, *entries: Entry) -> Position:
        """Append and wait until it is durable."""
        for entry in entries:
            if isinstance(entry, Heartbeat):
                self._tally.beat(entry)
        return await self._journal.append(*entries)


class FollowerTally:
    """What a follower has come to, by source, and how long each entry took. Its thread adds; any thread looks."""

    def __init__(self, samples: str, seconds: str) -> None:
        """`samples` and `seconds` are names of figures."""
        self._samples_name = samples
        self._samples: Counter[str] = Counter()
        self._gaps: Counter[tuple[str, str]] = Counter()
        self._open_gaps: deque[str] = deque(maxlen=_OPEN_GAPS)
        self.seconds = Histogram(seconds)

    def took(self, entry: Entry, seconds: float) -> None:
        """An entry was taken, and how long that lasted."""
        self.seconds.add(seconds)
        if isinstance(entry, SampleBatch | TextBatch):
            self._samples[entry.source] += len(entry)
        elif isinstance(entry, Gap):
            self._gap(entry)

    def figures(self) -> Iterator[Reading]:
        """Samples, gaps and times."""
        for source, count in sorted(self._samples.copy().items()):
            yield Reading(self._samples_name, count, (source,))
        for labels, count in sorted(self._gaps.copy().items()):
            yield Reading("thermowell_gaps_total", count, labels)
        yield self.seconds.reading()

    def _gap(self, gap: Gap) -> None:
        """One that opens and closes is one gap."""
        if gap.end_ns is not None and gap.id in self._open_gaps:
            self._open_gaps.remove(gap.id)
            return
        if gap.end_ns is None:
            if gap.id in self._open_gaps:
                return
            self._open_gaps.append(gap.id)
        self._gaps[gap.source, str(gap.cause)] += 1


class Milestones:
    """When the journal came to which position, so that the age of what a follower lacks can be told."""

    def __init__(self) -> None:
        self._marks: list[tuple[Position, float]] = []

    def passed(self, last: Position, now_s: float, everybody: Position) -> None:
        """The journal ends at `last` now; every follower has come to `everybody`."""
        if not self._marks or last > self._marks[-1][0]:
            self._marks.append((last, now_s))
        while len(self._marks) > 1 and self._marks[0][0] <= everybody:
            self._marks.pop(0)
        if len(self._marks) > _MARKS:  # hours behind: seconds no longer count
            del self._marks[1:-1:2]

    def behind_s(self, position: Position, now_s: float) -> float:
        """How long ago the first entry after a position became durable; 0 if there is none."""
        return max(0.0, next((now_s - at_s for mark, at_s in self._marks if mark > position), 0.0))
