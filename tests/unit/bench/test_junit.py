from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from service.bench.junit import write_junit
from service.bench.outputs import Outcome
from service.bench.scoring import checks, score
from simulators.layout import SMALL
from simulators.recipe import USUAL
from simulators.scenario import Acceptance, CampaignPlan, Scenario
from tests.unit.bench.told import fault, hold, outside, told, truth

REPEAT = "thermowell bench run cooling.yaml --seed 7 --out there"


def outcome(acceptance: Acceptance, *complaints: str) -> Outcome:
    """A fault that was found, and a hold and an excursion from NOR that were not."""
    labels = (
        fault("cooling_lost", "R101", 10, 60, 15),
        hold(100, 200),
        outside("nor.high", "R101.TT", 20, 50),
    )
    scored = score(truth(*labels), [told("drift.cusum", "R101.TT", 20)])
    scenario = Scenario("cooling", "", 7, 0, 86_400, SMALL, USUAL, CampaignPlan((0, 0), (1, 1)))
    return Outcome(scenario, scored, checks(scored, acceptance), complaints, REPEAT, 1.5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "junit.xml"


def cases(file: Path) -> dict[str, str]:
    """What became of each case."""
    return {
        f"{case.get('classname')}: {case.get('name')}": case[0].tag if len(case) else "passed"
        for case in ET.parse(file).iter("testcase")
    }


def test_there_is_a_case_per_acceptance_line_and_per_label(file: Path) -> None:
    write_junit([outcome(Acceptance(lost=None, doubled=None))], file)

    assert cases(file) == {
        "cooling.acceptance: found: fault": "passed",
        "cooling.acceptance: found: hold": "failure",
        "cooling.fault: cooling_lost (the cooling_lost) on R101 at 1970-01-01T00:10:00Z": "passed",
        "cooling.hold: crude on T101 at 1970-01-01T01:40:00Z": "failure",
        "cooling.nor: nor.high on R101.TT at 1970-01-01T00:20:00Z": "skipped",
    }


def test_a_failure_carries_its_message_and_the_command_that_repeats_it(file: Path) -> None:
    write_junit([outcome(Acceptance(lost=None, doubled=None))], file)
    failures = list(ET.parse(file).iter("failure"))

    assert all(REPEAT in (failure.text or "") for failure in failures)
    assert "hold: 0 of 1 found" in (failures[0].get("message") or "")


def test_a_miss_that_nobody_asked_for_is_skipped(file: Path) -> None:
    write_junit([outcome(Acceptance(found=None, lost=None, doubled=None))], file)

    assert sorted(cases(file).values()) == ["passed", "skipped", "skipped"]


def test_a_complaint_of_the_service_is_a_failure(file: Path) -> None:
    write_junit([outcome(Acceptance(None, lost=None, doubled=None), "the judge stopped: \x00 & <why>")], file)

    assert cases(file)["cooling.service: complaint 1"] == "failure"
    assert next(ET.parse(file).iter("failure")).get("message") == "the judge stopped: \ufffd & <why>"


def test_the_suites_count_their_cases(file: Path) -> None:
    run = outcome(Acceptance(lost=None, doubled=None))
    write_junit([run, run], file)
    root = ET.parse(file).getroot()

    assert [root.get(name) for name in ("tests", "failures", "skipped")] == ["10", "4", "2"]
    assert [suite.get("tests") for suite in root] == ["5", "5"]
