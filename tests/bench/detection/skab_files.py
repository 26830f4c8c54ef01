"""Runs of a water loop, as SKAB's files are laid out: group/name.csv, semicolons, labels in the last columns."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.detection.section import Run

SOURCE = "github.com/waico/SKAB (GPL-3.0: to measure with only)"
TIME, OUTLIER, CHANGE = "datetime", "anomaly", "changepoint"


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What is true of a run; for scoring only. Times in seconds."""

    time_s: NDArray[np.float64]
    outlier: NDArray[np.bool_]
    change: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class WaterRun:
    """One file: what the detector sees, and apart from it what it does not; None where nobody labelled it."""

    group: str
    name: str
    values: NDArray[np.float64]  # (rows, tags); NaN where a cell holds no number
    labels: Labels | None


def water_runs(run: Run) -> list[WaterRun]:
    """Every file of every group there is, in the order of their names."""
    folder = run.folder("skab", SOURCE)
    return [_read(file) for file in sorted(folder.glob("*/*.csv"))]


def _read(file: Path) -> WaterRun:
    with file.open(newline="", encoding="utf-8") as stream:
        names, *lines = csv.reader(stream, delimiter=";")
    apart = [place for place, name in enumerate(names) if name in (TIME, OUTLIER, CHANGE)]
    seen = [place for place in range(len(names)) if place not in apart]
    values = np.array([[_number(line[place]) for place in seen] for line in lines]).reshape(len(lines), len(seen))
    labels = None
    if OUTLIER in names and CHANGE in names:
        at = names.index(TIME)
        time_s = np.array([datetime.fromisoformat(line[at]).replace(tzinfo=UTC).timestamp() for line in lines])
        outlier, change = (
            np.array([float(line[names.index(name)]) == 1 for line in lines], np.bool_) for name in (OUTLIER, CHANGE)
        )
        labels = Labels(time_s, outlier, change)
    return WaterRun(file.parent.name, file.stem, values, labels)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
