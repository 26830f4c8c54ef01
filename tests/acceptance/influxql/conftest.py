"""The plant's record behind the interface, asked without a network."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.dependencies import Dependencies
from tests.acceptance.influxql.plant import plant

Ask = Callable[..., Awaitable[dict[str, object]]]


@pytest.fixture
async def deps(tmp_path: Path) -> AsyncIterator[Dependencies]:
    with plant(tmp_path) as deps:
        await deps.feed.start()
        yield deps


@pytest.fixture
async def client(deps: Dependencies) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(deps))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def ask(client: httpx.AsyncClient) -> Ask:
    """The first result of a query."""

    async def first(q: str, **more: str) -> dict[str, object]:
        answer = await client.get("/influx/query", params={"db": "thermowell", "q": q, "epoch": "ms", **more})
        assert answer.status_code == 200, answer.text
        return answer.json()["results"][0]

    return first
