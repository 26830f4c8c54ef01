"""Transfers that follow from rules over tags: a valve is open and a level moves, step after step.

A level is noisy, so its slope is not asked for. What counts are steps: the level has moved by the rule's step since the
last one. Steps that follow each other within the rule's duration are one movement. Once it has lasted that long it is a
transfer from its first step on; the flow may have begun as early as the row before that step's reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Mask, grown
from detectors.cases import Json
from detectors.context.units import Role, Transfer
from domain.entries import Heartbeat, RowPosition
from domain.equipment import FlowRule, UnitModel
from domain.tags import Tag

Decided = tuple[bool, int, int]
"""Whether it flows, since when, and since when at the earliest."""


@dataclass(slots=True, eq=False)
class Flow:
    """One rule on one unit, and how far its level has moved."""

    unit: str
    role: Role
    rule: FlowRule
    valve_open: bool
    on: bool = False
    reference: float | None = None  # the level at the last step, or where watching began
    reference_ns: int = 0
    since_ns: int | None = None  # the first step of the movement
    earliest_ns: int = 0
    last_ns: int = 0  # its last step
    heard_ns: int = NEVER_NS  # the newest row of the level when a heartbeat was last judged
    first_beat_ns: int | None = None

    @property
    def deadline_ns(self) -> int:
        """A row from here on decides something, however little the level has moved."""
        if self.since_ns is None:
            return FOREVER_NS
        return self.last_ns + self.rule.for_ns + 1 if self.on else self.since_ns + self.rule.for_ns

    @property
    def band(self) -> tuple[float, float]:
        """A level at or beyond one of these decides something; nothing does while the valve is shut."""
        if not self.valve_open:
            return -np.inf, np.inf
        if self.reference is None:
            return np.inf, -np.inf
        return self.reference - self.rule.step, self.reference + self.rule.step

    def level(self, time_ns: int, value: float) -> list[Decided]:
        """Take a level; return what it decides."""
        if not self.valve_open:
            return []
        if self.reference is None:
            self._watch_from(time_ns, value)
            return []
        decided: list[Decided] = []
        moved = self.reference - value if self.role is Role.TRANSFER_OUT else value - self.reference
        late = self.since_ns is not None and time_ns > self.last_ns + self.rule.for_ns
        back = moved <= -self.rule.step
        if late or back:
            decided += self._stop(self.last_ns)
        if moved >= self.rule.step:
            if self.since_ns is None:
                # What counts as a flow moves a step in `for_ns`: it began no earlier than that.
                self.since_ns = time_ns
                self.earliest_ns = max(self.reference_ns, time_ns - self.rule.for_ns)
            self.last_ns = time_ns
        if late or back or moved >= self.rule.step:
            self._watch_from(time_ns, value)
        if self.since_ns is not None and not self.on and time_ns >= self.since_ns + self.rule.for_ns:
            self.on = True
            decided.append((True, self.since_ns, self.earliest_ns))
        return decided

    def _watch_from(self, time_ns: int, value: float) -> None:
        self.reference, self.reference_ns = value, time_ns

    def _stop(self, at_ns: int) -> list[Decided]:
        """The movement is over; it was a transfer only if it had lasted."""
        was_on, self.on, self.since_ns = self.on, False, None
        return [(False, at_ns, at_ns)] if was_on else []

    def valve(self, time_ns: int, *, is_open: bool) -> list[Decided]:
        """Take the valve's state: what flowed ends as it shuts, and a level counts only from its opening on."""
        if is_open == self.valve_open:
            return []
        self.valve_open, self.reference = is_open, None
        return self._stop(time_ns)

    def beat(self, heartbeat: Heartbeat, newest_ns: int) -> list[Decided]:
        """A level that is not heard any more, though its source is, moves no more."""
        if not self.on or not heartbeat.connected or newest_ns != self.heard_ns or self.first_beat_ns is None:
            self.heard_ns, self.first_beat_ns = newest_ns, heartbeat.now_ns if heartbeat.connected else None
            return []
        if heartbeat.now_ns - self.first_beat_ns <= self.rule.for_ns:
            return []
        return self._stop(self.last_ns)

    def state(self) -> Json:
        """All that is not the rule."""
        return [
            self.valve_open,
            self.on,
            self.reference,
            self.reference_ns,
            self.since_ns,
            self.earliest_ns,
            self.last_ns,
            self.heard_ns,
            self.first_beat_ns,
        ]

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self.valve_open, self.on, self.reference, self.reference_ns = state[:4]
        self.since_ns, self.earliest_ns, self.last_ns, self.heard_ns, self.first_beat_ns = state[4:]


