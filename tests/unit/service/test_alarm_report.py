"""The week's report of the alarm system: what it says, and that it is told once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.alarms import Transition
from domain.performance import Positions
from domain.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from records.database import SqlRecords
from service.cli import main
from service.config.reports import ReportPlan
from service.files import Files
from service.measuring import Measuring
from service.reporting import text_of
from service.weekly import WeeklyReport
from service.weeks import Week, WeekTime, zone_named
from tests.unit.records.test_measures import rush, say

BERLIN = zone_named("Europe/Berlin")
WEEK = Week.named("2026-W47", BERLIN)
MONDAY_NS = WEEK.end_ns + 7 * HOUR_NS
POSITIONS = Positions({"R101": "north"}, "plant")
CONFIGURATION = """
site: demo
data: ./data
sources: {line: {mqtt: {url: "mqtt://127.0.0.1:1", topics: ["plant/#"]}}}
tags: {R101.TT: {source: line, topic: plant/tt}}
units: {R101: {parameters: {TT: R101.TT}}}
positions: {north: {units: ["R1*"]}, south: {}}
notify: {leads: {url: "console://"}}
alarms: {report: {to: leads, at: "Mon 07:00", zone: Europe/Berlin}}
"""


def a_week() -> list[Transition]:
    """A flood on Tuesday of an alarm that chatters, eight alarms elsewhere, and one that stands since before."""
    said: list[Transition] = []
    say(said, 2, "activated", WEEK.start_ns - DAY_NS)
    said += rush(12, WEEK.start_ns + DAY_NS, 5 * SECOND_NS)
    said += rush(8, WEEK.start_ns + DAY_NS + MINUTE_NS, 30 * SECOND_NS, alarm=1)
    say(said, 1, "acknowledged", WEEK.start_ns + DAY_NS + HOUR_NS)
    return said


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecords]:
    with SqlRecords.open(Files(tmp_path / "data").made().records) as opened:
        yield opened


@pytest.fixture
def measuring(records: SqlRecords) -> Measuring:
    with records.unit_of_work() as work:
        work.transitions(a_week())
    return Measuring(records, POSITIONS, BERLIN)


def test_the_report_says_every_figure_with_its_target_and_what_to_look_at(measuring: Measuring) -> None:
    text = text_of(measuring.performance(WEEK.start_ns, WEEK.end_ns, None), "demo", WEEK.name, "Europe/Berlin")

    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Alarm performance of demo, week 2026-W47 (Europe/Berlin)"
    assert "20 annunciated, 1 flood," in lines[1]
    assert "annunciated a day 1.7 ≤ 144, manageable ≤ 288 good" in lines
    assert "most in ten minutes 12 ≤ 10 poor" in lines
    assert "chattering alarms 1 0 poor" in lines
    assert "12 x S0 n0 (R101), at most 12 in a minute" in lines
    assert "S2 n2 (T7): high, 8 d 0 h, not acknowledged" in lines


def reporter(measuring: Measuring, now_ns: int, told: list[str]) -> WeeklyReport:
    plan = ReportPlan("leads", WeekTime.read("Mon 07:00"))
    return WeeklyReport(
        plan, "demo", "http://page", measuring.records, measuring, lambda: now_ns, lambda: told.append("!")
    )


def test_the_report_of_a_week_is_told_once_however_often_the_service_starts(measuring: Measuring) -> None:
    told: list[str] = []
    for now_ns in (MONDAY_NS - 1, MONDAY_NS, MONDAY_NS + MINUTE_NS, MONDAY_NS + 3 * DAY_NS):
        started_again = reporter(measuring, now_ns, told)
        started_again.look()
        started_again.look()

    # That of the week before, in which one alarm was said, is still due until Monday.
    assert [(each.id, each.channel) for each, _ in measuring.records.notices(9)] == [
        ("report-2026-W47@leads", "leads"),
        ("report-2026-W46@leads", "leads"),
    ]
    assert told == ["!", "!"]
    newest = measuring.records.notices(1)[0][0]
    assert newest.title.startswith("demo: alarms of week 2026-W47: 20 annunciated, 1 flood")
    assert newest.text.endswith("http://page/performance?week=2026-W47")


def test_a_service_that_is_new_tells_no_empty_weeks(records: SqlRecords) -> None:
    reporter(Measuring(records, POSITIONS, BERLIN), MONDAY_NS, []).look()

    assert records.notices(9) == []


@pytest.mark.usefixtures("measuring")
@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_the_command_writes_the_report_in_each_format(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thermowell.yaml").write_text(CONFIGURATION)
    with pytest.raises(SystemExit) as ended:
        main(["alarms", "report", "--config", f"{tmp_path}/thermowell.yaml", "--week", "2026-W47", "--format", form])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    if form == "json":
        shape = json.loads(told)
        assert (shape["week"], shape["zone"], shape["start"]) == ("2026-W47", "Europe/Berlin", "2026-11-15T23:00:00Z")
        assert [each["annunciated"] for each in shape["load"]] == [12, 8]
        assert shape["frequent"][0] == {"alarm": "A0", "subject": "S0", "name": "n0", "unit": "R101", "times": 12}
    elif form == "html":
        assert told.startswith("<!doctype html>")
        assert "S0 n0" in told
        assert "http" not in told.replace("https://", "").partition("</style>")[2]  # it needs nothing from elsewhere
    else:
        assert "Position north" in told


@pytest.mark.usefixtures("measuring")
def test_a_position_that_does_not_exist_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thermowell.yaml").write_text(CONFIGURATION)
    with pytest.raises(SystemExit) as ended:
        main(["alarms", "report", "--config", f"{tmp_path}/thermowell.yaml", "--position", "east"])

    assert ended.value.code != 0
    assert "no operator position is named 'east' (there are north, south)" in capsys.readouterr().err
