"""What a detector said of each row, as the independent scorers read it: `index,score,flag,flag_cp`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Of one file: a score, an alarm and a change point per row, from row `first` on."""

    first: int
    score: NDArray[np.float64]
    flag: NDArray[np.bool_]
    flag_cp: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.score)


def told(first: int, each: Sequence[tuple[float, bool, bool]]) -> Told:
    """From (score, alarm, change point) row by row."""
    score = np.array([row[0] for row in each], np.float64)
    flag = np.array([row[1] for row in each], np.bool_)
    return Told(first, score, flag, np.array([row[2] for row in each], np.bool_))


def write_rows(rows: Told, file: Path) -> None:
    """Write them; the scores with so many digits that they come back as they were."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("index", "score", "flag", "flag_cp"))
        columns = (rows.score.tolist(), rows.flag.tolist(), rows.flag_cp.tolist())
        for at, (score, flag, flag_cp) in enumerate(zip(*columns, strict=True), start=rows.first):
            writer.writerow((at, repr(score), int(flag), int(flag_cp)))
