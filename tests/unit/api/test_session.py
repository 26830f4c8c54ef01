"""Signing in and out at the HTTP interface: cookies, idle time, lifetimes, and what strangers try."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.people import SessionRules
from domain.time import HOUR_NS, MINUTE_NS
from tests.unit.api.people import ADA, GRACE, MAKER, Peopled, peopled, sign_in

ACKNOWLEDGE = "/v1/alarms/R101.TT%2Fhigh/acknowledge"


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Peopled]:
    with peopled(tmp_path, session_rules=SessionRules(idle_ns=15 * MINUTE_NS, lifetime_ns=8 * HOUR_NS)) as plant:
        plant.world.alarm()
        yield plant


async def test_who_signs_in_acts_by_cookie_and_is_named(plant: Peopled) -> None:
    async with plant.client() as client:
        entered = await sign_in(client)
        acted = await client.post("/v1/session/used", json={})

    assert entered.status_code == 201
    assert entered.json()["person"]["full_name"] == "Ada Lovelace"
    assert acted.json()["person"]["name"] == "ada"


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(plant: Peopled) -> None:
    async with plant.client() as client:
        cookie = (await sign_in(client)).headers["set-cookie"]

    assert cookie.startswith("thermowell=")
    assert cookie.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Strict"]


async def test_wrong_passwords_unknown_names_and_disabled_people_get_one_answer(plant: Peopled) -> None:
    plant.people.add("bob", "", "operator", MAKER, "")
    plant.people.give_password("bob", GRACE, MAKER)
    plant.people.disable("bob", MAKER, "left")
    told = []
    async with plant.client() as client:
        for name, password in (("ada", "not hers, not hers"), ("nobody", ADA), ("bob", GRACE)):
            answered = await client.post("/v1/session", json={"name": name, "password": password})
            told.append((answered.status_code, answered.json(), answered.headers.get("set-cookie")))

    assert told[0][0] == 401
    assert told == [told[0]] * 3


async def test_a_write_by_a_session_without_its_word_is_refused(plant: Peopled) -> None:
    async with plant.client() as client, plant.client() as other:
        await sign_in(client)
        await sign_in(other, "grace", GRACE)
        foreign = other.headers["X-CSRF-Token"]
        told = []
        for word in ("", "0" * 64, foreign):
            answered = await client.post(ACKNOWLEDGE, json={"comment": "seen"}, headers={"X-CSRF-Token": word})
            told.append((answered.status_code, answered.json()["parameter"]))

    assert told == [(403, "X-CSRF-Token")] * 3


async def test_idle_time_locks_actions_and_never_the_display(plant: Peopled) -> None:
    async with plant.client() as client:
        await sign_in(client)
        plant.wall.goes_on(14 * 60)
        in_time = await client.post("/v1/session/used", json={})
        plant.wall.goes_on(15 * 60)
        acted = await client.post("/v1/session/used", json={})
        looked = await client.get("/v1/alarms")
        told = (await client.get("/v1/session")).json()
        again = await sign_in(client)
        acts_again = await client.post("/v1/session/used", json={})

    assert (in_time.status_code, acted.status_code, looked.status_code) == (200, 401, 200)
    assert (told["locked"], told["person"]["name"]) == (True, "ada")
    assert (again.status_code, acts_again.status_code) == (201, 200)


async def test_a_session_ends_with_its_lifetime_however_much_it_is_used(plant: Peopled) -> None:
    async with plant.client() as client:
        await sign_in(client)
        for _ in range(47):
            plant.wall.goes_on(600)
            assert (await client.post("/v1/session/used", json={})).status_code == 200
        plant.wall.goes_on(600)
        ended = await client.post("/v1/session/used", json={})

    assert ended.status_code == 401


async def test_signing_in_gives_a_new_session_whatever_the_browser_brought(plant: Peopled) -> None:
    async with plant.client() as client:
        client.headers["Cookie"] = f"thermowell={'A' * 43}"
        first = (await sign_in(client)).cookies["thermowell"]
        client.headers["Cookie"] = f"thermowell={first}"
        second = (await sign_in(client)).cookies["thermowell"]
    async with plant.client() as client:
        client.headers["Cookie"] = f"thermowell={first}"
        by_the_old_one = await client.get("/v1/session")

    assert len({"A" * 43, first, second}) == 3
    assert by_the_old_one.json()["person"] is None


async def test_a_cookie_that_was_copied_opens_nothing_after_signing_out(plant: Peopled) -> None:
    async with plant.client() as client, plant.client() as thief:
        copied = (await sign_in(client)).cookies["thermowell"]
        word = client.headers["X-CSRF-Token"]
        out = await client.delete("/v1/session")
        thief.headers["Cookie"] = f"thermowell={copied}"
        acted = await thief.post(ACKNOWLEDGE, json={"comment": "seen"}, headers={"X-CSRF-Token": word})

    assert (out.status_code, acted.status_code) == (200, 401)
    assert "Max-Age=0" in out.headers["set-cookie"]


async def test_where_reading_is_closed_pages_lead_to_the_login_and_programs_are_told(tmp_path: Path) -> None:
    with peopled(tmp_path, reading_open=False) as plant:
        await plant.world.feed.start()
        async with plant.client() as client:
            page = await client.get("/alarms/R101.TT?x=1", headers={"Accept": "text/html"})
            program = await client.get("/v1/alarms")
            login = await client.get("/login", headers={"Accept": "text/html"})
            await sign_in(client)
            plant.wall.goes_on(3600)  # idle: it may look on
            looked = await client.get("/v1/alarms")
        plant.world.feed.shut()

    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/alarms/R101.TT%3Fx%3D1")
    assert (program.status_code, login.status_code, looked.status_code) == (401, 200, 200)
