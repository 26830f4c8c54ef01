"""The scaled clock runs with the plant, and waits as long as the plant takes."""

import time

from domain.time import SECOND_NS, ScaledTime
from service.clock import ScaledClock, SystemClock, make_clock


async def test_a_scaled_clock_reaches_an_hour_of_the_plant_in_a_fraction_of_a_second():
    now_ns = time.time_ns()
    clock = ScaledClock(ScaledTime(now_ns, 0, 36_000.0))
    await clock.sleep_until(3600 * SECOND_NS)

    assert clock.now_ns() >= 3600 * SECOND_NS


def test_without_a_plant_the_clock_is_the_walls():
    clock = make_clock(None)

    assert isinstance(clock, SystemClock)
    assert not clock.simulated


def test_wall_and_plant_time_are_inverse():
    scale = ScaledTime(1_000 * SECOND_NS, 5_000 * SECOND_NS, 360.0)

    assert scale.wall_ns(scale.plant_ns(1_234 * SECOND_NS)) == 1_234 * SECOND_NS
