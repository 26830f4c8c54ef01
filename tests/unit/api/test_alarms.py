from dataclasses import replace

import httpx
import pytest

from domain.alarms import AlarmFacts
from domain.entries import ActionKind, PersonAction
from domain.ports import Person
from domain.time import HOUR_NS
from tests.checks.records import finding
from tests.unit.api.conftest import LEAD, NOW_NS, VIEWER, World, a_client, a_world

ALARM = "/v1/alarms/R101.TT%2Fhigh"
AS_LEAD = {"Authorization": f"Bearer {LEAD}"}
SAID = {"comment": "valve opened by hand"}


def apply_at_once(world: World) -> None:
    """Let the core apply a request the moment it is made."""

    def request(action: PersonAction, by: Person | None = None) -> None:
        world.records.requests.append(action)
        newest = world.records.transitions(action.subject, 1)[0]
        facts, what = newest.facts, f"{action.kind.value}d".replace("commentd", "commented")
        if action.kind is ActionKind.ACKNOWLEDGE:
            facts = replace(facts, acknowledged=True)
        elif action.kind in (ActionKind.SHELVE, ActionKind.UNSHELVE):
            facts = replace(facts, shelved_until_ns=action.until_ns)
        number = newest.number + 1
        world.alarm(
            number, what, id=f"{newest.alarm}:{number}", alarm=newest.alarm,
            facts=facts, person=action.person, comment=action.comment, at_ns=action.at_ns,
        )  # fmt: skip

    world.records.request = request  # type: ignore[method-assign]  # stands for the core


@pytest.fixture
async def answered(world: World, client: httpx.AsyncClient) -> httpx.AsyncClient:
    apply_at_once(world)
    world.alarm()
    return client


async def test_the_list_tells_since_when_and_what(world: World, client: httpx.AsyncClient) -> None:
    world.alarm(since_ns=NOW_NS - 2 * HOUR_NS)

    (alarm,) = (await client.get("/v1/alarms")).json()["alarms"]

    assert (alarm["id"], alarm["state"], alarm["priority"]) == ("R101.TT/high", "UNACK", 2)
    assert alarm["since_ns"] == NOW_NS - 2 * HOUR_NS
    assert alarm["message"] == "R101.TT: 66 °C is above 65 °C"
    assert alarm["acknowledged_by"] is None


async def test_lists_tell_what_is_known_now_and_the_history_what_was_told_then(
    world: World, client: httpx.AsyncClient
) -> None:
    first = finding(message="R101.TT: above 65 °C for 30 s, at most 66 °C")
    newest = replace(first, version=2, message="R101.TT: above 65 °C for 32 min, at most 80 °C")
    world.records.all_findings += [first, newest]
    world.alarm(finding=first.id, finding_version=1, message=first.message)

    told = [
        (await client.get("/v1/alarms")).json()["alarms"][0],
        (await client.get(ALARM)).json()["alarm"],
        (await client.get("/v1/alarms/summary")).json()["heard"][0],
        (await client.get("/v1/handover")).json()["left"]["waiting"][0],
    ]

    assert [each["message"] for each in told] == [newest.message] * 4
    assert [each["message"] for each in (await client.get(ALARM)).json()["transitions"]] == [first.message]


async def test_an_acknowledgement_needs_a_token(world: World, client: httpx.AsyncClient) -> None:
    world.alarm()

    refused = await client.post(f"{ALARM}/acknowledge", json=SAID)

    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert world.records.requests == []


async def test_an_unknown_token_is_nobody(world: World, client: httpx.AsyncClient) -> None:
    world.alarm()

    refused = await client.post(f"{ALARM}/acknowledge", json=SAID, headers={"Authorization": "Bearer guess"})

    assert (refused.status_code, "invalid_token" in refused.headers["www-authenticate"]) == (401, True)


async def test_a_viewer_only_looks_on(world: World, client: httpx.AsyncClient) -> None:
    world.alarm()

    refused = await client.post(f"{ALARM}/acknowledge", json=SAID, headers={"Authorization": f"Bearer {VIEWER}"})

    assert refused.status_code == 403
    assert world.records.requests == []


@pytest.mark.parametrize("body", [{}, {"comment": "  "}, {"comment": "x", "who": "me"}, {"comment": "x" * 2_001}])
async def test_an_acknowledgement_needs_words(answered: httpx.AsyncClient, body: dict[str, str]) -> None:
    refused = await answered.post(f"{ALARM}/acknowledge", json=body, headers=AS_LEAD)

    assert refused.status_code == 400
    assert refused.json()["parameter"] in ("comment", "who")


