"""Row `forecast`: how often the band of a time-to-limit holds the time, over many ramps (nine times out of ten is meant).

Each of many tags has a level, AR(1) noise, and a baseline from its first windows; then it ramps towards its limit. At
each statement of the drift (when it is found, and 5, 15 and 35 windows later) the band is compared with the time at
which the mean without its noise meets the limit. The peer of the row is 0.9.
"""

import argparse

import numpy as np

from detectors.drift.charts import Charts
from detectors.drift.forecast import forecast
from domain.rules import DriftRule
from tests.bench.intervals import wilson

MINUTE_NS = 60_000_000_000
STATEMENTS = (0, 5, 15, 35)  # windows after it is found
LEARN = 100
QUIET = 40


def run() -> dict[str, dict[str, object]]:
    """The row, over all slopes and autocorrelations."""
    held = made = missing = 0
    for seed, phi in enumerate((0.0, 0.3, 0.6, 0.9)):
        for slope in (0.03, 0.1, 0.3):
            counts = coverage(phi, slope, 400, seed)
            held, made, missing = (held + counts[0], made + counts[1], missing + counts[2])
    low, high = wilson(held, made)
    note = (
        f"{made} forecasts of 4,800 ramps of .03 to .3 sigma a window, autocorrelation 0 to .9, 95 % interval "
        f"{low:.3f} to {high:.3f}; {missing} statements had no sure time and gave none"
    )
    share = held / made
    return {
        "forecast": {"ours": share, "peer": 0.9, "ratio": share / 0.9, "unit": "share of bands that hold", "note": note}
    }


def coverage(phi: float, slope: float, tags: int, seed: int) -> tuple[int, int, int]:
    """Bands that hold, bands, and statements without one; `slope` in long-run standard deviations per window."""
    random = np.random.default_rng(seed)
    charts, rule = Charts(), DriftRule(MINUTE_NS, arl0=100_000.0, learn=LEARN)
    for place in range(1, tags + 1):
        charts.add(place, rule)
        charts.start(place, rule, 0, 0.0)
    places = np.arange(1, tags + 1)
    per_window = slope / (1.0 - phi)
    limit = per_window * random.uniform(30.0, 120.0, tags)
    level = random.normal(0.0, 1.0 / np.sqrt(1.0 - phi * phi), tags)
    found = np.full(tags, -1)
    held = made = missing = 0
    for window in range(LEARN * 4 + QUIET + 130):
        level = phi * level + random.normal(0.0, 1.0, tags)
        start = 4 * LEARN + QUIET
        ramp = per_window * max(window - start, 0)
        middle_ns = np.full(tags, window * MINUTE_NS + MINUTE_NS // 2)
        mean = level + ramp
        charts.keep(places, mean, middle_ns)
        learning = charts.is_learning(places)
        if learning.any():
            charts.learn(places[learning], mean[learning], [rule] * int(learning.sum()), [0.0] * int(learning.sum()))
        charting = places[~learning]
        charts.chart(charting, mean[~learning], middle_ns[~learning])
        out = np.isin(places, charting[charts.out(charting)]) & (found < 0)
        if window <= start:
            charts.sums[places[out]] = charts.ewma[places[out]] = 0.0
            continue
        found[out] = window
        for place in places[(found >= 0) & np.isin(window - found, STATEMENTS) & (ramp < limit)].tolist():
            truth_ns = (start + limit[place - 1] / per_window) * MINUTE_NS + MINUTE_NS // 2
            since_ns = int(charts.since_ns[place, int(charts.sums[place].argmax())])
            told = forecast(charts, place, float(limit[place - 1]), 1, since_ns)
            missing += told is None
            made += told is not None
            held += told is not None and told.early_ns <= truth_ns <= told.late_ns
    return held, made, missing


def main() -> None:
    """Print the coverage by autocorrelation and slope."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tags", type=int, default=400)
    tags = parser.parse_args().tags
    print("phi  slope  bands  held    95 % interval  none")
    for seed, phi in enumerate((0.0, 0.3, 0.6, 0.9)):
        for slope in (0.03, 0.1, 0.3):
            held, made, missing = coverage(phi, slope, tags, seed)
            low, high = wilson(held, made)
            print(
                f"{phi:3.1f}  {slope:5.2f}  {made:5d}  {held / max(made, 1):.3f}  {low:.3f} to {high:.3f}  {missing:5d}",
                flush=True,
            )


if __name__ == "__main__":
    main()
