"""What advises by itself: what the file may say, and what is refused with its place."""

import re

import pytest

from domain.errors import ConfigError
from domain.watches import NoveltyWatch, SteadyRule
from service.config.build import load
from service.config.watches import MOST_NOVELTIES

FILE = """
sources: {train: {opcua: {url: "opc.tcp://127.0.0.1:4840/"}}}
tags:
  R1.TT: {source: train, node: "ns=2;s=TT", unit: degC, novelty: NOVELTY}
  R1.PT: {source: train, node: "ns=2;s=PT", unit: bar, reference: gauge}
  R1.ST: {source: train, node: "ns=2;s=ST", kind: text}
units:
  R1: {phase: {tag: R1.ST, map: {20: dose}}, steady: STEADY}
"""
SECOND = 10**9


def loaded(tmp_path, steady="{parameters: [TT, PT]}", novelty="{every: 1min, quiet: 100}"):
    file = tmp_path / "thermowell.yaml"
    file.write_text(FILE.replace("STEADY", steady).replace("NOVELTY", novelty), encoding="utf-8")
    return load(file).rulebook


def test_what_is_watched_without_a_model_stands_in_the_rules(tmp_path):
    rules = loaded(tmp_path, "{parameters: [TT, PT], every: 5s, stale: 1min, reference: 300, phase: dose}")

    assert rules.units["R1"].steady == SteadyRule(("TT", "PT"), 5 * SECOND, 60 * SECOND, 300, "dose")
    assert rules.tags["R1.TT"].novelty == NoveltyWatch(60 * SECOND, 600 * SECOND, 100)


@pytest.mark.parametrize(
    ("steady", "complaint"),
    [
        ("{parameters: [TT, XX]}", "parameters: the unit has no tag for the parameter 'XX'"),
        ("{parameters: [TT, ST]}", "parameters: R1.ST is no number"),
        ("{parameters: [TT, TT]}", "parameters: a tag stands twice"),
        ("{parameters: [TT], phase: cool}", "phase: the unit has no phase 'cool'"),
        ("{parameters: [TT], every: 100ms}", "every: must be at least 1 s"),
        ("{parameters: [TT], every: 60s, stale: 30s}", "stale: is not 1 to 1000 times `every`"),
        ("{parameters: [TT], reference: 100}", "reference: must be at least 200, not 100"),
        ("{parameters: []}", "parameters: must not be empty"),
    ],
)
def test_what_cannot_be_watched_is_refused_with_its_place(tmp_path, steady, complaint):
    with pytest.raises(ConfigError, match=rf"thermowell\.yaml:8:\d+: units\.R1\.steady.*{re.escape(complaint)}"):
        loaded(tmp_path, steady)


@pytest.mark.parametrize(
    ("novelty", "complaint"),
    [
        ("{every: 1min, stale: 30s}", "novelty.stale: is not 1 to 1000 times `every`"),
        ("{quiet: 10}", "novelty.quiet: must be at least 60, not 10"),
    ],
)
def test_a_novelty_that_cannot_be_read_is_refused_with_its_place(tmp_path, novelty, complaint):
    with pytest.raises(
        ConfigError,
        match=rf"thermowell\.yaml:4:\d+: tags\.R1\.TT\.{re.escape(complaint)}",
    ):
        loaded(tmp_path, novelty=novelty)


def test_a_text_has_no_novelty(tmp_path):
    with pytest.raises(ConfigError, match=r"tags\.R1\.TT\.novelty: R1\.TT is no number"):
        loaded(tmp_path, novelty="{}, kind: text")


def test_more_tags_than_the_service_can_bear_are_refused(tmp_path):
    many = "".join(
        f'  X{number}: {{source: train, node: "ns=2;s=X{number}", novelty: {{}}}}\n' for number in range(MOST_NOVELTIES)
    )
    with pytest.raises(ConfigError, match="201 tags ask for it, at most 200 may"):
        loaded(tmp_path, novelty="{}}\n" + many.rstrip("}\n") + "}")
