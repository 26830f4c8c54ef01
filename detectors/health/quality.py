"""Report a tag whose quality is Bad (an alarm of its own, which hides nothing) or Uncertain, and one that is frozen."""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Frame, Index, LastSamples, Mask, grown
from detectors.cases import Case, Json, Origin, Run, case_from, case_of, open_case, quantity
from detectors.part import Part, Said
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import format_duration


class BadQuality(Part):
    """Tags that say nothing about the process: Bad, or no number."""

    name = "bad"
    _NOW = "has bad quality: its value proves nothing"
    _WAS = "had bad quality"

    def __init__(self, origin: Origin, runs: dict[int, Run]) -> None:
        self._origin = origin
        self._runs = runs
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._cases: dict[int, Case] = {}
        self._is_bad: Mask = np.empty(0, dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._is_bad = grown(self._is_bad, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        self._tags[tag.id] = (tag, unit)

    def judge(self, frame: Frame) -> list[Said]:
        """Say where the quality turned, and where it came back."""
        rows = frame.rows
        told = self._told(rows)
        if told is None and not self._cases:
            return []
        suspect = self._is_bad[frame.at]
        if told is not None:
            suspect = suspect | told
        said: list[Said] = []
        for index in (suspect if frame.first is None else np.isin(rows.tag, rows.tag[suspect])).nonzero()[0].tolist():
            tag, at_ns = int(rows.tag[index]), int(rows.time_ns[index])
            is_bad = told is not None and bool(told[index])
            if is_bad == (tag in self._cases) or tag not in self._tags:
                continue
            said.append((frame.place(index), self._turned(frame, index, tag, at_ns)))
        return said

    def _told(self, rows: Arrived) -> Mask | None:
        """The rows that are of this quality."""
        return rows.bad

    def _turned(self, frame: Frame, index: int, id_: int, at_ns: int) -> Finding:
        tag, unit = self._tags[id_]
        case = self._cases.pop(id_, None)
        self._is_bad[id_] = case is None
        if case is None:
            run = self._runs.get(id_)
            case = open_case(self._origin, self.name, tag.name, at_ns, frame.rows.position(index), run, unit)
            self._cases[id_] = case
            return case.say(Stage.OPEN, at_ns, f"{tag.name} {self._NOW}.", {})
        end_ns = max(at_ns, case.onset_ns)
        message = f"{tag.name} {self._WAS} for {format_duration(end_ns - case.onset_ns)}."
        evidence = {"dur_min_ns": end_ns - case.onset_ns, "dur_max_ns": end_ns - case.onset_ns}
        return case.say(Stage.CLEARED, at_ns, message, evidence, end_ns)

    def state(self) -> Json:
        """The open findings."""
        return [[tag, case.state()] for tag, case in self._cases.items()]

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._cases = {tag: case_from(case) for tag, case in state}
        self._is_bad[:] = False
        self._is_bad[list(self._cases)] = True

    def go_on(self, finding: Finding) -> int | None:
        """Follow on what was announced of a tag, whose id is returned; None: no such tag, or it is known already."""
        id_ = next((id_ for id_, (tag, _) in self._tags.items() if tag.name == finding.subject), None)
        if id_ is None or id_ in self._cases:
            return None
        self._cases[id_] = case_of(finding)
        self._is_bad[id_] = True
        return id_


class UncertainQuality(BadQuality):
    """Tags whose values are told to be of Uncertain quality: they count as any other, and whoever reads them knows."""

    name = "uncertain"
    _NOW = "has uncertain quality: its value counts, and may be off"
    _WAS = "had uncertain quality"

    def _told(self, rows: Arrived) -> Mask | None:
        return rows.uncertain


class Frozen(Part):
    """Tags whose samples arrive, their source times go on, and the value stays the same to the bit."""

    name = "frozen"

    def __init__(self, rulebook: Rulebook, origin: Origin, last: LastSamples, runs: dict[int, Run]) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._last = last
        self._runs = runs
        self._any = False
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._cases: dict[int, Case] = {}
        self._after_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._since_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._is_frozen: Mask = np.empty(0, dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._after_ns = grown(self._after_ns, size, FOREVER_NS)
        self._since_ns = grown(self._since_ns, size, NEVER_NS)
        self._is_frozen = grown(self._is_frozen, size, fill=False)

    def begin_anew(self) -> None:
        """Count from the last samples on, of a time when nobody counted or by other rules."""
        known = min(len(self._since_ns), len(self._last.time_ns))
        self._since_ns[:known] = self._last.time_ns[:known]

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        after_ns = None if rules is None else rules.frozen_after_ns
        self._tags[tag.id] = (tag, unit)
        self._after_ns[tag.id] = FOREVER_NS if after_ns is None else after_ns
        self._any = self._any or after_ns is not None

    def judge(self, frame: Frame) -> list[Said]:
        """Compare each proven value with the one before; judge those that stayed the same."""
        if not self._any:
            return []
        frame = frame.proven
        rows = frame.rows
        before = frame.previous(rows.value, self._last.value)
        changed = rows.value.view(np.int64) != before.view(np.int64)
        if frame.first is None and not self._cases and not self._lasted(frame, (~changed).nonzero()[0]):
            return []
        since_ns = self._since(frame, changed)
        lasted = ~changed & (rows.time_ns - since_ns >= self._after_ns.take(rows.tag))
        told = (lasted & ~self._is_frozen.take(rows.tag)) | (changed & self._is_frozen.take(rows.tag))
        if frame.first is not None:
            # A tag may freeze and thaw within the frame.
            told = (lasted | changed) & np.isin(rows.tag, rows.tag[told])
        said = [
            (frame.place(index), self._turned(frame, index, int(since_ns[index])))
            for index in told.nonzero()[0].tolist()
            if bool(lasted[index]) != (int(rows.tag[index]) in self._cases)
        ]
        self._since_ns[rows.tag] = since_ns
        return said

    def _lasted(self, frame: Frame, same: Index) -> bool:
        """Take note of a frame with one row per tag; tell whether a value has stayed the same for too long."""
        rows = frame.rows
        tag = rows.tag[same]
        since_ns = self._since_ns[tag]
        if np.count_nonzero(rows.time_ns[same] - since_ns >= self._after_ns[tag]):
            return True
        self._since_ns[frame.at] = rows.time_ns
        self._since_ns[tag] = since_ns
        return False

    def _since(self, frame: Frame, changed: Mask) -> NDArray[np.int64]:
        """Since when each row's value has been what it is."""
        rows = frame.rows
        known: NDArray[np.int64] = self._since_ns.take(rows.tag)
        if frame.first is None:
            return np.where(changed, rows.time_ns, known)
        place = np.arange(len(rows))
        newest_change = np.maximum.accumulate(np.where(changed, place, -1))
        first = np.maximum.accumulate(np.where(frame.first, place, 0))
        return np.where(newest_change >= first, rows.time_ns[newest_change], known)

    def _turned(self, frame: Frame, index: int, since_ns: int) -> Finding:
        rows = frame.rows
        id_, at_ns = int(rows.tag[index]), int(rows.time_ns[index])
        tag, unit = self._tags[id_]
        case = self._cases.pop(id_, None)
        self._is_frozen[id_] = case is None
        if case is None:
            run = self._runs.get(id_)
            case = open_case(self._origin, "frozen", tag.name, since_ns, rows.position(index), run, unit)
            self._cases[id_] = case
            value = quantity(float(rows.value[index]), tag.unit)
            message = f"{tag.name} has been exactly {value} for {format_duration(at_ns - since_ns)}."
            return case.say(Stage.OPEN, at_ns, message, {"since_ns": since_ns, "value": float(rows.value[index])})
        message = f"{tag.name} changes again after {format_duration(at_ns - case.onset_ns)}."
        return case.say(Stage.CLEARED, at_ns, message, {"since_ns": case.onset_ns}, at_ns)

    def state(self) -> Json:
        """The open findings."""
        return [[tag, case.state()] for tag, case in self._cases.items()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Since when each value has been what it is."""
        return {"since_ns": self._since_ns}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._cases = {tag: case_from(case) for tag, case in state}
        self._is_frozen[:] = False
        self._is_frozen[list(self._cases)] = True
        self._since_ns = arrays["since_ns"].astype(np.int64)
