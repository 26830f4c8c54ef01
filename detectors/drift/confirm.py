"""The in-control run length of a chart, confirmed on normal data that nothing was learnt from.

A stated ARL₀ holds for the noise that was assumed. Here windows of a quiet process, held out, are charted over and over
in another order: blocks of neighbours, drawn with replacement and laid end to end (the circular block bootstrap of
Politis and Romano 1992), so that what the chart remembers stays as it was. A run length far longer than the data can be
confirmed so, as long as the data hold what a false alarm is made of; where none comes, only a lower bound is told.

Nothing here judges. The draws come from a seed, so that the same windows give the same answer.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS
from detectors.drift.charts import SIDES, Charts
from detectors.drift.learning import Column
from domain.rules import DriftRule

LEAST_WINDOWS = 100
"""Of held-out data: of fewer, blocks are only a few, and all alike."""

_Z90 = 1.6449


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A measured run length in windows with its 90 % interval; `high` is infinite where no alarm came."""

    stated: float
    measured: float
    low: float
    high: float
    alarms: int
    windows: int

    @property
    def is_confirmed(self) -> bool:
        """Whether the interval meets 0.5 to 2 times what was stated."""
        return self.high >= 0.5 * self.stated and self.low <= 2.0 * self.stated


def confirmed_arl0(
    learnt: Column, held_out: Column, rule: DriftRule, *, block: int = 50, tracks: int = 64, seed: int = 1
) -> dict[str, Confirmed]:
    """The run length of each chart of a rule, by name, with a baseline from `learnt` and run on `held_out`.

    Both are means of consecutive windows of a quiet process, shape (windows,). Refused with ValueError where there are
    too few. In `tracks` at once some five times the stated run length is charted, or as much as a million windows.
    """
    if len(held_out) < max(LEAST_WINDOWS, 2 * block) or len(learnt) < rule.learn:
        message = f"{len(learnt)} windows to learn from and {len(held_out)} held out are too few"
        raise ValueError(message)
    charts, places = _charts(learnt, rule, tracks), np.arange(1, tracks + 1)
    random = np.random.default_rng(seed)
    length = math.ceil(min(5.0 * rule.arl0, 1e6) / tracks / block) * block
    alarms = np.zeros((3, tracks))
    at: NDArray[np.intp] = np.zeros(tracks, dtype=np.intp)
    for number in range(length):
        if number % block == 0:
            at = random.integers(0, len(held_out), tracks)
            charts.last_ns[places] = NEVER_NS  # what lies before a seam is no neighbour
        middle_ns = np.full(tracks, (number + 1) * rule.every_ns, dtype=np.int64)
        charts.chart(places, held_out[at], middle_ns)
        at = (at + 1) % len(held_out)
        alarms += _begun_anew(charts, places)
    rows = [*range(len(rule.k)), 2]
    return {name: _measured(alarms[row], length, rule.arl0) for name, row in zip(rule.chart_names, rows, strict=True)}


def _charts(learnt: Column, rule: DriftRule, tracks: int) -> Charts:
    """As many charts as tracks, all with the same baseline."""
    charts = Charts()
    charts.add(1, rule)
    charts.start(1, rule, 0, 0.0)
    for mean in learnt:
        if not charts.is_learning(np.array([1]))[0]:
            break
        charts.learn(np.array([1]), np.array([mean]), [rule], [0.0])
    if charts.is_learning(np.array([1]))[0]:
        message = f"{len(learnt)} windows are too much alike to learn a baseline from"
        raise ValueError(message)
    charts.add(tracks, rule)
    for column in charts.arrays().values():
        column[1 : tracks + 1] = column[1]
    return charts


def _begun_anew(charts: Charts, places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Which charts are out, as (3, places); they begin anew."""
    out = charts.sums[places] > charts.h[places]
    anew = np.zeros((len(places), SIDES), dtype=np.bool_)
    found = np.zeros((3, len(places)))
    for chart in (0, 1):
        found[chart] = out[:, 2 * chart : 2 * chart + 2].any(axis=1)
        anew[:, 2 * chart : 2 * chart + 2] = found[chart][:, None] > 0
    found[2] = np.abs(charts.ewma[places]) > charts.edge[places]
    charts.sums[places] = np.where(anew, 0.0, charts.sums[places])
    charts.ewma[places] = np.where(found[2] > 0, 0.0, charts.ewma[places])
    return found


def _measured(alarms: NDArray[np.float64], length: int, stated: float) -> Confirmed:
    """Alarms of each track, over as many windows each: mean run length, each track one observation."""
    windows, total = length * len(alarms), int(alarms.sum())
    if not total:
        return Confirmed(stated, math.inf, windows / 2.3026, math.inf, 0, windows)  # no alarm: P = 10 % at 2.3 expected
    mean = float(alarms.mean())
    # Alarms may come in clusters, and by chance be spread too evenly: the wider of what is seen and of Poisson.
    error = max(float(alarms.std(ddof=1)), math.sqrt(mean)) / math.sqrt(len(alarms))
    most = mean - _Z90 * error
    high = length / most if most > 0.0 else math.inf
    return Confirmed(stated, length / mean, length / (mean + _Z90 * error), high, total, windows)
