import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.errors import DamagedFile, NewerFormat
from simulators.truth.files import TRUE_VALUES, TRUTH_JSON, TRUTH_PARQUET, read_truth, write_truth
from simulators.truth.labels import Label, LabelKind
from simulators.truth.truth import Header, PhaseSpan, Place, RangeRow, Truth, Values

LABELS = (
    Label(
        LabelKind.FAULT,
        "loss",
        "cooling_lost",
        "R101",
        "R101",
        10**18,
        10**18 + 5,
        "101-0001",
        "dose",
        10**18 + 3,
        ("R101.JT", "R101.TT"),
        effect_end_ns=10**18 + 9,
        because="R101.JT was 51 degC",
    ),
    Label(LabelKind.FAULT, "leak", "leak", "R101", "R101", 10**18, None, hidden=True),
    Label(LabelKind.OUTSIDE, "nor.high R101.TT 1", "nor.high", "R101.TT", "R101", 10**18 + 4, None),
)
TRUTH = Truth(
    Header(
        scenario="Loss of cooling, 20 °C",
        seed=7,
        start_ns=10**18,
        lasts_s=3600,
        version="0.1.0",
        batches=2,
        places=(Place("R101", ("R101.TT", "R101.JT"), ("T101",)), Place("T101", (), ("R101",))),
        served={"opcua": ("R101.TT", "R101.JT")},
        ranges=(RangeRow("dose", "TT", "nor", 58.5, None, 300),),
        phases=(PhaseSpan("R101", "101-0001", "dose", 10**18, None),),
        twins={"R101.temperature": ("R101.TT", "R101.TT2")},
    ),
    LABELS,
    ("R101.TT", "R101.JT"),
    Values(np.array([1, 1, 2], np.int64), np.array([0, 1, 0], np.int32), np.array([20.5, 19.0, np.nan])),
)


@pytest.mark.parametrize("name", [TRUTH_PARQUET, TRUTH_JSON, "."])
def test_a_truth_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    write_truth(TRUTH, tmp_path)
    read = read_truth(tmp_path / name)

    assert (read.header, read.labels, read.tags) == (TRUTH.header, TRUTH.labels, TRUTH.tags)
    np.testing.assert_array_equal(read.values.time_ns, TRUTH.values.time_ns)
    np.testing.assert_array_equal(read.values.tag, TRUTH.values.tag)
    np.testing.assert_array_equal(read.values.value, TRUTH.values.value)


def test_a_truth_without_its_values_is_read(tmp_path: Path) -> None:
    write_truth(TRUTH, tmp_path)
    (tmp_path / TRUE_VALUES).unlink()

    assert len(read_truth(tmp_path).values.value) == 0
    assert read_truth(tmp_path).labels == LABELS


def test_an_empty_truth_is_read(tmp_path: Path) -> None:
    write_truth(Truth(TRUTH.header, ()), tmp_path)

    assert read_truth(tmp_path).labels == ()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match=r"nowhere/truth\.json: there is no such file"):
        read_truth(tmp_path / "nowhere" / "truth.json")


@pytest.mark.parametrize("name", [TRUTH_PARQUET, TRUTH_JSON])
def test_a_file_of_something_else_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PAR1 is not enough")

    with pytest.raises(DamagedFile, match=rf"{name}: this is no truth"):
        read_truth(tmp_path / name)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("onset_ns", "noon", "onset_ns is 'noon', not a whole number"),
        ("kind", "rumour", "rumour"),
        ("seen_on", "R101.TT", "seen_on is 'R101.TT', not a list of texts"),
        ("weather", "fine", "label 'loss' has an unknown field 'weather'"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, field: str, value: str, complaint: str) -> None:
    write_truth(TRUTH, tmp_path)
    file = tmp_path / TRUTH_JSON
    told = json.loads(file.read_text())
    told["labels"][0][field] = value
    file.write_text(json.dumps(told))

    with pytest.raises(DamagedFile, match=complaint):
        read_truth(file)


def test_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    write_truth(replace(TRUTH, header=replace(TRUTH.header, format=2)), tmp_path)

    with pytest.raises(NewerFormat, match="its format is 2"):
        read_truth(tmp_path)
