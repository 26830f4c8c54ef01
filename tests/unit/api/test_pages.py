import json
import re
from dataclasses import replace

import httpx

from api.dependencies import Elsewhere
from domain.entries import TagDefined
from domain.equipment import UnitModel
from domain.findings import PhaseRecord
from domain.rules import Rulebook
from domain.tags import Tag, TagId
from tests.unit.api.conftest import NOW_NS, World, a_client, a_world


def plan_of(page: str) -> dict[str, object]:
    found = re.search(r'id="plan">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


async def test_the_overview_has_a_card_for_each_unit(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text

    assert 'data-unit="R101"' in page
    assert "bar (g)" in page
    assert "ranges not approved" in page
    assert "SIMULATED" not in page


async def test_a_simulated_plant_says_so() -> None:
    world = a_world()
    world.clock.simulated, world.clock.speed = True, 360.0
    async with a_client(world) as client:
        page = (await client.get("/")).text

    assert "SIMULATED \u00d7360" in page


async def test_without_units_each_source_has_a_card() -> None:
    world = a_world(rulebook=Rulebook())
    await world.feed.start()
    async with a_client(world) as client:
        page = (await client.get("/")).text

    assert 'data-unit="train1"' in page
    assert 'data-unit="floor"' in page
    assert "R101.BATCH" not in page
    assert "ranges not approved" not in page


async def test_an_empty_service_says_what_to_do() -> None:
    world = a_world(rulebook=Rulebook())
    async with a_client(world) as client:
        page = (await client.get("/")).text

    assert "thermowell check" in page


async def test_no_name_can_end_the_script_it_stands_in() -> None:
    world = a_world(rulebook=Rulebook())
    world.journal.put(TagDefined(Tag(TagId(9), "u9", 1, "</script><b>", "x&y", "a"), NOW_NS))
    await world.feed.start()
    async with a_client(world) as client:
        page = (await client.get("/")).text

    assert "</script><b>" not in page
    assert "x&y" in [unit["name"] for unit in plan_of(page)["units"]]  # type: ignore[attr-defined]


async def test_an_alarms_page_shows_its_history(world: World, client: httpx.AsyncClient) -> None:
    world.alarm(comment="<i>tricky</i>", person="Ada")

    page = (await client.get("/alarms/R101.TT%2Fhigh")).text

    assert "Ada" in page
    assert "<i>tricky" not in page


async def test_an_alarm_that_nobody_knows_has_a_page_that_says_so(client: httpx.AsyncClient) -> None:
    missing = await client.get("/alarms/nothing")

    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_pages_load_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    scripts = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert all(link.startswith(("/", "#", "data:")) for link in scripts)


async def test_a_cards_trends_are_numbers_and_its_head_tells_batch_and_phase() -> None:
    tags = [
        Tag(TagId(20), "u20", 1, "T.OPEN", "floor", "a", kind="boolean"),
        Tag(TagId(21), "u21", 1, "T.STEP", "floor", "b"),
        Tag(TagId(22), "u22", 1, "T.LT", "floor", "c", unit="m3"),
    ]
    roles = {"OPEN": "T.OPEN", "STEP": "T.STEP", "LT": "T.LT"}
    world = a_world(rulebook=Rulebook(units={"T": UnitModel("T", roles, phase_tag="T.STEP")}))
    world.journal.put(*(TagDefined(tag, NOW_NS) for tag in tags))
    await world.feed.start()
    async with a_client(world) as client:
        plan = plan_of((await client.get("/")).text)

    (unit,) = plan["units"]  # type: ignore[misc]
    assert [shape["tag"] for shape in unit["trends"]] == ["T.LT"]
    assert [shape["tag"] for shape in unit["more"]] == ["T.OPEN"]


async def test_the_page_leads_to_grafana_where_somebody_told_which() -> None:
    world = a_world()
    world.records.all_phases["p1"] = PhaseRecord("p1", "R101", "B 1/a", "dose", "API-1 v7", NOW_NS, None)
    world.deps = replace(
        world.deps, grafana=Elsewhere("https://g.example/d/tw-1", "https://g.example/d/tw-2?var-batch=")
    )
    async with a_client(world) as client:
        overview, batch = [(await client.get(path)).text for path in ("/", "/batches/B%201/a")]

    assert 'href="https://g.example/d/tw-1"' in overview
    assert f"https://g.example/d/tw-2?var-batch=B%201/a&amp;from={NOW_NS // 1_000_000}&amp;to=now" in batch


async def test_without_a_grafana_nothing_leads_there(client: httpx.AsyncClient) -> None:
    assert "Grafana" not in (await client.get("/")).text
