"""What strangers try at the HTTP interface; `docs/security.md` lists them with what comes of it."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from domain.people import Person
from tests.unit.api.people import ADA, GRACE, MAKER, Peopled, peopled, sign_in

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Peopled]:
    with peopled(tmp_path) as plant:
        yield plant


async def test_a_form_of_another_site_signs_nobody_in_and_writes_nothing(plant: Peopled) -> None:
    async with plant.client() as client:
        await sign_in(client)
        by_origin = await client.post("/v1/session/used", json={}, headers={"Origin": "https://evil.example"})
        by_site = await client.post(
            "/v1/session", json={"name": "ada", "password": ADA}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        as_form = await client.post("/v1/session", data={"name": "ada", "password": ADA})
        as_text = await client.post(
            "/v1/session", content=b'{"name":"ada","password":"x"}', headers={"Content-Type": "text/plain"}
        )

    assert [each.status_code for each in (by_origin, by_site, as_form, as_text)] == [403, 403, 400, 400]
    assert not any("set-cookie" in each.headers for each in (by_origin, by_site, as_form, as_text))


async def test_a_link_that_was_used_or_never_was_opens_nothing(plant: Peopled) -> None:
    link = plant.people.reset("ada", MAKER, "forgot it")
    async with plant.client() as client, plant.client() as thief:
        used = await client.post("/v1/one-time/use", json={"link": link, "password": "yet another set of words"})
        again = await thief.post("/v1/one-time/use", json={"link": link, "password": "words of a thief, these"})
        looked = await thief.post("/v1/one-time/look", json={"link": link})
        invented = await thief.post("/v1/one-time/look", json={"link": "A" * 43})

    assert (used.status_code, again.status_code, looked.status_code) == (201, 409, 404)
    assert looked.json()["detail"] == invented.json()["detail"]


async def test_guessing_is_answered_with_when_to_come_again(plant: Peopled) -> None:
    async with plant.client() as client:
        told = [await client.post("/v1/session", json={"name": "ada", "password": "a wrong one"}) for _ in range(5)]
        right = await client.post("/v1/session", json={"name": "ada", "password": ADA})

    assert [each.status_code for each in told] == [401, 401, 401, 401, 429]
    assert (right.status_code, right.headers["retry-after"]) == (429, "1")


async def test_one_address_tries_so_many_names_and_no_more(plant: Peopled) -> None:
    async with plant.client() as client:
        told = [
            (await client.post("/v1/session", json={"name": f"name {number}", "password": "a wrong one"})).status_code
            for number in range(40)
        ]

    assert set(told) == {401, 429}
    assert told.index(429) >= 20


async def test_a_password_of_any_size_is_not_hashed(plant: Peopled) -> None:
    async with plant.client() as client:
        long = await client.post("/v1/session", json={"name": "ada", "password": "x" * 201})
        huge = await client.post("/v1/session", json={"name": "ada", "password": "x" * 70_000})

    assert (long.status_code, huge.status_code) == (400, 413)


async def test_a_name_cannot_become_a_header_or_a_script(plant: Peopled) -> None:
    async with plant.client() as client:
        await sign_in(client, "grace", GRACE)
        new = {"role": "operator", "reason": "why not"}
        header = await client.post("/v1/people", json=new | {"name": "x\r\nSet-Cookie: a=b"})
        script = await client.post("/v1/people", json=new | {"name": SCRIPT})
        listed = await client.get("/v1/people")
        page = await client.get("/people")

    assert (header.status_code, script.status_code) == (409, 201)
    assert listed.headers["content-type"] == "application/json"
    assert listed.headers["x-content-type-options"] == "nosniff"
    assert SCRIPT not in page.text


async def test_an_operator_manages_nobody_and_ends_no_session_of_others(plant: Peopled) -> None:
    async with plant.client() as client, plant.client() as admin:
        await sign_in(client)
        await sign_in(admin, "grace", GRACE)
        theirs = next(one for one in plant.people.sessions("grace"))
        add = await client.post("/v1/people", json={"name": "eve", "role": "admin", "reason": "x"})
        end = await client.delete(f"/v1/sessions/{theirs.id}")
        still = await admin.get("/v1/people")

    assert (add.status_code, end.status_code, still.status_code) == (403, 409, 200)


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/js/..%5c..%5capp.py"]
)
async def test_no_path_leads_out_of_the_static_files(plant: Peopled, path: str) -> None:
    async with plant.client() as client:
        answered = await client.get(path)

    assert answered.status_code == HTTPStatus.NOT_FOUND


async def test_one_address_cannot_take_every_stream(plant: Peopled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.routes.live.MOST_OF_ONE", 0)
    async with plant.client() as client:
        answered = await client.get("/v1/stream")

    assert (answered.status_code, answered.headers["retry-after"]) == (429, "10")


async def test_a_token_does_what_its_scopes_say_and_no_more(plant: Peopled) -> None:
    plant.world.records.people["narrow"] = Person("mes", "operator", scopes=frozenset())
    async with plant.client() as client:
        answered = await client.post("/v1/session/used", json={}, headers={"Authorization": "Bearer narrow"})

    assert answered.status_code == 403
    assert "this token of mes" in answered.json()["detail"]


async def test_the_login_bears_the_headers_that_keep_others_out(plant: Peopled) -> None:
    async with plant.client() as client:
        answered = await client.get("/login")

    policy = answered.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'none'" in policy
    assert "script-src 'self'" in policy
    assert answered.headers["referrer-policy"] == "no-referrer"
    assert answered.headers["cache-control"] == "no-store"
