"""A whole source's tags in one frame, against the same rows one by one: what is said is the same."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.bank import Bank
from domain.entries import Heartbeat, Position
from domain.health import TagHealth
from domain.rules import Rulebook, TagRules
from domain.samples import SampleBatch
from domain.status import BAD
from domain.tags import Tag, TagId
from tests.unit.detectors.plant import T0

COUNT = 12
SECOND = 1_000_000_000
ALL = TagHealth(stale=True, frozen=True, noise=True, spike=True, jump=True, sensor_range=True)


def made() -> Bank:
    """Two of the twelve tags are not watched."""
    rules = {f"T{id_}": TagRules(f"T{id_}", health=ALL) for id_ in range(COUNT) if id_ not in (3, 7)}
    tags = [
        Tag(TagId(id_), f"{id_}", 1, f"T{id_}", "plant", f"T{id_}", sensor_low=0.0, sensor_high=100.0)
        for id_ in range(COUNT)
    ]
    return Bank(Rulebook(tags=rules, hash="rules"), tags)


def ticks(seed: int) -> list[SampleBatch]:
    """Twelve rows a second: spikes, steps, a tag that is stuck, Bad rows, and times that come again."""
    chance = np.random.default_rng(seed)
    found = []
    for second in range(700):
        value = np.round(50.0 + chance.normal(size=COUNT), 2)
        value[2] = 50.0 if second > 300 else value[2]
        value[5] += 300.0 * (second % 90 == 89)
        value[6] += 40.0 * (second > 400)
        value[8] = np.round(50.0 + (second > 500) * (value[8] - 50.0) * 0.0 + (value[8] - 50.0) * (second <= 500), 2)
        status = np.where(chance.random(COUNT) < 0.02, np.uint32(BAD), np.uint32(0)).astype(np.uint32)
        time_ns = T0 + second * SECOND + chance.integers(0, 20_000_000, COUNT)
        time_ns[9] = T0 + (second - second % 2) * SECOND
        time_ns[10] = T0 + second * SECOND + (second % 5) * 100_000_000
        found.append(SampleBatch("plant", T0, np.arange(COUNT, dtype=np.uint32), time_ns, None, value, status))
    return found


def told(found: list[object]) -> list[object]:
    """What is said, without its place in the journal."""
    return [(each.rule, each.subject, each.stage, each.onset_ns, each.at_ns, each.message) for each in found]


@pytest.mark.parametrize("seed", range(2))
def test_a_tick_of_all_tags_says_what_its_rows_say_one_by_one(seed):
    whole, single = made(), made()
    one, other = [], []
    for number, tick in enumerate(ticks(seed)):
        one += whole.update(Position(number + 1), tick)
        for row in range(COUNT):
            cut = slice(row, row + 1)
            part = replace(
                tick, tag=tick.tag[cut], time_ns=tick.time_ns[cut], value=tick.value[cut], status=tick.status[cut]
            )
            other += single.update(Position(number + 1), part)
        if number % 30 == 29:
            beat = Heartbeat("plant", T0 + number * SECOND, connected=True)
            one += whole.update(Position(number + 1), beat)
            other += single.update(Position(number + 1), beat)
        if number == 350:
            state = whole.snapshot()
            whole = made()
            whole.restore(state)

    assert told(one) == told(other)
    assert {"spike", "jump", "frozen", "bad", "sensor.range"} <= {each.rule for each in one}
