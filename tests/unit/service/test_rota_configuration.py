"""The section `rota`: what cannot be meant is told with its place; the documented example is accepted."""

import argparse
import re
from pathlib import Path

import pytest

from alarms.escalation import Escalation, Step
from domain.errors import ConfigError
from domain.rules import Priority
from domain.time import MINUTE_NS
from service.cli import check
from service.cli.check import add_arguments
from service.config.build import Configuration, load
from service.config.rota import escalation_of
from service.tellers import audiences_of
from tests.unit.telling.test_calendar import NIGHTS, calendar

DOCUMENT = Path(__file__).parents[3] / "docs" / "duty.md"
HEAD = 'notify: {mail: {url: "console://"}, hook: {url: "console://"}}\npeople: {Ada: {tell: [mail]}}\n'
FINE = "zone: Europe/Berlin, calendar: leads.ics, fallback: Ada"


def loaded(folder: Path, *rotas: str) -> Configuration:
    file = folder / "plant.yaml"
    file.write_text(HEAD + "rota:\n" + "\n".join(f"  {rota}" for rota in rotas), encoding="utf-8")
    return load(file)


def complaint(folder: Path, *rotas: str) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(folder, *rotas)
    return str(refused.value).replace(f"{folder}/", "")


def test_steps_are_counted_from_the_first_telling(tmp_path: Path) -> None:
    steps = "escalate: [{after: 5min, tell: Ada}, {after: 10min, tell: [hook, mail]}], repeat: 15min, rounds: 3"
    plan = escalation_of(loaded(tmp_path, f"leads: {{{FINE}, {steps}}}").rota["leads"])

    told = (Step(5 * MINUTE_NS, ("Ada",)), Step(10 * MINUTE_NS, ("hook", "mail")))
    assert plan == Escalation(told, 15 * MINUTE_NS, 3, returned=False)


def test_who_is_told_by_a_rota_is_told_nothing_by_themselves(tmp_path: Path) -> None:
    found = audiences_of(
        loaded(tmp_path, f"leads: {{{FINE}, priority: medium, escalate: [{{after: 1s, tell: hook}}]}}")
    )

    assert [(each.channel, each.priority) for each in found] == [("leads", Priority.MEDIUM)]


@pytest.mark.parametrize(
    ("rota", "told"),
    [
        (
            "leads: {zone: Europe/Berln, calendar: x, fallback: Ada}",
            "rota.leads.zone: no time zone is named 'Europe/Berln'",
        ),
        (
            "leads: {zone: UTC, calendar: x, fallback: Bea}",
            "plant.yaml:4:35: rota.leads.fallback: no person, rota or channel",
        ),
        ("leads: {zone: UTC, fallback: Ada}", "needs exactly one of `calendar`, `url` and `url_file`"),
        ("leads: {zone: UTC, url: 'ftp://x', fallback: Ada}", "rota.leads.url"),
        ("leads: {zone: UTC, url_file: nowhere, fallback: Ada}", "rota.leads.url_file: no file 'nowhere'"),
        (f"leads: {{{FINE}, escalate: [{{after: 5min, tell: Bea}}]}}", "rota.leads.escalate.0.tell: no person"),
        (f"leads: {{{FINE}, escalate: [{{after: 5min, tell: Ada}}, {{after: 5min, tell: Ada}}]}}", "escalate.1.after"),
        (f"leads: {{{FINE}, escalate: [{{after: 0s, tell: Ada}}]}}", "escalate.0.after"),
        (f"leads: {{{FINE}, escalate: [{{after: 5min, tell: []}}]}}", "names nobody"),
        (f"leads: {{{FINE}, hand_over: shifts}}", "rota.leads.hand_over: needs the section `shifts`"),
        (f"mail: {{{FINE}}}", "is a name in `notify` too"),
        (f"Ada: {{{FINE}}}", "is a name in `people` too"),
        (f"'a/b': {{{FINE}}}", "is no name of a rota"),
        (f"leads: {{{FINE}, rounds: 1}}", "rota.leads.rounds"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(tmp_path: Path, rota: str, told: str) -> None:
    assert told in complaint(tmp_path, rota)


def test_fallbacks_that_go_round_in_a_circle_are_refused(tmp_path: Path) -> None:
    first = "one: {zone: UTC, calendar: x, fallback: two}"
    told = complaint(tmp_path, first, "two: {zone: UTC, calendar: x, fallback: one}", f"three: {{{FINE}}}")

    assert "rota.one.fallback: falls back in a circle: one > two > one" in told
    assert "three" not in told


# thermowell check


def checked(file: Path) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return check.run(parser.parse_args([str(file)]))


def test_the_documented_example_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    parts = dict(re.findall(r"```(yaml|ics)\n(.*?)```", text, re.DOTALL))
    (tmp_path / "plant.yaml").write_text(parts["yaml"], encoding="utf-8")
    (tmp_path / "duty.ics").write_text(parts["ics"], encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    for name in ("ada", "grace", "deputy"):
        (tmp_path / "secrets" / name).write_text("json://127.0.0.1:9/\n", encoding="utf-8")

    assert checked(tmp_path / "plant.yaml") == 0
    assert "nobody is on duty" not in capsys.readouterr().err


def test_check_names_the_file_and_line_of_an_event_that_cannot_be_meant(tmp_path: Path) -> None:
    loaded(tmp_path, f"leads: {{{FINE}}}")
    (tmp_path / "leads.ics").write_text(calendar(NIGHTS.replace("Ada", "Adda")), encoding="utf-8", newline="")

    with pytest.raises(ConfigError, match=r"leads\.ics:4:1: rota\.leads: event 'Adda' \(nights\) names nobody"):
        checked(tmp_path / "plant.yaml")


def test_check_warns_of_time_that_nobody_covers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded(tmp_path, f"leads: {{{FINE}}}")
    (tmp_path / "leads.ics").write_text(calendar(NIGHTS), encoding="utf-8", newline="")

    assert checked(tmp_path / "plant.yaml") == 0
    told = capsys.readouterr().err
    assert "rota.leads.calendar: warning: nobody is on duty from" in told
    assert "Ada is told then" in told
    assert "more times within the next 14 days" in told


def test_check_refuses_a_calendar_that_is_not_there(tmp_path: Path) -> None:
    loaded(tmp_path, f"leads: {{{FINE}}}")

    with pytest.raises(ConfigError, match=r"rota\.leads\.calendar: .*No such file"):
        checked(tmp_path / "plant.yaml")
