"""The proxy's bad days, over real sockets: what a client sees of each, and that it ends."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulators.servers.network import NetworkProxy, Side
from tests.acceptance.simulators.opcua_client import change
from tests.patience import LIMIT_S


class Echo:
    """A server that sends back what it gets, and counts it."""

    def __init__(self) -> None:
        self.bytes = 0
        self.open = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while chunk := await reader.read(65536):
                self.bytes += len(chunk)
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def network() -> AsyncIterator[tuple[NetworkProxy, Echo]]:
    echo = Echo()
    server = await asyncio.start_server(echo.converse, "127.0.0.1", 0)
    async with server, NetworkProxy("opcua", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy, echo


class Peer:
    """A client of the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: NetworkProxy) -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def echoes(self, text: bytes) -> bool:
        """Send, and tell whether the same comes back."""
        self.writer.write(text)
        async with asyncio.timeout(LIMIT_S):
            return await self.reader.readexactly(len(text)) == text

    async def hears_nothing(self, for_s: float = 0.2) -> bool:
        try:
            async with asyncio.timeout(for_s):
                return await self.reader.read(1) is None
        except TimeoutError:
            return True

    async def end(self) -> str:
        """How the connection ends: reset or closed."""
        try:
            async with asyncio.timeout(LIMIT_S):
                return "closed" if await self.reader.read() == b"" else "data"
        except ConnectionResetError:
            return "reset"

    def close(self) -> None:
        self.writer.close()


async def test_a_healthy_network_carries_everything():
    async with network() as (proxy, _):
        peer = await Peer.of(proxy)
        whole = await peer.echoes(bytes(range(256)) * 4000)
        peer.close()

    assert whole
    assert proxy.bytes == 2 * 256 * 4000


@pytest.mark.parametrize(("reset", "end"), [(True, "reset"), (False, "closed")])
async def test_a_cut_ends_connections_and_refuses_new_ones_until_it_heals(reset: bool, end: str):
    async with network() as (proxy, _):
        peer = await Peer.of(proxy)
        await peer.echoes(b"before")
        await proxy.cut(reset=reset)
        seen = await peer.end()
        with pytest.raises(ConnectionRefusedError):
            await Peer.of(proxy)
        await proxy.heal()
        again = await Peer.of(proxy)
        healed = await again.echoes(b"after")
        peer.close()
        again.close()

    assert (seen, healed) == (end, True)


async def test_two_cuts_at_once_are_over_when_both_are():
    async with network() as (proxy, _):
        await proxy.fault(change("cut", id="first"))
        await proxy.fault(change("cut", id="second"))
        await proxy.fault(change("cut", id="first", active=False))
        with pytest.raises(ConnectionRefusedError):
            await Peer.of(proxy)
        await proxy.fault(change("cut", id="second", active=False))
        peer = await Peer.of(proxy)
        healed = await peer.echoes(b"after")
        peer.close()

    assert healed


async def test_the_port_stays_ours_while_the_network_is_cut():
    async with network() as (proxy, _):
        await proxy.cut()
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", proxy.port))


async def test_a_blackhole_takes_connections_and_delivers_nothing_until_it_ends():
    async with network() as (proxy, echo):
        old = await Peer.of(proxy)
        await old.echoes(b"before")
        await proxy.fault(change("blackhole"))
        new = await Peer.of(proxy)
        for peer in (old, new):
            peer.writer.write(b"lost?")
        silent = [await peer.hears_nothing() for peer in (old, new)]
        got = echo.bytes
        await proxy.fault(change("blackhole", active=False))
        async with asyncio.timeout(LIMIT_S):
            late = [await peer.reader.readexactly(5) for peer in (old, new)]
        old.close()
        new.close()

    assert silent == [True, True]
    assert got == len(b"before")
    assert late == [b"lost?", b"lost?"]


