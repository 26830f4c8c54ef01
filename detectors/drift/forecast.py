"""When a drifting parameter meets its limit, as a band that is right nine times out of ten.

What the newest windows differ by from the baseline is taken as a level that is not quite known, a straight ramp from an
unknown start on, and the AR(1) noise that the chart knows. For each start that is possible, level and slope follow by
generalised least squares, with what the baseline leaves uncertain of the level as its prior; the starts are weighed by
how well they explain the windows. The time at which the mean meets the limit then has a distribution: a mixture over
the starts of how sure it is that the ramp is there by then. What the course of the phase adds is in it.

It says when the mean is there if the present ramp goes on. A single reading is there earlier by its noise.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.drift.charts import KEPT, Charts
from detectors.drift.learning import Column

SURE = 0.9
"""How often the band holds the time."""

_FARTHEST = 1000.0  # windows: a forecast beyond this is none
_AHEAD = np.concatenate([np.arange(0.25, 16.0, 0.25), np.geomspace(16.0, _FARTHEST, 160)])
_STARTS = 64  # windows back that are tried one by one
_LEAST = 4


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the mean meets a limit: as likely before as after `at_ns`, and nine times out of ten within the band."""

    at_ns: int
    early_ns: int
    late_ns: int


def forecast(charts: Charts, place: int, limit: float, sign: int, since_ns: int) -> Forecast | None:
    """The time at which a place's mean meets a limit (`sign` 1: from below); None where the ramp is not sure enough.

    `since_ns` is when its chart began to move.
    """
    at_ns, away = _windows(charts, place)
    if len(at_ns) < _LEAST:
        return None
    every_ns = int(charts.every_ns[place])
    now_ns = int(at_ns[-1])
    x = (at_ns - now_ns) / every_ns
    starts, weight = _starts((since_ns - now_ns) / every_ns)
    level, slope, spread, weight = _ramps(charts, place, x, sign * away, starts, weight)
    ahead_ns = now_ns + (_AHEAD * every_ns).astype(np.int64)
    base = charts.expected(np.full(len(ahead_ns), place), ahead_ns) + charts.offset[place]
    left = sign * (limit - base)
    since = _AHEAD[None, :] - starts[:, None]
    mean = level[:, None] + slope[:, None] * since
    variance = spread[:, 0, None] + 2.0 * spread[:, 1, None] * since + spread[:, 2, None] * since * since
    sure = np.maximum.accumulate(_normal((mean - left) / np.sqrt(variance)), axis=1)
    by_then = weight @ sure
    tail = 0.5 * (1.0 - SURE)
    if by_then[0] > tail or by_then[-1] < 1.0 - tail:
        return None
    early, middle, late = np.interp((tail, 0.5, 1.0 - tail), by_then, _AHEAD)
    return Forecast(*(now_ns + round(each * every_ns) for each in (middle, early, late)))


def _windows(charts: Charts, place: int) -> tuple[NDArray[np.int64], Column]:
    """The remembered windows, oldest first, and what they differ by from the baseline."""
    count = min(int(charts.windows[place]), KEPT)
    order = np.arange(int(charts.windows[place]) - count, int(charts.windows[place])) % KEPT
    at_ns = charts.at_ns[place, order]
    expected = charts.expected(np.full(count, place), at_ns)
    return at_ns, charts.mean[place, order] - expected - charts.offset[place]


def _starts(since: float) -> tuple[Column, Column]:
    """Where the ramp may have begun, in windows from now, and how likely each is before anything is known."""
    near = -np.arange(1.0, _STARTS + 1.0)
    farthest = min(1.5 * since, -2.0 * _STARTS)
    far = -np.geomspace(_STARTS + 1.0, -farthest, 32)
    starts = np.concatenate([near, far])
    weight = np.abs(np.gradient(starts))
    return starts, weight


def _ramps(
    charts: Charts, place: int, x: Column, away: Column, starts: Column, weight: Column
) -> tuple[Column, Column, Column, Column]:
    """Level, slope, their (co)variances as columns (level, both, slope), and the weight of each start."""
    phi, sigma = float(charts.phi[place]), float(charts.sigma[place])
    carried = phi ** np.maximum(np.rint(np.diff(x)), 1.0)
    noise = np.sqrt(np.concatenate([[1.0], 1.0 - carried * carried]) / (1.0 - phi * phi))
    learnt = float(charts.learnt_from[place])
    if learnt > 0.0:
        sigma *= math.sqrt(1.0 + 2.0 * (1.0 + phi) / (1.0 - phi) / learnt)  # its long-run part is learnt too

    def white(values: Column) -> Column:
        """What the window before does not explain, with the noise's standard deviation as the unit."""
        new = values.copy()
        new[..., 1:] -= carried * values[..., :-1]
        whitened: Column = new / (sigma * noise)
        return whitened

    ramp = white(np.maximum(x[None, :] - starts[:, None], 0.0))
    one, seen = white(np.ones_like(x)), white(away)
    prior = 1.0 / max(float(charts.level_doubt[place]), 1e-6) / sigma**2
    aa, ab, bb = one @ one + prior, ramp @ one, (ramp * ramp).sum(axis=1)
    ya, yb = one @ seen, ramp @ seen
    determinant = np.maximum(aa * bb - ab * ab, 1e-300)
    level, slope = (bb * ya - ab * yb) / determinant, (aa * yb - ab * ya) / determinant
    explained = 0.5 * (level * ya + slope * yb) - 0.5 * np.log(determinant / bb)
    weight = weight * np.exp(explained - explained.max())
    spread = np.stack([bb, -ab, np.full_like(bb, aa)], axis=1) / determinant[:, None]
    return level, slope, spread, weight / weight.sum()


def _normal(z: Column) -> Column:
    """The normal distribution (Abramowitz and Stegun 26.2.17, to 7.5e-8)."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-0.5 * np.minimum(z * z, 1400.0)) / math.sqrt(2.0 * math.pi) * series
    below: Column = np.where(z >= 0.0, 1.0 - tail, tail)
    return below
