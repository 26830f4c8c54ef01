"""Clients that send or read too slowly, or too many at once: over real sockets. `docs/security.md` lists them."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from api.connection import Connection, Patience
from domain.time import SECOND_NS
from tests.acceptance.api.test_the_served_interface import ROWS, Long, followed, hear, served, until
from tests.patience import LIMIT_S
from tests.unit.api.conftest import World, a_world

HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
STREAM = b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Wire:
    """A connection written by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def status(self) -> int:
        """Of the answer that comes."""
        async with asyncio.timeout(LIMIT_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def rest(self) -> bytes:
        """What else came until the other side ended it, in whichever way."""
        told = b""
        async with asyncio.timeout(LIMIT_S):
            try:
                while piece := await self.reader.read(65_536):
                    told += piece
            except ConnectionError:
                pass
        return told

    def reset(self) -> None:
        """Be gone without a word."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()


@asynccontextmanager
async def wires(client: httpx.AsyncClient, count: int, begun: bytes = b"") -> AsyncIterator[list[Wire]]:
    """Connections that are open at the same time; each has sent what is begun."""
    url = client.base_url
    made = [Wire(*await asyncio.open_connection(url.host, url.port)) for _ in range(count)]
    for wire in made:
        wire.writer.write(begun)
    try:
        yield made
    finally:
        for wire in made:
            wire.writer.close()


async def connections(client: httpx.AsyncClient) -> int:
    """How many the server has; one is that by which it is asked."""
    told = (await client.get("/metrics")).text
    return int(
        float(next(line for line in told.splitlines() if line.startswith("thermowell_web_connections ")).split()[1])
    )


@pytest.fixture
def world() -> World:
    return a_world()


async def test_a_burst_of_streams_gets_no_more_than_its_share_and_gives_every_place_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.live.MOST_OF_ONE", 3)
    async with served(world) as client:
        await followed(world)
        async with wires(client, 20, STREAM) as burst:
            told = sorted([await wire.status() for wire in burst])
            listening = world.feed.clients
        await until(lambda: world.feed.clients == 0)
        async with wires(client, 20, STREAM) as gone:
            for wire in gone:
                wire.reset()
        again: list[int] = []
        async with asyncio.timeout(LIMIT_S):
            while again != [200] * 3:  # some of those who are gone may be looked at only now
                async with wires(client, 3, STREAM) as later:
                    again = [await wire.status() for wire in later]

    assert (told, listening) == ([200] * 3 + [429] * 17, 3)


@pytest.mark.parametrize(
    ("patience", "begun", "answer"),
    [
        (Patience(begin_s=0.1), b"", b""),
        (Patience(head_s=0.1), b"GET / HTTP/1.1\r\nHost: loc", b"HTTP/1.1 408 "),
        (
            Patience(body_s=0.1),
            b'POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"',
            b"",
        ),
    ],
    ids=["nothing", "half a head", "half a body"],
)
async def test_a_request_that_does_not_come_ends_its_connection(
    world: World, monkeypatch: pytest.MonkeyPatch, patience: Patience, begun: bytes, answer: bytes
) -> None:
    monkeypatch.setattr(Connection, "patience", patience)
    async with served(world) as client, wires(client, 3, begun) as slow:
        told = [await wire.rest() for wire in slow]

    assert all(each.startswith(answer) for each in told)
    assert all(bool(each) is bool(answer) for each in told)


async def test_a_head_that_dribbles_wins_no_time_by_that(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "patience", Patience(head_s=1))
    async with served(world) as client, wires(client, 1, HEALTHY + HEALTHY[:9]) as (slow,):
        whole = await slow.status()
        ended = asyncio.create_task(slow.rest())
        while not ended.done():
            slow.writer.write(b"x")
            await asyncio.sleep(0.05)
        told = await ended

    assert whole == 200
    assert b"HTTP/1.1 408 " in told


async def test_who_does_not_read_a_long_answer_loses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world(history=Long())
    monkeypatch.setattr(Connection, "patience", Patience(read_s=0.5))
    async with served(world) as client:
        await followed(world)
        path = f"/v1/samples?tag=R101.TT&start=0&end={ROWS * SECOND_NS}&limit={ROWS}"
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as deaf:
            deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            async with asyncio.timeout(LIMIT_S):
                while await connections(client) < 2:
                    pass
                while await connections(client) > 1:
                    pass


async def test_streams_and_idle_connections_go_on_for_longer_than_a_request_may_take(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "patience", Patience(head_s=0.05, body_s=0.05, read_s=0.05))
    async with served(world) as client, wires(client, 1, HEALTHY) as (idle,):
        await followed(world)
        await idle.reader.readuntil(b"\r\n\r\n")
        async with client.stream("GET", "/v1/stream") as stream:
            lines = stream.aiter_lines()
            for _ in range(2):
                await hear(lines, "heartbeat")
        await idle.reader.read(65_536)
        idle.writer.write(HEALTHY)
        again = await idle.status()

    assert again == 200


async def test_when_every_place_is_taken_the_slowest_makes_room_and_streams_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.connection.MOST_CONNECTIONS", 5)
    monkeypatch.setattr(Connection, "patience", Patience(head_s=LIMIT_S))
    async with served(world) as client:
        await followed(world)
        async with client.stream("GET", "/v1/stream") as stream:
            lines = stream.aiter_lines()
            await hear(lines, "heartbeat")
            async with wires(client, 12, b"GET / HT"):
                healthy = await client.get("/-/healthy")
                held = await connections(client)
                await hear(lines, "heartbeat")

    assert healthy.status_code == 200
    assert held == 5
