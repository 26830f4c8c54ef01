"""Tiny sets, laid out as the public ones are. All of it is made up here."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

SKAB_ROWS, SKAB_FROM, SKAB_TO = 620, 480, 560
NAB_ROWS, NAB_FROM, NAB_TO = 600, 400, 420
_BEGIN = datetime(2020, 3, 9, 10, tzinfo=UTC).replace(tzinfo=None)


def skab_values(seed: int) -> np.ndarray:
    """Three quiet tags; from SKAB_FROM to SKAB_TO they are elsewhere."""
    values = np.random.default_rng(seed).normal(10.0, 0.1, (SKAB_ROWS, 3))
    values[SKAB_FROM:SKAB_TO] += 2.0
    return values


def write_skab(folder: Path, group: str, name: str, seed: int, labels: str = "true") -> None:
    """One file; `labels`: true, shuffled (any rows), or absent."""
    values = skab_values(seed)
    outlier = np.zeros(SKAB_ROWS)
    change = np.zeros(SKAB_ROWS)
    outlier[SKAB_FROM:SKAB_TO] = 1
    change[[SKAB_FROM, SKAB_TO]] = 1
    if labels == "shuffled":
        random = np.random.default_rng(99)
        random.shuffle(outlier[400:])
        random.shuffle(change[400:])
    file = folder / "skab" / group / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        known = labels != "absent"
        writer.writerow(["datetime", "A", "B", "C"] + ["anomaly", "changepoint"] * known)
        for row in range(SKAB_ROWS):
            time = (_BEGIN + timedelta(seconds=row)).isoformat(" ")
            writer.writerow([time, *values[row]] + [outlier[row], change[row]] * known)


def write_nab(folder: Path, keys: dict[str, int], *, shuffled: bool = False, folds: bool = True) -> None:
    """Series with one burst each; `keys` names files and their seeds."""
    windows, fold_of = {}, {}
    for at, (key, seed) in enumerate(keys.items()):
        values = np.random.default_rng(seed).normal(0.0, 1.0, NAB_ROWS)
        values[NAB_FROM + 5] += 40.0
        times = [(_BEGIN + timedelta(minutes=5 * row)).isoformat(" ") for row in range(NAB_ROWS)]
        file = folder / "nab" / "data" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows([("timestamp", "value"), *zip(times, values, strict=True)])
        first = 200 if shuffled else NAB_FROM
        windows[key] = [[f"{times[first]}.000000", f"{times[first + 20]}.000000"]]
        fold_of[key] = at % 2
    (folder / "nab" / "windows.json").write_text(json.dumps(windows))
    if folds:
        (folder / "nab" / "folds.json").write_text(json.dumps(fold_of))


def write_all(folder: Path, *, shuffled: bool = False) -> None:
    labels = "shuffled" if shuffled else "true"
    for group, name, seed in (("pump", "1", 1), ("pump", "2", 2), ("valve9", "1", 3)):
        write_skab(folder, group, name, seed, labels)
    write_skab(folder, "free", "free", 4, "absent")
    write_nab(folder, {"one/a.csv": 1, "one/b.csv": 2, "two/c.csv": 3}, shuffled=shuffled)
