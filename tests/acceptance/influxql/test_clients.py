"""Clients that others wrote: PyPI's `influxdb` and Debian's `influx` shell, over a real socket."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

from api.app import create_app
from api.dependencies import Dependencies
from api.serve import serve
from tests.acceptance.influxql.plant import SITE, START_NS, TOKEN
from tests.patience import LIMIT_S

_COUNT = f'SELECT count(value) FROM "{SITE}" WHERE "tag" = \'T7 level, raw\''


class AtTheRoot:
    """The interface as behind a proxy that puts `/influx` before each path: Debian's shell knows no prefix."""

    def __init__(self, app) -> None:  # type: ignore[no-untyped-def]
        self._app, self.state = app, app.state

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if scope["type"] == "http":
            scope = {**scope, "path": f"/influx{scope['path']}", "raw_path": b"/influx" + scope["raw_path"]}
        await self._app(scope, receive, send)


@asynccontextmanager
async def served(deps: Dependencies, *, at_the_root: bool = False) -> AsyncIterator[int]:
    app = AtTheRoot(create_app(deps)) if at_the_root else create_app(deps)
    listening = socket.create_server(("127.0.0.1", 0))
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(app, "", 0, sockets=[listening], stop=stop, started=started))
    async with asyncio.timeout(LIMIT_S):
        await started.wait()
    yield listening.getsockname()[1]
    stop.set()
    async with asyncio.timeout(LIMIT_S):
        await serving


def _a_client(port: int, password: str = TOKEN) -> InfluxDBClient:
    return InfluxDBClient("127.0.0.1", port, "ada", password, "thermowell", path="influx", timeout=LIMIT_S, retries=1)


async def test_the_python_client_asks_what_it_can(deps: Dependencies) -> None:
    async with served(deps) as port:
        client = _a_client(port)

        def asked() -> tuple[object, ...]:
            rows = list(client.query(_COUNT + ' GROUP BY "tag"', epoch="ns").get_points(tags={"tag": "T7 level, raw"}))
            chunked = client.query(f'SELECT status FROM "{SITE}"', epoch="ns", chunked=True, chunk_size=200)
            bound = client.query(
                f'SELECT first(value) FROM "{SITE}" WHERE "tag" = $tag', bind_params={"tag": "R1.TT"}, epoch="ns"
            )
            return (
                client.ping(),
                client.get_list_database(),
                client.get_list_retention_policies(),
                client.get_list_measurements(),
                rows[0]["count"],
                sum(1 for result in chunked for _ in result.get_points()),
                next(bound.get_points())["time"],
            )

        version, databases, policies, measurements, count, chunked, first = await asyncio.to_thread(asked)
        client.close()

    assert version == "thermowell-0.1.0"
    assert databases == [{"name": "thermowell"}]
    assert policies[0]["name"] == "autogen"
    assert measurements == [{"name": SITE}]
    assert (count, chunked, first) == (36, 1526, START_NS)


async def test_the_python_client_hears_what_is_wrong(deps: Dependencies) -> None:
    async with served(deps) as port:
        client, stranger = _a_client(port), _a_client(port, "of-nobody")

        def refused(by: InfluxDBClient, query: str) -> tuple[int | None, str]:
            with pytest.raises(InfluxDBClientError) as told:
                by.query(query, method="POST")
            return told.value.code, str(told.value)

        dropped = await asyncio.to_thread(refused, client, "DROP DATABASE plant")
        unknown = await asyncio.to_thread(refused, stranger, _COUNT)
        client.close()
        stranger.close()

    assert dropped[0] == 400
    assert "DROP DATABASE is not answered" in dropped[1]
    assert unknown[0] == 401


@pytest.mark.skipif(
    shutil.which("influx") is None, reason="Debian's influxdb-client is not installed: its shell is not tried"
)
async def test_the_influx_shell_shows_a_table(deps: Dependencies) -> None:
    async with served(deps, at_the_root=True) as port:
        shell = await asyncio.create_subprocess_exec(
            "influx", "-host", "127.0.0.1", "-port", str(port), "-database", "thermowell",
            "-precision", "ns", "-format", "json", "-execute", f'{_COUNT}; SHOW TAG VALUES WITH KEY = "unit"',
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(LIMIT_S):
            out, err = await shell.communicate()

    assert (shell.returncode, err) == (0, b"")
    results = json.loads(out)["results"]
    assert results[0]["series"][0]["values"] == [[0, 36]]
    assert results[1]["series"][0]["values"] == [["unit", "R 2"], ["unit", "R1"]]
