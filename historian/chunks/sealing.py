"""Sealing: rows leave the tail for the files of their periods, in small commits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.time import DAY_NS
from historian.chunks.compacting import compact
from historian.chunks.file import NEVER_NS, Head, PeriodFile
from historian.chunks.grouping import group
from historian.chunks.late import UNATTACHED, known_rows, patches
from historian.chunks.period import Period, period_at
from historian.chunks.reading import SealedFile
from historian.chunks.rows import Columns, judge, sort_by_tag_and_time
from historian.chunks.segment import Kind, Packer, Segment, listed

_SEGMENTS_PER_COMMIT = 8
_FILES_OPEN = 4


class Sealer:
    """Writes the files of all periods. `on_new_file` is called after a file has been made."""

    def __init__(self, directory: Path, period: str, rows_per_chunk: int, on_new_file: Callable[[], None]) -> None:
        self._directory = directory
        self._period = period
        self._rows_per_chunk = rows_per_chunk
        self._on_new_file = on_new_file
        self._packer = Packer()
        self._open: dict[str, tuple[PeriodFile, SealedFile]] = {}
        self._heads: dict[str, Head] = {}
        self.rows_added = 0

    @property
    def heads(self) -> dict[str, Head]:
        """The ends of the chains of the files written to."""
        return dict(self._heads)

    def seal(self, columns: Columns, *, unattached: bool = False) -> Iterator[None]:
        """Seal rows (in the order of arrival); pause after each commit. `unattached` rows lie in the future."""
        for period, part in self._by_period(columns):
            file, sealed = self._file(period)
            part = sort_by_tag_and_time(part)  # noqa: PLW2901 - the same rows
            for segments in _batches(self._segments(file, sealed, part, unattached=unattached)):
                self._commit(file, segments)
                yield

    def known(self, columns: Columns) -> NDArray[np.bool_]:
        """Which rows (sorted by tag) are sealed already."""
        known = np.zeros(len(columns), np.bool_)
        order = np.lexsort((columns.time_ns, columns.tag))
        columns = columns.at(order)
        for period, inside in self._periods(columns):
            if not self._path(period).exists():
                continue
            file, sealed = self._file(period)
            known[order[inside]] = known_rows(sealed, file.connection, columns.at(inside))
        return known

    def compact(self, *, patches_allowed: int, most: int | None) -> int:
        """Merge patches into their base segments, in the files that are open; return the segments replaced."""
        done = 0
        for file, sealed in list(self._open.values()):
            for segments, superseded in compact(
                file, sealed, self._packer, self._rows_per_chunk, patches_allowed=patches_allowed
            ):
                if most is not None and done >= most:
                    return done
                file.commit(segments, superseded)
                self._heads[file.path.name] = file.head
                done += len(superseded)
        return done

    def open_all(self, periods: Iterable[Period]) -> None:
        """Open files that are there, for `compact`."""
        for period in periods:
            self._file(period, bound=False)

    def close(self) -> None:
        """Close all files."""
        for file, sealed in self._open.values():
            sealed.close()
            file.close()
        self._open.clear()

    def _segments(
        self, file: PeriodFile, sealed: SealedFile, columns: Columns, *, unattached: bool
    ) -> Iterator[Segment]:
        base_end, any_end = _ends(file, columns)
        check = columns.time_ns < any_end
        if check.any():
            known = np.zeros(len(columns), np.bool_)
            known[check] = known_rows(sealed, file.connection, columns.at(check))
            columns, base_end = columns.at(~known), base_end[~known]
        verdict = judge(columns.tag, columns.time_ns, columns.value, columns.status, columns.place)
        is_late = columns.time_ns < base_end
        if unattached:
            is_late[:] = True
        kept = np.ones(len(columns), np.bool_)
        if verdict.best is not None:
            kept[:] = False
            kept[verdict.best] = True
            kept[verdict.older] |= is_late[verdict.older]
        fresh = columns.at(kept & ~is_late)
        # Late rows first: which base they belong to must not depend on what this very round adds.
        late = columns.at(kept & is_late)
        if len(late):
            yield from _future(late) if unattached else patches(file, late)
        rows = {tag: fresh.rows(chosen) for tag, chosen in fresh.of_tags()}
        for members in group(rows, self._rows_per_chunk):
            tags = sorted(members.rows)
            of_tags = [members.rows[tag] for tag in tags]
            if members.time_ns is None:
                yield self._packer.own(tags, of_tags)
            else:
                yield self._packer.shared(tags, members.time_ns, of_tags)
        # Older versions last: after a crash before them they are found missing, and come as a patch.
        older = columns.at(verdict.older[~is_late[verdict.older]])
        if len(older):
            yield listed(Kind.OLDER, UNATTACHED, older)

    def _commit(self, file: PeriodFile, segments: Sequence[Segment]) -> None:
        file.commit(segments)
        self._heads[file.path.name] = file.head
        self.rows_added += sum(segment.rows for segment in segments)

    def _by_period(self, columns: Columns) -> Iterator[tuple[Period, Columns]]:
        for period, inside in self._periods(columns):
            yield period, columns if inside.all() else columns.at(inside)

    def _periods(self, columns: Columns) -> Iterator[tuple[Period, NDArray[np.bool_]]]:
        remaining = columns.time_ns
        while len(remaining):
            period = period_at(int(remaining.min()), self._period)
            yield period, (columns.time_ns >= period.start_ns) & (columns.time_ns < period.end_ns)
            remaining = remaining[remaining >= period.end_ns]

    def _path(self, period: Period) -> Path:
        return self._directory / f"{period.name}.db"

    def _file(self, period: Period, *, bound: bool = True) -> tuple[PeriodFile, SealedFile]:
        known = self._open.pop(period.name, None)
        if known is None:
            path = self._path(period)
            is_new = not path.exists()
            known = (PeriodFile(path, period), SealedFile(path, period))
            if is_new:
                self._on_new_file()
        self._open[period.name] = known  # the last one used is the last one closed
        while bound and len(self._open) > _FILES_OPEN:
            file, sealed = self._open.pop(next(iter(self._open)))
            sealed.close()
            file.close()
        return known


def _ends(file: PeriodFile, columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row, the ends of the base chunks and of all chunks of its tag in a file."""
    base_end = np.full(len(columns), NEVER_NS)
    any_end = np.full(len(columns), NEVER_NS)
    for tag, chosen in columns.of_tags():
        edge = file.edge(tag)
        if edge is not None:
            base_end[chosen], any_end[chosen] = edge.base_end_ns, edge.any_end_ns
    return base_end, any_end


def _future(columns: Columns) -> Iterator[Segment]:
    """Patches without a base, one for each day so that no chunk spans more."""
    day = columns.time_ns // DAY_NS
    for number in np.unique(day):
        yield listed(Kind.PATCH, UNATTACHED, columns.at(day == number))


def _batches(segments: Iterator[Segment]) -> Iterator[list[Segment]]:
    pending: list[Segment] = []
    for segment in segments:
        pending.append(segment)
        if len(pending) == _SEGMENTS_PER_COMMIT:
            yield pending
            pending = []
    if pending:
        yield pending
