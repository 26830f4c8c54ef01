"""The scaled clock runs with the plant, and waits as long as the plant takes."""

import asyncio
import json
import time

import pytest

from domain.errors import Refused
from domain.time import SECOND_NS, ScaledTime
from service.clock import ScaledClock, SystemClock, make_clock
from tests.patience import LIMIT_S


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


def _write(file, plant_origin, speed, wall_origin=None):
    numbers = {"wall_origin": wall_origin or time.time_ns(), "plant_origin": plant_origin, "speed": speed}
    new = file.with_suffix(".new")
    new.write_text(json.dumps(numbers))
    new.replace(file)


async def test_a_followed_clock_goes_along_when_the_plant_is_set_ahead(tmp_path):
    file = tmp_path / "clock.json"
    _write(file, plant_origin=0, speed=0.0)
    clock = make_clock(file)
    assert clock.now_ns() == 0

    waiting = asyncio.create_task(clock.sleep_until(600 * SECOND_NS))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    _write(file, plant_origin=600 * SECOND_NS, speed=1.0)

    await asyncio.wait_for(waiting, LIMIT_S)
    assert clock.now_ns() >= 600 * SECOND_NS


def test_a_clock_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "clock.json").write_text('{"speed": "fast"}')

    with pytest.raises(Refused, match=r"clock\.json"):
        make_clock(tmp_path / "clock.json")
    with pytest.raises(Refused, match=r"absent\.json"):
        make_clock(tmp_path / "absent.json")
