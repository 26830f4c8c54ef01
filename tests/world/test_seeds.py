"""Thousands of worlds, each from its seed: nothing acknowledged is lost, nothing is counted twice, a replay is the same."""

from functools import cache

import pytest

from tests.world.life import Judgement, run_seed

GROUPS = 4
SEEDS_OF_A_GROUP = 25
SOAK_SEEDS = 5000
SOAK_CHUNK = 100


@cache
def judged(seed: int) -> Judgement:
    """What became of a world, run once for all that is asked of it."""
    return run_seed(seed)


def problems_of(seeds: range) -> list[str]:
    """What went wrong, each with the command that repeats it."""
    found = []
    for seed in seeds:
        judgement = judged(seed)
        if judgement.problems:
            told = "; ".join(judgement.problems)
            found.append(f"python -m tests.world.repeat {seed}: {told}")
    return found


@pytest.mark.parametrize("group", range(GROUPS))
def test_nothing_is_lost_doubled_or_concluded_otherwise_in_any_world(group: int):
    assert problems_of(range(group * SEEDS_OF_A_GROUP, (group + 1) * SEEDS_OF_A_GROUP)) == []


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, SOAK_SEEDS, SOAK_CHUNK))
def test_nothing_is_lost_doubled_or_concluded_otherwise_in_thousands_of_worlds(first: int):
    assert problems_of(range(first, first + SOAK_CHUNK)) == []


def test_the_same_seed_is_the_same_world():
    assert run_seed(3) == judged(3)
    assert judged(3).digest != judged(4).digest


def test_worlds_have_faults_crashes_gaps_and_findings():
    happened = sum((judged(seed).happened for seed in range(30)), start=type(judged(0).happened)())

    assert all(happened[kind] for kind in ("power", "kill", "stop", "cut", "blackhole", "slow", "half_open"))
    assert all(happened[kind] for kind in ("server_restart", "broker_restart", "in_gap", "findings", "transitions"))
    assert happened["rejudged"]
    assert happened["late"]
