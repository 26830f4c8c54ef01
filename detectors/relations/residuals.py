"""What should be nothing: the residual of each relation between the instruments of a unit, from windows of a minute.

A relation is violated where its residual is beyond its limit. The limit is configured, or it is learnt from the unit's
own history in the phase: mean and deviation of the first windows, and Student's quantile for one false window in
100,000, for as many windows as are known.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.relations.windows import Window
from domain.checks import Balance, Jacket, Pair, UnitChecks, Vapour
from domain.time import MINUTE_NS

LEAST: Final = 8
MOST: Final = 240
"""Windows that a limit is learnt from."""

_MMHG_PER_BAR: Final = 750.0617
_LEAST_DIFFERENCE: Final = 15.0  # between jacket and contents; below it walls and room matter as much
_SLOPE_OVER: Final = 5  # windows
_QUANTILES: Final = (  # Student's, two-sided, for 1e-5, by degrees of freedom
    (7.0, 11.21),
    (9.0, 8.83),
    (11.0, 7.65),
    (15.0, 6.50),
    (20.0, 5.85),
    (30.0, 5.30),
    (60.0, 4.82),
    (120.0, 4.61),
    (240.0, 4.51),
)

Residual = Callable[[Sequence[Window]], float | None]


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation. `limit` None: learnt; `centre`: what the residual is where all is well, with a configured limit.

    `roles`: whose reading is in doubt where it is violated; `phases`: where it holds (none: in all).
    """

    key: str
    rule: str
    roles: tuple[str, ...]
    phases: tuple[str, ...]
    residual: Residual
    limit: float | None = None
    centre: float = 0.0


def relations(checks: UnitChecks) -> tuple[Relation, ...]:
    """The relations of a unit."""
    found = [_pair(each) for each in checks.pairs]
    if checks.vapour is not None:
        found.append(_vapour(checks.vapour))
    if checks.jacket is not None:
        found.append(_jacket(checks.jacket))
    return (*found, *(_balance(each) for each in checks.balances))


def _pair(pair: Pair) -> Relation:
    def residual(windows: Sequence[Window]) -> float | None:
        mean = windows[-1].mean
        if pair.one not in mean or pair.other not in mean:
            return None
        return mean[pair.one] - mean[pair.other]

    return Relation(f"pair/{pair.one}/{pair.other}", "pair.split", (pair.one, pair.other), (), residual, pair.limit)


def boiling_degc(antoine: tuple[float, float, float], pressure_bar: float) -> float | None:
    """Where a solvent boils at an absolute pressure, by Antoine's equation; None: at no temperature."""
    a, b, c = antoine
    if not pressure_bar > 0.0:
        return None
    below = a - math.log10(pressure_bar * _MMHG_PER_BAR)
    return b / below - c if below > 0.0 else None


def _vapour(vapour: Vapour) -> Relation:
    def residual(windows: Sequence[Window]) -> float | None:
        mean = windows[-1].mean
        if vapour.pressure not in mean or vapour.temperature not in mean:
            return None
        boils = boiling_degc(vapour.antoine, mean[vapour.pressure] * vapour.to_bar + vapour.gauge_bar)
        return None if boils is None else mean[vapour.temperature] - boils

    roles = (vapour.temperature, vapour.pressure)
    return Relation("vapour", "vapour.split", roles, vapour.phases, residual, vapour.limit)


def slope_per_min(windows: Sequence[Window], role: str, over: int = _SLOPE_OVER) -> float | None:
    """How fast a parameter changes over the newest windows; None where one of them has none."""
    newest = list(windows)[-over:]
    if len(newest) < over or any(role not in each.mean for each in newest):
        return None
    minutes = np.array([(each.at_ns - newest[0].at_ns) / MINUTE_NS for each in newest])
    values = np.array([each.mean[role] for each in newest])
    minutes -= minutes.mean()
    spread = float(minutes @ minutes)
    return float(minutes @ (values - values.mean())) / spread if spread > 0.0 else None


def _jacket(jacket: Jacket) -> Relation:
    def residual(windows: Sequence[Window]) -> float | None:
        """The heat transfer that the last windows show."""
        rate = slope_per_min(windows, jacket.contents)
        newest = list(windows)[-_SLOPE_OVER:]
        if rate is None or any(jacket.jacket not in each.mean for each in newest):
            return None
        if jacket.volume is not None and jacket.volume not in newest[-1].mean:
            return None
        warmer = float(np.mean([each.mean[jacket.jacket] - each.mean[jacket.contents] for each in newest]))
        if abs(warmer) < _LEAST_DIFFERENCE:
            return None
        return rate * (1.0 if jacket.volume is None else newest[-1].mean[jacket.volume]) / warmer

    limit = None
    if jacket.transfer is not None and jacket.limit is not None:
        limit = jacket.limit * jacket.transfer
    roles = (jacket.contents, jacket.jacket)
    return Relation("jacket", "jacket.balance", roles, jacket.phases, residual, limit, jacket.transfer or 0.0)


def _balance(balance: Balance) -> Relation:
    roles = (balance.level, *(term.role for term in balance.terms))

    def residual(windows: Sequence[Window]) -> float | None:
        """What the level gained beyond what came in."""
        newest = list(windows)[-balance.over_min - 1 :]
        if len(newest) <= balance.over_min or any(role not in each.mean for each in newest for role in roles):
            return None
        gained = newest[-1].mean[balance.level] - newest[0].mean[balance.level]
        for term in balance.terms:
            values = [each.mean[term.role] for each in newest]
            if term.is_flow:
                minutes = [(b.at_ns - a.at_ns) / MINUTE_NS for a, b in itertools.pairwise(newest)]
                came = sum(
                    lasts * 0.5 * (a + b) for lasts, (a, b) in zip(minutes, itertools.pairwise(values), strict=True)
                )
            else:
                values = [each.last[term.role] for each in newest]
                came = values[-1] - values[0]
                came += term.rollover if came < 0.0 < term.rollover else 0.0
            gained -= term.factor * came
        return gained

    key = f"balance/{balance.name}"
    return Relation(key, "volume.balance", roles, balance.phases, residual, balance.limit)


@dataclass(slots=True)
class Learnt:
    """What a relation's residual usually is in a phase: mean and squares by Welford's recurrence."""

    windows: int = 0
    mean: float = 0.0
    square: float = 0.0

    def learn(self, residual: float) -> None:
        """Take one more window, until enough are known."""
        if self.windows >= MOST:
            return
        self.windows += 1
        away = residual - self.mean
        self.mean += away / self.windows
        self.square += away * (residual - self.mean)

    @property
    def limit(self) -> float | None:
        """How far from the mean a residual may be; None while too little is known, or where it never differed."""
        if self.windows < LEAST:
            return None
        sigma = math.sqrt(self.square / (self.windows - 1))
        if sigma == 0.0:
            return None
        freedom, quantile = zip(*_QUANTILES, strict=True)
        times = float(np.interp(1.0 / (self.windows - 1), [1.0 / each for each in freedom[::-1]], quantile[::-1]))
        return times * sigma * math.sqrt(1.0 + 1.0 / self.windows)
