"""The page of duties, and what it says over the API."""

import httpx
import pytest

from api.dependencies import AddresseeTold, DutyTold, RotaTold, StepTold, Telling
from domain.time import HOUR_NS, MINUTE_NS
from tests.unit.api.conftest import NOW_NS, World, a_world

ROTA = RotaTold(
    name="leads",
    zone="Europe/Berlin",
    priority="high",
    on_duty=("Ada",),
    is_fallback=False,
    fallback="Manager",
    since_ns=NOW_NS - HOUR_NS,
    until_ns=NOW_NS + HOUR_NS,
    next=("Grace",),
    tellings=(Telling(0, ("Ada",), ("ada_mail",)), Telling(5 * MINUTE_NS, ("Deputy",), (), 1)),
    repeat_ns=15 * MINUTE_NS,
    rounds=4,
    returned=False,
    uncovered=((NOW_NS + HOUR_NS, NOW_NS + 2 * HOUR_NS),),
    calendar_good_ns=NOW_NS,
    calendar_problem="line 4: event '<b>Adda</b>' names nobody",
)
TOLD = DutyTold(
    NOW_NS,
    (ROTA,),
    (AddresseeTold("Ada", "person", "", ("ada_mail",), "22:00 to 06:00 UTC, never for high"),),
    (StepTold("a.1@leads#1", "HIGH: R101.TT high", "a.1", "leads", 1, ("Deputy",), NOW_NS + MINUTE_NS),),
)


@pytest.fixture
def world() -> World:
    return a_world(duty=lambda: TOLD)


async def test_the_api_tells_who_is_told_and_what_waits(client: httpx.AsyncClient) -> None:
    told = (await client.get("/v1/duty?time=iso")).json()
    (rota,) = told["rotas"]

    assert (rota["on_duty"], rota["next"], rota["until"]) == (["Ada"], ["Grace"], "2026-03-02T13:00:00Z")
    assert [(each["names"], each["after_ns"] // MINUTE_NS) for each in rota["tellings"]] == [
        (["Ada"], 0),
        (["Deputy"], 5),
    ]
    assert rota["uncovered"] == [{"start": "2026-03-02T13:00:00Z", "end": "2026-03-02T14:00:00Z"}]
    assert told["waiting"][0]["due"] == "2026-03-02T12:01:00Z"
    assert told["addressees"][0]["quiet"].startswith("22:00")


async def test_the_page_tells_it_to_people_and_escapes_what_a_calendar_says(client: httpx.AsyncClient) -> None:
    page = (await client.get("/duty")).text

    for words in ("<strong>Ada</strong>", "no channel", "after 5 min", "then Grace", "Told next, unless"):
        assert words in page
    assert "&lt;b&gt;Adda" in page
    assert "<b>Adda" not in page
