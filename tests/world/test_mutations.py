"""With an invariant broken on purpose the worlds find it: else their silence would prove nothing."""

import pytest

from tests.world.life import run_seed
from tests.world.mutations import MUTATIONS

MOST_SEEDS = 150
QUICK = ("acknowledge before commit", "gap of an OPC UA outage not recorded", "a redelivered packet treated as new")


def seeds_until_found(*, careless: bool = False) -> int | None:
    """After how many seeds a world has a problem."""
    return next((seed + 1 for seed in range(MOST_SEEDS) if run_seed(seed, careless=careless).problems), None)


@pytest.mark.parametrize("broken", QUICK)
def test_a_broken_invariant_is_found(monkeypatch: pytest.MonkeyPatch, broken: str):
    MUTATIONS[broken](monkeypatch)

    assert seeds_until_found() is not None


def test_a_disk_that_is_not_synced_is_found():
    assert seeds_until_found(careless=True) is not None


@pytest.mark.soak
@pytest.mark.parametrize("broken", sorted(set(MUTATIONS) - set(QUICK)))
def test_any_other_broken_invariant_is_found(monkeypatch: pytest.MonkeyPatch, broken: str):
    MUTATIONS[broken](monkeypatch)

    assert seeds_until_found() is not None
