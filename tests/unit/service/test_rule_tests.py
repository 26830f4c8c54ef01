"""Tests of limits as a process engineer writes them: the documented example, failures with their lines, JUnit."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from service.cli import main
from service.ruletests.model import read_step

CONFIGURATION = """
site: tested
data: ./data
approval: off
sources:
  floor: {mqtt: {url: "mqtt://127.0.0.1:1", topics: ["plant/#"]}}
tags:
  R101.TT: {source: floor, topic: plant/a, value: /v, unit: degC}
  R101.PT: {source: floor, topic: plant/b, value: /v, unit: bar, limits: {high: 3}}
  R101.STEP: {source: floor, topic: plant/c, value: /v}
  R101.BATCH: {source: floor, topic: plant/d, value: /v, kind: text}
units:
  R101:
    batch: {tag: R101.BATCH}
    phase: {tag: R101.STEP, map: {"20": dose}}
    parameters: {TT: R101.TT, PT: R101.PT}
recipes:
  API-1:
    version: 7
    change: CR-1
    phases:
      dose:
        TT: {unit: degC, nor: [58, 62], validated: [55, 65], study: VR-1}
"""


def example() -> str:
    page = Path(__file__).parents[3] / "docs" / "configuration.md"
    found = re.search(r"```yaml\n# rules_test.yaml\n(.*?)```", page.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def run(folder: Path, capsys: pytest.CaptureFixture[str], text: str, *arguments: str) -> tuple[int, str]:
    (folder / "thermowell.yaml").write_text(CONFIGURATION)
    (folder / "rules_test.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["test", "rules", str(folder / "rules_test.yaml"), *arguments])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out + told.err


def test_the_documented_example_passes(tmp_path: Path, capsys):
    assert run(tmp_path, capsys, example()) == (
        0,
        "passed  heating beyond the validated range\npassed  a gap is no excursion\n2 passed, 0 failed\n",
    )


@pytest.mark.parametrize(
    ("right", "wrong", "line", "told"),
    [
        ("onset: 12min, end", "onset: 11min, end", 14, "it began at 12 min"),
        ("end: 24min", "end: open", 14, "it ended at 24 min"),
        ("peak: 70", "peak: 71", 14, "its peak is 70.0"),
        ("validated.high", "validated.low", 15, "expected excursion.validated.low at 15 min ± 1 s, found none"),
        ("61 for 5min", "61 for 1min, 63 for 4min", 16, "nothing expected, found excursion.nor.high at 59.5 s"),
    ],
)
def test_a_failure_is_told_with_its_line(tmp_path: Path, capsys, right: str, wrong: str, line: int, told: str):
    text = example()
    assert right in text

    code, out = run(tmp_path, capsys, text.replace(right, wrong))

    assert code == 1
    assert re.search(rf"rules_test\.yaml:{line}: .*{re.escape(told)}", out), out


def test_the_outcome_is_written_as_junit(tmp_path: Path, capsys):
    run(tmp_path, capsys, example().replace("peak: 70", "peak: 71"), "--junit", str(tmp_path / "out.xml"))

    suite = ET.parse(tmp_path / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [len(case) for case in suite] == [1, 0]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("60 for 10min", "60 10min", r"rules_test\.yaml:\d+:\d+: tests\.0\.series\.TT\.0: '60 10min' is no step"),
        ("phase: dose             #", "phase: dosing             #", "no phase 'dosing'"),
        ("unit: R101", "unit: R999", "no unit 'R999'"),
        ("every: 1s", "evry: 1s", r"rules_test\.yaml:\d+:\d+: tests\.0\.evry"),
        ("every: 1s", "every: 1ms", "more than 2000000"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, capsys, right: str, wrong: str, told: str):
    text = example().replace(right, wrong)
    if "1ms" in wrong:
        text = text.replace("60 for 10min", "60 for 10h")

    code, out = run(tmp_path, capsys, text)

    assert code == 2
    assert re.search(told, out), out


def test_a_limit_is_inclusive_and_one_step_of_the_last_bit_beyond_is_outside(tmp_path: Path, capsys):
    case = """
configuration: thermowell.yaml
tests:
  - {name: at the limit, series: {R101.PT: [2 for 1min, 3 for 1min, 2 for 1min]}}
  - name: beyond it
    series: {R101.PT: [2 for 1min, 3.0000000000000004 for 1min, 2 for 1min]}
    expect: [{rule: fixed.high, tag: R101.PT, peak: 3.0000000000000004, peak_within: 0}]
"""
    assert run(tmp_path, capsys, case)[0] == 0


def test_a_ramp_goes_on_where_the_step_before_ended():
    assert read_step("to 5 over 2min", 3.0) == read_step("from 3 to 5 over 2min", None)
    with pytest.raises(ValueError, match="begins nowhere"):
        read_step("to 5 over 2min", None)
