import httpx
import pytest

from api.navigation import PLACES, current_of, places_of
from tests.unit.api.conftest import World, a_client, a_world


async def test_every_page_points_at_the_others_and_says_where_one_is(client: httpx.AsyncClient) -> None:
    page = (await client.get("/recipes")).text

    assert 'href="/recipes" title="Which ranges judge, and what waits for approval" aria-current="page"' in page
    assert page.count("aria-current") == 1


async def test_the_navigation_points_at_nothing_that_is_not_there() -> None:
    world: World = a_world()
    async with a_client(world) as client:
        page = (await client.get("/")).text
        pointed = [place.path for place in PLACES if f'href="{place.path}" title=' in page]
        codes = [(await client.get(path)).status_code for path in pointed]

    assert pointed
    assert set(codes) <= {200, 401}  # some ask who one is


@pytest.mark.parametrize(
    ("path", "current"),
    [("/", "/"), ("/alarms", "/alarms"), ("/alarms/R101.TT~high", "/alarms"), ("/alarmsome", ""), ("/batches/B1", "")],
)
def test_a_page_below_another_counts_as_it(path: str, current: str) -> None:
    assert current_of(places_of(["/", "/alarms"]), path) == current
