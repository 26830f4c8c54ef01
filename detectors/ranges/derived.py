"""Excursions of what is derived from a tag: rows of it are judged as the tag's own would be, by limits of their own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Arrived, Index, LastSamples, group
from detectors.cases import Json, Origin, Run
from detectors.gaps import Gaps
from detectors.late.derived import identify
from detectors.late.rejudging import Verdict
from detectors.part import Part, Said
from detectors.ranges.ranges import LimitsFor, Ranges
from detectors.versions import Versions
from domain.entries import Gap, RowPosition
from domain.findings import Finding
from domain.rules import Rulebook
from domain.tags import Tag


class ByTag(Part):
    """A part that follows each tag by itself, and can judge one alone; `_runs` are the runs of the tags' units."""

    _runs: dict[int, Run]

    def judge_rows(self, rows: Arrived) -> list[Finding]:
        """Judge rows that stand alone."""
        self.grow(int(rows.tag.max()) + 1)
        return [finding for _, finding in self.judge(group(rows))]

    def begin(self, run: Run, tags: list[Tag]) -> None:
        """Judge one tag alone in a run."""
        for tag in tags:
            self.grow(tag.id + 1)
            self._runs[tag.id] = run
            self.bind(tag, run.unit)
        self.phase_starts(run, tags)


@dataclass(slots=True)
class DerivedRows:
    """Rows of derived values, those of one tag in their order; `place` is each one's row in the order of arrival."""

    tag: list[int]
    time_ns: list[int]
    value: list[float]
    ok: list[bool]
    entry: list[int]
    row: list[int]
    place: list[int]

    def add(self, tag: int, time_ns: int, value: float, at: tuple[int, int], place: int) -> None:
        """Add a row; one that is no number proves nothing."""
        self.tag.append(tag)
        self.time_ns.append(time_ns)
        self.value.append(value)
        self.ok.append(math.isfinite(value))
        self.entry.append(at[0])
        self.row.append(at[1])
        self.place.append(place)

    def arrived(self, source: str) -> tuple[Arrived, Index]:
        """The rows as arrays, and their places."""
        ok = np.array(self.ok, dtype=np.bool_)
        rows = Arrived(
            source,
            np.array(self.tag, dtype=np.intp),
            np.array(self.time_ns, dtype=np.int64),
            np.array(self.value, dtype=np.float64),
            ok,
            ~ok,
            np.array(self.entry, dtype=np.int64),
            np.array(self.row, dtype=np.int64),
        )
        return rows, np.array(self.place, dtype=np.intp)


def no_rows() -> DerivedRows:
    """No rows yet."""
    return DerivedRows([], [], [], [], [], [], [])


def joined(one: Arrived, other: Arrived) -> Arrived:
    """Rows of both, which have no tag in common."""
    assert one.ok is not None
    assert one.bad is not None
    assert other.ok is not None
    assert other.bad is not None
    return Arrived(
        one.source,
        np.concatenate([one.tag, other.tag]),
        np.concatenate([one.time_ns, other.time_ns]),
        np.concatenate([one.value, other.value]),
        np.concatenate([one.ok, other.ok]),
        np.concatenate([one.bad, other.bad]),
        np.concatenate([one.entry, other.entry]),
        np.concatenate([one.row, other.row]),
    )


class DerivedRanges:
    """The judge of derived rows: ranges with last samples of their own, over the tags that they are derived from."""

    def __init__(
        self, rulebook: Rulebook, origin: Origin, gaps: Gaps, versions: Versions, limits_for: LimitsFor
    ) -> None:
        self._last = LastSamples()
        self._ranges = Ranges(rulebook, origin, self._last, gaps, versions, limits_for)

    @property
    def runs(self) -> dict[int, Run]:
        """The run in which each tag is judged."""
        return self._ranges.runs

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._last.grow(size)
        self._ranges.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition, under the name and the unit of what is derived."""
        self._ranges.bind(tag, unit)

    def judge(self, rows: Arrived, places: Index) -> list[Said]:
        """Judge rows; `places` are those of the rows that they are derived from."""
        frame = group(rows)
        frame = replace(frame, arrival=places if frame.arrival is None else places[frame.arrival])
        said = self._ranges.judge(frame)
        self._last.take(frame)
        return said

    def phase_starts(self, run: Run, tag: Tag) -> None:
        """Judge what is derived from a tag, from nothing."""
        self._last.time_ns[tag.id], self._last.value[tag.id] = NEVER_NS, np.nan
        self._ranges.phase_starts(run, [tag])

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """End it."""
        return self._ranges.phase_ends(run, tags, at_ns, position)

    def over(self, run: Run, subject: str) -> list[Finding] | None:
        """What was said of a run and is over; None where not all of it is known any more."""
        unknown_ns = self._ranges.past.unknown_until_ns(subject)
        if unknown_ns is not None and run.start_ns <= unknown_ns:
            return None
        return [each for each in self._ranges.past.excursions(subject) if each.phase_instance == run.instance]

    def standing(self, tag: int, at_ns: int) -> list[Finding]:
        """What holds now of the excursions that are not over: nothing is said."""
        return [each.standing(at_ns) for each in self._ranges.followed(tag)]

    def remember(self, finding: Finding) -> None:
        """Take what was said of an excursion that is over."""
        self._ranges.past.remember(finding)

    def take_over(self, tag: int, other: "DerivedRanges", verdicts: Sequence[Verdict]) -> None:
        """Go on with a tag from where another judge has come; `verdicts` are of what it follows, in its order."""
        for excursion, verdict in zip(other._ranges.followed(tag), verdicts, strict=True):  # noqa: SLF001  of its kind
            identify(excursion.case, verdict)
        self._last.time_ns[tag], self._last.value[tag] = other._last.time_ns[tag], other._last.value[tag]  # noqa: SLF001
        self._ranges.adopt(tag, other._ranges, None)  # noqa: SLF001

    def gap(self, gap: Gap) -> None:
        """Take note of a gap that hides part of what was judged already."""
        self._ranges.gap(gap)

    def state(self) -> Json:
        """What is followed, and which tags are judged."""
        return {"ranges": self._ranges.state(), "tags": sorted(self.runs)}

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays of both."""
        return {**self._ranges.arrays(), "last_ns": self._last.time_ns, "last": self._last.value}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]], runs: dict[int, Run]) -> None:
        """Take back what `state` and `arrays` told; `runs` are those of the tags' units by then."""
        self._last.time_ns = arrays["last_ns"].astype(np.int64)
        self._last.value = arrays["last"].astype(np.float64)
        self.runs.clear()
        self.runs.update({tag: runs[tag] for tag in state["tags"]})
        self._ranges.load(state["ranges"], arrays)
