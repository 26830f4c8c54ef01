"""Tennessee Eastman, classic files: limits from rows 50-479 of d00_te, false alarms counted on its rows 480-959.

The model is fitted on d00 alone. Each test file is judged row by row in one pass, as a unit in a phase would be: the same
statistics, and the same rule for when an alarm is said and when it is over.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.models.fitting import calibrated, fit
from detectors.models.latch import Latch, Patience
from detectors.models.multivariate import Multivariate, Numbers, Statistics
from tests.bench.detection.intervals import drawn, rated, shared
from tests.bench.detection.rows import Told, write_rows
from tests.bench.detection.section import Goal, Run, Section

SOURCE = "github.com/camaramm/tennessee-eastman-profBraatz (University of Illinois)"

CALIBRATION, COUNTED = slice(50, 480), slice(480, 960)
FAULT_FROM = 160
ROWS_PER_DAY = 480
FAULTS = tuple(number for number in range(1, 22) if number not in (3, 9, 15))
"""Without the three that nobody finds at a sensible rate of false alarms."""

UNITS = {"fdr": "%", "far": "%", "events_per_day": "1/d"}
Flags = NDArray[np.bool_]


def measure(run: Run) -> list[Section]:
    """Every test file of the set."""
    files = _files(run.folder("tep", SOURCE))
    model = tep_model(files["d00"], files["d00_te"])
    rows = {name: tep_rows(model, each) for name, each in files.items() if name.endswith("_te")}
    for name, own in rows.items():
        write_rows(own, run.out / "tep" / f"{name}.csv")
    return [_section({name: own.flag for name, own in rows.items()})]


def tep_model(train: Numbers, normal: Numbers) -> Multivariate:
    """`train`: d00. `normal`: d00_te, of which only the rows of `CALIBRATION` are looked at."""
    return calibrated(fit([train.astype(np.float64)]), [normal[CALIBRATION].astype(np.float64)])


def tep_rows(model: Multivariate, rows: Numbers) -> Told:
    """What is said of each row of a file; the score is the larger of T² and SPE in its limit."""
    statistics, latch = Statistics(model, 1), Latch((1, 2), Patience())
    place = np.zeros(1, dtype=np.intp)
    score, flag = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.bool_)
    for index, row in enumerate(rows.astype(np.float64)):
        found = statistics.step(place, row[None], np.isfinite(row)[None])
        flag[index] = bool(latch.step(place, found, model.limits).any())
        score[index] = float(np.nan_to_num(found / model.limits).max())
    return Told(0, score, flag, np.zeros(len(rows), dtype=np.bool_))


def _files(folder: Path) -> dict[str, Numbers]:
    with np.load(folder / "tep_classic.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files if name.startswith("d")}


def _section(flags: Mapping[str, Flags]) -> Section:
    normal = flags["d00_te"][COUNTED]
    faults = [number for number in FAULTS if f"d{number:02d}_te" in flags]
    found = np.array([[flags[f"d{number:02d}_te"][FAULT_FROM:].mean(), 1.0] for number in faults])
    before = [each[:FAULT_FROM] for name, each in flags.items() if name != "d00_te"]
    hard = {f"fault {number}": {"fdr": _fdr(flags, number)} for number in (3, 9, 15) if f"d{number:02d}_te" in flags}
    return Section(
        "tep",
        "Tennessee Eastman, classic files",
        f"{len(faults)} faults of {len(flags['d00_te']) - FAULT_FROM} rows each, {len(normal)} normal rows (1 day)",
        UNITS,
        {
            "fdr": drawn(found, ["fault"] * len(found), lambda counts: 100 * float(counts[0] / counts[1])),
            "far": shared(int(normal.sum()), len(normal), 100.0),
            "events_per_day": rated(_starts(normal), len(normal) / ROWS_PER_DAY),
        },
        _baselines(len(normal)),
        {"fdr": Goal(at_least=96.0), "far": Goal(at_most=1.0)},
        {f"fault {number}": {"fdr": _fdr(flags, number)} for number in faults} | hard,
        {
            "far_before_the_faults": 100 * float(np.concatenate(before).mean()) if before else None,
            "events_before_the_faults": sum(map(_starts, before)),
            "days_before_the_faults": sum(map(len, before)) / ROWS_PER_DAY,
        },
        (
            "rows follow each other, so the interval of far is too narrow; the rows before the faults tell it a second time: "
            f"{100 * float(np.concatenate(before).mean()):.1f} % of {sum(map(len, before))} rows, in "
            f"{sum(map(_starts, before))} events in {sum(map(len, before)) / ROWS_PER_DAY:.0f} days"
            if before
            else "there are no rows before faults",
        ),
    )


def _fdr(flags: Mapping[str, Flags], number: int) -> float:
    return 100 * float(flags[f"d{number:02d}_te"][FAULT_FROM:].mean())


def _starts(flag: Flags) -> int:
    return int(np.count_nonzero(np.diff(flag.astype(np.int8), prepend=np.int8(0)) == 1))


def _baselines(count: int) -> dict[str, dict[str, float | None]]:
    chance = np.random.default_rng(0).random(count) < 0.01
    days = count / ROWS_PER_DAY
    return {
        "always": {"fdr": 100.0, "far": 100.0, "events_per_day": 1 / days},
        "calendar": {"fdr": 100.0, "far": 100.0, "events_per_day": 1 / days},
        "random, 1 % of the rows": {
            "fdr": 1.0,
            "far": 100 * float(chance.mean()),
            "events_per_day": _starts(chance) / days,
        },
    }
