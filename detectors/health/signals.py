"""Report what no process does to a reading: scatter lost or doubled, single readings far off, a step that stays.

- `noise.lost`, `noise.high`: see `scatter`. Judged within phases only: outside, the process may do as it likes.
  Readings at an end of the instrument's range have their scatter cut off (a flow that rests at 0): they tell nothing.
- `spike`: one reading is more than `SPIKE` sigmas off the middle of its neighbours, which agree with each other.
  Further ones within ten minutes are counted, not told one by one. It is an event, and excluded from nothing.
- `jump`: between two readings the level changes by more than `JUMP` sigmas and three times the second largest change
  between two readings that was learnt in this phase, while two readings before and two after agree. The two lie at most
  five minutes apart, and not ten times as far as the next one: in longer the process may have gone there. It clears
  after ten minutes.

Sigma is the tag's own scatter in its phase. A phase begins with no past, and so does what follows a gap:
what changes with the phase, or while nothing was recorded, is no jump.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Arrived, Frame, Index, Mask, grown
from detectors.cases import Case, Json, Origin, Run, case_from, open_case, quantity
from detectors.health.places import Places
from detectors.health.scatter import Scatter
from detectors.part import Part, Said
from domain.entries import Gap, RowPosition
from domain.findings import Finding, Stage
from domain.health import NOTHING
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import MINUTE_NS, SECOND_NS

SPIKE: Final = 8.0
JUMP: Final = 10.0
REMEMBERED_NS: Final = 10 * MINUTE_NS

_PAST = 3
_LARGEST: Final = 3.0  # times the largest change that was learnt
_APART_NS: Final = 5 * MINUTE_NS
_APART: Final = 10  # times the interval to the next reading
_UNEVEN: Final = 0.1
_DENSE: Final = 4  # where a fourth of neighbouring tags is watched, masks cost less than indices

Values = NDArray[np.float64]


class Signals(Part):
    """Scatter, spikes and jumps of every tag that is judged by its own scatter."""

    name = "signals"

    def __init__(self, rulebook: Rulebook, origin: Origin, runs: dict[int, Run], places: Places) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._runs = runs
        self._places = places
        self._scatter = Scatter()
        self._any = False
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._cases: dict[tuple[int, str], Case] = {}
        self._spikes: dict[int, int] = {}  # by tag: how many since its finding was opened
        self._until_ns: dict[tuple[int, str], int] = {}  # when a spike or a jump is over
        self._watched: Mask = np.empty(0, dtype=np.bool_)
        self._noise: Mask = np.empty(0, dtype=np.bool_)
        self._spike: Mask = np.empty(0, dtype=np.bool_)
        self._jump: Mask = np.empty(0, dtype=np.bool_)
        self._low: Values = np.empty(0)  # the ends of the instruments' ranges
        self._high: Values = np.empty(0)
        self._is_open: Mask = np.empty(0, dtype=np.bool_)
        self._is_noisy: Mask = np.empty(0, dtype=np.bool_)
        self._past: Values = np.empty((_PAST, 0))  # the newest first
        self._past_ns: NDArray[np.int64] = np.empty((2, 0), dtype=np.int64)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._scatter.grow(size)
        for name in ("watched", "noise", "spike", "jump", "is_open", "is_noisy"):
            setattr(self, f"_{name}", grown(getattr(self, f"_{name}"), size, fill=False))
        self._low = grown(self._low, size, -np.inf)
        self._high = grown(self._high, size, np.inf)
        self._past = np.array([grown(each, size, np.nan) for each in self._past])
        self._past_ns = np.array([grown(each, size, NEVER_NS) for each in self._past_ns])

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        health = NOTHING if rules is None or tag.kind != "number" else rules.health
        self._tags[tag.id] = (tag, unit)
        self._noise[tag.id], self._spike[tag.id], self._jump[tag.id] = health.noise, health.spike, health.jump
        self._low[tag.id] = -np.inf if tag.sensor_low is None else tag.sensor_low
        self._high[tag.id] = np.inf if tag.sensor_high is None else tag.sensor_high
        self._watched[tag.id] = health.noise or health.spike or health.jump
        self._any = self._any or bool(self._watched[tag.id])
        self._scatter.grow_places(self._places.count)

    def judge(self, frame: Frame) -> list[Said]:
        """Judge each proven reading with the three before it."""
        if not self._any:
            return []
        if frame.first is None and isinstance(frame.at, slice):
            watched = self._watched[frame.at]
            count = np.count_nonzero(watched)
            if not count:
                return []
            if _DENSE * count >= len(watched):
                return self._tick(frame, frame.at, watched)
        frame = frame.proven
        said: list[Said] = []
        for index in frame.turns(self._watched[frame.at].nonzero()[0]):
            said += self._turn(frame, index)
        return said

    def _tick(self, frame: Frame, at: slice, watched: Mask) -> list[Said]:
        """`_turn` of one row of each of neighbouring tags, most of them watched: masks, and nothing gathered."""
        rows = frame.rows
        if rows.ok is not None:
            watched = watched & rows.ok
        x0, time_ns = rows.value, rows.time_ns
        (x1, x2, x3), (before_ns, earlier_ns) = self._past[:, at], self._past_ns[:, at]
        with np.errstate(over="ignore", invalid="ignore"):
            bend = x1 * -2.0
            bend += x0
            bend += x2
            step = x0 + x1
            step -= x2
            step -= x3
            step *= 0.5
            np.abs(bend, out=bend)
            np.abs(step, out=step)
            # Most rows show nothing and teach nothing: only the others are looked at closely.
            far = self._scatter.far.take(self._places.of[at])
            close = step > JUMP * far
            far *= 2.0 * SPIKE
            close |= ~(bend <= far)
        close |= self._is_open[at]
        close &= watched
        told: list[Said] = []
        if np.count_nonzero(close):
            told = self._closely(frame, close.nonzero()[0])
        last_ns, span_ns = time_ns - before_ns, before_ns - earlier_ns
        later = (time_ns > before_ns) & watched
        even = np.abs(last_ns - span_ns) <= _UNEVEN * span_ns
        even &= span_ns > 0
        even &= np.isfinite(bend)
        even &= watched
        even &= np.minimum(np.minimum(x0, x1), x2) > self._low[at]
        even &= np.maximum(np.maximum(x0, x1), x2) < self._high[at]
        np.copyto(bend, 0.0, where=~even)
        told += self._full(frame, self._scatter.add_slice(at, bend, even))
        if np.count_nonzero(later) == len(rows):
            x3[:], x2[:], x1[:] = x2, x1, x0
            earlier_ns[:], before_ns[:] = before_ns, time_ns
            return told
        np.copyto(x3, x2, where=later)
        np.copyto(x2, x1, where=later)
        np.copyto(earlier_ns, before_ns, where=later)
        np.copyto(x1, x0, where=watched)
        np.copyto(before_ns, time_ns, where=watched)
        return told

    def _turn(self, frame: Frame, index: Index) -> list[Said]:
        """Judge one row of each of some tags."""
        rows = frame.rows
        tag, time_ns, x0 = rows.tag[index], rows.time_ns[index], rows.value[index]
        x1, x2, x3 = (self._past[each, tag] for each in range(_PAST))
        before_ns = self._past_ns[0, tag]
        with np.errstate(over="ignore", invalid="ignore"):
            bend = x0 - 2.0 * x1 + x2
            step = 0.5 * (x0 + x1 - x2 - x3)
        far = self._scatter.far[self._places.of[tag]]
        with np.errstate(invalid="ignore", over="ignore"):
            close = (np.abs(step) > JUMP * far) | ~(np.abs(bend) <= 2.0 * SPIKE * far) | self._is_open[tag]
        told = self._closely(frame, index[close])
        last_ns, span_ns = time_ns - before_ns, before_ns - self._past_ns[1, tag]
        whole = (np.minimum(np.minimum(x0, x1), x2) > self._low[tag]) & (
            np.maximum(np.maximum(x0, x1), x2) < self._high[tag]
        )
        even = np.isfinite(bend) & whole & (np.abs(last_ns - span_ns) <= _UNEVEN * span_ns) & (span_ns > 0)
        told += self._full(frame, index[even][self._scatter.add(tag[even], np.abs(bend[even]))])
        # A reading with the time of the one before is the same moment: it replaces it.
        later = time_ns > before_ns
        moved = tag[later]
        self._past[1:, moved] = self._past[:-1, moved]
        self._past_ns[1, moved] = self._past_ns[0, moved]
        self._past[0, tag] = x0
        self._past_ns[0, tag] = time_ns
        return told

    def _closely(self, frame: Frame, index: Index) -> list[Said]:
        """Spikes and jumps that these rows show, and those that are over."""
        if not len(index):
            return []
        rows = frame.rows
        tag, x0 = rows.tag[index], rows.value[index]
        place = self._places.of[tag]
        x1, x2, x3 = (self._past[each, tag] for each in range(_PAST))
        sigma = self._scatter.sigma(place)
        with np.errstate(invalid="ignore", over="ignore"):
            bend = x0 - 2.0 * x1 + x2
            step = 0.5 * (x0 + x1 - x2 - x3)
            change = np.abs(x1 - x2)
            far = 0.5 * np.abs(bend)
            spike = self._spike[tag] & (far > SPIKE * sigma) & (np.abs(x0 - x2) < 0.25 * far)
            large = np.maximum(JUMP * sigma, _LARGEST * self._scatter.step[place])
            jump = self._jump[tag] & (np.abs(step) > large) & (change > 0.7 * np.abs(step))
            jump &= (np.abs(x0 - x1) < 0.25 * np.abs(step)) & (np.abs(x2 - x3) < 0.25 * np.abs(step))
            after_ns, apart_ns = (
                rows.time_ns[index] - self._past_ns[0, tag],
                self._past_ns[0, tag] - self._past_ns[1, tag],
            )
            jump &= apart_ns <= np.minimum(_APART_NS, _APART * after_ns)
            learn = ~jump & ~spike & np.isfinite(change)
            # A spike is two large changes, there and back.
            learn &= (np.abs(x0 - x2) > 0.25 * change) & (np.abs(x1 - x3) > 0.25 * change)
        self._scatter.learn_change(place[learn], change[learn])
        said: list[Said] = []
        over = self._is_open[tag]
        for each in (spike | jump | over).nonzero()[0].tolist():
            row = int(index[each])
            found: list[Finding] = []
            if over[each]:
                found += self._over(int(tag[each]), int(rows.time_ns[row]))
            if spike[each]:
                found += self._spiked(rows, row, float(x1[each]), float(far[each]), float(sigma[each]))
            if jump[each]:
                found += self._jumped(rows, row, float(step[each]), float(sigma[each]), float(large[each]))
            said += [(frame.place(row), finding) for finding in found]
        return said

    def _open(self, rows: Arrived, row: int, rule: str, onset_ns: int) -> Case:
        id_ = int(rows.tag[row])
        tag, unit = self._tags[id_]
        case = open_case(self._origin, rule, tag.name, onset_ns, rows.position(row), self._runs.get(id_), unit)
        self._cases[id_, rule] = case
        self._is_open[id_] = True
        return case

    def _spiked(self, rows: Arrived, row: int, value: float, far: float, sigma: float) -> list[Finding]:
        id_, at_ns = int(rows.tag[row]), int(rows.time_ns[row])
        tag, _ = self._tags[id_]
        case = self._cases.get((id_, "spike"))
        onset_ns = int(self._past_ns[0, id_])
        self._until_ns[id_, "spike"] = at_ns + REMEMBERED_NS
        count = self._spikes[id_] = self._spikes.get(id_, 0) + 1
        if case is None:
            case = self._open(rows, row, "spike", onset_ns)
        elif count & (count - 1):
            return []  # the second, the fourth, the eighth … are told
        evidence = {"value": value, "off_by": far, "sigma": sigma, "times_sigma": far / sigma, "count": count}
        many = f"; {count} such readings so far" if count > 1 else ""
        message = (
            f"One reading of {tag.name}, {quantity(value, tag.unit)}, was {quantity(far, tag.unit)} off its neighbours,"
            f" {_times(far / sigma)} times its usual scatter{many}."
        )
        return [case.say(Stage.OPEN, at_ns, message, evidence)]

    def _jumped(self, rows: Arrived, row: int, step: float, sigma: float, limit: float) -> list[Finding]:
        id_, at_ns = int(rows.tag[row]), int(rows.time_ns[row])
        tag, _ = self._tags[id_]
        self._until_ns[id_, "jump"] = at_ns + REMEMBERED_NS
        before = self._cases.pop((id_, "jump"), None)
        found: list[Finding] = []
        if before is not None:
            found.append(self._cleared(before, at_ns))
        case = self._open(rows, row, "jump", int(self._past_ns[0, id_]))
        evidence = {"step": step, "sigma": sigma, "times_sigma": abs(step) / sigma, "limit": limit}
        message = (
            f"{tag.name} went {'up' if step > 0 else 'down'} by {quantity(abs(step), tag.unit)} from one reading to the"
            f" next and stayed, {_times(abs(step) / sigma)} times its usual scatter."
        )
        return [*found, case.say(Stage.OPEN, at_ns, message, evidence)]

    def _over(self, id_: int, at_ns: int) -> list[Finding]:
        """Spikes and jumps that are ten minutes past."""
        found: list[Finding] = []
        for rule in ("spike", "jump"):
            case = self._cases.get((id_, rule))
            if case is not None and at_ns > self._until_ns[id_, rule]:
                del self._cases[id_, rule], self._until_ns[id_, rule]
                found.append(self._cleared(case, at_ns))
        if found and not any((id_, rule) in self._cases for rule in ("spike", "jump")):
            self._is_open[id_] = False
        return found

    def _cleared(self, case: Case, at_ns: int) -> Finding:
        what = "spiked" if case.rule == "spike" else "jumped"
        count = self._spikes.pop(next(id_ for id_, (tag, _) in self._tags.items() if tag.name == case.subject), 0)
        times = f" {count} times" if case.rule == "spike" and count > 1 else ""
        message = f"{case.subject} {what}{times}; nothing of the kind for {REMEMBERED_NS // MINUTE_NS} min."
        return case.say(Stage.CLEARED, at_ns, message, {"count": max(count, 1)}, at_ns)

    def _full(self, frame: Frame, index: Index) -> list[Said]:
        """Judge and learn the windows that these rows have filled."""
        if not len(index):
            return []
        tag = frame.rows.tag[index]
        place = self._places.of[tag]
        told = self._scatter.close(tag)
        ratio = np.where(self._noise[tag] & self._places.in_phase[tag], self._scatter.ratio(tag, place, told), 1.0)
        changed = ratio != 1.0
        said: list[Said] = []
        for each in (changed | self._is_noisy[tag]).nonzero()[0].tolist():
            found = self._scattered(frame.rows, int(index[each]), float(ratio[each]), float(told[each]))
            said += [(frame.place(int(index[each])), finding) for finding in found]
        usual = ~(self._is_noisy[tag] | changed)
        self._scatter.learn(place[usual], told[usual])
        return said

    def _scattered(self, rows: Arrived, row: int, ratio: float, told: float) -> list[Finding]:
        """Open a change of scatter, or clear it."""
        id_, at_ns = int(rows.tag[row]), int(rows.time_ns[row])
        tag, unit = self._tags[id_]
        place = np.array([self._places.of[id_]])
        usual = float(self._scatter.sigma(place)[0])
        rule = "noise.lost" if ratio < 1.0 else "noise.high"
        case = self._cases.get((id_, "noise"))
        found: list[Finding] = []
        sigma = float(np.exp(max(told, -50.0)))
        learnt = f"from {int(self._scatter.windows[place[0]])} windows"
        evidence: dict[str, float | int | str | None] = {"sigma": sigma, "usual": usual, "ratio": ratio}
        evidence["learnt"] = learnt
        if case is not None and (ratio == 1.0 or case.rule != rule):
            del self._cases[id_, "noise"]
            self._is_noisy[id_] = False
            found.append(case.say(Stage.CLEARED, at_ns, f"{tag.name} scatters as usual again.", evidence, at_ns))
            case = None
        if case is None and ratio != 1.0:
            onset_ns = at_ns - 30 * int(max(at_ns - self._past_ns[0, id_], SECOND_NS))
            case = open_case(self._origin, rule, tag.name, onset_ns, rows.position(row), self._runs.get(id_), unit)
            self._cases[id_, "noise"] = case
            self._is_noisy[id_] = True
            how = "has lost its scatter" if ratio < 1.0 else "scatters more than usual"
            message = (
                f"{tag.name} {how}: {quantity(sigma, tag.unit)} where"
                f" {quantity(usual, tag.unit)} is usual in this phase."
            )
            found.append(case.say(Stage.OPEN, at_ns, message, evidence))
        return found

    def gap(self, gap: Gap) -> None:
        """What changed while nothing was recorded is no jump."""
        of_gap = (id_ for id_, (tag, _) in self._tags.items() if gap.tag in (None, id_) and tag.source == gap.source)
        self._forget(list(of_gap))

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """A phase begins with no past."""
        self._scatter.grow_places(self._places.count)
        for tag in tags:
            self._scatter.begin(tag.id)
        self._forget([tag.id for tag in tags])

    def _forget(self, ids: list[int]) -> None:
        """Go on with no past."""
        self._past[:, ids] = np.nan
        self._past_ns[:, ids] = NEVER_NS

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """What was open is moot: another phase scatters otherwise."""
        found: list[Finding] = []
        for tag in tags:
            case = self._cases.pop((tag.id, "noise"), None)
            if case is not None:
                self._is_noisy[tag.id] = False
                message = f"{tag.name} scattered otherwise until the phase ended,{run.place}."
                found.append(case.say(Stage.CLEARED, at_ns, message, {}, at_ns))
        self.phase_starts(run, tags)
        return found

    def state(self) -> Json:
        """The open findings."""
        return {
            "cases": [[tag, key, case.state()] for (tag, key), case in self._cases.items()],
            "spikes": sorted(self._spikes.items()),
            "until_ns": [[tag, key, until_ns] for (tag, key), until_ns in sorted(self._until_ns.items())],
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The last readings, and what is learnt of the scatter."""
        return {"past": self._past, "past_ns": self._past_ns, **self._scatter.arrays()}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._cases = {(tag, key): case_from(case) for tag, key, case in state["cases"]}
        self._spikes = dict(state["spikes"])
        self._until_ns = {(tag, key): until_ns for tag, key, until_ns in state["until_ns"]}
        self._is_open[:] = False
        self._is_open[[tag for tag, key in self._cases if key != "noise"]] = True
        self._is_noisy[:] = False
        self._is_noisy[[tag for tag, key in self._cases if key == "noise"]] = True
        self._past = arrays["past"].astype(np.float64)
        self._past_ns = arrays["past_ns"].astype(np.int64)
        self._scatter.load(arrays)

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep what is learnt of each place."""
        self._scatter.load_places(arrays)
        self._scatter.grow_places(self._places.count)


def _times(ratio: float) -> str:
    """How many times, in whole numbers; a reading of 1e300 has no need of three hundred digits."""
    return f"{min(ratio, 1e9):.0f}"
