"""The demo's plant and the demo's rules, before the real detectors, without a network."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from detectors.bank import Bank
from domain.findings import Finding, Stage
from domain.time import HOUR_NS, SECOND_NS
from simulators.campaign import Campaign
from simulators.demo.plan import (
    DOSE_ENDS_S,
    DOSE_STARTS_S,
    SPEED,
    TRANSFER_STARTS_S,
    demo_scenario,
    normal_scenario,
)
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


class TrueValues:
    """The true values of some tags, each minute."""

    def __init__(self, *tags: str) -> None:
        self.of: dict[str, list[tuple[int, float]]] = {tag: [] for tag in tags}

    def observe(self, campaign: Campaign) -> None:
        if campaign.second % 60 == 0:
            for tag, values in self.of.items():
                values.append((campaign.second, campaign.true_value(tag)))


@dataclass(frozen=True)
class Shown:
    """The demo's first 80 wall seconds: what is found, and what was so."""

    found: list[Finding]
    true: dict[str, list[tuple[int, float]]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    campaign, true = Campaign(demo_scenario()), TrueValues("R101.AT", "R102.AT", "T201.LT")
    campaign.observers.append(true)
    return Shown(judged(campaign, tmp_path_factory.mktemp("demo"), round(80 * SPEED)), true.of)


@pytest.fixture
def found(shown: Shown) -> list[Finding]:
    return shown.found


def test_the_drift_is_visible_long_before_the_range_is_left(shown: Shown) -> None:
    ph = [(second, value) for second, value in shown.true["R101.AT"] if second > DOSE_STARTS_S + 600]
    visible_s = next(second for second, value in ph if value > 7.5 + 0.05)
    left_s = next(second for second, value in ph if value > 7.8)

    assert left_s - visible_s > 10 * SPEED
    assert left_s < DOSE_ENDS_S
    assert left_s < 60 * SPEED


def test_the_other_reactor_stays_in_its_range(shown: Shown) -> None:
    dosing = [value for second, value in shown.true["R102.AT"] if 46 * SPEED < second < 65 * SPEED]

    assert all(7.4 < value < 7.6 for value in dosing)


def test_the_hold_lasts_longer_than_four_hours(shown: Shown) -> None:
    four_hours_s = TRANSFER_STARTS_S + 4 * 3600
    held = [value for second, value in shown.true["T201.LT"] if TRANSFER_STARTS_S + 1800 < second <= four_hours_s]

    assert min(held) > 2.0


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

    # Whether the first phase of R102 was too short nobody can tell: it ran before the service did.
    assert {(each.rule, each.subject) for each in found} - {("duration.indeterminate", "R102")} == expected


def test_the_excursion_ends_when_the_probe_has_been_exchanged(found: list[Finding]) -> None:
    last = {each.id: each.stage for each in found if each.rule.startswith("excursion")}

    assert set(last.values()) == {Stage.CLEARED}


def test_a_normal_campaign_gives_no_finding_at_all(tmp_path: Path) -> None:
    found = judged(Campaign(normal_scenario()), tmp_path, _NORMAL_H * HOUR_NS // SECOND_NS)

    assert [each.message for each in found if each.rule != "duration.indeterminate"] == []
