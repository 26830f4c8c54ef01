"""What people do to many alarms at once, and what they ask of their past."""

import httpx
import pytest

from domain.alarms import AlarmFacts
from domain.entries import PersonAction
from domain.ports import Person
from domain.rules import Priority
from domain.time import HOUR_NS
from tests.unit.api.conftest import LEAD, NOW_NS, World, a_client, a_world
from tests.unit.api.test_alarms import apply_at_once

AS_LEAD = {"Authorization": f"Bearer {LEAD}"}


def another(world: World, alarm: str, **changes: object) -> None:
    world.alarm(id=f"{alarm}:1", alarm=alarm, **changes)


@pytest.fixture
async def many(world: World, client: httpx.AsyncClient) -> httpx.AsyncClient:
    apply_at_once(world)
    for alarm in ("A~high", "B~high", "C~high"):
        another(world, alarm)
    return client


async def acknowledge(client: httpx.AsyncClient, *ids: str) -> httpx.Response:
    return await client.post(
        "/v1/alarms/acknowledge", json={"ids": ids, "comment": "valve opened by hand"}, headers=AS_LEAD
    )


async def test_many_are_acknowledged_with_one_comment(world: World, many: httpx.AsyncClient) -> None:
    told = await acknowledge(many, "A~high", "B~high", "C~high")

    assert (told.status_code, told.json()["done"], told.json()["not_done"]) == (200, 3, 0)
    assert {one["transition"]["comment"] for one in told.json()["answers"]} == {"valve opened by hand"}
    assert len(world.records.requests) == 3


async def test_one_that_fails_holds_back_no_other_and_is_told_by_its_name(many: httpx.AsyncClient) -> None:
    await acknowledge(many, "B~high")

    told = (await acknowledge(many, "A~high", "B~high", "nothing", "C~high")).json()

    assert [(one["alarm"], one["outcome"]) for one in told["answers"]] == [
        ("A~high", "done"),
        ("B~high", "already"),
        ("nothing", "unknown"),
        ("C~high", "done"),
    ]
    assert told["answers"][1]["detail"].startswith("'B~high' is acknowledged already: Ada was first, at ")


async def test_the_second_of_two_at_once_is_told_who_was_first() -> None:
    world = a_world(settled=lambda requests: dict.fromkeys(requests, ""))
    world.alarm()

    def request(_: PersonAction, by: Person | None = None) -> None:
        facts = AlarmFacts(active=True, acknowledged=True)
        world.alarm(2, "acknowledged", facts=facts, person="Grace", comment="I am there")

    world.records.request = request  # type: ignore[method-assign]  # stands for the core, which took hers first
    async with a_client(world) as client:
        told = await client.post(
            "/v1/alarms/acknowledge", json={"ids": ["R101.TT/high"], "comment": "me"}, headers=AS_LEAD
        )

    (one,) = told.json()["answers"]
    assert one["outcome"] == "already"
    assert "Grace was first" in one["detail"]
    assert "“I am there”" in one["detail"]


async def test_an_alarm_that_is_named_twice_is_acknowledged_once(world: World, many: httpx.AsyncClient) -> None:
    told = (await acknowledge(many, "A~high", "A~high")).json()

    assert (told["done"], len(told["answers"]), len(world.records.requests)) == (1, 1, 1)


@pytest.mark.parametrize(
    "body",
    [{"ids": [], "comment": "x"}, {"ids": ["A~high"], "comment": " "}, {"comment": "x"}, {"ids": ["x"] * 501, "comment": "x"}],
)  # fmt: skip
async def test_what_is_asked_of_many_is_looked_at_before_any(
    world: World, many: httpx.AsyncClient, body: object
) -> None:
    refused = await many.post("/v1/alarms/acknowledge", json=body, headers=AS_LEAD)

    assert refused.status_code == 400
    assert world.records.requests == []


async def test_many_are_shelved_until_one_end(world: World, many: httpx.AsyncClient) -> None:
    end = {"ids": ["A~high", "B~high"], "comment": "sensor is changed", "until": str(NOW_NS + HOUR_NS)}
    late = await many.post("/v1/alarms/shelve", json=end | {"until": str(NOW_NS + 25 * HOUR_NS)}, headers=AS_LEAD)
    told = await many.post("/v1/alarms/shelve", json=end, headers=AS_LEAD)

    assert (late.status_code, told.json()["done"]) == (400, 2)
    assert {action.until_ns for action in world.records.requests} == {NOW_NS + HOUR_NS}


async def test_what_was_put_away_is_counted_and_is_not_heard(world: World, client: httpx.AsyncClient) -> None:
    another(world, "A~high", facts=AlarmFacts(active=True, acknowledged=False, shelved_until_ns=NOW_NS + HOUR_NS))
    another(world, "B~high", facts=AlarmFacts(active=True, acknowledged=False, suppressed=True))
    another(world, "C~high", facts=AlarmFacts(active=True, acknowledged=False, out_of_service=True))
    another(world, "D~high", dcs_alarm="TIC101_HI")
    another(world, "E~high", facts=AlarmFacts(active=False, acknowledged=False))
    another(world, "F~high", facts=AlarmFacts(active=True, acknowledged=True))
    another(world, "G~high")

    told = (await client.get("/v1/alarms/summary")).json()

    assert told["put_away"] == {"shelved": 1, "suppressed": 1, "out_of_service": 1}
    assert [one["alarm"] for one in told["heard"]] == ["G~high"]
    assert (told["waiting"]["2"], told["lasting"]["2"], told["unacknowledged"]) == (2, 3, 3)


async def test_an_alarm_is_heard_again_when_it_is_worse_and_not_when_it_returns(
    world: World, client: httpx.AsyncClient
) -> None:
    async def keys() -> list[str]:
        return [one["key"] for one in (await client.get("/v1/alarms/summary")).json()["heard"]]

    world.alarm(asked_ns=NOW_NS)
    first = await keys()
    world.alarm(2, "returned", asked_ns=NOW_NS, facts=AlarmFacts(active=False, acknowledged=False))
    returned = await keys()
    world.alarm(3, "severity", asked_ns=NOW_NS + 1, priority=Priority.CRITICAL)
    worse = await keys()

    assert returned == []
    assert worse
    assert worse != first


async def test_the_journal_is_read_page_by_page_and_by_person(world: World, client: httpx.AsyncClient) -> None:
    for number in range(1, 6):
        world.alarm(number, person="Ada" if number % 2 else "")
    first = (await client.get("/v1/alarms/journal", params={"limit": 2})).json()
    second = (await client.get("/v1/alarms/journal", params={"limit": 3, "before": first["next"]})).json()
    hers = (await client.get("/v1/alarms/journal", params={"person": "Ada"})).json()

    assert [one["number"] for one in first["transitions"] + second["transitions"]] == [5, 4, 3, 2, 1]
    assert second["next"] is None
    assert [one["number"] for one in hers["transitions"]] == [5, 3, 1]
