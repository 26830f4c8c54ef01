"""Times on pages are what the clock in the plant shows."""

from dataclasses import replace

from api.clock import PlantClock
from api.stream import Standstill
from domain.time import parse_time_ns
from tests.unit.api.conftest import a_client, a_world

BERLIN = PlantClock("Europe/Berlin")


def ms(text: str) -> int:
    return parse_time_ns(text) // 1_000_000


def test_a_moment_is_by_the_plants_clock_and_has_its_offset_where_the_clock_shows_it_twice() -> None:
    assert BERLIN.moment(ms("2026-11-23T01:15:08.9Z")) == "2026-11-23 02:15:08"
    assert [BERLIN.moment(ms(f"2026-10-25T0{hour}:30Z")) for hour in (0, 1, 2)] == [
        "2026-10-25 02:30:00 +02:00",
        "2026-10-25 02:30:00 +01:00",
        "2026-10-25 03:30:00",
    ]
    assert [BERLIN.moment(ms(f"2026-03-29T0{hour}:30Z")) for hour in (0, 1)] == [
        "2026-03-29 01:30:00",
        "2026-03-29 03:30:00",
    ]


async def test_pages_know_the_zone_and_tell_by_it() -> None:
    world = a_world()
    world.deps = replace(world.deps, zone="Europe/Berlin")
    world.feed.standstill = Standstill(parse_time_ns("2026-11-23T01:15:08Z"), "its core process does not report")
    async with a_client(world) as client:
        page = (await client.get("/")).text

    assert '"zone":"Europe/Berlin"' in page
    assert "by the clock of Europe/Berlin" in page
    assert "does not judge since 02:15 +01:00: its core" in page
