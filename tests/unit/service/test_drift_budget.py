"""The plant's budget of false alarms, and what a tag gets of it."""

import pytest

from domain.errors import ConfigError
from domain.rules import DriftRule
from service.config.build import load

FILE = """
sources:
  train: {{opcua: {{url: "opc.tcp://127.0.0.1:4840/", security: None}}}}
{budget}
tags:
  A: {{source: train, node: "ns=2;s=A", drift: {{every: 60s}}}}
  B: {{source: train, node: "ns=2;s=B", drift: {{every: 10s}}}}
  C: {{source: train, node: "ns=2;s=C", drift: {{every: 60s, {own}}}}}
"""
WEEK_MIN = 7 * 24 * 60


def rules(tmp_path, budget="", own="arl0: 500") -> dict[str, DriftRule]:
    file = tmp_path / "thermowell.yaml"
    file.write_text(FILE.format(budget=budget, own=own))
    found = load(file).rulebook.tags
    return {name: tag.drift for name, tag in found.items() if tag.drift is not None}


def test_one_a_week_is_shared_by_all_charts_of_the_tags_without_a_run_length_of_their_own(tmp_path):
    found = rules(tmp_path)

    # Two tags share; each has two CUSUMs and an EWMA.
    assert found["A"].arl0 == pytest.approx(3 * 2 * WEEK_MIN)
    assert found["B"].arl0 == pytest.approx(3 * 2 * WEEK_MIN * 6)
    assert found["C"].arl0 == 500.0


def test_all_charts_together_alarm_falsely_as_often_as_the_budget_says(tmp_path):
    found = rules(tmp_path, "drift: {false_alarms: 2 per day}", "k: 0.5")
    per_day = sum(rule.charts * 86_400e9 / (rule.arl0 * rule.every_ns) for rule in found.values())

    assert found["C"].charts == 2
    assert per_day == pytest.approx(2.0)


def test_a_budget_that_is_no_rate_is_refused_with_its_place(tmp_path):
    with pytest.raises(ConfigError, match=r"drift.false_alarms: 'seldom' is no rate"):
        rules(tmp_path, "drift: {false_alarms: seldom}")


@pytest.mark.parametrize("k", ["k: [0.5, 0.25, 0.1]", "k: 0", "k: []"])
def test_a_tag_has_one_cusum_or_two(tmp_path, k):
    with pytest.raises(ConfigError, match="drift"):
        rules(tmp_path, own=k)
