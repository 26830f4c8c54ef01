"""Links in messages: opening one is nothing, acknowledging by one is a person's deed about what they saw."""

from collections.abc import Callable

import httpx
import pytest

from domain.alarms import AlarmFacts, Transition
from domain.entries import PersonAction
from domain.links import LASTS_NS, Link, Links
from domain.rules import Priority
from tests.unit.api.conftest import LEAD, NOW_NS, VIEWER, World, a_client, a_world

LINKS = Links(bytes(32))
ALARM = "R101.TT~high"
WHO = {"Authorization": f"Bearer {LEAD}"}
ACKED = AlarmFacts(active=True, acknowledged=True)


@pytest.fixture
def world() -> World:
    return a_world(links=LINKS, wall_ns=lambda: NOW_NS, settled=lambda requests: dict.fromkeys(requests, ""))


def alarm(world: World, number: int, what: str = "activated", **more: object) -> Transition:
    return world.alarm(number, what, id=f"{ALARM}.{number}", alarm=ALARM, **more)


def applied(world: World, number: int) -> None:
    """Let the core acknowledge what is asked for, as that transition."""

    def core(action: PersonAction) -> None:
        deed = {"person": action.person, "comment": action.comment, "at_ns": action.at_ns}
        alarm(world, number, "acknowledged", facts=ACKED, **deed)

    world.records.on_request = core


def link(transition: str = f"{ALARM}.1", ends_ns: int = NOW_NS + LASTS_NS) -> str:
    return LINKS.token(Link(transition, "ada", ends_ns))


def said(shown: str = f"{ALARM}.1") -> dict[str, str]:
    return {"comment": "I look", "shown": shown}


async def test_a_link_that_a_scanner_opens_five_times_shows_the_alarm_and_does_nothing(
    world: World, client: httpx.AsyncClient
) -> None:
    alarm(world, 1)
    answers = [await client.get(f"/ack/{link()}") for _ in range(5)]
    answers += [await client.head(f"/ack/{link()}"), await client.options(f"/ack/{link()}")]

    assert [each.status_code for each in answers[:5]] == [200] * 5
    assert "66 °C is above 65 °C" in answers[0].text
    assert "Sent to ada" in answers[0].text
    assert "no-store" in answers[0].headers["Cache-Control"]
    assert world.records.requests == []


async def test_whoever_logs_in_acknowledges_what_the_link_showed(world: World, client: httpx.AsyncClient) -> None:
    alarm(world, 1)
    applied(world, 2)
    answer = await client.post(f"/v1/ack/{link()}", json=said(), headers=WHO)

    assert answer.status_code == 200, answer.text
    (asked,) = world.records.requests
    assert (asked.person, asked.subject, asked.comment) == ("Ada", ALARM, "I look")


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Authorization": f"Bearer {VIEWER}"}, 403)])
async def test_a_link_is_no_login(
    world: World, client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    alarm(world, 1)
    answer = await client.post(f"/v1/ack/{link()}", json=said(), headers=headers)

    assert answer.status_code == status
    assert world.records.requests == []


async def test_acknowledging_by_a_link_needs_words(world: World, client: httpx.AsyncClient) -> None:
    alarm(world, 1)
    answer = await client.post(f"/v1/ack/{link()}", json=said() | {"comment": "  "}, headers=WHO)

    assert answer.status_code == 422 or answer.status_code == 400
    assert world.records.requests == []


async def test_an_alarm_that_became_worse_is_looked_at_again_before_it_is_acknowledged(
    world: World, client: httpx.AsyncClient
) -> None:
    alarm(world, 1)
    alarm(world, 2, "severity", priority=Priority.CRITICAL, message="R101.TT: 71 °C is above 70 °C")
    shown = await client.get(f"/ack/{link()}")
    refused = await client.post(f"/v1/ack/{link()}", json=said(), headers=WHO)

    assert "It has become worse since this message was sent" in shown.text
    assert "Acknowledge as it is now" in shown.text
    assert refused.status_code == 409
    assert refused.json()["parameter"] == "shown"
    assert "71 °C" in refused.json()["detail"]
    assert world.records.requests == []

    applied(world, 3)
    assert (await client.post(f"/v1/ack/{link()}", json=said(f"{ALARM}.2"), headers=WHO)).status_code == 200


async def test_whoever_comes_second_is_told_who_was_first(world: World, client: httpx.AsyncClient) -> None:
    alarm(world, 1)
    alarm(world, 2, "acknowledged", person="Grace", comment="cooling is on", facts=ACKED)
    shown = await client.get(f"/ack/{link()}")
    refused = await client.post(f"/v1/ack/{link()}", json=said(), headers=WHO)

    assert "Grace was first" in shown.text
    assert "<form" not in shown.text
    assert (refused.status_code, "Grace was first" in refused.json()["detail"]) == (409, True)
    assert "cooling is on" in refused.json()["detail"]


async def test_of_two_at_once_the_one_whose_words_came_later_is_told_who_was_first(
    world: World, client: httpx.AsyncClient
) -> None:
    alarm(world, 1)
    world.records.on_request = lambda _: alarm(world, 2, "acknowledged", person="Grace", facts=ACKED)
    answer = await client.post(f"/v1/ack/{link()}", json=said(), headers=WHO)

    assert answer.status_code == 409
    assert "Grace was first" in answer.json()["detail"]


async def test_a_link_that_ended_says_when(world: World, client: httpx.AsyncClient) -> None:
    alarm(world, 1)
    old = link(ends_ns=NOW_NS)
    shown, refused = await client.get(f"/ack/{old}"), await client.post(f"/v1/ack/{old}", json=said(), headers=WHO)

    assert (shown.status_code, refused.status_code) == (410, 410)
    assert "ended at 2026-03-02T12:00:00Z" in shown.text


@pytest.mark.parametrize("change", [lambda token: token[:-3], lambda token: "x" + token, lambda _: "nothing"])
async def test_a_link_that_was_changed_or_cut_off_says_so(
    world: World, client: httpx.AsyncClient, change: Callable[[str], str]
) -> None:
    alarm(world, 1)
    answer = await client.get(f"/ack/{change(link())}")

    assert answer.status_code == 404
    assert "link" in answer.text
    assert "66 °C" not in answer.text


async def test_a_link_to_an_alarm_that_is_not_there_says_so(world: World, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/ack/{link('gone.1')}")

    assert answer.status_code == 404


async def test_what_was_shown_must_be_of_that_alarm(world: World, client: httpx.AsyncClient) -> None:
    alarm(world, 1)
    answer = await client.post(f"/v1/ack/{link()}", json=said("another.1"), headers=WHO)

    assert answer.status_code == 400


async def test_a_test_link_tries_the_way_and_acknowledges_nothing(world: World, client: httpx.AsyncClient) -> None:
    shown = await client.get(f"/ack/{link('')}")
    refused = await client.post(f"/v1/ack/{link('')}", json=said(), headers=WHO)

    assert (shown.status_code, refused.status_code) == (200, 409)
    assert "The way back works" in shown.text


async def test_a_script_in_a_message_stays_text(world: World, client: httpx.AsyncClient) -> None:
    alarm(world, 1, message="<script>alert(1)</script>")

    assert "<script>alert" not in (await client.get(f"/ack/{link()}")).text


async def test_a_service_without_links_has_none() -> None:
    world = a_world()
    await world.feed.start()
    async with a_client(world) as client:
        assert (await client.get(f"/ack/{link()}")).status_code == 404
    world.feed.shut()