@dataclass(slots=True, eq=False)
class Flows:
    """All rules about transfers; rows that decide nothing are found by their columns."""

    units: Mapping[str, UnitModel]
    _flows: list[Flow] = field(default_factory=list)
    _of_level: dict[int, list[Flow]] = field(default_factory=dict)
    _of_valve: dict[int, list[Flow]] = field(default_factory=dict)
    _source_of: dict[int, str] = field(default_factory=dict)
    _low: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _high: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _deadline_ns: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _is_level: Mask = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    def __post_init__(self) -> None:
        """One flow for each rule."""
        for model in self.units.values():
            for role, rule in (
                (Role.TRANSFER_IN, model.transfer_in_rule),
                (Role.TRANSFER_OUT, model.transfer_out_rule),
            ):
                if rule is not None:
                    self._flows.append(Flow(model.name, role, rule, rule.valve_tag is None))

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._low = grown(self._low, size, -np.inf)
        self._high = grown(self._high, size, np.inf)
        self._deadline_ns = grown(self._deadline_ns, size, FOREVER_NS)
        self._is_level = grown(self._is_level, size, fill=False)

    def bind(self, tag: Tag) -> None:
        """Connect a tag with the rules that it is part of."""
        self._source_of[tag.id] = tag.source
        if not self._flows:
            return
        self._of_level[tag.id] = [flow for flow in self._flows if flow.rule.level_tag == tag.name]
        self._of_valve[tag.id] = [flow for flow in self._flows if flow.rule.valve_tag == tag.name]
        self._is_level[tag.id] = bool(self._of_level[tag.id])
        self._mark(tag.id)

    def _mark(self, tag: int) -> None:
        """Derive which rows of a level decide something."""
        flows = self._of_level[tag]
        bands = [flow.band for flow in flows]
        self._low[tag] = max((low for low, _ in bands), default=-np.inf)
        self._high[tag] = min((high for _, high in bands), default=np.inf)
        self._deadline_ns[tag] = min((flow.deadline_ns for flow in flows if flow.valve_open), default=FOREVER_NS)

    def first_row(self, rows: Arrived, begin: int) -> int:
        """The first row from `begin` on that decides something; the number of rows if none does."""
        if not self._flows or rows.text is not None:
            return len(rows)
        index = self._is_level.take(rows.tag[begin:]).nonzero()[0]
        if not len(index):
            return len(rows)
        tag, value = rows.tag[begin:][index], rows.value[begin:][index]
        decides = (value <= self._low[tag]) | (value >= self._high[tag])
        decides |= rows.time_ns[begin:][index] >= self._deadline_ns[tag]
        decides &= np.isfinite(value)
        if rows.ok is not None:
            decides &= rows.ok[begin:][index]
        found = decides.nonzero()[0]
        return begin + int(index[found[0]]) if len(found) else len(rows)

    def take(self, rows: Arrived, index: int) -> list[Transfer]:
        """Take the level that a row tells."""
        tag, time_ns, value = int(rows.tag[index]), int(rows.time_ns[index]), float(rows.value[index])
        flows = self._of_level.get(tag)
        if not flows or rows.text is not None or not np.isfinite(value) or (rows.ok is not None and not rows.ok[index]):
            return []
        position = rows.position(index)
        decided = [
            self._transfer(flow, each, time_ns, position, tag) for flow in flows for each in flow.level(time_ns, value)
        ]
        self._mark(tag)
        return decided

    def valve(self, tag: int, time_ns: int, position: RowPosition, *, is_open: bool) -> list[Transfer]:
        """Take a valve's change."""
        decided: list[Transfer] = []
        for flow in self._of_valve.get(tag, ()):
            decided += [
                self._transfer(flow, each, time_ns, position, tag) for each in flow.valve(time_ns, is_open=is_open)
            ]
        self._mark_all()
        return decided

    def beat(self, heartbeat: Heartbeat, newest_ns: NDArray[np.int64], position: RowPosition) -> list[Transfer]:
        """Let time go by; `newest_ns` is the newest row of each tag."""
        decided: list[Transfer] = []
        for tag, flows in self._of_level.items():
            if not flows or self._source_of[tag] != heartbeat.source:
                continue
            for flow in flows:
                decided += [
                    self._transfer(flow, each, heartbeat.now_ns, position, tag)
                    for each in flow.beat(heartbeat, int(newest_ns[tag]))
                ]
            self._mark(tag)
        return decided

    def _transfer(self, flow: Flow, decided: Decided, proven_ns: int, position: RowPosition, tag: int) -> Transfer:
        on, time_ns, earliest_ns = decided
        source, other = self._source_of[tag], flow.rule.other_unit
        return Transfer(flow.unit, flow.role, on, time_ns, position, tag, source, earliest_ns, proven_ns, other)

    def _mark_all(self) -> None:
        for tag, flows in self._of_level.items():
            if flows:
                self._mark(tag)

    def state(self) -> Json:
        """How far each rule's level has moved."""
        return {f"{flow.unit}/{flow.role}": flow.state() for flow in self._flows}

    def load(self, state: Json) -> None:
        """Take back what `state` told, as far as there are such rules."""
        for flow in self._flows:
            told = state.get(f"{flow.unit}/{flow.role}")
            if told is not None:
                flow.load(told)
        self._mark_all()
