import numpy as np
import pytest

from simulators.faults.spec import AtTime, FaultSpec, Shape
from simulators.truth.visibility import Beyond, Watch
from simulators.truth.withheld import shows_after_s


def watched(onset_s: int, beyond: dict[int, set[int]], until_s: int) -> Watch:
    """Two columns, of which the first concerns the fault; `beyond` says per column at which seconds it is."""
    state, watch = Beyond(2), Watch(onset_s, np.array([True, False]))
    for second in range(0, until_s + 1, 5):
        state.advance(second, np.array([second in beyond.get(column, set()) for column in range(2)]))
        watch.advance(second, state.since_s)
    return watch


def test_a_fault_is_visible_once_a_tag_has_been_beyond_for_sixty_seconds() -> None:
    watch = watched(100, {0: set(range(120, 300))}, 300)

    assert (watch.visible_s, watch.seen) == (180, [0])


def test_less_than_sixty_seconds_is_not_enough() -> None:
    watch = watched(100, {0: {*range(120, 180), *range(200, 260)}}, 300)

    assert watch.visible_s is None


def test_what_was_beyond_before_the_onset_tells_nothing_until_it_has_been_inside() -> None:
    long_beyond = watched(100, {0: set(range(50, 300))}, 300)
    again = watched(100, {0: {*range(50, 150), *range(200, 300)}}, 300)

    assert long_beyond.visible_s is None
    assert again.visible_s == 260


def test_a_tag_that_does_not_concern_the_fault_tells_nothing() -> None:
    assert watched(100, {1: set(range(120, 300))}, 300).visible_s is None


def test_the_last_moment_at_which_it_could_be_seen_is_kept() -> None:
    assert watched(100, {0: set(range(120, 250))}, 300).last_seen_s == 245


@pytest.mark.parametrize(
    ("kind", "settings", "after_s"),
    [
        ("cut", {}, 60),
        ("half_open", {}, 60),
        ("server_restart", {}, 60),
        ("slow", {"delay": 0.1}, None),  # 36 s of the plant's time
        ("slow", {"delay": 0.5}, 60),  # 180 s
        ("clock_jump", {"step": -59.0}, None),
        ("clock_jump", {"step": -60.0}, 60),
        ("clock_drift", {"rate": 30.0}, 7200),
        ("malformed", {"probability": 1.0}, 60),
        ("malformed", {"probability": 0.5}, None),
        ("duplicated", {}, None),
        ("reordered", {}, None),
        ("retained_stale", {}, None),
    ],
)
def test_what_withholds_values_or_makes_them_late_for_sixty_seconds_shows(
    kind: str, settings: dict[str, float | str], after_s: float | None
) -> None:
    spec = FaultSpec("f", kind, "opcua", AtTime(0), settings=settings)

    assert shows_after_s(spec, speed=360.0) == (float("inf") if after_s is None else after_s)


@pytest.mark.parametrize(("there_s", "after_s"), [(20, float("inf")), (59, float("inf")), (60, 60)])
def test_what_comes_and_goes_shows_only_where_it_is_there_for_sixty_seconds(there_s: int, after_s: float) -> None:
    spec = FaultSpec("f", "cut", "opcua", AtTime(0), shape=Shape.INTERMITTENT, period_s=180, on_s=there_s)

    assert shows_after_s(spec, speed=360.0) == after_s
