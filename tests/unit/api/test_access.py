"""The table of who may ask for what: it has every route, and each role gets what it grants and nothing else."""

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.access import ACCESS, EVERYBODY
from api.app import ROUTES, create_app
from domain.ports import Person
from domain.roles import GRANTS, Permission, Role, may, role_named
from tests.unit.api.conftest import World, a_client, a_world

TOKENS = {role: f"token of a {role}" for role in Role}


def every_line() -> set[str]:
    """What each route of the interface answers to."""
    routes = [route for module in ROUTES for route in module.router.routes]
    assert all(isinstance(route, APIRoute) for route in routes)
    return {f"{method} {route.path}" for route in routes if isinstance(route, APIRoute) for method in route.methods}


def test_the_table_has_every_route_and_nothing_else() -> None:
    assert every_line() == set(ACCESS)


def test_every_operation_of_the_openapi_document_has_its_line() -> None:
    app: FastAPI = create_app(a_world().deps)
    told = {f"{method.upper()} {path}" for path, operations in app.openapi()["paths"].items() for method in operations}

    assert told <= {line.replace(":path}", "}") for line in ACCESS}


def test_routes_are_read_once_for_all_applications() -> None:
    one, two = create_app(a_world().deps), create_app(a_world().deps)

    shared = [route for route in one.router.routes if route in two.router.routes]
    assert len(shared) == len(ROUTES)
    assert one.state.context is not two.state.context


def path_of(line: str) -> tuple[str, str]:
    """Method and a path that nobody has anything at."""
    method, path = line.split(" ")
    for name in ("alarm:path", "batch:path", "name:path", "hold"):
        path = path.replace(f"{{{name}}}", "nothing-here")
    return method, path


@pytest.fixture
async def closed() -> World:
    world = a_world(reading_open=False)
    world.records.people = {token: Person(f"some {role}", role) for role, token in TOKENS.items()}
    await world.feed.start()
    return world


@pytest.mark.parametrize("role", [None, *Role])
async def test_each_role_gets_through_where_the_table_grants_it_and_nowhere_else(
    closed: World, role: Role | None
) -> None:
    headers = {} if role is None else {"Authorization": f"Bearer {TOKENS[role]}"}
    wrong = {}
    async with a_client(closed) as client:
        for line in sorted(ACCESS):
            if line == "GET /v1/stream":
                continue  # it never ends; `test_the_stream_is_closed_too` asks for it
            permission = ACCESS[line]
            answered = await client.request(*path_of(line), headers=headers, json={})
            turned_away = answered.status_code if answered.status_code in (401, 403) else None
            granted = permission is EVERYBODY or (role is not None and role in GRANTS[permission])
            expected = None if granted else (401 if role is None else 403)
            if turned_away != expected:
                wrong[line] = (turned_away, expected)

    assert wrong == {}


async def test_the_stream_is_closed_too(closed: World) -> None:
    async with a_client(closed) as client:
        answered = await client.get("/v1/stream")

    assert answered.status_code == 401


async def test_open_reading_opens_reading_alone() -> None:
    world = a_world()
    await world.feed.start()
    async with a_client(world) as client:
        looked = await client.get("/v1/alarms")
        acted = await client.post("/v1/alarms/R101.TT~high/acknowledge", json={"comment": "seen"})

    assert (looked.status_code, acted.status_code) == (200, 401)


async def test_a_route_without_a_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ACCESS, "GET /v1/tags")  # type: ignore[arg-type]
    world = a_world()
    await world.feed.start()
    async with a_client(world) as client:
        answered: httpx.Response = await client.get("/v1/tags")

    assert (answered.status_code, answered.json()["detail"]) == (403, "no rule says who may ask for GET /v1/tags")


def test_every_permission_is_granted_to_somebody_and_an_administrator_has_no_role_in_the_process() -> None:
    administrators = {permission for permission in Permission if Role.ADMIN in GRANTS[permission]}

    assert set(GRANTS) == set(Permission)
    assert all(GRANTS.values())
    assert administrators == {
        Permission.LOOK,
        Permission.READ_AUDIT,
        Permission.MANAGE_PEOPLE,
        Permission.KEEP_ACCOUNT,
    }


def test_roles_are_known_however_they_are_written_and_others_may_nothing() -> None:
    assert [role_named(text) for text in ("shift_lead", " QA ", "process-engineer")] == [
        Role.SHIFT_LEAD,
        Role.QA,
        Role.PROCESS_ENGINEER,
    ]
    assert not any(may("plumber", permission) for permission in Permission)


async def test_a_person_reads_a_page_that_says_why_not_and_a_program_a_problem(closed: World) -> None:
    as_viewer = {"Authorization": f"Bearer {TOKENS[Role.VIEWER]}"}
    as_person = as_viewer | {"Accept": "text/html,application/xhtml+xml"}
    async with a_client(closed) as client:
        refused, nowhere = [await client.get(path, headers=as_person) for path in ("/people", "/nowhere")]
        told = await client.get("/people", headers=as_viewer)
        asked = await client.get("/v1/people", headers=as_person)

    assert [refused.status_code, nowhere.status_code, told.status_code, asked.status_code] == [403, 404, 403, 403]
    assert "which may not manage people" in refused.text
    assert 'class="nav"' in refused.text
    assert "no page is at /nowhere" in nowhere.text
    assert {each.headers["content-type"] for each in (told, asked)} == {"application/problem+json"}
