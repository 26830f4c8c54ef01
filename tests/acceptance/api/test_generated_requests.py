"""Requests that nobody thought of, made from the OpenAPI document, sent as each kind of person over real records."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode

from api.app import create_app
from api.limits import Rate
from api.stream import Feed
from domain.roles import Role
from records.database import SqlRecords
from tests.patience import LIMIT_S
from tests.unit.api.conftest import NOW_NS
from tests.unit.api.people import peopled

URL = "http://localhost"

ENDLESS = "/v1/stream"
"""An answer that ends when the client leaves; its own tests read it."""

EACH_WAY = 2
"""Requests of an operation that keep to its schema, and as many that break it."""

ASKERS = (None, Role.VIEWER, Role.SHIFT_LEAD, Role.QA, Role.ADMIN)

KNOWN = {"tag": "R101.TT", "alarm": "R101.TT/high", "batch": "B1", "hold": "crude", "start": "-1h", "end": "now"}
"""What is there, in place of what was made up in every second request: few would come past a name else."""

NUMBERS = ("", "-1", "9" * 25, "1e400")
TEXTS = ("\x00", "\ud800", "9" * 25, "' OR 1=1 --", "%..%2f\r\nX: y", "a" * 4000)
"""What a query's member has to bear that takes whole numbers, and what any other."""

SENT = frozenset({"method", "url", "params", "data", "json", "headers", "files"})


class Named(dict[str, str]):
    """Names for the places of a path; what has none is 1."""

    def __missing__(self, _: str) -> str:
        return "1"


