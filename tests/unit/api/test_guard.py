from collections.abc import AsyncIterator

import httpx
import pytest

from domain.figures import Reading
from tests.unit.api.conftest import LEAD, World, a_client, a_world


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:8087"])
async def test_a_name_that_is_not_ours_is_turned_away(client: httpx.AsyncClient, host: str) -> None:
    refused = await client.get("/v1/tags", headers={"Host": host})

    assert (refused.status_code, refused.json()["parameter"]) == (421, "Host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8087", "127.0.0.1:8087", "[::1]:8087"])
async def test_our_own_names_are_let_in(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/-/healthy", headers={"Host": host})).status_code == 200


async def test_behind_a_proxy_any_name_may_be_let_in() -> None:
    async with a_client(a_world(allowed_hosts=None)) as client:
        answered = await client.get("/-/healthy", headers={"Host": "plant.example"})

    assert answered.status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1/tags", "/static/style.css", "/nowhere"])
async def test_every_answer_has_the_security_headers_and_shares_with_nobody(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = (await client.get(path, headers={"Origin": "https://evil.example"})).headers

    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("DELETE", "/v1/tags", 405), ("GET", "/static/nothing.js", 404)],
)
async def test_even_what_no_route_knows_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    refused = await client.request(method, path)

    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == status


async def test_a_body_has_a_limit(client: httpx.AsyncClient) -> None:
    body = {"comment": "x" * 100_000}

    refused = await client.post("/v1/alarms/a/acknowledge", json=body, headers={"Authorization": f"Bearer {LEAD}"})

    assert (refused.status_code, refused.headers["content-type"]) == (413, "application/problem+json")


async def test_a_body_that_hides_its_length_has_the_same_limit(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 10_000

    headers = {"Authorization": f"Bearer {LEAD}", "Content-Type": "application/json"}
    refused = await client.post("/v1/alarms/a/acknowledge", content=endless(), headers=headers)

    assert refused.status_code in (400, 413)
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_fault_of_ours_tells_no_secrets(world: World, client: httpx.AsyncClient) -> None:
    world.journal.fault = RuntimeError("secret path /etc/x")

    broken = await client.get("/v1/tags")

    assert (broken.status_code, broken.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in broken.text


async def test_readiness_gives_its_reason() -> None:
    async with a_client(a_world(ready=lambda: (False, "the core does not report"))) as client:
        told = await client.get("/-/ready")

    assert (told.status_code, told.text) == (503, "the core does not report\n")


async def test_a_journal_that_cannot_be_followed_is_not_ready(world: World, client: httpx.AsyncClient) -> None:
    world.feed.faults["journal"] = "locked"

    told = await client.get("/-/ready")

    assert (told.status_code, told.text) == (503, "journal: locked\n")


async def test_figures_are_our_own_and_the_cores() -> None:
    readings = [Reading("thermowell_journal_position", 7)]
    async with a_client(a_world(figures=lambda: readings)) as client:
        await client.get("/v1/nothing")
        told = (await client.get("/metrics")).text

    assert 'thermowell_web_requests_total{status="404"} 1.0' in told
    assert "thermowell_journal_position 7.0" in told
    assert all(line.startswith(("#", "thermowell_")) for line in told.splitlines())


async def test_the_interface_describes_itself(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    assert {"/v1/samples", "/v1/aggregates", "/v1/stream", "/v1/gaps", "/v1/alarms/{alarm}/acknowledge"} <= set(paths)
