"""Leave one group out: the shift rule's numbers chosen on all other groups of SKAB, and scored on the one that was left.

What is chosen by labels is said of no file that it was chosen on. A setting is worth F1 less 0.3 of the share of normal
rows in alarm, on the whole files and on files whose starts are cropped, so that the luck of one start counts less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from detectors.models.shift import ShiftRule
from detectors.models.steady import Steady
from tests.bench.detection.skab_files import WaterRun
from tests.bench.detection.skab_score import Counts, f1, far, mar, outlier_counts

TRAINING = 400
PRICE = 0.3
_CROP_SEEDS = (100, 101)
_SHORTEST, _LONGEST = 10, 120

Setting = tuple[float, float, float, int, float]


def settings() -> list[Setting]:
    """(average, on, off, hold, over)."""
    return list(product((0.15, 0.2, 0.25), (2.4, 2.5, 2.6), (1.6, 1.75), (10, 20), (0.5, 0.6)))


def left_out(runs: Sequence[WaterRun]) -> dict[str, object]:
    """The pooled figures of all groups, each judged by what the others chose; and what they chose."""
    groups = sorted({each.group for each in runs})
    if len(groups) < 2:
        return {}
    counted = {setting: _counted(runs, setting) for setting in settings()}
    chosen = {group: _best(runs, counted, group) for group in groups}
    pooled = sum((_of(runs, counted[chosen[group]][0], group) for group in groups), np.zeros(4))
    met = [each for each in counted.values() if _meets(each[0].sum(axis=0))]
    return {
        "f1": f1(pooled),
        "far": far(pooled),
        "mar": mar(pooled),
        "chosen": {group: dict(zip(("average", "on", "off", "hold", "over"), own, strict=True)) for group, own in chosen.items()},
        "settings": len(counted),
        "settings_that_meet_the_goal": len(met),
    }  # fmt: skip


def _meets(counts: Counts) -> bool:
    return (f1(counts) or 0.0) >= 0.85 and (far(counts) or 0.0) <= 12.0


def _best(runs: Sequence[WaterRun], counted: Mapping[Setting, Sequence[Counts]], left: str) -> Setting:
    """What is worth most on the groups that are not left out."""
    others = np.array([each.group != left for each in runs])

    def worth(setting: Setting) -> float:
        sums = [counts[others].sum(axis=0) for counts in counted[setting]]
        return float(np.mean([(f1(each) or 0.0) - PRICE * (far(each) or 0.0) / 100.0 for each in sums]))

    return max(counted, key=worth)


def _of(runs: Sequence[WaterRun], counts: Counts, group: str) -> Counts:
    own: Counts = counts[np.array([each.group == group for each in runs])].sum(axis=0)
    return own


def _counted(runs: Sequence[WaterRun], setting: Setting) -> list[Counts]:
    """Rows counted per file: of the whole files, and of each drawing of crops."""
    cuts = [np.zeros(len(runs), np.int64)]
    cuts += [np.random.default_rng(seed).integers(_SHORTEST, _LONGEST + 1, len(runs)) for seed in _CROP_SEEDS]
    return [
        np.array([_rows(each, int(cut), setting) for each, cut in zip(runs, own, strict=True)]) for own in cuts
    ]  # fmt: skip


def _rows(run: WaterRun, cut: int, setting: Setting) -> Counts:
    average, on, off, hold, over = setting
    rule = replace(ShiftRule(), average=average, on=on, off=off, hold=hold, over=over)
    steady = Steady(run.values.shape[1], TRAINING, rule)
    flag = []
    for row in run.values[cut:]:
        steady.update(row)
        flag.append(steady.alarm)
    assert run.labels is not None
    return outlier_counts(np.array(flag[TRAINING:], np.bool_), run.labels.outlier[cut + TRAINING :])
