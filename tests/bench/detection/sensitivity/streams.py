"""What the instruments of all copies report while the patterns run: the simulator's own instruments, column by column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.instruments.panel import Panel
from tests.bench.detection.sensitivity.cells import Cell, Pattern
from tests.bench.detection.sensitivity.reactors import ROLES, Normal, Reactors

TICK_S = 10
PHASE_FROM_S = 60
BEGINS_S, SPREAD_S = 1800, 600  # into the run; each copy at a moment of its own
LASTS_S = 5100
LATE_S = 1200
_PERIOD_S = 300.0  # of an oscillation
_COLD = 20.0  # what TT says where the phase's code runs ahead of the reactor
_KELVIN, _PSI_PER_BAR, _MV_PER_PH = 273.15, 14.5038, -59.16
SEEN_BY = {"TT": ("TT", "TT2"), "PT": ("PT",), "AT": ("AT",)}  # who sees a change of the process

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What is delivered at one moment: columns over (copy, role), by their places; and what was measured earlier."""

    second: int
    place: NDArray[np.intp]
    value: Array
    status: NDArray[np.uint32]
    at_s: NDArray[np.int64]  # when it was measured


class Patterns:
    """Cells on copies: copy i runs the pattern of `cells[i]`, from `begin_s[i]` to `end_s[i]`."""

    def __init__(self, made: Reactors, cells: Sequence[Cell], seed: int) -> None:
        if len(cells) > made.number:
            raise ValueError(f"{len(cells)} cells on {made.number} reactors")
        self.cells = tuple(cells)
        random = np.random.default_rng(seed)
        self.begin_s = BEGINS_S + random.integers(0, SPREAD_S // TICK_S, len(cells)) * TICK_S
        lasts_s = np.array([max(cell.lasts_s, TICK_S) for cell in cells])
        self.end_s = self.begin_s + lasts_s
        self._lasts_s = lasts_s
        self._made, self._seed = made, seed
        self._sign = np.where(random.random(len(cells)) < 0.5, -1.0, 1.0)
        roles = [made.normal[role] for role in ROLES]
        self._offset = random.normal(0.0, 1.0, (len(cells), len(ROLES))) * [role.between for role in roles]
        self._level = np.array([role.course for role in roles]).T  # (rows, roles)
        self._offset[:, ROLES.index("TT2")] = self._offset[:, ROLES.index("TT")]  # they are in the same vessel
        self._size = self._sizes()
        self._of = {pattern: np.array([cell.pattern is pattern for cell in cells]) for pattern in Pattern}
        self._own = np.array([[role == cell.tag for role in ROLES] for cell in cells])

    def _sizes(self) -> Array:
        """By how much each role moves at most, in its unit: (copies, roles)."""
        size = np.zeros((len(self.cells), len(ROLES)))
        for copy, cell in enumerate(self.cells):
            seen = [each for own in SEEN_BY.values() for each in own] if cell.pattern is Pattern.CORRELATED else None
            for role in seen or SEEN_BY[cell.tag]:
                size[copy, ROLES.index(role)] = self._size_of(copy, cell, role)
        return size

    def _size_of(self, copy: int, cell: Cell, role: str) -> float:
        normal: Normal = self._made.normal[role]
        sign = float(self._sign[copy])
        if cell.size.sigmas is not None:
            return sign * cell.size.sigmas * normal.sigma
        if cell.size.percent is None:
            return 0.0
        nor, validated = self._made.ranges["TT" if role == "TT2" else role]
        side = 1 if sign > 0 else 0
        level = nor[side] + cell.size.percent / 100.0 * (validated[side] - nor[side])
        middle = int(self.begin_s[copy]) // TICK_S
        rows = normal.course[middle : middle + max(1, int(self._lasts_s[copy]) // TICK_S)]
        return level - float(np.median(rows)) - float(self._offset[copy, ROLES.index(role)])

    def ticks(self) -> Iterator[Tick]:
        """The whole run. The first minute is in the phase before."""
        copies = len(self.cells)
        panel = Panel(self._made.instruments[: copies * len(ROLES)], self._seed)
        healthy_noise = panel.condition.noise_factor.reshape(copies, len(ROLES))
        healthy_bias = panel.healthy.bias.reshape(copies, len(ROLES))
        late: list[Tick] = []
        for second in range(0, LASTS_S + 1, TICK_S):
            active = (second >= self.begin_s) & (second < self.end_s)
            panel.condition.bias[:] = (healthy_bias + self._instrument_bias(active)).ravel()
            panel.condition.noise_factor[:] = np.where(
                (active & self._of[Pattern.VARIANCE])[:, None] & self._own, self._factors(), healthy_noise
            ).ravel()
            stuck = ((active & self._of[Pattern.FROZEN])[:, None] & self._own).ravel()
            panel.held[~stuck] = np.nan
            panel.condition.stuck[:] = stuck
            panel.advance(self._truth(second, active).ravel(), TICK_S if second else 0.0)
            due = panel.due(second)
            if len(due):
                readings = panel.read(due)
                yield from self._delivered(second, active, Tick(
                    second, due, readings.value.copy(), readings.status, np.full(len(due), second)), late)  # fmt: skip

    def _truth(self, second: int, active: Mask) -> Array:
        """The normal course, and what the process does of its own."""
        if second < PHASE_FROM_S:
            return np.tile([self._made.normal[role].before for role in ROLES], (len(self.cells), 1)) + self._offset
        row = min((second - PHASE_FROM_S) // TICK_S, len(self._level) - 1)
        truth: Array = self._level[row] + self._offset + self._shape(second, active)[:, None] * self._size
        wrong = active & self._of[Pattern.WRONG_PHASE]
        for role in ("TT", "TT2"):
            truth[wrong, ROLES.index(role)] = _COLD
        return truth

    def _shape(self, second: int, active: Mask) -> Array:
        """How much of its size each copy's process shows now."""
        since = (second - self.begin_s).astype(np.float64)
        whole = (
            self._of[Pattern.STEP] | self._of[Pattern.CORRELATED] | self._of[Pattern.LATE] | self._of[Pattern.NEAR_MISS]
        )
        shape = np.where(whole, 1.0, 0.0)
        shape = np.where(self._of[Pattern.RAMP], np.minimum(since / (0.8 * self._lasts_s), 1.0), shape)
        shape = np.where(self._of[Pattern.OSCILLATION], np.sin(2 * np.pi * since / _PERIOD_S), shape)
        made: Array = np.where(active, shape, 0.0)
        return made

    def _instrument_bias(self, active: Mask) -> Array:
        """What the tag's own instrument reads too much, while its neighbour does not."""
        shown = active & (self._of[Pattern.BIAS] | self._of[Pattern.SPIKE])
        made: Array = np.where(shown[:, None] & self._own, self._size, 0.0)
        return made

    def _factors(self) -> Array:
        return np.array([cell.size.sigmas or 1.0 for cell in self.cells])[:, None]

    def _delivered(self, second: int, active: Mask, tick: Tick, late: list[Tick]) -> Iterator[Tick]:
        """Without what drops out, with what is told in a wrong unit, and what is late when its time comes."""
        copy, role = np.divmod(tick.place, len(ROLES))
        own = self._own[copy, role] & active[copy]
        wrong = own & self._of[Pattern.UNIT_ERROR][copy]
        for at in np.flatnonzero(wrong).tolist():
            tick.value[at] = _mistaken(ROLES[role[at]], float(tick.value[at]))
        waits = own & self._of[Pattern.LATE][copy]
        if waits.any():
            late.append(_chosen(tick, waits, second + LATE_S))
        kept = ~(waits | (own & self._of[Pattern.DROPOUT][copy]))
        if kept.any():
            yield _chosen(tick, kept, second)
        while late and late[0].second <= second:
            yield late.pop(0)


def _chosen(tick: Tick, which: Mask, second: int) -> Tick:
    return Tick(second, tick.place[which], tick.value[which], tick.status[which], tick.at_s[which])


def _mistaken(role: str, value: float) -> float:
    """The same quantity in the unit of somebody else: kelvin, psi, millivolt."""
    if role.startswith("TT"):
        return value + _KELVIN
    return value * _PSI_PER_BAR if role == "PT" else (value - 7.0) * _MV_PER_PH
