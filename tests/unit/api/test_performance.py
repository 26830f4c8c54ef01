"""How the alarm system behaves, over HTTP and on its page."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from domain.alarms import Transition
from domain.performance import Positions
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS
from records.database import SqlRecords
from service.measuring import Measuring
from service.weeks import zone_named
from tests.unit.api.conftest import NOW_NS, World, a_client, a_world
from tests.unit.records.test_measures import rush, say

POSITIONS = Positions({"R101": "north", "R102": "north"}, "south")


def said() -> list[Transition]:
    """Twelve alarms on R101 and R102 within the last minutes, and one elsewhere two hours ago."""
    told: list[Transition] = []
    say(told, 2, "activated", NOW_NS - 2 * HOUR_NS)
    say(told, 1, "activated", NOW_NS - 3 * MINUTE_NS)
    return told + rush(12, NOW_NS - 2 * MINUTE_NS, SECOND_NS)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    with SqlRecords.open(tmp_path / "records.db") as records:
        with records.unit_of_work() as work:
            work.transitions(said())
        world: World = a_world(measures=Measuring(records, POSITIONS, zone_named("Europe/Berlin")))
        async with a_client(world) as made:
            yield made


async def test_a_flood_is_told_with_what_began_it_and_how_much_there_is(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/alarms/flood?time=iso")).json()

    north, south = told["positions"]
    assert (north["position"], north["in_ten_minutes"]) == ("north", 13)
    assert north["flood"] == {
        "position": "north",
        "start": "2026-03-02T11:58:09Z",
        "end": None,
        "peak": 13,
        "annunciated": 13,
        "first_out": "S1 n1",
    }
    assert north["by_unit"] == {"R101": 12, "R102": 1}
    assert north["digest"][0] == "First: S1 n1."
    assert (south["flood"], south["in_ten_minutes"], south["digest"]) == (None, 0, [])


async def test_episodes_name_the_first_out_newest_first(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/alarms/episodes?start=-4h")).json()

    assert [(each["group"], each["first_out"]["alarm"], each["annunciated"]) for each in told["episodes"]] == [
        ("R101", "A0", 12),
        ("R102", "A1", 1),
        ("T7", "A2", 1),
    ]


async def test_the_measures_of_one_position_have_its_targets(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/alarms/performance?start=-1h&position=north")).json()

    assert told["annunciated"] == 13
    assert {each["position"] for each in told["figures"]} == {"north", ""}
    peak = next(each for each in told["figures"] if each["name"] == "most in ten minutes")
    assert peak == {
        "name": "most in ten minutes", "value": "13", "target": "≤ 10", "verdict": "poor", "position": "north"
    }  # fmt: skip


async def test_a_week_is_asked_for_by_its_name(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/alarms/performance?week=2026-W10&time=iso")).json()

    assert (told["start"], told["end"], told["annunciated"]) == ("2026-03-01T23:00:00Z", "2026-03-08T23:00:00Z", 14)


@pytest.mark.parametrize("query", ["week=2026-W99", "position=east", "start=now&end=-1h"])
async def test_what_cannot_be_measured_is_a_problem(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/v1/alarms/performance?{query}")).status_code == 400


async def test_the_page_shows_the_flood_the_figures_and_the_lists(client: httpx.AsyncClient) -> None:
    page = (await client.get("/performance")).text
    week = (await client.get("/performance?week=2026-W10&position=north")).text

    assert "flood</span> north: 13 alarms since" in page
    assert '<tr class="is-abnormal"><td>most in ten minutes</td>' in page
    assert 'href="/alarms/A0"' in page
    assert 'href="/performance?week=2026-W10&amp;position=north" aria-current="true"' in week.replace(
        "&position", "&amp;position"
    )


async def test_where_nobody_measures_the_page_says_so() -> None:
    async with a_client(a_world()) as client:
        page = await client.get("/performance")
        told = await client.get("/v1/alarms/flood")

    assert "Nobody measures the alarm system here." in page.text
    assert told.status_code == 404
