"""Random streams that hold every kind of event: context changes, excursions, Bad, NaN, late rows, gaps, heartbeats."""

import random

import numpy as np

from domain.entries import Entry, Gap, GapCause, Heartbeat, TagDefined
from domain.samples import SampleBatch
from domain.status import BAD, UNCERTAIN
from tests.unit.detectors.plant import BATCH, IN, LT, MINUTE, OUT, PT, SECOND, STEP, T0, TAGS, TT, texts

_STEPS = (0.0, 10.0, 20.0, 30.0, 90.0, 77.0)
_ODD = (float("nan"), float("inf"), float("-inf"), 1e300, -0.0)


def stream(seed: int, length: int = 60) -> list[Entry]:
    """Entries of a restless plant; the same seed gives the same."""
    chance = random.Random(seed)
    now_ns = T0
    step = chance.choice((SECOND // 4, SECOND, 20 * SECOND))
    made: list[Entry] = []
    gap = 0
    for number in range(length):
        kind = chance.random()
        now_ns += chance.choice((0, step, 3 * step))
        if kind < 0.70:
            made.append(_samples(chance, now_ns, step))
        elif kind < 0.78:
            name = chance.choice(("B-1", "B-2", "", "0"))
            made.append(texts([(BATCH, (now_ns - T0) / SECOND, name), (TT, (now_ns - T0) / SECOND, "no number")]))
        elif kind < 0.92:
            skew_ns = chance.choice((None, 0, 3 * SECOND, -SECOND))
            later_ns = chance.choice((0, 0, 10 * MINUTE, 100 * 60 * MINUTE))
            made.append(Heartbeat("train1", now_ns + later_ns, chance.random() < 0.7, skew_ns=skew_ns))
        elif kind < 0.97:
            end_ns = chance.choice((None, now_ns + step))
            tag = chance.choice((None, TT))
            made.append(Gap(f"gap-{gap}", "train1", tag, now_ns - 2 * step, end_ns, GapCause.UNKNOWN))
            gap += chance.random() < 0.5
        else:
            made.append(TagDefined(TAGS[chance.randrange(len(TAGS))], number))
    return made


def _samples(chance: random.Random, now_ns: int, step: int) -> SampleBatch:
    count = chance.randrange(1, 25)
    tag, time_ns, value, status = [], [], [], []
    for place in range(count):
        which = chance.choice((TT, TT, TT, PT, PT, LT, STEP, IN, OUT))
        late = -chance.randrange(20) * step if chance.random() < 0.05 else 0
        tag.append(which)
        time_ns.append(now_ns + place * step // 4 + late)
        value.append(_value(chance, which))
        status.append(chance.choice((BAD, UNCERTAIN)) if chance.random() < 0.08 else 0)
    times = np.array(time_ns, np.int64)
    server_ns = times + SECOND if chance.random() < 0.5 else None
    return SampleBatch(
        "train1",
        now_ns,
        np.array(tag, np.uint32),
        times,
        server_ns,
        np.array(value, np.float64),
        np.array(status, np.uint32),
    )


def _value(chance: random.Random, tag: int) -> float:
    if chance.random() < 0.02:
        return chance.choice(_ODD)
    if tag == STEP:
        return chance.choice(_STEPS)
    if tag in (IN, OUT):
        return float(chance.random() < 0.5)
    if tag == TT:
        return chance.choice((20.0, 25.0, 58.0, 60.0, 61.75, 62.0, 62.5, 65.0, 66.0, 150.0))
    return round(chance.choice((0.2, 0.4, 5.0)) + chance.choice((0.0, 0.0, 0.3)), 3)
