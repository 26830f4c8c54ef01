"""How NAB counts: the best alarm in each window by how early it is, each alarm outside by how far it is behind one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FALSE_COST = 0.11
_PROBATION, _MOST_PROBATION = 0.15, 750.0

Scores = NDArray[np.float64]


def probation(rows: int) -> int:
    """The first rows of a file, which are not scored."""
    return int(min(np.floor(_PROBATION * rows), _MOST_PROBATION))


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x > 3, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(x, 3.0))) - 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """What an alarm on each row of a file is worth, and the window it is in (-1: none, -2: not scored)."""

    gain: NDArray[np.float64]
    window: NDArray[np.int64]

    @property
    def windows(self) -> int:
        """How many windows have a row that is scored."""
        return len(set(self.window[self.window >= 0].tolist()))


def worth(rows: int, spans: Sequence[tuple[int, int]]) -> Worth:
    """Inside a window 1 at its first row and 0 at its last; outside -FALSE_COST, less just behind a window."""
    gain, window = np.full(rows, -FALSE_COST), np.full(rows, -1)
    for number, (begin, end) in enumerate(spans):
        width = end - begin + 1
        inside = np.arange(begin, end + 1)
        gain[inside] = _sigmoid(-(end - inside + 1) / width) / float(_sigmoid(np.array(-1.0)))
        window[inside] = number
        behind = np.arange(end + 1, spans[number + 1][0] if number + 1 < len(spans) else rows)
        gain[behind] = FALSE_COST * _sigmoid((behind - end) / max(width - 1, 1))
    window[: probation(rows)] = -2
    return Worth(gain, window)


def counts(of: Worth, scores: Scores, limit: float) -> NDArray[np.float64]:
    """Of one file at a limit (alarm: at or above it): sum, windows, windows with an alarm, alarms in none."""
    alarm = scores >= limit
    outside = alarm & (of.window == -1)
    total, hit = float(of.gain[outside].sum()), 0
    for number in sorted(set(of.window[of.window >= 0].tolist())):
        inside = alarm & (of.window == number)
        hit += bool(inside.any())
        total += max(-1.0, float(of.gain[inside].max())) if inside.any() else -1.0
    return np.array([total, of.windows, hit, outside.sum()], np.float64)


def score(summed: NDArray[np.float64]) -> float | None:
    """0: as good as silence; 100: every window at its first row, nothing else."""
    total, windows = summed[:2]
    return float(100 * (total + windows) / (2 * windows)) if windows else None


def best_limit(of: Sequence[Worth], scores: Sequence[Scores]) -> float:
    """The limit with the highest sum over these files; every score that occurs is tried. Infinite: silence is best."""
    levels, steps = [np.empty(0)], [np.empty(0)]
    for each, own in zip(of, scores, strict=True):
        outside = each.window == -1
        levels.append(own[outside])
        steps.append(each.gain[outside])
        for number in sorted(set(each.window[each.window >= 0].tolist())):
            inside = each.window == number
            order = np.argsort(-own[inside], kind="stable")
            best = np.maximum.accumulate(np.maximum(-1.0, each.gain[inside][order]))
            levels.append(own[inside][order])
            steps.append(np.diff(np.concatenate([[-1.0], best])))
    level, step = np.concatenate(levels), np.concatenate(steps)
    order = np.argsort(-level, kind="stable")
    level, total = level[order], np.cumsum(step[order])
    last = np.append(level[1:] != level[:-1], True)[: len(level)]
    if not last.any() or total[last].max() <= 0:
        return float("inf")
    return float(level[last][np.argmax(total[last])])
