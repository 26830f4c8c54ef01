import csv
from pathlib import Path

import numpy as np

from tests.bench.detection import etch, tep
from tests.bench.detection.section import Run


def _process(seed: int, rows: int) -> np.ndarray:
    """Six tags of one hidden move, about as a process file; made up."""
    random = np.random.default_rng(seed)
    hidden = np.zeros(rows)
    for row in range(1, rows):
        hidden[row] = 0.7 * hidden[row - 1] + random.normal()
    return (20.0 + hidden[:, None] * np.arange(1, 7) + random.normal(0, 1, (rows, 6))).astype(np.float32)


def write_tep(folder: Path) -> None:
    files = {"d00": _process(0, 500), "d00_te": _process(1, 960)}
    for number in (1, 2):
        rows = _process(number + 5, 960)
        rows[160:, number] += 15
        files[f"d{number:02d}_te"] = rows
    (folder / "tep").mkdir(parents=True)
    np.savez(folder / "tep" / "tep_classic.npz", **files)


def write_etch(folder: Path, fault: str = "he + 5") -> None:
    random = np.random.default_rng(3)
    wafers = [np.round(random.normal(100, 3, (80, 21))) for _ in range(26)]
    wafers[25][:, 4] += 12
    arrays = {"fault_name": np.array([fault])}
    for kind, chosen, number in (("cal", wafers[:25], range(1, 26)), ("test", wafers[25:], [26])):
        arrays[f"{kind}_data"] = np.concatenate(chosen)
        arrays[f"{kind}_len"] = np.array([len(each) for each in chosen])
        arrays[f"{kind}_campaign"] = np.full(len(chosen), 1)
        arrays[f"{kind}_wafer"] = np.array(list(number))
    (folder / "etch").mkdir(parents=True)
    np.savez(folder / "etch" / "etch.npz", **arrays)


def test_faults_of_a_process_are_found_and_its_rows_written(tmp_path: Path) -> None:
    write_tep(tmp_path)

    (section,) = tep.measure(Run(tmp_path, tmp_path / "out"))

    assert section.figures["fdr"].value > 95
    assert section.figures["far"].value < 15  # 430 rows that follow each other are few
    with (tmp_path / "out" / "tep" / "d01_te.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["index"]) for row in rows] == list(range(960))
    assert all(row["flag"] == "1" for row in rows[170:])


def test_limits_see_no_row_that_false_alarms_are_counted_on(tmp_path: Path) -> None:
    train, normal = _process(0, 500), _process(1, 960)
    other = normal.copy()
    other[tep.COUNTED] = 0

    assert np.array_equal(tep.tep_model(train, normal).limits, tep.tep_model(train, other).limits)


def test_no_row_of_a_process_knows_of_a_later_one() -> None:
    model = tep.tep_model(_process(0, 500), _process(1, 960))
    rows = _process(8, 300)

    whole, half = tep.tep_rows(model, rows), tep.tep_rows(model, rows[:150])

    assert np.array_equal(whole.score[:150], half.score)
    assert np.array_equal(whole.flag[:150], half.flag)


def test_a_faulty_wafer_is_found_by_the_wafers_before_it(tmp_path: Path) -> None:
    write_etch(tmp_path)

    (section,) = etch.measure(Run(tmp_path, tmp_path / "out"))

    assert section.figures["found"].value == 1
    assert section.figures["far"].value == 0
    assert section.more["judged"] == 15
    assert section.figures["far_unseen_campaign"].value is None


def test_no_wafer_knows_of_a_later_one(tmp_path: Path) -> None:
    write_etch(tmp_path)
    run = etch.wafers(tmp_path / "etch")

    whole, half = etch.etch_verdicts(run), etch.etch_verdicts(run[:18])

    assert [each.score for each in half if each.is_judged] == [each.score for each in whole[:18] if each.is_judged]
