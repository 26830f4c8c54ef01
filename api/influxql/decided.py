"""Measurements of what was decided: alarms, those that stand, phases and holds, beside the site's samples.

A mirror has samples alone, so these are asked of the record. They are named like the mirror's corrections:
`SITE_alarms`, `SITE_standing`, `SITE_phases`, `SITE_holds`. A point is made of one transition, alarm, run or hold.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from api.dependencies import Dependencies
from api.holds import budget_shapes, hold_shapes
from api.influxql.columns import Column, Frame, Kind, nothing
from api.influxql.conditions import Span
from api.influxql.faults import Unanswered
from api.influxql.schema import UNIT, Measurement, Series
from api.shapes import Shape
from api.times import TimeForm
from domain.alarms import Transition
from domain.findings import PhaseRecord
from domain.rules import Priority
from domain.time import MINUTE_NS, SECOND_NS

MOST_DECIDED = 10_000
_HOLD_FINDINGS = 500
_FLOOD_NS = 10 * MINUTE_NS
_CHATTER_NS, _CHATTER = MINUTE_NS, 3

Value = float | str | None

_INTEGER, _FLOAT, _STRING = Kind.INTEGER, Kind.FLOAT, Kind.STRING
FIELDS: Mapping[str, Mapping[str, Kind]] = {
    "alarms": {
        "alarm": _STRING,
        "batch": _STRING,
        "chattering": _INTEGER,
        "comment": _STRING,
        "in_ten_minutes": _INTEGER,
        "message": _STRING,
        "person": _STRING,
        "phase": _STRING,
        "responded_s": _FLOAT,
        "state": _STRING,
        "stood_s": _FLOAT,
        "subject": _STRING,
    },
    "standing": {
        "alarm": _STRING,
        "batch": _STRING,
        "message": _STRING,
        "phase": _STRING,
        "shelved_until_ms": _INTEGER,
        "standing_s": _FLOAT,
        "subject": _STRING,
    },
    "phases": {
        "end_ms": _INTEGER,
        "instance": _STRING,
        "phase": _STRING,
        "runs": _INTEGER,
        "start_ms": _INTEGER,
        "text": _STRING,
    },
    "holds": {
        "elapsed_s": _FLOAT,
        "left_s": _FLOAT,
        "limit_s": _FLOAT,
        "message": _STRING,
        "runs_out_ms": _INTEGER,
    },
}
"""The fields of each measurement, by what stands behind the site's name."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point: a tag of nothing and a field of None are left out."""

    time_ns: int
    tags: Mapping[str, str]
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Decided:
    """Reads the points of a span; calls block."""

    deps: Dependencies
    now_ns: int
    batch: str | None = None  # the only one that is asked for

    def names(self) -> list[str]:
        """Every measurement that there may be."""
        return [f"{self.deps.site}_{what}" for what in FIELDS]

    def read(self, name: str, span: Span, most: int | None = None, *, whole: bool = True) -> Measurement | None:
        """A measurement with the points of a span; None where it has none.

        Of more than `most` (None: the limit) transitions or runs the newest are taken; Unanswered if `whole` asks
        for all of them.
        """
        most = MOST_DECIDED if most is None else most
        what = name.removeprefix(f"{self.deps.site}_")
        made: dict[str, Callable[[Span, int, bool], Iterator[Point]]] = {
            "alarms": self._alarms,
            "standing": self._standing,
            "phases": self._phases,
            "holds": self._holds,
        }
        points = [one for one in made[what](span, most, whole) if _is_in(span, one.time_ns)]
        return _measurement(name, FIELDS[what], points) if points else None

    def _alarms(self, span: Span, most: int, whole: bool) -> Iterator[Point]:  # noqa: FBT001 - of one family
        read = self.deps.records.transitions(None, most + 1)
        if whole and len(read) > most and (span.first_ns is None or read[-1].at_ns >= span.first_ns):
            raise _too_many(most, "transitions of alarms")
        yield from alarm_points(read[:most][::-1])

    def _standing(self, span: Span, most: int, whole: bool) -> Iterator[Point]:  # noqa: FBT001
        del span
        read = self.deps.records.alarms()
        if whole and len(read) > most:
            raise _too_many(most, "alarms")
        for one in sorted(read[:most], key=_since_ns):
            shelved_ns = one.facts.shelved_until_ns
            yield Point(
                _since_ns(one),
                {**_alarm_tags(one), "state": one.facts.state.value},
                {
                    "alarm": one.alarm,
                    "batch": one.batch,
                    "message": one.message,
                    "phase": one.phase,
                    "shelved_until_ms": None if shelved_ns is None else shelved_ns // 1_000_000,
                    "standing_s": (self.now_ns - _since_ns(one)) / SECOND_NS,
                    "subject": one.subject,
                },
            )

    def _phases(self, span: Span, most: int, whole: bool) -> Iterator[Point]:  # noqa: FBT001
        end_ns = self.now_ns + 1 if span.last_ns is None else span.last_ns + 1
        if self.batch is None:
            read = self.deps.records.list_phases(span.first_ns, end_ns, None, most + 1)
        else:
            read = self.deps.records.phases_of(self.batch, most + 1)
        if whole and len(read) > most:
            raise _too_many(most, "phases")
        yield from phase_points(read[:most], self.now_ns)

    def _holds(self, span: Span, most: int, whole: bool) -> Iterator[Point]:  # noqa: FBT001
        del span, most, whole
        deps = self.deps
        findings = deps.records.list_findings(None, None, None, _HOLD_FINDINGS)
        holds = hold_shapes(deps.rulebook, deps.holds(), findings, self.now_ns, TimeForm.NS)
        budgets = budget_shapes(deps.rulebook, deps.budgets(), findings, TimeForm.NS)
        made = [self._hold_point(shape, str(shape["hold"]), "elapsed_max_ns", "elapsed_ns") for shape in holds]
        made += [
            self._hold_point({**shape, "kind": "budget"}, str(shape["budget"]), "used_max_ns", "used_min_ns")
            for shape in budgets
        ]
        yield from sorted(made, key=lambda one: one.time_ns)

    def _hold_point(self, shape: Shape, name: str, *elapsed: str) -> Point:
        known = [each for key in elapsed if isinstance(each := shape[key], int)]
        started = shape.get("start_ns")
        runs_out = shape.get("runs_out_ns")
        return Point(
            started if isinstance(started, int) else self.now_ns,
            {
                "hold": name,
                "kind": str(shape["kind"]),
                UNIT: str(shape["unit"]),
                "batch": str(shape["batch"]),
                "state": str(shape["state"]),
            },
            {
                "elapsed_s": known[0] / SECOND_NS if known else None,
                "left_s": _seconds(shape["left_ns"]),
                "limit_s": _seconds(shape["limit_ns"]),
                "message": str(shape["message"]),
                "runs_out_ms": runs_out // 1_000_000 if isinstance(runs_out, int) else None,
            },
        )