async def test_an_acknowledgement_comes_back_as_the_transition(world: World, answered: httpx.AsyncClient) -> None:
    told = await answered.post(f"{ALARM}/acknowledge", json=SAID, headers=AS_LEAD)

    transition = told.json()["transition"]
    assert (told.status_code, transition["what"], transition["state"]) == (200, "acknowledged", "ACKED")
    assert (transition["person"], transition["comment"]) == ("Ada", "valve opened by hand")
    assert world.records.requests[0].at_ns == NOW_NS
    assert world.woken == [1]


async def test_an_acknowledged_alarm_says_by_whom(answered: httpx.AsyncClient) -> None:
    await answered.post(f"{ALARM}/acknowledge", json=SAID, headers=AS_LEAD)

    (alarm,) = (await answered.get("/v1/alarms")).json()["alarms"]

    assert alarm["acknowledged_by"] == {"person": "Ada", "at_ns": NOW_NS, "comment": "valve opened by hand"}


async def test_acknowledging_twice_is_a_conflict(answered: httpx.AsyncClient) -> None:
    await answered.post(f"{ALARM}/acknowledge", json=SAID, headers=AS_LEAD)

    again = await answered.post(f"{ALARM}/acknowledge", json=SAID, headers=AS_LEAD)

    assert again.status_code == 409


async def test_a_core_that_is_away_leaves_the_request_accepted(world: World, client: httpx.AsyncClient) -> None:
    world.alarm()

    told = await client.post(f"{ALARM}/acknowledge", json=SAID, headers=AS_LEAD)

    assert (told.status_code, told.json()["transition"]) == (202, None)
    assert world.records.requests[0].id == told.json()["request"]


async def test_a_refusal_of_the_core_is_told_in_its_words() -> None:
    world = a_world(settled=lambda requests: dict.fromkeys(requests, "the shelf needs an end"))
    world.alarm()
    await world.feed.start()
    async with a_client(world) as client:
        refused = await client.post(f"{ALARM}/acknowledge", json=SAID, headers=AS_LEAD)

    assert (refused.status_code, refused.json()["detail"]) == (409, "the shelf needs an end")


async def test_an_alarm_that_nobody_knows_is_not_found(client: httpx.AsyncClient) -> None:
    asked = await client.get("/v1/alarms/nothing")
    acted = await client.post("/v1/alarms/nothing/acknowledge", json=SAID, headers=AS_LEAD)

    assert [asked.status_code, acted.status_code] == [404, 404]


async def test_a_shelf_always_ends(answered: httpx.AsyncClient) -> None:
    ends = ["now", str(NOW_NS - 1), str(NOW_NS + 25 * HOUR_NS)]
    refused = [
        (await answered.post(f"{ALARM}/shelve", json={**SAID, "until": end}, headers=AS_LEAD)).status_code
        for end in ends
    ]
    shelved = await answered.post(f"{ALARM}/shelve", json={**SAID, "until": str(NOW_NS + HOUR_NS)}, headers=AS_LEAD)

    assert refused == [400, 400, 400]
    assert shelved.json()["transition"]["state"] == "SHLVD"


async def test_a_shelved_alarm_can_be_taken_back_and_one_that_is_not_cannot(answered: httpx.AsyncClient) -> None:
    early = await answered.post(f"{ALARM}/unshelve", json=SAID, headers=AS_LEAD)
    await answered.post(f"{ALARM}/shelve", json={**SAID, "until": str(NOW_NS + HOUR_NS)}, headers=AS_LEAD)
    back = await answered.post(f"{ALARM}/unshelve", json=SAID, headers=AS_LEAD)

    assert [early.status_code, back.status_code] == [409, 200]


async def test_a_comment_joins_the_history(answered: httpx.AsyncClient) -> None:
    await answered.post(f"{ALARM}/comment", json=SAID, headers=AS_LEAD)

    told = (await answered.get(ALARM)).json()

    assert [one["what"] for one in told["transitions"]] == ["commented", "activated"]


async def test_a_normal_alarm_is_listed_only_when_all_are_asked_for(world: World, client: httpx.AsyncClient) -> None:
    world.alarm(facts=AlarmFacts(active=False, acknowledged=True))

    some = (await client.get("/v1/alarms")).json()["alarms"]
    everything = (await client.get("/v1/alarms", params={"all": "1"})).json()["alarms"]

    assert [len(some), len(everything)] == [0, 1]