async def test_nobody_is_told_of_an_end_during_a_blackhole():
    async with network() as (proxy, echo):
        peer = await Peer.of(proxy)
        await peer.echoes(b"before")
        await proxy.fault(change("blackhole"))
        peer.close()
        await asyncio.sleep(0.2)
        open_meanwhile = echo.open
        await proxy.fault(change("blackhole", active=False))
        async with asyncio.timeout(LIMIT_S):
            while echo.open:  # noqa: ASYNC110 - the server's own state
                await asyncio.sleep(0.01)

    assert open_meanwhile == 1


async def test_a_slow_network_delays_each_way_and_keeps_the_order():
    async with network() as (proxy, _):
        peer = await Peer.of(proxy)
        await proxy.fault(change("slow", delay=0.1, jitter=0.05))
        started_s = time.monotonic()
        for number in range(20):
            peer.writer.write(bytes([number]))
            await asyncio.sleep(0.002)
        async with asyncio.timeout(LIMIT_S):
            came = await peer.reader.readexactly(20)
        took_s = time.monotonic() - started_s
        await proxy.fault(change("slow", active=False))
        fast = await peer.echoes(b"fast again")
        peer.close()

    assert came == bytes(range(20))
    assert took_s >= 0.2
    assert fast


async def test_a_slow_network_lets_only_so_many_bytes_through():
    async with network() as (proxy, _):
        peer = await Peer.of(proxy)
        await proxy.fault(change("slow", delay=0.0, rate=20_000.0))
        started_s = time.monotonic()
        whole = await peer.echoes(bytes(10_000))
        took_s = time.monotonic() - started_s
        peer.close()

    assert whole
    assert took_s >= 0.5


@pytest.mark.parametrize("gone", list(Side))
async def test_one_end_is_gone_and_the_other_believes_that_the_connection_stands(gone: Side):
    async with network() as (proxy, echo):
        old = await Peer.of(proxy)
        await old.echoes(b"before")
        proxy.half_open(gone)
        if gone is Side.SERVER:
            old.writer.write(b"anybody?")
            believes = await old.hears_nothing()
        else:
            believes = await old.end() == "reset" and echo.open == 1
        new = await Peer.of(proxy)
        works = await new.echoes(b"a new one")
        old.close()
        new.close()

    assert believes
    assert works


async def test_what_was_half_open_is_reset_when_the_fault_ends_and_newer_connections_live_on():
    async with network() as (proxy, _):
        old = await Peer.of(proxy)
        await old.echoes(b"before")
        await proxy.fault(change("half_open"))
        new = await Peer.of(proxy)
        await new.echoes(b"a new one")
        await proxy.fault(change("half_open", active=False))
        seen = await old.end()
        lives = await new.echoes(b"still there")
        old.close()
        new.close()

    assert (seen, lives) == ("reset", True)


async def test_a_server_that_is_away_ends_the_connection():
    async with network() as (proxy, _):
        proxy._target_port = 1  # nobody listens there
        peer = await Peer.of(proxy)
        seen = await peer.end()
        peer.close()

    assert seen in ("closed", "reset")


async def test_faults_of_the_other_server_and_of_other_kinds_are_ignored():
    async with network() as (proxy, _):
        peer = await Peer.of(proxy)
        await proxy.fault(change("cut", target="mqtt"))
        await proxy.fault(change("server_restart"))
        lives = await peer.echoes(b"still there")
        peer.close()

    assert lives


async def test_a_port_has_one_proxy_also_while_its_network_is_cut():
    async with network() as (proxy, _):
        another = NetworkProxy("opcua", 1, proxy.port)
        with pytest.raises(OSError, match=f"^port {proxy.port} is taken$"):
            await another.__aenter__()
        await proxy.cut()
        with pytest.raises(OSError, match=f"^port {proxy.port} is taken$"):
            await another.__aenter__()
        await proxy.heal()
        peer = await Peer.of(proxy)
        healed = await peer.echoes(b"still ours")
        peer.close()

    assert healed


async def test_the_port_of_a_proxy_that_was_used_is_free_at_once():
    async with network() as (proxy, _):
        peer = await Peer.of(proxy)
        await peer.echoes(b"before")
        proxy.drop(reset=False)
        await peer.end()
        peer.close()
    async with NetworkProxy("opcua", 1, proxy.port) as second:
        assert second.port == proxy.port