def alarm_points(transitions: Sequence[Transition]) -> Iterator[Point]:
    """A point for each transition, given in the order of the records, with what the rates of ISA-18.2 are made of.

    `in_ten_minutes` counts the activations up to this one, `chattering` tells the third of one alarm within a minute;
    `responded_s` is from an activation to its acknowledgement, `stood_s` to its return. Events are no alarms.
    """
    recent: deque[int] = deque()
    of_alarm: dict[str, deque[int]] = {}
    began: dict[tuple[str, int], int] = {}
    for one in transitions:
        known = began.get((one.alarm, one.occurrence))
        passed_s = None if known is None else (one.at_ns - known) / SECOND_NS
        fields: dict[str, Value] = {
            "alarm": one.alarm,
            "batch": one.batch,
            "comment": one.comment,
            "message": one.message,
            "person": one.person,
            "phase": one.phase,
            "state": one.facts.state.value,
            "subject": one.subject,
        }
        if one.what == "activated":
            began[one.alarm, one.occurrence] = one.at_ns
            if one.priority is not Priority.EVENT:
                own = of_alarm.setdefault(one.alarm, deque())
                fields["in_ten_minutes"] = _within(recent, one.at_ns, _FLOOD_NS)
                fields["chattering"] = int(_within(own, one.at_ns, _CHATTER_NS) >= _CHATTER)
        elif one.what == "acknowledged":
            fields["responded_s"] = passed_s
        elif one.what == "returned":
            fields["stood_s"] = passed_s
        yield Point(one.at_ns, {**_alarm_tags(one), "what": one.what}, fields)