@dataclass(frozen=True)
class Plant:
    """The interface, and what each of ASKERS sends to say who asks."""

    app: FastAPI
    headers: Mapping[Role | None, Mapping[str, str]]

    def paths(self) -> dict[str, Any]:
        """What the document says of each path that ends."""
        return {path: told for path, told in self.app.openapi()["paths"].items() if path != ENDLESS}

    def client(self) -> httpx.AsyncClient:
        """Nobody's; what breaks in the application is an answer, as over a socket."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=URL, timeout=LIMIT_S)


@asynccontextmanager
async def a_plant(folder: Path) -> AsyncIterator[Plant]:
    with peopled(folder) as plant, SqlRecords.open(plant.path) as records:
        world = plant.world
        with records.unit_of_work() as work:
            work.transitions([world.alarm()])
        world.rows(0, [NOW_NS - 1, NOW_NS], [60.0, 61.0])
        feed = Feed(world.journal, records, world.clock, poll_s=0.05)
        app = create_app(replace(world.deps, records=records, feed=feed))
        rates = app.state.context.rates
        rates.writing = rates.entering = Rate("requests", burst=100_000, each_s=1)
        await feed.start()
        tokens = {role: records.add_person(f"a {role}", role) for role in ASKERS if role is not None}
        said = {role: {"Authorization": f"Bearer {token}"} for role, token in tokens.items()}
        yield Plant(app, {None: {}, **said})
        feed.shut()


def generated(app: FastAPI, paths: dict[str, Any]) -> list[Case]:
    """The same requests in every run."""
    made: list[Case] = []
    schema = schemathesis.openapi.from_dict({**app.openapi(), "paths": paths})
    for found, mode in itertools.product(
        schema.get_all_operations(), (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    ):

        @seed(1)
        @settings(
            max_examples=EACH_WAY,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(found.ok().as_strategy(generation_mode=mode))
        def keep(case: Case) -> None:
            made.append(case)

        keep()
    return made


def on_the_wire(case: Case, *, known: bool) -> requests.PreparedRequest:
    if known:
        case.path_parameters = {name: KNOWN.get(name, value) for name, value in case.path_parameters.items()}
        case.query = {name: KNOWN.get(name, value) for name, value in case.query.items()}
    told = case.as_transport_kwargs(base_url=URL)
    return requests.Request(**{name: value for name, value in told.items() if name in SENT}).prepare()


def wrong_with(answered: httpx.Response, operation: Mapping[str, Any]) -> str:
    """Why an answer is none of those that the document names; empty where it is one."""
    status = answered.status_code
    if status >= 500:
        return f"broke: {answered.text[:200]}"
    if not all(value.isprintable() for value in answered.headers.values()):
        return f"no server sends such headers: {answered.headers}"
    responses = operation["responses"]
    if str(status) not in responses and status < 400:
        return f"{status} is not in the document"
    media = media_type(answered.headers.get("content-type", ""))
    named = {media_type(each) for each in responses.get(str(status), responses["default"]).get("content", {})}
    if media not in (named or {""}):
        return f"{status} comes as {media!r}, told are {sorted(named)}"
    if media == "application/json":
        answered.json()
    return wrong_with_problem(answered) if media == "application/problem+json" else ""


def wrong_with_problem(answered: httpx.Response) -> str:
    told, members = answered.json(), {"type", "title", "status", "detail", "instance"}
    if members <= set(told) <= members | {"parameter"} and told["status"] == answered.status_code and told["detail"]:
        return ""
    return f"no problem of RFC 9457: {told}"


def media_type(header: str) -> str:
    message = Message()
    message["content-type"] = header
    return message.get_content_type() if header else ""


async def test_whatever_is_asked_is_answered_as_the_document_says(tmp_path: Path) -> None:
    wrong: list[str] = []
    seen: set[tuple[str, int]] = set()
    async with a_plant(tmp_path) as plant, plant.client() as client:
        paths = plant.paths()
        for number, case in enumerate(generated(plant.app, paths)):
            asked = on_the_wire(case, known=number % 2 == 1)
            sent = {name: value for name, value in asked.headers.items() if name.lower() == "content-type"}
            whoever, may = ASKERS[number % len(ASKERS)], Role.ADMIN if "people" in case.path else Role.SHIFT_LEAD
            for who in (whoever,) if case.method == "GET" else (whoever, may):
                async with asyncio.timeout(LIMIT_S):
                    answered = await client.request(
                        asked.method or "", asked.url or "", content=asked.body, headers={**sent, **plant.headers[who]}
                    )
                client.cookies.clear()
                seen.add((case.operation.label, answered.status_code))
                fault = wrong_with(answered, paths[case.path][case.method.lower()])
                if fault:
                    wrong.append(f"{who}: {asked.method} {asked.url} {asked.body!r}: {fault}")

    assert wrong == []
    assert {status for _, status in seen} >= {200, 201, 204, 400, 401, 403, 404, 409}
    assert len({label for label, _ in seen}) == sum(len(operations) for operations in paths.values())


async def test_no_member_of_a_query_breaks_an_answer(tmp_path: Path) -> None:
    wrong: list[str] = []
    async with a_plant(tmp_path) as plant, plant.client() as client:
        for path, operations in plant.paths().items():
            operation = operations.get("get", {})
            members = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
            basis = {each["name"]: KNOWN.get(each["name"], "1") for each in members if each["required"]}
            for member in members:
                there = path.format_map(Named(KNOWN, name="R101.TT", form="json"))
                for odd in NUMBERS if "integer" in str(member["schema"]) else TEXTS:
                    asked = f"{httpx.QueryParams(basis)}&{member['name']}={quote(odd, errors='surrogatepass')}"
                    answered = await client.get(f"{there}?{asked}", headers=plant.headers[Role.QA])
                    fault = wrong_with(answered, operation)
                    if fault:
                        wrong.append(f"{answered.url}: {fault}")

    assert wrong == []


async def test_no_query_of_influxql_breaks_an_answer(tmp_path: Path) -> None:
    async with a_plant(tmp_path) as plant, plant.client() as client:
        operation = plant.paths()["/influx/query"]["get"]
        asked = [
            f"/influx/query?db=demo&q={quote(odd, errors='surrogatepass')}" for odd in ("x\r\nSet-Cookie: a=b", *TEXTS)
        ]
        wrong = [wrong_with(await client.get(url), operation) for url in asked]

    assert wrong == [""] * len(wrong)


async def test_a_body_that_hides_its_length_is_too_large_too(tmp_path: Path) -> None:
    async def piece_by_piece() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"[" * 10_000

    async with a_plant(tmp_path) as plant, plant.client() as client:
        answered = await client.post(
            "/v1/session", content=piece_by_piece(), headers={"Content-Type": "application/json"}
        )

    assert (answered.status_code, answered.json()["parameter"]) == (413, "body")
