"""Judge stays again when rows of their condition's tag came late, as if the rows had come in time.

The strip goes back to the last proven sample before the first late row (and before any excursion that reaches there)
and takes the tag's rows once more in the order of their times. Excursions from the condition come out of it anew and
are laid beside what was said of them; what a stay has taken is measured by the strip as it is then. A stay that still
runs is judged by the next heartbeat; what a heartbeat announced and is not so is withdrawn here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from detectors.arrivals import FOREVER_NS, Arrived
from detectors.cases import Evidence, case_of
from detectors.holds.excursions import CONDITION, Excursions
from detectors.holds.measures import Measures
from detectors.holds.saying import Saying
from detectors.holds.stays import Moment, Stay, Waiting
from detectors.holds.strips import Strip
from detectors.late.derived import Record
from detectors.late.rejudging import (
    Stretch,
    Verdict,
    compared,
    corrected,
    is_withdrawn,
    quiet_start,
    spell_of,
    taken_back,
    widened,
)
from domain.entries import Position, RowPosition
from domain.findings import Finding, FindingId, Stage
from domain.holds import HoldMode
from domain.tags import Tag

_NOTHING: Final[Evidence] = {"outside_min_ns": 0, "outside_max_ns": 0, "withdrawn": "judged again"}
_WHAT_COUNTS = (
    *("peak", "excursions", "outside_min_ns", "outside_max_ns", "hold_outside_min_ns", "hold_outside_max_ns"),
)


@dataclass(slots=True, eq=False)
class Again:
    """A stay whose condition is judged once more: how it stood, and what comes out of it."""

    waiting: Waiting
    stay: Stay
    was: Mapping[str, float | int | str | None]  # its figures by the rows so far
    scratch: Stay
    said: dict[str, Finding] = field(default_factory=dict)
    is_over: bool = False  # its condition is known up to its stop

    @property
    def has_excursions(self) -> bool:
        """Whether being out of its condition is a finding of its own."""
        return self.waiting.hold.mode is HoldMode.IN_CONDITION

    def hear(self, findings: Sequence[Finding]) -> None:
        """Take what is said of it; the newest version stands."""
        self.said.update((each.id, each) for each in findings)


class Rejudging:
    """Judges stays again by the rows of their condition's tag."""

    def __init__(self, measures: Measures, excursions: Excursions, saying: Saying) -> None:
        self._measures = measures
        self._telling = excursions
        self._saying = saying

    def rejudge(
        self, strip: Strip, tag: Tag, stretch: Stretch, waiting: Sequence[Waiting], record: Record
    ) -> tuple[list[Finding], list[Again]]:
        """The new versions of what was said of stays, and those whose figures are others now."""
        every = [(each, stay) for each in waiting for stay in each.stays]
        rows, known = self._rows(strip, tag, stretch, every, record)
        if not len(rows):
            return [], []
        again = [
            self._begin(each, stay, known)
            for each, stay in every
            if known is None or stay.stop is None or stay.stop.time_ns >= known[0]
        ]
        self._judge(strip, rows, known, again)
        newest_ns = record.newest_ns[tag.id]
        found: list[Finding] = []
        changed: list[Again] = []
        for each in again:
            since_ns = None if known is None else known[0]
            found += self._excursions(each, since_ns, newest_ns, record.position) if each.has_excursions else []
            until = self._until(each.stay)
            if each.was != self._saying.figures(each.waiting, each.stay, until):
                changed.append(each)
                found += self._saying.judged_again(
                    each.waiting, each.stay, each.was, until, newest_ns, RowPosition(record.position, 0)
                )
        return found, changed

    def _until(self, stay: Stay) -> Moment:
        return self._measures.seen(stay) if stay.stop is None else stay.stop

    def _rows(
        self,
        strip: Strip,
        tag: Tag,
        stretch: Stretch,
        every: Sequence[tuple[Waiting, Stay]],
        record: Record,
    ) -> tuple[Arrived, tuple[int, float] | None]:
        """The rows to judge, and the proven sample with which they begin (None: there is none before them)."""
        spells = [spell_of(each) for _, stay in every for each in stay.told if not is_withdrawn(each)]
        start_ns = widened(stretch, spells).start_ns
        while True:
            rows = quiet_start(record.rows([tag], start_ns, FOREVER_NS), start_ns)
            assert rows.ok is not None
            if not len(rows) or not rows.ok[0] or rows.time_ns[0] >= start_ns:
                return rows, None
            known = int(rows.time_ns[0]), float(rows.value[0])
            if any(each.start_ns <= known[0] <= each.end_ns for each in spells):
                # What is open at the sample before is judged from its beginning.
                start_ns = widened(Stretch(known[0], stretch.end_ns), spells).start_ns
                continue
            earliest_ns = min([known[0], *(stay.start.time_ns for _, stay in every)])
            if not strip.forgot(known[0]) or earliest_ns >= known[0]:
                return rows, known
            start_ns = earliest_ns

    def _begin(self, waiting: Waiting, stay: Stay, known: tuple[int, float] | None) -> Again:
        was = self._saying.figures(waiting, stay, self._until(stay))
        since_ns = stay.unknown_until_ns if known is None else max(stay.unknown_until_ns, known[0])
        gone = sum(each.onset_ns >= since_ns and not is_withdrawn(each) for each in stay.told)
        scratch = replace(
            stay,
            cases={},
            told=[],
            told_ns=since_ns,
            excursions=stay.excursions - gone,
            peak=None,
            base=None,
        )
        return Again(waiting, stay, was, scratch)

    def _judge(self, strip: Strip, rows: Arrived, known: tuple[int, float] | None, again: Sequence[Again]) -> None:
        """Take the rows in the order of time; excursions begin and end among them."""
        is_new = known is None or strip.forgot(known[0])
        strip.go_back(None if is_new else known)
        for each in again:
            if is_new or (known is not None and each.stay.start.time_ns >= known[0]):
                each.stay.base = None
            each.stay.outside = None
        assert rows.ok is not None
        for index in range(0 if is_new else 1, len(rows)):
            time_ns, value, is_proven = int(rows.time_ns[index]), float(rows.value[index]), bool(rows.ok[index])
            strip.take(time_ns, value, is_proven=is_proven)
            for each in again:
                if not each.is_over:
                    self._follow(each, strip, time_ns, rows.position(index), value if is_proven else None)
        position = rows.position(len(rows) - 1)
        for each in again:
            if not each.is_over and each.stay.is_judged:  # judged before its tag came so far
                self._end(each, strip, position)
        strip.go_on()

    def _follow(self, each: Again, strip: Strip, at_ns: int, position: RowPosition, value: float | None) -> None:
        stay, stop = each.stay, each.stay.stop
        self._measures.keep_base(stay, strip)
        each.scratch.base = stay.base
        if stop is not None and strip.proven_ns is not None and strip.proven_ns >= stop.time_ns:
            self._end(each, strip, position)
        elif each.has_excursions:
            each.hear(self._telling.tell(each.waiting, each.scratch, strip, at_ns, position, value))

    def _end(self, each: Again, strip: Strip, position: RowPosition) -> None:
        stop = each.stay.stop
        assert stop is not None
        each.is_over = True
        if each.has_excursions:
            each.hear(self._telling.end(each.waiting, each.scratch, strip, stop, position))
        if each.stay.is_judged:
            each.stay.outside = self._measures.outside(each.waiting.hold, each.stay, stop)

    def _excursions(self, each: Again, since_ns: int | None, newest_ns: int, position: Position) -> list[Finding]:
        """Lay what comes out beside what was said, and go on from there under the identities that people know."""
        stay, scratch = each.stay, each.scratch
        said = [one for one in stay.told if since_ns is None or one.onset_ns >= since_ns]
        said = [one for one in said if one.onset_ns >= stay.unknown_until_ns]
        verdicts, gone = compared(said, list(each.said.values()))
        found = [_version(one, newest_ns, position) for one in verdicts if not _is_the_same(one)]
        found += [_withdrawn(one, newest_ns, position) for one in gone]
        for version in found:
            stay.tell(version)
        stay.excursions = scratch.excursions
        if not stay.is_judged:
            stay.told_ns, stay.peak = scratch.told_ns, scratch.peak
            standing = {one.finding.id: one for one in verdicts if one.finding.stage is Stage.OPEN}
            stay.cases.pop(CONDITION, None)
            if CONDITION in scratch.cases:
                verdict = standing[FindingId(scratch.cases[CONDITION].id)]
                name = (verdict.before or verdict.finding).id
                stay.cases[CONDITION] = case_of(next(each for each in stay.told if each.id == name))
        return sorted(found, key=lambda one: (one.onset_ns, one.id))


def _is_the_same(verdict: Verdict) -> bool:
    before, finding = verdict.before, verdict.finding
    if before is None or is_withdrawn(before):
        return False
    if (before.stage, before.onset_ns, before.end_ns) != (finding.stage, finding.onset_ns, finding.end_ns):
        return False
    # What an open one says depends on when it last said something.
    return finding.stage is Stage.OPEN or all(before.evidence[key] == finding.evidence[key] for key in _WHAT_COUNTS)


def _version(verdict: Verdict, at_ns: int, position: Position) -> Finding:
    return corrected(verdict, max(at_ns, verdict.finding.onset_ns), position, "with all rows of its tag")


def _withdrawn(before: Finding, at_ns: int, position: Position) -> Finding:
    tag = before.evidence["tag"]
    message = f"{before.subject}: {tag} was not out of the hold's condition after all. It was judged again."
    return taken_back(before, at_ns, position, message, _NOTHING)
