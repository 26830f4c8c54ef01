"""The whole bank with everything that it can judge, over plants that go wrong: a fold, whatever happens to it."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from alarms.defaults import step_for
from detectors.bank import Bank
from domain.entries import Entry, Position, Rejudge
from domain.findings import RULES, Conclusion, Finding, Stage
from domain.recipes import RangeKind
from tests.checks.detector import Fed, Said, _placed, placed, recut
from tests.unit.detectors.everything import RULEBOOK, Plant, everything
from tests.unit.detectors.record import rows_as_of

SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(3, 40))]
LENGTH = 120
NAMES = {rule.format(kind=kind) for rule in RULES for kind in RangeKind}
SPEAK = {
    *("excursion.nor.high", "excursion.nor.low", "excursion.validated.high", "excursion.validated.low", "fixed.high"),
    *(
        "rate",
        "drift.cusum",
        "drift.ewma",
        "advice.drift",
        "advice.shift",
        "advice.change",
        "advice.novelty",
        "model.t2",
        "model.spe",
        "batch.tube",
        "bad",
        "frozen",
    ),
    *("stale", "spike", "calibration.failed", "calibration.overdue", "sensor.range", "ranges.missing", "dwell.nor.low"),
    *("hold.warning", "hold.breach", "hold.out_of_condition", "hold.corrected", "context.impossible", "source.skew"),
}
NO_SENTENCE = re.compile(r"\bnan\b|\bNone\b|\binf\b|  |^\s|\s$|\{|\}|\bNaN\b|\d{20}", re.ASCII)


def taken(bank: Bank, entries: Sequence[Entry], first: int = 1) -> list[list[Conclusion]]:
    """What a bank says of each entry from a position on; late rows are judged by all entries up to then."""
    said: list[list[Conclusion]] = []
    for number, entry in enumerate(entries[first - 1 :], start=first):
        position = Position(number)
        if isinstance(entry, Rejudge):
            said.append(list(bank.rejudge(position, entry, rows_as_of(entries, position))))
        else:
            said.append(list(bank.update(position, entry)))
    return said


@cache
def journal(seed: int, length: int = LENGTH) -> list[Entry]:
    """A plant's entries with the answers to what it asks, some of them soon and some late."""
    chance = random.Random(f"answers {seed}")
    bank = everything()
    entries: list[Entry] = []
    for entry in Plant(seed).lives(length):
        entries.append(entry)
        taken(bank, entries, len(entries))
        if chance.random() < 0.15:
            for asked in bank.rechecks_asked():
                entries.append(Rejudge(asked.tag, asked.start_ns, asked.end_ns))
                taken(bank, entries, len(entries))
    return entries


def told(fed: Fed) -> Said:
    """What is said of a stream, its positions replaced by places."""
    places = {f"{number}.{row}": place for number, (_, rows) in enumerate(fed, 1) for row, place in enumerate(rows)}
    entries = [entry for entry, _ in fed]
    found: Said = []
    for said in taken(everything(), entries):
        for each in said:
            one = _placed(each, places)
            found.append(_in_places(one, places) if isinstance(one, Finding) else one)
    return found


def _in_places(finding: Finding, places: dict[str, int]) -> Finding:
    """The entry that judged again, and the finding that an advice is of, by their places."""
    evidence = dict(finding.evidence)
    if "rejudged" in evidence:
        evidence["rejudged"] = places[f"{evidence['rejudged']}.0"]
    if "of" in evidence:
        evidence["of"] = re.sub(r"\d+\.\d+$", lambda found: str(places[found.group()]), str(evidence["of"]))
    return replace(finding, evidence=evidence)


def findings(said: Sequence[Sequence[Conclusion]]) -> list[Finding]:
    return [each for some in said for each in some if isinstance(each, Finding)]


@pytest.mark.parametrize("seed", SEEDS)
def test_how_rows_are_cut_into_entries_does_not_show(seed: int):
    fed = placed(journal(seed))

    assert told(recut(fed, seed)) == told(fed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bank_that_is_restored_anywhere_goes_on_as_if_it_had_never_stopped(seed: int):
    entries = journal(seed)
    straight = everything()
    never_stopped = taken(straight, entries)
    stops = sorted(random.Random(seed).sample(range(1, len(entries)), k=5))
    bank, begin = everything(), 1
    said: list[list[Conclusion]] = []
    for stop in [*stops, len(entries)]:
        said += taken(bank, entries[:stop], begin)
        begin = stop + 1
        state = bank.snapshot()
        bank = everything()
        bank.restore(state)

        assert bank.snapshot() == state

    assert said == never_stopped
    assert bank.snapshot() == straight.snapshot()


@pytest.mark.parametrize("seed", SEEDS)
def test_versions_count_without_holes_and_what_is_over_only_late_rows_bring_back(seed: int):
    newest: dict[str, Finding] = {}
    for each in findings(taken(everything(), journal(seed))):
        before = newest.get(each.id)
        assert each.version == (1 if before is None else before.version + 1), (before, each)
        assert each.end_ns is not None or each.stage is Stage.OPEN
        assert each.end_ns is None or each.end_ns >= each.onset_ns
        is_corrected = "rejudged" in each.evidence or "corrected" in each.evidence
        if before is not None:
            assert (each.rule, each.detected, each.subject, each.unit) == (
                before.rule,
                before.detected,
                before.subject,
                before.unit,
            )
            assert each.evidence.get("side") == before.evidence.get("side"), "a hint stays with the alarm of its side"
            if not is_corrected:
                assert list(Stage).index(each.stage) >= list(Stage).index(before.stage), (before, each)
                assert before.stage is not Stage.CLEARED, (before, each)
        newest[each.id] = each


@pytest.mark.parametrize("seed", SEEDS)
def test_every_finding_has_a_known_rule_an_alarm_and_a_sentence(seed: int):
    for each in findings(taken(everything(), journal(seed))):
        assert each.rule in NAMES
        assert each.rules_hash, each
        step = step_for(RULEBOOK, each)
        assert step.rule.priority
        assert step.alarm
        assert not NO_SENTENCE.search(each.message), each.message
        assert each.message[0].isupper() or each.message[0].isdigit() or each.message.startswith(each.subject)
        assert each.message.endswith("."), each.message


def test_nearly_everything_is_found_in_these_plants():
    """A check on plants in which nothing happens would prove nothing."""
    said = {each.rule for seed in range(3) for each in findings(taken(everything(), journal(seed)))}

    assert said >= SPEAK
