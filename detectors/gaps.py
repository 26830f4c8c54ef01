"""Gaps as the journal tells them: stretches that prove nothing about a tag."""

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Index
from detectors.cases import Json
from domain.entries import Gap, GapCause
from domain.tags import Tag

_KEPT = 32  # of one source or tag, the newest

Stretch = tuple[int, int]


class Gaps:
    """The newest gaps of each source and tag."""

    def __init__(self) -> None:
        self._of_source: dict[str, deque[Gap]] = {}
        self._of_tag: dict[int, deque[Gap]] = {}
        self.until_ns = NEVER_NS
        """From then on nothing is hidden, as far as is known; `FOREVER_NS` while a gap lasts."""

    @property
    def is_empty(self) -> bool:
        """Whether no gap was ever told."""
        return not self._of_source and not self._of_tag

    def take(self, gap: Gap) -> None:
        """Take note of a gap, or of its end: the same id again replaces it."""
        if gap.tag is None:
            known = self._of_source.setdefault(gap.source, deque(maxlen=_KEPT))
        else:
            known = self._of_tag.setdefault(gap.tag, deque(maxlen=_KEPT))
        place = next((index for index, before in enumerate(known) if before.id == gap.id), None)
        if place is None:
            known.append(gap)
        else:
            known[place] = gap
        ends_ns = (each.end_ns for gaps in (*self._of_source.values(), *self._of_tag.values()) for each in gaps)
        self.until_ns = max(FOREVER_NS if end_ns is None else end_ns for end_ns in ends_ns)

    def within(self, tag: int, source: str, start_ns: int, end_ns: int) -> list[Stretch]:
        """The gaps of a tag between two times, in order, none of them touching."""
        stretches: list[Stretch] = []
        for gap in (*self._of_tag.get(tag, ()), *self._of_source.get(source, ())):
            until_ns = end_ns if gap.end_ns is None else min(gap.end_ns, end_ns)
            if max(gap.start_ns, start_ns) < until_ns:
                stretches.append((max(gap.start_ns, start_ns), until_ns))
        return merged(stretches)

    def hide(
        self, tags: Mapping[int, Tag], tag: Index, start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Whether a gap hides part of the time from start to end, for each of some tags."""
        hidden = np.zeros(len(tag), dtype=np.bool_)
        for each in (start_ns < self.until_ns).nonzero()[0].tolist():
            id_ = int(tag[each])
            hidden[each] = bool(self.within(id_, tags[id_].source, int(start_ns[each]), int(end_ns[each])))
        return hidden

    def state(self) -> Json:
        """All of them."""
        return [
            [gap.id, gap.source, gap.tag, gap.start_ns, gap.end_ns, gap.cause]
            for gaps in (*self._of_source.values(), *self._of_tag.values())
            for gap in gaps
        ]

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._of_source, self._of_tag, self.until_ns = {}, {}, NEVER_NS
        for id_, source, tag, start_ns, end_ns, cause in state:
            self.take(Gap(id_, source, tag, start_ns, end_ns, GapCause(cause)))


def merged(stretches: list[Stretch]) -> list[Stretch]:
    """The same stretches in order, joined where they overlap or touch."""
    joined: list[Stretch] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
