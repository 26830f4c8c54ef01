"""The checks of the port, on every detector that there is."""

import pytest

from tests.checks.detector import CHECKS, found_detectors, maker
from tests.unit.detectors.plant import TAGS, rulebook
from tests.unit.detectors.streams import stream

_EMPTY_RULES = rulebook(recipes={}, units={}, holds={}, tags={})


def test_discovery_finds_the_bank():
    assert "Bank" in [kind.__name__ for kind in found_detectors()]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("kind", found_detectors(), ids=lambda kind: kind.__name__)
def test_it_passes_the_check(kind, check, seed):
    check(maker(kind, rulebook(), TAGS), stream(seed), seed)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("kind", found_detectors(), ids=lambda kind: kind.__name__)
def test_it_passes_the_check_without_rules_and_without_tags(kind, check):
    check(maker(kind, _EMPTY_RULES, ()), stream(99), 99)


def test_the_streams_make_every_rule_speak():
    """A check on streams in which nothing happens would prove nothing."""
    kind = found_detectors()[0]
    said = set()
    for seed in range(12):
        detector = maker(kind, rulebook(), TAGS)()
        for number, entry in enumerate(stream(seed), start=1):
            said |= {getattr(each, "rule", type(each).__name__) for each in detector.update(number, entry)}

    assert {
        "PhaseRecord",
        "Recheck",
        "excursion.nor.high",
        "excursion.validated.high",
        "fixed.high",
        "rate",
        "outside_nor",
        "duration.short",
        "hold.breach",
        "hold.indeterminate",
        "bad",
        "stale",
        "source.disconnected",
        "source.skew",
    } <= said
