"""The interface as others reach it: over a real socket, with streams that last and answers that are long."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.serve import serve
from domain.ports import Rows
from domain.time import SECOND_NS
from tests.patience import LIMIT_S
from tests.unit.api.conftest import NOW_NS, World, a_world

ROWS = 1_500_000


class Long:
    """A `HistoryReader` with a row every second, made up as they are asked for."""

    def read(self, tag, start_ns, end_ns, *, as_of=None, versions=False, limit=None) -> Rows:  # type: ignore[no-untyped-def]
        first, past = max(-(-start_ns // SECOND_NS), 0), min(-(-end_ns // SECOND_NS), ROWS)
        past = max(past, first)
        cut = None
        if limit is not None and past - first > limit:
            past = first + limit
            cut = past * SECOND_NS
        times = np.arange(first, past, dtype=np.int64) * SECOND_NS
        zeros = np.zeros(len(times))
        return Rows(times, times / 1e10, zeros.astype(np.uint32), zeros.astype(np.int64), zeros.astype(np.int32), cut)

    def latest(self, tags=None):  # type: ignore[no-untyped-def]
        raise NotImplementedError


@asynccontextmanager
async def served(world: World) -> AsyncIterator[httpx.AsyncClient]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop, started = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(create_app(world.deps), "", 0, sockets=[listening], stop=stop, started=started))
    async with asyncio.timeout(LIMIT_S):
        await started.wait()
    async with httpx.AsyncClient(base_url=url, timeout=LIMIT_S) as client:
        yield client
        stop.set()
        async with asyncio.timeout(LIMIT_S):
            await serving


async def hear(lines: AsyncIterator[str], event: str) -> tuple[str | None, dict[str, object]]:
    """The next event of a name: its id and what it tells."""
    name, id_ = "", None
    async with asyncio.timeout(LIMIT_S):
        async for line in lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name, id_ = value, None
            elif field == "id":
                id_ = value
            elif field == "data" and name == event:
                return id_, dict(json.loads(value))
    raise AssertionError("the stream ended")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.01)


async def followed(world: World) -> None:
    await until(lambda: len(world.feed.tags) > 0)


async def test_a_commit_reaches_a_browser_and_a_reconnect_goes_on_where_it_broke() -> None:
    world = a_world()
    async with served(world) as client:
        await followed(world)
        async with client.stream("GET", "/v1/stream", params={"tags": "R101.TT"}) as stream:
            lines = stream.aiter_lines()
            await hear(lines, "heartbeat")
            world.rows(0, [NOW_NS], [1.0])
            world.feed.woken.set()
            id_, first = await hear(lines, "samples")
        world.rows(0, [NOW_NS + 1], [2.0])
        world.feed.woken.set()
        headers = {"Last-Event-ID": str(id_)}
        async with client.stream("GET", "/v1/stream", params={"tags": "R101.TT"}, headers=headers) as stream:
            _, second = await hear(stream.aiter_lines(), "samples")

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert [first["value"], second["value"]] == [[1.0], [2.0]]


async def test_stopping_does_not_wait_for_those_who_listen() -> None:
    world = a_world()
    async with served(world) as client:
        await followed(world)
        streams = [client.stream("GET", "/v1/stream") for _ in range(3)]
        all_lines = [(await stream.__aenter__()).aiter_lines() for stream in streams]
        for lines in all_lines:
            await hear(lines, "heartbeat")
        listening = world.feed.clients

    # `served` waits for the end of the server, within a limit.
    for stream in streams:
        await stream.__aexit__(None, None, None)
    assert listening == 3


async def test_a_client_that_leaves_is_forgotten() -> None:
    world = a_world()
    async with served(world) as client:
        await followed(world)
        async with client.stream("GET", "/v1/stream") as stream:
            await hear(stream.aiter_lines(), "heartbeat")
        await until(lambda: world.feed.clients == 0)

    assert world.feed.clients == 0


async def test_a_long_answer_is_whole_and_holds_nobody_up() -> None:
    world = a_world(history=Long())
    async with served(world) as client:
        await followed(world)
        params = {"tag": "R101.TT", "start": 0, "end": ROWS * SECOND_NS, "limit": ROWS}
        long = asyncio.create_task(client.get("/v1/samples", params=params))
        beats = 0
        async with client.stream("GET", "/v1/stream") as stream:
            lines = stream.aiter_lines()
            await hear(lines, "heartbeat")
            while not long.done():
                world.rows(0, [NOW_NS + beats], [1.0])
                world.feed.woken.set()
                await hear(lines, "samples")
                short = await client.get("/v1/samples", params={**params, "limit": 5})
                assert len(short.json()["value"]) == 5
                beats += 1
        told = json.loads((await long).content)

    assert beats > 2
    assert (told["count"], told["cut"], len(told["value"]), len(told["status"])) == (ROWS, False, ROWS, ROWS)
    assert told["time_ns"][-1] == (ROWS - 1) * SECOND_NS


async def test_a_record_that_breaks_in_the_middle_breaks_the_answer_too() -> None:
    class Breaking(Long):
        def read(self, tag, start_ns, end_ns, **more) -> Rows:  # type: ignore[no-untyped-def]
            if start_ns > 100_000 * SECOND_NS:
                raise OSError("disk gone")
            return super().read(tag, start_ns, end_ns, **more)

    world = a_world(history=Breaking())
    async with served(world) as client:
        await followed(world)
        params = {"tag": "R101.TT", "start": 0, "end": ROWS * SECOND_NS, "limit": ROWS}

        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/v1/samples", params=params)


async def test_a_taken_port_is_an_error_that_can_be_handled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(create_app(a_world().deps), "127.0.0.1", taken.getsockname()[1])
