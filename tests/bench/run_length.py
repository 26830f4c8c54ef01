"""Rows `arl0_…`: the in-control run length of each chart as measured, over the one that was stated.

Many tags, each with a baseline that it learnt from its own first windows, run on AR(1) noise long after. A chart that
alarms begins anew. What is measured is windows per false alarm over all tags, as a plant's budget of false alarms
means it; its interval takes each tag as one observation, since a bad baseline alarms often. Within 0.5 to 2 is meant.
"""

import argparse
import math
from dataclasses import dataclass

import numpy as np

from detectors.drift.charts import SIDES, Charts
from domain.rules import DriftRule
from tests.bench.intervals import Z95

MINUTE_NS = 60_000_000_000
PHIS = (0.0, 0.3, 0.6, 0.9)
CHARTS = ("cusum_50", "cusum_25", "ewma")
LEARN = {0.0: 100, 0.3: 100, 0.6: 100, 0.9: 230}  # as many windows as the baseline waits for at least


@dataclass(frozen=True)
class Measured:
    """Measured over stated run length, with its 95 % interval, and how many alarms it rests on."""

    ratio: float
    low: float
    high: float
    alarms: int


def run() -> dict[str, dict[str, object]]:
    """One row per chart: the φ that is farthest from 1 (as a factor), and all others in the note."""
    found = {phi: measured(phi, 1000.0, LEARN[phi], tags=1000, windows=4000, seed=5) for phi in PHIS}
    rows: dict[str, dict[str, object]] = {}
    for chart in CHARTS:
        by_phi = {phi: found[phi][chart] for phi in PHIS}
        worst = max(by_phi.values(), key=lambda each: abs(math.log(each.ratio)))
        note = "; ".join(
            f"φ {phi:g}: {each.ratio:.2f} ({each.low:.2f} to {each.high:.2f})" for phi, each in by_phi.items()
        )
        rows[f"arl0_{chart}"] = {
            "ours": worst.ratio * 1000.0,
            "peer": 1000.0,
            "ratio": worst.ratio,
            "unit": "windows per false alarm, learnt baselines; 0.5 to 2 is meant",
            "note": note,
        }
    return rows


def measured(phi: float, arl0: float, learn: int, *, tags: int, windows: int, seed: int) -> dict[str, Measured]:
    """Run lengths of each chart over stated ones, with baselines from the first `learn` windows or a few more."""
    random = np.random.default_rng(seed)
    charts, rule, places = _charts(arl0, learn, tags)
    level = random.normal(0.0, 1.0, tags) / math.sqrt(1.0 - phi * phi)
    window = 0
    while True:  # each tag learns until it has seen enough
        learning = charts.is_learning(places)
        count = int(learning.sum())
        if not count:
            break
        charts.learn(places[learning], level[learning], [rule] * count, [0.0] * count)
        level = phi * level + random.normal(0.0, 1.0, tags)
        window += 1
    alarms = np.zeros((3, tags))
    for number in range(-200, windows):
        charts.chart(places, level, np.full(tags, (window + number + 200) * MINUTE_NS))
        out = charts.sums[1 : tags + 1] > charts.h[1 : tags + 1]
        fast, slow = out[:, :2].any(axis=1), out[:, 2:].any(axis=1)
        ewma = np.abs(charts.ewma[1 : tags + 1]) > charts.edge[1 : tags + 1]
        charts.sums[1 : tags + 1, :2][fast] = 0.0
        charts.sums[1 : tags + 1, 2:][slow] = 0.0
        charts.ewma[1 : tags + 1][ewma] = 0.0
        if number >= 0:
            alarms += (fast, slow, ewma)
        level = phi * level + random.normal(0.0, 1.0, tags)
    return {name: _measured(each, windows, arl0) for name, each in zip(CHARTS, alarms, strict=True)}


def _charts(arl0: float, learn: int, tags: int) -> tuple[Charts, DriftRule, np.ndarray]:
    charts, rule = Charts(), DriftRule(MINUTE_NS, arl0=arl0, learn=learn)
    for place in range(1, tags + 1):
        charts.add(place, rule)
        charts.start(place, rule, 0, 0.0)
    assert charts.sums.shape[1] == SIDES
    return charts, rule, np.arange(1, tags + 1)


def _measured(alarms: np.ndarray, windows: int, arl0: float) -> Measured:
    mean, error = float(alarms.mean()), float(alarms.std(ddof=1)) / math.sqrt(len(alarms))
    ratio = windows / arl0
    least = max(mean - Z95 * error, 1e-9)
    return Measured(ratio / max(mean, 1e-9), ratio / (mean + Z95 * error), ratio / least, int(alarms.sum()))


def main() -> None:
    """Print measured over stated run lengths by chart, autocorrelation and windows to learn from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arl0", type=float, default=1000.0)
    parser.add_argument("--learn", type=int, nargs="*", default=[20, 50, 100, 230, 1000])
    parser.add_argument("--tags", type=int, default=1000)
    parser.add_argument("--windows", type=int, default=4000)
    options = parser.parse_args()
    print("learn  phi  chart     measured/stated  95 % interval   alarms")
    for learn in options.learn:
        for phi in PHIS:
            found = measured(phi, options.arl0, learn, tags=options.tags, windows=options.windows, seed=learn)
            for name, each in found.items():
                figures = f"{each.ratio:15.2f}  {each.low:5.2f} to {each.high:5.2f}  {each.alarms:7d}"
                print(f"{learn:5d}  {phi:3.1f}  {name:8}  {figures}", flush=True)


if __name__ == "__main__":
    main()
