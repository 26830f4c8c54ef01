"""What a shift leaves to the next one, and who takes it over."""

from dataclasses import replace

import httpx
import pytest

from domain.alarms import AlarmFacts
from domain.errors import RetryLater
from domain.rules import Suppression, SuppressionNow
from domain.shifts import Shifts
from domain.time import HOUR_NS, parse_time_ns
from tests.unit.api.conftest import LEAD, NOW_NS, VIEWER, World, a_client, a_world

AS_LEAD = {"Authorization": f"Bearer {LEAD}"}


def left(world: World, alarm: str, what: str = "activated", **facts: object) -> None:
    told = AlarmFacts(**({"active": True, "acknowledged": False} | facts))  # type: ignore[arg-type]
    world.alarm(id=f"{alarm}:{what}", alarm=alarm, what=what, facts=told)


async def test_each_alarm_stands_where_the_next_shift_looks_for_it(world: World, client: httpx.AsyncClient) -> None:
    left(world, "A~high")
    left(world, "B~high", acknowledged=True)
    left(world, "C~high", shelved_until_ns=NOW_NS + HOUR_NS)
    left(world, "D~high", out_of_service=True)
    left(world, "E~high", suppressed=True)

    told = (await client.get("/v1/handover")).json()

    assert {name: [one["id"] for one in alarms] for name, alarms in told["left"].items()} == {
        "waiting": ["A~high"],
        "standing": ["B~high"],
        "shelved": ["C~high"],
        "suppressed": ["E~high"],
        "out_of_service": ["D~high"],
    }
    assert told["happened"]["by_unit"] == [{"unit": "R101", "alarms": 5}]
    assert told["unknown"] == []


async def test_a_note_stands_under_its_author_in_the_audit_trail(world: World, client: httpx.AsyncClient) -> None:
    said = await client.post(
        "/v1/handover/notes", json={"unit": "R101", "comment": "<b>Jacket</b> valve sticks"}, headers=AS_LEAD
    )
    page = (await client.get("/handover")).text

    (record,) = world.records.trail
    entry = record.entry
    assert (said.status_code, said.json()["person"]) == (201, "Ada")
    assert (entry.kind, entry.person, entry.subject, entry.comment) == (
        "shift note",
        "Ada",
        "R101",
        "<b>Jacket</b> valve sticks",
    )
    assert "&lt;b&gt;Jacket&lt;/b&gt; valve sticks" in page


async def test_who_takes_over_does_so_by_name_for_what_they_have_read(world: World, client: httpx.AsyncClient) -> None:
    left(world, "A~high")
    read = (await client.get("/v1/handover")).json()["hash"]
    left(world, "B~high")
    late = await client.post("/v1/handover/taken-over", json={"hash": read, "comment": "ok"}, headers=AS_LEAD)
    again = (await client.get("/v1/handover")).json()["hash"]
    taken = await client.post("/v1/handover/taken-over", json={"hash": again, "comment": "ok"}, headers=AS_LEAD)
    told = (await client.get("/v1/handover")).json()["taken_over"]

    assert [late.status_code, taken.status_code] == [409, 201]
    assert [(one["person"], one["hash"]) for one in told] == [("Ada", again)]


@pytest.mark.parametrize("path", ["notes", "taken-over"])
async def test_who_only_looks_on_hands_nothing_over(world: World, client: httpx.AsyncClient, path: str) -> None:
    body = {"comment": "x", "hash": "0" * 64} if path == "taken-over" else {"comment": "x"}

    refused = await client.post(f"/v1/handover/{path}", json=body, headers={"Authorization": f"Bearer {VIEWER}"})

    assert (refused.status_code, world.records.trail) == (403, [])


async def test_a_note_is_of_a_unit_that_there_is(client: httpx.AsyncClient) -> None:
    refused = await client.post("/v1/handover/notes", json={"unit": "X9", "comment": "x"}, headers=AS_LEAD)

    assert (refused.status_code, refused.json()["parameter"]) == (400, "unit")


async def test_what_could_not_be_read_is_said_to_be_unknown_and_never_none() -> None:
    def away() -> list[object]:
        message = "the core does not report"
        raise RetryLater(message)

    world = a_world(holds=away)
    async with a_client(world) as client:
        told = (await client.get("/v1/handover")).json()
        page = (await client.get("/handover")).text

    assert (told["holds"], told["unknown"]) == (None, ["holds: the core does not report"])
    assert "Nobody knows: holds: the core does not report" in page
    assert "Nothing waits" not in page


async def test_a_shift_begins_when_the_one_before_ended() -> None:
    world = a_world()
    rulebook = replace(world.deps.rulebook, shifts=SHIFTS)
    world = a_world(rulebook=rulebook)
    async with a_client(world) as client:
        told = (await client.get("/v1/handover", params={"time": "iso"})).json()
        before = (await client.get("/v1/handover", params={"time": "iso", "earlier": 1})).json()

    assert (told["start"][11:16], told["end"][11:16], before["start"][11:16]) == ("06:00", "14:00", "22:00")


SHIFTS = Shifts("UTC", (6 * 3600, 14 * 3600, 22 * 3600), ((0, 0),))


def test_the_start_of_a_shift_is_the_end_of_the_one_before_through_a_night_on_which_clocks_are_set() -> None:
    set_s = parse_time_ns("2026-10-25T01:00:00Z") // 10**9
    berlin = Shifts("Europe/Berlin", (6 * 3600, 22 * 3600), ((0, 7200), (set_s, 3600)))
    for hour in range(48):
        now_ns = parse_time_ns("2026-10-24T12:00:00Z") + hour * HOUR_NS
        start_ns = berlin.start_ns(now_ns)
        assert start_ns <= now_ns < berlin.end_ns(now_ns)
        assert berlin.end_ns(start_ns - 1) == start_ns


async def test_suppressions_in_force_are_told_though_nothing_is_active_that_they_hide(world: World) -> None:
    rulebook = replace(world.deps.rulebook, suppressions=(Suppression("repair", frozenset({"nor", "fixed"})),))
    told = [SuppressionNow("repair", "R101", "in state maintenance", "its equipment is in another state", NOW_NS)]
    world.deps = replace(world.deps, rulebook=rulebook, suppressions=lambda: told)
    await world.feed.start()
    async with a_client(world) as client:
        (asked,) = (await client.get("/v1/alarms/suppressions?time=iso")).json()["suppressions"]
        page = (await client.get("/handover")).text

    assert (asked["unit"], asked["why"], asked["rules"]) == ("R101", "in state maintenance", ["fixed", "nor"])
    assert "R101 is in state maintenance" in page
    assert "until its equipment is in another state" in page


async def test_while_the_core_does_not_report_nobody_says_that_nothing_is_suppressed(world: World) -> None:
    def away() -> list[SuppressionNow]:
        raise RetryLater("the core does not report")

    world.deps = replace(world.deps, suppressions=away)
    await world.feed.start()
    async with a_client(world) as client:
        asked = await client.get("/v1/alarms/suppressions")
        told = (await client.get("/v1/handover")).json()

    assert asked.status_code == 503
    assert (told["suppressions"], told["unknown"]) == (None, ["suppressions: the core does not report"])
