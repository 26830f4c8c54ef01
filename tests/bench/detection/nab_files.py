"""Series with windows of anomaly, as NAB's files are laid out: data/group/name.csv, windows.json, folds.json."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.detection.section import Run

SOURCE = "github.com/numenta/NAB (MIT)"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One file: its values, and apart from them the windows (first and last row) and the fold; for scoring only."""

    key: str  # group/name.csv
    values: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...] | None  # None: nobody labelled it
    fold: int | None

    @property
    def group(self) -> str:
        """The folder that it lies in."""
        return self.key.partition("/")[0]


def series(run: Run) -> list[Series]:
    """Every file there is, in the order of their names."""
    folder = run.folder("nab", SOURCE)
    windows, folds = _json(folder / "windows.json"), _json(folder / "folds.json")
    files = sorted((folder / "data").glob("*/*.csv"))
    return [_read(file, f"{file.parent.name}/{file.name}", windows, folds) for file in files]


def _json(file: Path) -> dict[str, object]:
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def _read(file: Path, key: str, windows: dict[str, object], folds: dict[str, object]) -> Series:
    with file.open(newline="", encoding="utf-8") as stream:
        _, *lines = csv.reader(stream)
    values = np.array([float(line[1]) for line in lines])
    spans = None
    if key in windows:
        row_of: dict[str, int] = {}
        for row, line in enumerate(lines):
            row_of.setdefault(_plain(line[0]), row)
        told = windows[key]
        assert isinstance(told, list)
        spans = tuple((row_of[_plain(begin)], row_of[_plain(end)]) for begin, end in told)
    fold = folds.get(key)
    return Series(key, values, spans, fold if isinstance(fold, int) else None)


def _plain(time: str) -> str:
    """A time without its fraction, as both files have it."""
    return time.strip().replace("T", " ").removesuffix("Z").split(".")[0]
