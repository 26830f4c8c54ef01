"""The demo's plant and the demo's rules, before the real detectors, without a network."""

from pathlib import Path

import pytest

from detectors.bank import Bank
from domain.findings import Finding, Stage
from domain.time import HOUR_NS, SECOND_NS
from simulators.campaign import Campaign
from simulators.demo.plan import SPEED, demo_scenario, normal_scenario
from tests.acceptance.simulators.stream import ORIGIN_NS, demo_rules, entries

_NORMAL_H = 9  # a whole cycle of each reactor, and a hold in T201


def judged(campaign: Campaign, folder: Path, until_s: int) -> list[Finding]:
    """Every version of every finding."""
    rules = demo_rules(folder)
    bank = Bank(rules.rulebook, rules.tags)
    concluded = [
        bank.update(position, entry) for position, entry in enumerate(entries(campaign, rules.tags, until_s), 1)
    ]
    return [each for some in concluded for each in some if isinstance(each, Finding)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """What is found in the demo's first 80 wall seconds."""
    return judged(Campaign(demo_scenario()), tmp_path_factory.mktemp("demo"), round(80 * SPEED))


def first_wall_s(found: list[Finding], rule: str, subject: str) -> float:
    told = next(each for each in found if each.rule == rule and each.subject == subject)
    return (told.at_ns - ORIGIN_NS) / SECOND_NS / SPEED


def test_the_drift_is_told_five_seconds_before_the_range_is_left(found: list[Finding]) -> None:
    drift = first_wall_s(found, "drift.cusum", "R101.AT")
    excursion = first_wall_s(found, "excursion.validated.high", "R101.AT")

    assert 20 < drift < excursion - 5
    assert excursion < 60


def test_the_hold_is_warned_of_five_seconds_before_it_is_over_its_limit(found: list[Finding]) -> None:
    warning = first_wall_s(found, "hold.warning", "crude")
    breach = first_wall_s(found, "hold.breach", "crude")

    assert 10 < warning < breach - 5
    assert breach < 80


def test_nothing_else_is_found_in_the_demo(found: list[Finding]) -> None:
    expected = {
        ("drift.cusum", "R101.AT"),
        ("drift.ewma", "R101.AT"),
        ("excursion.nor.high", "R101.AT"),
        ("excursion.validated.high", "R101.AT"),
        ("hold.warning", "crude"),
        ("hold.breach", "crude"),
    }

    assert {(each.rule, each.subject) for each in found} == expected


def test_the_excursion_ends_when_the_probe_has_been_exchanged(found: list[Finding]) -> None:
    last = {each.id: each.stage for each in found if each.rule.startswith("excursion")}

    assert set(last.values()) == {Stage.CLEARED}


def test_a_normal_campaign_gives_no_finding_at_all(tmp_path: Path) -> None:
    found = judged(Campaign(normal_scenario()), tmp_path, _NORMAL_H * HOUR_NS // SECOND_NS)

    assert [each.message for each in found] == []
