"""What a trend's picture shows: the samples of a tag around the onset of an alarm, and the limit that it left."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.alarms import Transition
from domain.findings import Finding
from domain.ports import JournalReader
from domain.status import is_bad
from domain.time import HOUR_NS, MINUTE_NS
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView

_LEAST_NS, _MOST_NS = 10 * MINUTE_NS, 12 * HOUR_NS
_BEFORE = 3  # as long before the onset as three times what it has lasted
_MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """Samples in time order, n of each; a Bad one is NaN, and breaks the line. `limit`: in the same unit, if known."""

    name: str
    unit: str
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    start_ns: int
    end_ns: int
    onset_ns: int
    limit: float | None


class FindingReader(Protocol):
    """The findings in the records. Calls block."""

    def finding_versions(self, id_: str) -> Sequence[Finding]:
        """Every version of a finding, oldest first."""
        ...


def trend_of(said: Transition, records: FindingReader, journal: Path, history: Path) -> Trend | None:
    """Read the trend of what a transition is about; None where that is no tag, or has no samples. Blocks."""
    with contextlib.closing(ReadOnlyJournal(journal)) as reader:
        tag = next((each for each in reader.tags() if each.name == said.subject), None)
        if tag is None:
            return None
        start_ns, onset_ns, end_ns = stretch_of(said)
        time_ns, value = _samples(reader, history, tag.id, start_ns, end_ns)
    if not np.isfinite(value).any():
        return None
    limit = _limit(said, records)
    return Trend(said.subject, tag.unit, time_ns, value, start_ns, end_ns, onset_ns, limit)


def stretch_of(said: Transition) -> tuple[int, int, int]:
    """From when, the onset, until when: mostly what came before, so that one sees where it comes from."""
    onset_ns = said.at_ns if said.since_ns is None else min(said.since_ns, said.at_ns)
    lasted_ns = said.at_ns - onset_ns
    before_ns = min(_MOST_NS, max(_LEAST_NS, _BEFORE * lasted_ns))
    return max(onset_ns, said.at_ns - _MOST_NS) - before_ns, onset_ns, said.at_ns + 1


def _samples(
    journal: JournalReader, history: Path, tag: int, start_ns: int, end_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    with contextlib.closing(HistoryView(history, journal)) as view:
        view.refresh()
        rows = view.read(tag, start_ns, end_ns, limit=_MOST_ROWS)
    return rows.time_ns, np.where(is_bad(rows.status), np.nan, rows.value)


def _limit(said: Transition, records: FindingReader) -> float | None:
    """The limit that the finding names, as of the version that the transition is about."""
    found = [each for each in records.finding_versions(said.finding) if each.version <= said.finding_version]
    evidence: Mapping[str, float | int | str | None] = found[-1].evidence if found else {}
    limit = evidence.get("limit")
    return float(limit) if isinstance(limit, int | float) and np.isfinite(limit) else None
