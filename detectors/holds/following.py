"""The rows of the tags that holds look at: what each means for strips, stores and stays.

Rows that change nothing are taken at once with those of all other tags; before anybody looks at a strip or a stay,
the newest of them are handed on.
"""

from collections.abc import Callable, Sequence

import numpy as np

from detectors.arrivals import NEVER_NS, Frame
from detectors.gaps import Gaps
from detectors.holds.calm import Band, Calm
from detectors.holds.excursions import Excursions
from detectors.holds.measures import Measures
from detectors.holds.stays import Stay, Waiting
from detectors.part import Said
from domain.entries import RowPosition
from domain.findings import Finding
from domain.holds import HoldMode
from domain.tags import Tag


class Following:
    """Follows the tags of conditions and stores; a stay whose condition is known up to its stop is judged whole."""

    def __init__(
        self,
        gaps: Gaps,
        measures: Measures,
        excursions: Excursions,
        waiting: Sequence[Waiting],
        recheck: Callable[[int, int, int], None],
        judge_whole: Callable[[Waiting, Stay, RowPosition], list[Finding]],
    ) -> None:
        self._measures = measures
        self._excursions = excursions
        self._recheck = recheck
        self._judge_whole = judge_whole
        self._calm = Calm(gaps)
        self._looking_at: dict[str, list[Waiting]] = {}  # by the tag of the condition
        for each in waiting:
            if each.hold.condition is not None:
                self._looking_at.setdefault(each.hold.condition.tag, []).append(each)
        self._followers: dict[int, list[Waiting]] = {}  # the same by the tag's id

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._calm.grow(size)

    def bind(self, tag: Tag) -> None:
        """Take a tag's definition."""
        self._followers[tag.id] = self._looking_at.get(tag.name, [])

    def judge(self, frame: Frame) -> list[Said]:
        """Take the rows of the tags that holds look at."""
        rows = frame.rows
        index = self._measures.watched(rows)
        if index is None:
            return []
        index = self._calm.take(frame, index)
        said: list[Said] = []
        begin = 0
        tags = rows.tag[index]
        while begin < len(index):
            tag = int(tags[begin])
            end = begin + 1
            while end < len(index) and tags[end] == tag:
                end += 1
            said += self._follow(frame, tag, index[begin:end].tolist())
            begin = end
        return said

    def _follow(self, frame: Frame, tag: int, index: list[int]) -> list[Said]:
        """Take the rows of one tag, in their order."""
        strips = self._measures.strips_of(tag)
        if not strips:
            self._heat(frame, tag, index)
            return []
        self._hand_on([tag])
        rows = frame.rows
        said: list[Said] = []
        followers = [
            waiting for waiting in self._followers[tag] if waiting.stay is not None and not waiting.stay.is_judged
        ]
        awaited = self._awaited(tag)
        for each in index:
            is_proven = rows.ok is None or bool(rows.ok[each])
            if not is_proven and (rows.bad is None or not rows.bad[each]):
                continue  # a text proves nothing, and hides nothing
            time_ns, value = int(rows.time_ns[each]), float(rows.value[each])
            self._measures.heat(tag, time_ns, value, is_proven=is_proven)
            for strip in strips:
                strip.take(time_ns, value, is_proven=is_proven)
            for stay in awaited:
                self._ask(stay, tag, time_ns, is_proven=is_proven)
            for waiting in followers:
                found = self._tell(waiting, time_ns, rows.position(each), value if is_proven else None)
                said += [(frame.place(each), finding) for finding in found]
        self._calm_down(tag)
        return said

    def _heat(self, frame: Frame, tag: int, index: list[int]) -> None:
        """Take the rows of a tag of which nothing is made but mean kinetic temperatures."""
        rows = frame.rows
        for each in index:
            is_proven = rows.ok is None or bool(rows.ok[each])
            if is_proven or (rows.bad is not None and rows.bad[each]):
                self._measures.heat(tag, int(rows.time_ns[each]), float(rows.value[each]), is_proven=is_proven)

    def _awaited(self, tag: int) -> list[Stay]:
        """The stays that were judged before the tag of their condition came as far as their stop."""
        return [stay for waiting in self._followers[tag] for stay in waiting.past if stay.awaits_ns is not None]

    def _ask(self, stay: Stay, tag: int, time_ns: int, *, is_proven: bool) -> None:
        """Ask that a stay is judged again by a row that comes only now."""
        if stay.awaits_ns is None:
            return
        self._recheck(tag, min(time_ns, stay.awaits_ns), time_ns)
        if is_proven and time_ns >= stay.awaits_ns:
            stay.awaits_ns = None

    def _calm_down(self, tag: int) -> None:
        """Derive between which values the next rows of a tag change nothing."""
        low, high, last_ns = np.inf, -np.inf, NEVER_NS
        strips = self._measures.strips_of(tag)
        needs_each = self._measures.is_stored(tag) or bool(self._awaited(tag))
        bands: list[Band | None] = [None] if needs_each else [strip.calm() for strip in strips]
        for waiting in self._followers[tag]:
            strip, stay = self._measures.strip(waiting.hold), waiting.stay
            if strip is not None and stay is not None and not stay.is_judged:
                bands.append(self._excursions.calm(waiting.hold, stay, strip))
        known = [band for band in bands if band is not None]
        if known and len(known) == len(bands) and strips[0].proven_ns is not None:
            low, high = max(band[0] for band in known), min(band[1] for band in known)
            last_ns = strips[0].proven_ns
        self._calm.begin(tag, low, high, last_ns)

    def _hand_on(self, tags: list[int]) -> None:
        """Let strips and stays come to where the calm rows of their tags are."""
        for tag in tags:
            last = self._calm.newest(tag)
            if last is None:
                continue
            for strip in self._measures.strips_of(tag):
                strip.follow(last)
            for waiting in self._followers[tag]:
                stay = waiting.stay
                if stay is not None and not stay.is_judged and waiting.hold.mode is HoldMode.IN_CONDITION:
                    stay.told_ns = max(stay.told_ns, last[0])

    def hand_on(self) -> None:
        """Let all strips and stays come to where their tags are."""
        self._hand_on(self._calm.ahead())

    def end_calm(self) -> None:
        """Something has changed since all was handed on, so that no row is known to change nothing."""
        self._calm.end()

    def look(self) -> None:
        """Come to where all tags are; something is to change, so that no row is known to change nothing."""
        self.hand_on()
        self.end_calm()

    def _tell(self, waiting: Waiting, at_ns: int, position: RowPosition, value: float | None) -> list[Finding]:
        """Say what a row of a condition's tag means for a stay."""
        stay, strip = waiting.stay, self._measures.strip(waiting.hold)
        if stay is None or strip is None or stay.is_judged:
            return []
        self._measures.keep_base(stay, strip)
        if stay.stop is not None and strip.proven_ns is not None and strip.proven_ns >= stay.stop.time_ns:
            return self._judge_whole(waiting, stay, position)
        return self._excursions.tell(waiting, stay, strip, at_ns, position, value)
