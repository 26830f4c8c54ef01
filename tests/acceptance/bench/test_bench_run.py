"""`thermowell bench run`: some scenarios of the library against the service's own wiring, on virtual time."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli import main

FOUND = ("cooling-lost-while-dosing", "mqtt-cut", "opcua-cut-while-dosing")
"""What the service finds today."""

QUIET = ("a-short-spike", "broker-restarts-and-forgets")
SWAPPED = "server-restarts-with-other-namespaces"
SOME = (*FOUND, *QUIET, SWAPPED)

SHORT = """\
name: short
teaches: A pump that stops, and a short cut.
lasts: 40min
campaign: {starts: {R101: -1h10min, R102: 10min}}
faults:
  - {kind: feed_pump_lost, on: R101, start: {phase: dose, after: 10min}, lasts: 20min}
  - {kind: cut, on: opcua, start: 12min, lasts: 1min}
"""


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every scenario here has one plant and one plan: one profile, of fewer batches than a score that counts needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulators.truth.normal.BATCHES", 4)
        yield tmp_path_factory.mktemp("profiles")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, profiles: Path) -> Path:
    """The results of some scenarios."""
    folder = tmp_path_factory.mktemp("out")
    with pytest.raises(SystemExit):
        main(["bench", "run", *SOME, "--out", str(folder), "--profiles", str(profiles)])
    return folder


@pytest.fixture(scope="module")
def table(out: Path) -> dict[str, dict]:
    return {row["scenario"]: row for row in json.loads((out / "table.json").read_text(encoding="utf-8"))}


def code_of(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "run", *words])
    return ended.value.code


@pytest.mark.parametrize("name", SOME)
def test_nothing_is_lost_and_nothing_doubled(table, name):
    assert (table[name]["lost"], table[name]["doubled"]) == (0, 0)


@pytest.mark.parametrize("name", FOUND)
def test_what_could_be_seen_is_found(table, name):
    assert (table[name]["visible"] > 0, table[name]["missed"]) == (True, [])


@pytest.mark.parametrize("name", QUIET)
def test_nobody_is_called_for_nothing(table, name):
    assert table[name]["false"] == 0


def test_every_run_leaves_its_files(out):
    expected = {
        "findings.json",
        "junit.xml",
        "run.json",
        "score.json",
        "thermowell.yaml",
        "true_values.parquet",
        "truth.json",
        "truth.parquet",
    }

    assert [name for name in SOME if {file.name for file in (out / name).iterdir()} != expected] == []


def test_the_table_is_also_for_people_and_for_test_runners(out):
    suites = ET.parse(out / "junit.xml").getroot()
    rows = re.findall(r"^\| ([a-z-]+) \|", (out / "table.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert len(suites) == len(SOME)
    assert rows == ["scenario", *SOME]


def test_a_run_says_what_ran_and_how_to_repeat_it(out):
    run = json.loads((out / SWAPPED / "run.json").read_text(encoding="utf-8"))

    assert set(run["hashes"]) == {"scenario", "recipe", "rules", "configuration", "detectors", "findings"}
    assert run["repeat"] == f"thermowell bench run {SWAPPED} --seed 68 --out {out / SWAPPED}"
    assert run["samples"]["sent"] == run["samples"]["kept"] + run["samples"]["in_gap"]


def test_the_same_seed_gives_the_same_run_to_the_bit(tmp_path, profiles):
    (tmp_path / "short.yaml").write_text(SHORT, encoding="utf-8")
    for folder in ("one", "two"):
        code_of(str(tmp_path / "short.yaml"), "--out", str(tmp_path / folder), "--profiles", str(profiles))
    one, two = tmp_path / "one", tmp_path / "two"

    for file in ("findings.json", "truth.parquet", "true_values.parquet", "score.json"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
    told = [json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in (one, two)]
    assert (told[0]["hashes"], told[0]["samples"]) == (told[1]["hashes"], told[1]["samples"])


def test_an_acceptance_that_does_not_hold_is_exit_code_1_with_the_command_that_repeats_it(tmp_path, profiles, capsys):
    file = tmp_path / "short.yaml"
    file.write_text(SHORT + "acceptance: {delay: 1s}\n", encoding="utf-8")
    code = code_of(str(file), "--direct", "--seed", "5", "--out", str(tmp_path / "out"), "--profiles", str(profiles))
    told = capsys.readouterr().out

    assert code == 1
    assert "feed_pump_lost (feed_pump_lost) on R101 in dose" in told
    assert "after it could be seen, 1 s asked" in told
    assert f"again: thermowell bench run {file} --seed 5 --out {tmp_path / 'out'} --direct" in told


def test_an_acceptance_that_holds_is_exit_code_0(tmp_path, profiles):
    file = tmp_path / "short.yaml"
    file.write_text(SHORT + "acceptance: {found: any}\n", encoding="utf-8")

    assert code_of(str(file), "--direct", "--out", str(tmp_path / "out"), "--profiles", str(profiles)) == 0


def test_wrong_scenarios_are_all_told_before_any_runs_and_exit_code_2(tmp_path, capsys):
    for name, wrong in (("a", "lasts: 9"), ("b", "lasts: long")):
        (tmp_path / f"{name}.yaml").write_text(SHORT.replace("lasts: 40min", wrong), encoding="utf-8")
    code = code_of(str(tmp_path), "--out", str(tmp_path / "out"))
    told = capsys.readouterr().err

    assert (code, (tmp_path / "out").exists()) == (2, False)
    assert f"{tmp_path / 'a.yaml'}:3:1: lasts: 9 needs a unit" in told
    assert f"{tmp_path / 'b.yaml'}:3:1: lasts: 'long' is no duration" in told


def test_results_that_cannot_be_written_are_exit_code_2(tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")

    assert code_of("a-short-spike", "--out", str(tmp_path / "taken")) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["no-such-scenario"], ["a-short-spike", "--seed", "-1"]])
def test_nothing_to_run_is_exit_code_2(words):
    assert code_of(*words) == 2
