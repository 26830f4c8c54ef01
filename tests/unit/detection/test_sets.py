import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.bench.detection import nab, skab
from tests.bench.detection.__main__ import main
from tests.bench.detection.section import Absent, Run
from tests.unit.detection.small_sets import (
    NAB_FROM,
    NAB_ROWS,
    SKAB_FROM,
    SKAB_ROWS,
    SKAB_TO,
    skab_values,
    write_all,
    write_nab,
    write_skab,
)


def run_of(folder: Path, name: str = "out") -> Run:
    return Run(folder, folder / name)


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_rows_are_written_as_the_scorers_read_them(tmp_path: Path) -> None:
    write_skab(tmp_path, "pump", "1", 1)

    skab.measure(run_of(tmp_path))

    rows = read(tmp_path / "out" / "skab" / "pump" / "1.csv")
    assert list(rows[0]) == ["index", "score", "flag", "flag_cp"]
    assert [int(row["index"]) for row in rows] == list(range(400, SKAB_ROWS))
    assert {row["flag"] for row in rows} == {"0", "1"}
    assert {row["flag_cp"] for row in rows} == {"0", "1"}
    assert all(np.isfinite(float(row["score"])) for row in rows)


def test_a_unit_that_moves_is_in_alarm_while_it_is_elsewhere(tmp_path: Path) -> None:
    write_skab(tmp_path, "pump", "1", 1)

    outliers, changes = skab.measure(run_of(tmp_path))

    assert outliers.figures["mar"].value == 0
    assert outliers.figures["far"].value < 15  # it ends when 15 rows were quiet
    assert changes.figures["score"].value > 75
    assert changes.more["missed"] == 0


def test_labels_are_read_for_scoring_only(tmp_path: Path) -> None:
    for name, shuffled in (("true", False), ("other", True)):
        write_all(tmp_path / name, shuffled=shuffled)
        for each in (skab, nab):
            each.measure(run_of(tmp_path / name))

    told = [sorted((tmp_path / name / "out").rglob("*.csv")) for name in ("true", "other")]
    assert len(told[0]) == len(told[1]) == 7
    for one, other in zip(*told, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_score_follows_the_labels(tmp_path: Path) -> None:
    figures = []
    for name, shuffled in (("true", False), ("other", True)):
        write_all(tmp_path / name, shuffled=shuffled)
        found = [section for each in (skab, nab) for section in each.measure(run_of(tmp_path / name))]
        figures.append(
            [section.figures[key].value for section, key in zip(found, ("f1", "score", "score"), strict=True)]
        )

    assert all(true > other for true, other in zip(*figures, strict=True))


def test_no_row_knows_of_a_later_one() -> None:
    values = skab_values(1)

    whole, half = skab.watch(values), skab.watch(values[:520])

    assert whole.score[: len(half)].tolist() == half.score.tolist()
    assert whole.flag[: len(half)].tolist() == half.flag.tolist()
    assert whole.flag_cp[: len(half)].tolist() == half.flag_cp.tolist()


def test_any_number_of_files_and_groups_is_scored(tmp_path: Path) -> None:
    write_skab(tmp_path, "new-group", "7", 7)
    write_skab(tmp_path, "short", "1", 8)
    short = tmp_path / "skab" / "short" / "1.csv"
    short.write_text("".join(short.read_text().splitlines(keepends=True)[:300]))
    write_nab(tmp_path, {"new/x.csv": 5}, folds=False)

    outliers, _ = skab.measure(run_of(tmp_path))
    (series,) = nab.measure(run_of(tmp_path))

    assert set(outliers.apart) == {"new-group"}
    assert outliers.figures["f1"].low is None  # one file says nothing of others
    assert series.figures["score"].value > 75
    assert series.figures["heldout"].value is None
    assert read(tmp_path / "out" / "skab" / "short" / "1.csv") == []


def test_a_file_without_labels_is_told_of_and_not_scored(tmp_path: Path) -> None:
    write_skab(tmp_path, "free", "free", 4, "absent")

    outliers, changes = skab.measure(run_of(tmp_path))

    assert outliers.figures["f1"].value is None
    assert changes.figures["score"].value is None
    assert set(outliers.more["alarm_share_of_unlabelled"]) == {"free"}
    assert len(read(tmp_path / "out" / "skab" / "free" / "free.csv")) == SKAB_ROWS - 400


def test_nothing_is_told_in_the_probation_and_the_burst_is(tmp_path: Path) -> None:
    write_nab(tmp_path, {"one/a.csv": 1})

    nab.measure(run_of(tmp_path))

    rows = read(tmp_path / "out" / "nab" / "one" / "a.csv")
    assert len(rows) == NAB_ROWS
    assert not any(int(row["flag"]) for row in rows[:90])
    assert rows[NAB_FROM + 5]["flag"] == "1"


def test_a_cell_without_a_number_leaves_the_others_judged() -> None:
    values = skab_values(1)
    values[100, 0] = values[500, 1] = np.nan

    told = skab.watch(values)

    assert np.isfinite(told.score).all()
    assert told.flag[SKAB_FROM - 400 + 10 : SKAB_TO - 400].all()


def test_without_data_each_set_is_skipped_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skab", "nab", "tep", "etch"], {}, tmp_path) == 0

    told = capsys.readouterr().out
    assert "skab: skipped: no folder 'skab' in BENCHMARKS; public at github.com/waico/SKAB" in told
    assert "nab: skipped" in told
    assert json.loads((tmp_path / "build" / "detection.json").read_text()) == {}


def test_a_set_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Absent, match="numenta/NAB"):
        nab.measure(run_of(tmp_path))


def test_an_unknown_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skap"], {}, tmp_path) == 2
    assert "no set skap; there are skab" in capsys.readouterr().err


def test_one_command_writes_figures_rows_and_the_page(tmp_path: Path) -> None:
    write_all(tmp_path / "data")
    (tmp_path / "docs").mkdir()

    assert main(["skab", "nab", "--page"], {"BENCHMARKS": str(tmp_path / "data")}, tmp_path) == 0

    told = json.loads((tmp_path / "build" / "detection.json").read_text())
    assert set(told) == {"skab_outlier", "skab_changepoint", "nab"}
    assert set(told["skab_outlier"]["interval"]) == {"f1", "far", "mar"}
    assert told["skab_outlier"]["baselines"]["always"]["far"] == 100
    page = (tmp_path / "docs" / "detection.md").read_text()
    assert "| skab_outlier | f1 (1) |" in page
    assert (tmp_path / "build" / "detection" / "nab" / "two" / "c.csv").exists()


def test_a_set_that_cannot_be_read_costs_only_its_own_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nab(tmp_path / "data", {"one/a.csv": 1})
    write_skab(tmp_path / "data", "pump", "1", 1)
    (tmp_path / "data" / "skab" / "pump" / "1.csv").write_text("datetime;A;anomaly;changepoint\nyesterday;1;0;0\n")

    assert main(["skab", "nab"], {"BENCHMARKS": str(tmp_path / "data")}, tmp_path) == 1

    assert "skab: FAILED" in capsys.readouterr().out
    assert set(json.loads((tmp_path / "build" / "detection.json").read_text())) == {"nab"}
