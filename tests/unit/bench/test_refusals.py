"""Input and options that cannot be used are told in one line, before anything runs."""

import json
from pathlib import Path

import pytest

from domain.errors import DamagedFile
from service.bench.findings import Told, contradictions, read_findings
from service.cli import main


def exit_code(*words: object) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *map(str, words)])
    return ended.value.code


@pytest.mark.parametrize(
    "words",
    [
        ("run", "leak-small", "--seed", "-5"),
        ("run", "leak-small", "--seeds", "0"),
        ("run", "leak-small", "--jobs", "0"),
        ("run", "leak-small", "--jobs", "-3"),
        ("score", "truth.json", "findings.json", "--batches", "0"),
        ("score", "truth.json", "findings.json", "--unit-days", "-1"),
        ("score", "truth.json", "findings.json", "--unit-days", "nan"),
    ],
)
def test_an_option_out_of_its_range_is_refused(words, capsys):
    assert exit_code(*words) == 2
    assert f"argument {words[-2]}: {words[-1]!r} is no" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("run", "leak-small", "--out", "{file}"),
        ("run", "leak-small", "--seeds", "2", "--out", "{file}"),
        ("run", "leak-small", "--out", "{folder}", "--profiles", "{file}"),
        ("run", "leak-small", "--out", "{folder}", "--page", "{file}/page.md"),
        ("schema", "--out", "{file}/schema.json"),
        ("score", "nowhere", "nowhere.json", "--out", "{file}/score.json"),
        ("plot", "nowhere", "--out", "{file}/plot.png"),
    ],
)
def test_what_cannot_be_written_is_told_in_one_line_before_the_work(words, tmp_path: Path, capsys):
    file = tmp_path / "a-file"
    file.touch()
    given = [word.format(file=file, folder=tmp_path / "out") for word in words]

    assert exit_code(*given) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"thermowell: {file}")
    assert "cannot be written" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("time", [2**63, -5, 10**30, "1812-01-01"])
def test_a_finding_of_no_plausible_time_is_refused_by_its_number_and_id(time, tmp_path: Path):
    file = tmp_path / "findings.json"
    file.write_text(json.dumps([{"id": "f-9", "rule": "bad", "subject": "R101.TT", "detected": time}]))

    with pytest.raises(DamagedFile, match=r"finding 1 \('f-9'\): detected"):
        read_findings(file)


def test_times_that_contradict_each_other_are_told():
    late = Told("late", "bad", "R101.TT", 10, onset_ns=11)
    short = Told("short", "bad", "R101.TT", 10, onset_ns=9, end_ns=8)
    right = Told("right", "bad", "R101.TT", 10, onset_ns=9, end_ns=12)

    assert contradictions([late, right, short]) == [
        "finding late: its onset is after it was detected",
        "finding short: its end is before its onset",
    ]
