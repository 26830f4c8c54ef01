"""A SELECT on one measurement, group by group: rows of the record in, columns of the answer out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from api.influxql.budget import MOST_READ_AT_ONCE, MOST_SERIES
from api.influxql.columns import Column, Frame, Kind, Mask, Times, arithmetic, constant, nothing
from api.influxql.conditions import Span, asks_no_more_than_good, fields_in, holds, is_field, looked_for
from api.influxql.faults import Unanswered
from api.influxql.frames import EARLIEST_NS, LATEST_NS, Record, merged
from api.influxql.functions import OF_OWN_TYPE, Bucketed, reduced
from api.influxql.plan import TRANSFORMS, Plan, fields_read
from api.influxql.points import Points, as_default, filled, side_by_side, transformed
from api.influxql.schema import VALUE, Measurement, Series
from api.influxql.summaries import FROM_SUMMARIES, OF_ONE_SERIES, Figures, figures
from api.influxql.tree import Binary, Boolean, Call, Expr, Fill, Number, Ref, Text

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One series of an answer: its tags, and its columns, the time first."""

    name: str
    tags: Mapping[str, str]
    names: Sequence[str]
    time_ns: Times
    columns: Sequence[Column]
    zone: tzinfo | None

    def __len__(self) -> int:
        return len(self.time_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The series of one answer: alike in the tags that are grouped by."""

    tags: Mapping[str, str]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The rows of a group that meet the condition, in order of time, and the place of each row's series."""

    frame: Frame
    place: Places
    series: tuple[Series, ...]

    def column(self, ref: Ref, fields: Mapping[str, Kind], rows: Places | slice) -> Column:
        """A field, or a tag of each row's series."""
        if is_field(ref, fields):
            found = self.frame.columns.get(ref.name)
            return nothing(fields[ref.name], len(self.place[rows])) if found is None else found.at(rows)
        told = np.array([series.tags.get(ref.name, "") for series in self.series], np.object_)
        if not len(told):
            return nothing(Kind.STRING, len(self.place[rows]))
        there = np.array([ref.name in series.tags for series in self.series], np.bool_)
        place = self.place[rows]
        return Column(Kind.STRING, told[place], there[place])


class Selecting:
    """Answers one plan; `tables` reads as it goes."""

    def __init__(self, plan: Plan, measurement: Measurement, record: Record) -> None:
        self._plan, self._measurement, self._record = plan, measurement, record
        self._fields = measurement.fields
        self._figures: dict[Span, Figures] = {}  # of the group that is worked on
        self._where = looked_for(plan.where, measurement.series, record.budget.look)
        self._asked = fields_read(plan, self._fields)
        self._in_where = fields_in(plan.where, self._fields)
        self._only_good = bool(self._in_where) and asks_no_more_than_good(plan.where, self._fields)

    def tables(self) -> Iterator[Table | None]:
        """The series of the answer, one a group; None for a group without a row, so that nobody waits for long."""
        if not self._plan.exprs or not self._asked:
            return
        for group in self._groups():
            self._record.budget.look()
            table = self._rows(group) if not self._plan.calls else self._points(group)
            yield table if len(table) else None

    def _groups(self) -> list[Group]:
        plan = self._plan
        held = [one for one in self._measurement.series if holds(self._where, one, {}, self._fields) is not False]
        if len(held) > MOST_SERIES:
            raise Unanswered(f"max-select-series limit exceeded: ({len(held)}/{MOST_SERIES})")
        names = sorted(plan.dimensions)
        found: dict[tuple[str, ...], list[Series]] = {}
        for one in held:
            found.setdefault(tuple(one.tags.get(name, "") for name in names), []).append(one)
        cut = plan.select.cut
        values = sorted(found)
        if cut.series_limit is not None or cut.series_offset:
            # InfluxDB counts them in the order of the tags that they have.
            counted = sorted(values, key=lambda one: _tag_set(names, one))
            values = sorted(counted[cut.series_offset :][: cut.series_limit or 0])
        groups = [Group(dict(zip(names, one, strict=True)), tuple(found[one])) for one in values]
        return groups[::-1] if plan.select.descending else groups

    # Rows as they are

    def _rows(self, group: Group) -> Table:
        rows = self._cut_rows(group)
        gathered = self._gathered(group, self._plan.span, rows)
        kept: Places = np.flatnonzero(self._has_any(gathered.frame, self._asked))
        if self._plan.select.descending:
            kept = kept[::-1]
        cut = self._plan.select.cut
        kept = kept[cut.offset :]
        if cut.limit is not None:
            kept = kept[: cut.limit]
        self._record.budget.told(len(kept))
        refs = {expr: gathered.column(expr, self._fields, kept) for expr in self._refs()}
        columns = [_made(expr, {}, refs, len(kept)) for expr in self._plan.exprs]
        return self._table(group, gathered.frame.time_ns[kept], columns)

    def _cut_rows(self, group: Group) -> int | None:
        """How many rows of each series are enough; None: nobody knows before they are read."""
        cut = self._plan.select.cut
        if cut.limit is None or self._in_where:
            return None
        wanted = cut.limit + cut.offset
        return wanted if wanted * len(group.series) <= MOST_READ_AT_ONCE else None

    def _refs(self) -> list[Ref]:
        found: dict[Ref, None] = {}

        def look(expr: Expr) -> None:
            if isinstance(expr, Ref):
                found[expr] = None
            elif isinstance(expr, Binary):
                look(expr.left)
                look(expr.right)

        for expr in self._plan.exprs:
            look(expr)
        return list(found)

    # Functions of rows

    def _points(self, group: Group) -> Table:
        plan = self._plan
        gathered: dict[Span, Gathered] = {}
        self._figures.clear()
        every = [self._of_call(call, group, gathered) for call in plan.calls]
        every = [self._cut(points) for points in every]
        if not any(len(points) for points in every):
            return self._table(group, np.empty(0, np.int64), [])
        times, columns = side_by_side(every, list(map(self._fill_of, plan.calls)), descending=plan.select.descending)
        self._record.budget.told(len(times))
        calls = dict(zip(plan.calls, columns, strict=True))
        refs = {}
        if plan.selects_rows and (names := self._refs()):
            rows = every[0].row
            assert rows is not None
            one = next(iter(gathered.values()))
            for ref in names:
                found = one.column(ref, self._fields, np.maximum(rows, 0))
                told = Column(found.kind, found.values, found.mask() & (rows >= 0))
                refs[ref] = as_default(told, plan.select.fill)
        return self._table(group, times, [_made(expr, calls, refs, len(times)) for expr in plan.exprs])

    def _fill_of(self, call: Call) -> Fill:
        """How a function's column is filled; one that has the type of a field that is not there has no number to show.

        So it is in InfluxDB.
        """
        ref = call.args[0]
        is_typeless = isinstance(ref, Ref) and not is_field(ref, self._fields) and call.name not in OF_OWN_TYPE
        return Fill() if is_typeless else self._plan.select.fill

    def _cut(self, points: Points) -> Points:
        cut = self._plan.select.cut
        return points.at(slice(cut.offset, None if cut.limit is None else cut.offset + cut.limit))

    def _of_call(self, call: Call, group: Group, gathered: dict[Span, Gathered]) -> Points:
        plan = self._plan
        if call.name not in TRANSFORMS:
            return self._of_function(call, group, plan.span, gathered)
        inner = call.args[0]
        if isinstance(inner, Ref):
            rows = self._known(group, plan.span, gathered)
            column = rows.column(inner, self._fields, slice(None))
            points = Points(rows.frame.time_ns, column).at(column.mask())
            return transformed(call, points.at(slice(None, None, -1)) if plan.select.descending else points, None)
        assert isinstance(inner, Call)
        assert plan.interval is not None
        points = self._of_function(inner, group, self._wider(call.name), gathered)
        return transformed(call, points, plan.interval.width_ns)

    def _wider(self, name: str) -> Span:
        """One bucket more, so that the first of the answer has one before it; a sum begins where it begins."""
        plan = self._plan
        assert plan.interval is not None
        assert plan.span.last_ns is not None
        if name == "cumulative_sum":
            return plan.span
        if plan.select.descending:
            return replace(plan.span, last_ns=min(plan.span.last_ns + plan.interval.width_ns, LATEST_NS))
        if plan.span.first_ns is None:
            return plan.span
        return replace(plan.span, first_ns=max(plan.span.first_ns - plan.interval.width_ns, EARLIEST_NS))

    def _of_function(self, call: Call, group: Group, span: Span, gathered: dict[Span, Gathered]) -> Points:
        """A function's points in the order of the answer, every bucket filled."""
        ref = call.args[0]
        ref = ref.args[0] if isinstance(ref, Call) else ref
        assert isinstance(ref, Ref)
        if not is_field(ref, self._fields):
            kind = Kind.INTEGER if call.name == "count" else Kind.FLOAT
            return Points(np.empty(0, np.int64), nothing(kind, 0), np.empty(0, np.intp))
        known = self._known_span(group, span)
        if known is None:
            return Points(np.empty(0, np.int64), nothing(Kind.FLOAT, 0), np.empty(0, np.intp))
        edges = self._edges(known)
        if self._by_summaries(call, ref, group):
            if known not in self._figures:
                series = list(group.series)
                self._figures[known] = figures(self._record, series, edges, known, only_good=self._only_good)
            found = self._figures[known].reduced(call.name)
            rows = None
        else:
            rows = self._known(group, span, gathered)
            column = rows.column(ref, self._fields, slice(None))
            there = np.flatnonzero(column.mask())
            times = rows.frame.time_ns[there]
            bucket = np.searchsorted(edges, times, "right") - 1
            chosen = Column(column.kind, column.values[there])
            found = reduced(call, Bucketed(times, chosen, bucket))
            if found.row is not None:
                found = replace(found, row=there[found.row])
        return self._placed(call, found.bucket, found.column, found.row, edges, span, rows)

    def _placed(
        self,
        call: Call,
        bucket: Places,
        column: Column,
        row: Places | None,
        edges: Times,
        span: Span,
        rows: Gathered | None,
    ) -> Points:
        plan = self._plan
        if plan.interval is None:
            if plan.selects_rows and row is not None and rows is not None:
                return Points(rows.frame.time_ns[row], column, row)
            start_ns = 0 if span.first_ns is None else span.first_ns
            return Points(np.full(len(bucket), start_ns, np.int64), column, row)
        points = Points(edges[bucket], column, row)
        windows = edges[:-1]
        if span.first_ns is None and len(bucket):
            windows = windows[int(bucket[0]) :]
        if plan.select.descending:
            order = np.argsort(-points.time_ns, kind="stable")
            points = Points(points.time_ns[order], column.at(order), None if row is None else row[order])
            windows = windows[::-1]
        if call.name == "distinct":
            return points
        counts = call.name == "count"
        return filled(points, windows, plan.select.fill, plan.interval.width_ns, counts=counts)

    def _by_summaries(self, call: Call, ref: Ref, group: Group) -> bool:
        if call.name not in FROM_SUMMARIES or ref.name != VALUE or isinstance(call.args[0], Call):
            return False
        if self._in_where and not self._only_good:
            return False
        if call.name in OF_ONE_SERIES and len(group.series) > 1:
            return False
        return not (self._plan.selects_rows and (self._plan.interval is None or self._refs()))

    def _known_span(self, group: Group, span: Span) -> Span | None:
        """A span with both bounds: from the first row on, where none is given. None: there is no row."""
        if span.first_ns is None:
            firsts = [self._record.first_time(one, span) for one in group.series]
            known = [first for first in firsts if first is not None]
            if not known:
                return None
            span = replace(span, first_ns=min(known))
        if span.last_ns is None:
            span = replace(span, last_ns=LATEST_NS)
        return None if span.last_ns is None or span.first_ns is None or span.last_ns < span.first_ns else span

    def _edges(self, span: Span) -> Times:
        assert span.first_ns is not None
        assert span.last_ns is not None
        if self._plan.interval is None:
            return np.array([span.first_ns, span.last_ns + 1], np.int64)
        return self._plan.interval.edges(span.first_ns, span.last_ns)

    # Reading

    def _known(self, group: Group, span: Span, gathered: dict[Span, Gathered]) -> Gathered:
        if span not in gathered:
            gathered[span] = self._gathered(group, span, self._one_row())
        return gathered[span]

    def _one_row(self) -> int | None:
        """One row a series is enough for the first or the last value of all time."""
        plan = self._plan
        is_edge = len(plan.calls) == 1 and plan.calls[0].name in {"first", "last"}
        return 1 if is_edge and plan.interval is None and not self._in_where else None

    def _gathered(self, group: Group, span: Span, rows: int | None) -> Gathered:
        frames = []
        for series in group.series:
            frame = self._frame(series, span, rows)
            met = holds(self._where, series, frame.columns, self._fields)
            frames.append(frame if met is True else frame.at(np.broadcast_to(met, (len(frame),))))
        frame, place = merged(frames, self._fields)
        return Gathered(frame, place, group.series)

    def _frame(self, series: Series, span: Span, rows: int | None) -> Frame:
        if rows is None:
            return self._record.frame(series, span)
        plan = self._plan
        fields = self._asked
        goes_back = plan.select.descending
        if plan.calls:
            ref = plan.calls[0].args[0]
            assert isinstance(ref, Ref)
            fields, goes_back = frozenset({ref.name}), plan.calls[0].name == "last"
        if goes_back:
            return self._record.newest(series, span, rows, fields)
        return self._record.oldest(series, span, rows, fields)

    def _has_any(self, frame: Frame, fields: frozenset[str]) -> Mask:
        there = np.zeros(len(frame), np.bool_)
        for name in fields:
            if name in frame.columns:
                there |= frame.columns[name].mask()
        return there

    def _table(self, group: Group, times: Times, columns: list[Column]) -> Table:
        return Table(self._measurement.name, group.tags, self._plan.names, times, columns, self._plan.zone)


def _tag_set(names: Sequence[str], values: Sequence[str]) -> str:
    there = [(name, value) for name, value in zip(names, values, strict=True) if value]
    return "|".join([*(name for name, _ in there), *(value for _, value in there)])


def _made(expr: Expr, calls: Mapping[Call, Column], refs: Mapping[Ref, Column], length: int) -> Column:
    """A column of the answer from those of its functions, fields and tags."""
    if isinstance(expr, Call):
        return calls[expr]
    if isinstance(expr, Ref):
        return refs[expr]
    if isinstance(expr, Number | Text | Boolean):
        return constant(expr.value)
    if isinstance(expr, Binary):
        made = arithmetic(expr.op, _made(expr.left, calls, refs, length), _made(expr.right, calls, refs, length))
        values = np.broadcast_to(made.values, (length,))
        return Column(made.kind, values, None if made.there is None else np.broadcast_to(made.there, (length,)))
    raise Unanswered(f"a {type(expr).__name__.lower()} cannot be a column")