def phase_points(phases: Sequence[PhaseRecord], now_ns: int) -> Iterator[Point]:
    """Two points for each run: where it begins, and, without a name, where it ends.

    A run that goes on ends now. The end is left out where the next phase of the unit begins.
    """
    starts = {(phase.unit, phase.start_ns) for phase in phases}
    made = []
    for phase in phases:
        end_ns = now_ns if phase.end_ns is None else phase.end_ns
        tags = {UNIT: phase.unit, "batch": phase.batch, "recipe": phase.recipe}
        span: dict[str, Value] = {"start_ms": phase.start_ns // 1_000_000, "end_ms": end_ns // 1_000_000}
        text = " · ".join(part for part in (phase.unit, phase.phase, phase.batch) if part)
        runs = int(phase.end_ns is None)
        named: dict[str, Value] = {"phase": phase.phase, "text": text, "instance": phase.instance, "runs": runs}
        made.append(Point(phase.start_ns, tags, {**named, **span}))
        if phase.end_ns is not None and (phase.unit, phase.end_ns) not in starts:
            made.append(Point(phase.end_ns, tags, {"phase": "", **span}))
    yield from sorted(made, key=lambda one: one.time_ns)


def _within(times: deque[int], at_ns: int, width_ns: int) -> int:
    """Take a moment, and count those of the width before it."""
    times.append(at_ns)
    while times and times[0] <= at_ns - width_ns:
        times.popleft()
    return len(times)


def _alarm_tags(one: Transition) -> dict[str, str]:
    return {"name": one.name, "priority": one.priority.name.lower(), "rule": one.rule, UNIT: one.unit}


def _since_ns(one: Transition) -> int:
    return one.at_ns if one.since_ns is None else one.since_ns


def _seconds(ns: object) -> float | None:
    return ns / SECOND_NS if isinstance(ns, int) else None


def _is_in(span: Span, time_ns: int) -> bool:
    return (span.first_ns is None or time_ns >= span.first_ns) and (span.last_ns is None or time_ns <= span.last_ns)


def _too_many(most: int, what: str) -> Unanswered:
    return Unanswered(f"max-select-point limit exceeded: more than {most:,} {what}; ask for a shorter time")


def _measurement(name: str, fields: Mapping[str, Kind], points: Sequence[Point]) -> Measurement:
    by_tags: dict[tuple[tuple[str, str], ...], list[Point]] = {}
    for point in points:
        by_tags.setdefault(tuple(sorted((key, tag) for key, tag in point.tags.items() if tag)), []).append(point)
    series = [Series(None, dict(key), _frame(fields, by_tags[key])) for key in sorted(by_tags)]
    return Measurement(name, dict(fields), tuple(series))


def _frame(fields: Mapping[str, Kind], points: Sequence[Point]) -> Frame:
    """The points of one series, in order of time."""
    points = sorted(points, key=lambda one: one.time_ns)
    return Frame(
        np.array([point.time_ns for point in points], np.int64),
        {name: _column(kind, [point.fields.get(name) for point in points]) for name, kind in fields.items()},
    )


def _column(kind: Kind, told: Sequence[Value]) -> Column:
    there = np.array([value is not None for value in told], np.bool_)
    empty = nothing(kind, 1).values.item()
    values = np.array([empty if value is None else value for value in told], nothing(kind, 0).values.dtype)
    return Column(kind, values, None if there.all() else there)
