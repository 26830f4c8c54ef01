"""Excursions against a slow reference that walks one tag's samples and knows nothing of arrays or batches."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.bank import Bank
from domain.entries import Position
from domain.rules import Rulebook, TagRules
from domain.samples import SampleBatch
from domain.tags import Tag, TagId

SECOND = 1_000_000_000
LOW, HIGH = -1.0, 1.0
TAGS = [Tag(TagId(id_), str(id_), 1, f"T{id_}", "s", "a") for id_ in range(3)]
RULES = Rulebook(tags={tag.name: TagRules(tag.name, fixed_high=HIGH, fixed_low=LOW) for tag in TAGS}, hash="h")

steps = st.integers(0, 5)
values = st.sampled_from([-3.0, -1.0, math.nextafter(-1.0, -2), -0.5, 0.0, 0.25, 1.0, math.nextafter(1.0, 2), 1.5, 7.0])
rows = st.lists(st.tuples(st.integers(0, 2), steps, st.one_of(values, st.floats(-5, 5))), min_size=1, max_size=80)


@given(rows, st.randoms(use_true_random=False))
def test_they_are_those_of_the_slow_reference(rows, chance):
    time_s = {0: 0, 1: 0, 2: 0}
    stream = []
    for tag, step, value in rows:
        time_s[tag] += step
        stream.append((tag, time_s[tag] * SECOND, value))

    found = sorted(_found(stream, chance))

    expected = sorted(each for tag in time_s for each in _reference(tag, [row[1:] for row in stream if row[0] == tag]))
    assert [each[:4] for each in found] == [each[:4] for each in expected]
    assert [each[4] for each in found] == [each[4] for each in expected]
    np.testing.assert_allclose(
        [each[5] for each in found], [each[5] for each in expected], rtol=1e-9, atol=1e-9
    )  # an onset is a whole ns


def _found(stream, chance):
    """What the bank says of the stream, cut anywhere: tag, side, onset, end, peak and area of what ended."""
    bank = Bank(RULES, TAGS)
    begin, number = 0, 1
    while begin < len(stream):
        end = begin + chance.randrange(1, 20)
        part = stream[begin:end]
        batch = SampleBatch(
            "s",
            0,
            np.array([row[0] for row in part], np.uint32),
            np.array([row[1] for row in part], np.int64),
            None,
            np.array([row[2] for row in part], np.float64),
            np.zeros(len(part), np.uint32),
        )
        for each in bank.update(Position(number), batch):
            if each.end_ns is not None:
                evidence = each.evidence
                yield each.subject, each.rule, each.onset_ns, each.end_ns, evidence["peak"], evidence["area"]
        begin, number = end, number + 1


def _reference(tag, samples):
    """The same, sample by sample."""
    for rule, sign, limit in (("fixed.high", 1, HIGH), ("fixed.low", -1, -LOW)):
        before = None
        onset = peak = area = None
        for time_ns, value in samples:
            now = (time_ns, sign * value)
            if now[1] > limit:
                if onset is None:
                    onset = time_ns if before is None else _crossing(before, now, limit)
                    area = 0.5 * (now[1] - limit) * (time_ns - onset) / (60 * SECOND)
                    peak = now[1]
                else:
                    area += 0.5 * (now[1] + before[1] - 2 * limit) * (time_ns - before[0]) / (60 * SECOND)
                    peak = max(peak, now[1])
            elif onset is not None:
                end = _crossing(before, now, limit)
                area += 0.5 * (before[1] - limit) * (end - before[0]) / (60 * SECOND)
                yield f"T{tag}", rule, onset, max(onset, end), sign * peak, area
                onset = None
            before = now


def _crossing(one, other, limit):
    part = (limit - one[1]) / (other[1] - one[1])
    return one[0] + round(min(max(part, 0.0), 1.0) * (other[0] - one[0]))
