"""SKAB: outliers and change points of a water loop; rows 0-399 of each run train, the rest is scored in one pass."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.models.changes import ChangeRule
from detectors.models.shift import ShiftRule
from detectors.models.steady import Steady
from tests.bench.detection.intervals import drawn
from tests.bench.detection.rows import Told, told, write_rows
from tests.bench.detection.section import Goal, Run, Section
from tests.bench.detection.skab_choice import left_out
from tests.bench.detection.skab_files import WaterRun, water_runs
from tests.bench.detection.skab_score import Counts, change_score, changes, f1, far, mar, outlier_counts

TRAINING = 400
CROPS, SHORTEST_CROP, LONGEST_CROP = 12, 10, 120
_CALENDAR = (572, 975)  # where anomalies lie in most files that are public: what knowing the protocol earns
_CALENDAR_CHANGES = (572, 630, 916, 973)
_CLOCKS = (30, 60, 120)

SHIFT, CHANGE = ShiftRule(), ChangeRule()

Flags = NDArray[np.bool_]
NOTES = (
    "the rule's numbers were chosen on the public groups valve1 and other, so on these the figure is not held out",
)
OUTLIER_UNITS = {"f1": "1", "far": "%", "mar": "%"}
CHANGE_UNITS = {"score": "of 100", "false": "alarms"}


def measure(run: Run) -> list[Section]:
    """Outliers and change points of every file."""
    runs = water_runs(run)
    rows = [watch(each.values) for each in runs]
    for each, own in zip(runs, rows, strict=True):
        write_rows(own, run.out / "skab" / each.group / f"{each.name}.csv")
    scored = [(each, own) for each, own in zip(runs, rows, strict=True) if each.labels is not None and len(own)]
    labelled, told_of = [each for each, _ in scored], [own for _, own in scored]
    what = f"{len(labelled)} files, {sum(map(len, told_of)):,} rows behind their first {TRAINING}"
    free = {each.name: 100 * float(own.flag.mean()) for each, own in zip(runs, rows, strict=True) if each.labels is None and len(own)}  # fmt: skip
    left = left_out(labelled) if run.whole else {}
    return [_outliers(labelled, told_of, what, free, left), _changes(labelled, told_of, what)]


def watch(values: NDArray[np.float64], shift_rule: ShiftRule = SHIFT, change_rule: ChangeRule = CHANGE) -> Told:
    """What is said of each row behind the training rows, which are all that is learnt from.

    Nothing of a file that ends there.
    """
    steady = Steady(values.shape[1], TRAINING, shift_rule, change_rule)
    said = []
    for row in values:
        steady.update(row)
        said.append((steady.score, steady.alarm, steady.told))
    return told(min(TRAINING, len(values)), said[TRAINING:])


def _outliers(
    runs: Sequence[WaterRun], rows: Sequence[Told], what: str, free: dict[str, float], left: dict[str, object]
) -> Section:
    counts = _outlier_rows(runs, [own.flag for own in rows])
    groups = [each.group for each in runs]
    places = [np.arange(TRAINING, TRAINING + len(own)) for own in rows]
    baselines = {
        "always": [np.ones(len(own), np.bool_) for own in rows],
        "calendar": [(at >= _CALENDAR[0]) & (at < _CALENDAR[1]) for at in places],
        "random, half of the rows": [np.random.default_rng(at).random(len(own)) < 0.5 for at, own in enumerate(rows)],
    }
    return Section(
        "skab_outlier",
        "SKAB, outliers",
        what,
        OUTLIER_UNITS,
        {"f1": drawn(counts, groups, f1), "far": drawn(counts, groups, far), "mar": drawn(counts, groups, mar)},
        {name: _three(_outlier_rows(runs, flags).sum(axis=0)) for name, flags in baselines.items()},
        {"f1": Goal(at_least=0.85), "far": Goal(at_most=12.0)},
        {name: _three(counts[[group == name for group in groups]].sum(axis=0)) for name in sorted(set(groups))},
        {"crops": _crops(runs, rows), "alarm_share_of_unlabelled": free, "leave_one_group_out": left},
        NOTES,
    )


def _outlier_rows(runs: Sequence[WaterRun], flags: Sequence[Flags]) -> Counts:
    found = [
        outlier_counts(own, each.labels.outlier[len(each.values) - len(own) :])
        for each, own in zip(runs, flags, strict=True)
        if each.labels is not None
    ]
    return np.array(found).reshape(len(found), 4)


def _three(counts: Counts) -> dict[str, float | None]:
    return {"f1": f1(counts), "far": far(counts), "mar": mar(counts)}


def _crops(runs: Sequence[WaterRun], rows: Sequence[Told]) -> dict[str, object]:
    """F1 where each file begins 10-120 rows later, and that of the whole files on the same rows."""
    moved, cropped, uncropped = [], [], []
    for seed in range(CROPS):
        cuts = np.random.default_rng(seed).integers(SHORTEST_CROP, LONGEST_CROP + 1, len(runs)).tolist()
        late = [watch(each.values[cut:]).flag for each, cut in zip(runs, cuts, strict=True)]
        same = [own.flag[cut:] for own, cut in zip(rows, cuts, strict=True)]
        a, b = (f1(_outlier_rows(runs, flags).sum(axis=0)) for flags in (late, same))
        if a is not None and b is not None:
            cropped.append(a)
            uncropped.append(b)
            moved.append(a - b)
    most = max(moved, key=abs) if moved else None
    return {"f1": cropped, "f1_uncropped_same_rows": uncropped, "moved_most": most}


def _changes(runs: Sequence[WaterRun], rows: Sequence[Told], what: str) -> Section:
    counts = _change_rows(runs, [own.flag_cp for own in rows])
    groups = [each.group for each in runs]
    places = [np.arange(TRAINING, TRAINING + len(own)) for own in rows]
    baselines = {"calendar": [np.isin(at, _CALENDAR_CHANGES) for at in places]} | {
        f"clock, every {every} rows": [(at - TRAINING) % every == 0 for at in places] for every in _CLOCKS
    }
    both = {"score": change_score, "false": _false}
    return Section(
        "skab_changepoint",
        "SKAB, change points",
        what,
        CHANGE_UNITS,
        {name: drawn(counts, groups, figure) for name, figure in both.items()},
        {name: _each(_change_rows(runs, flags).sum(axis=0), both) for name, flags in baselines.items()},
        {"score": Goal(at_least=62.0), "false": Goal(at_most=100.0)},
        {name: _each(counts[[group == name for group in groups]].sum(axis=0), both) for name in sorted(set(groups))},
        {"windows": int(counts[:, 1].sum()), "missed": int(counts[:, 2].sum())},
        (
            "an alarm every 60 rows, without any data, scores well: only the count of false alarms beside it makes sense",
            *NOTES,
        ),
    )


def _change_rows(runs: Sequence[WaterRun], flags: Sequence[Flags]) -> Counts:
    found = []
    for each, own in zip(runs, flags, strict=True):
        if each.labels is not None:
            behind = slice(len(each.values) - len(own), None)
            found.append(changes(each.labels.time_s[behind], each.labels.change[behind], own).counts())
    return np.array(found).reshape(len(found), 4)


def _false(counts: Counts) -> float | None:
    return float(counts[3])


def _each(counts: Counts, figures: dict[str, Callable[[Counts], float | None]]) -> dict[str, float | None]:
    return {name: figure(counts) for name, figure in figures.items()}
