"""How SKAB counts: rows in alarm, and windows of a minute behind each change point (its NAB score)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 60.0
FALSE_COST = 0.11
_STEPS = 1000  # the reward is defined on a grid

Counts = NDArray[np.float64]


def outlier_counts(flag: NDArray[np.bool_], true: NDArray[np.bool_]) -> Counts:
    """Rows: right alarms, false alarms, misses, right silences."""
    return np.array(
        [(true & flag).sum(), (~true & flag).sum(), (true & ~flag).sum(), (~true & ~flag).sum()], np.float64
    )


def f1(counts: Counts) -> float | None:
    """2·TP / (2·TP + FP + FN); None where there was nothing to find and nothing was said."""
    tp, fp, fn, _ = counts
    return float(tp / (tp + (fp + fn) / 2)) if tp + fp + fn else None


def far(counts: Counts) -> float | None:
    """Of the normal rows, the percentage in alarm."""
    _, fp, _, tn = counts
    return float(100 * fp / (fp + tn)) if fp + tn else None


def mar(counts: Counts) -> float | None:
    """Of the anomalous rows, the percentage without alarm."""
    tp, _, fn, _ = counts
    return float(100 * fn / (fn + tp)) if fn + tp else None


@dataclass(frozen=True, slots=True)
class Changes:
    """Of one run: the sum of rewards and costs, windows, windows without alarm, false alarms."""

    reward: float
    windows: int
    missed: int
    false: int

    def counts(self) -> Counts:
        """As a row that can be summed over runs."""
        return np.array([self.reward, self.windows, self.missed, self.false])


def change_score(counts: Counts) -> float | None:
    """0: as good as silence; 100: every change at once, nothing false."""
    reward, windows, _, _ = counts
    return float(100 * (reward + windows) / (2 * windows)) if windows else None


def changes(time_s: NDArray[np.float64], true: NDArray[np.bool_], flag: NDArray[np.bool_]) -> Changes:
    """Count one run: the first alarm in each window earns the more the earlier, each alarm in none costs."""
    alarms_s = np.sort(time_s[flag])
    covered = np.zeros(len(alarms_s), np.bool_)
    windows = _windows(time_s[true])
    total, missed = 0.0, 0
    for begin_s, end_s in windows:
        inside = (alarms_s >= begin_s) & (alarms_s <= end_s)
        covered |= inside
        if inside.any():
            late = (float(alarms_s[inside][0]) - begin_s) / (end_s - begin_s) if end_s > begin_s else 1.0
            total += _reward(late)
        else:
            missed += 1
            total -= 1.0
    false = int((~covered).sum())
    return Changes(total - FALSE_COST * false, len(windows), missed, false)


def _windows(change_s: NDArray[np.float64]) -> list[tuple[float, float]]:
    """A minute behind each change; where two meet, the later one begins where the earlier one ends."""
    found: list[tuple[float, float]] = []
    for each in change_s.tolist():
        begin_s, end_s = each, each + WINDOW_S
        if found and found[-1][1] >= begin_s:
            begin_s = found[-1][1]
        found.append((begin_s, end_s))
    return found


def _reward(late: float) -> float:
    """From 1 at a window's beginning to -FALSE_COST at its end, as a tanh falls."""
    step = min(int(late * _STEPS), _STEPS - 1)
    x = -math.pi / 2 + math.pi * step / (_STEPS - 1)
    return -FALSE_COST + (1 + FALSE_COST) / 2 * (1 - math.tanh(x) / math.tanh(math.pi / 2))
