"""A TCP proxy before a server that can be broken as networks break: cut, silent, slow, half open.

Times are of the wall's clock. What is active at once adds up: a slow network may also be cut.
"""

import asyncio
import random
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

from simulators.faults.catalogue import CATALOGUE
from simulators.faults.kind import Domain
from simulators.faults.spec import FaultChange, FaultSpec
from simulators.servers.ports import own_port

KINDS: Final = frozenset(kind.kind for kind in CATALOGUE.values() if kind.domain is Domain.NETWORK)
"""The kinds of fault that a proxy knows."""

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 65_536
_SLICES_PER_S: Final = 20  # in which a limited rate is given out
_ON_THE_WAY_MOST: Final = 256  # chunks in one direction; then the sender has to wait
_CLOSE_WITHIN_S: Final = 5.0
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST


class Side(StrEnum):
    """One end of a connection."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Slowness:
    """What a slow network does to each direction: `delay_s` one way, and up to `jitter_s` more; `rate` in bytes/s."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate: float | None = None

    @property
    def chunk_bytes(self) -> int:
        """How much is taken at once, so that a limited rate flows and does not jerk."""
        return _CHUNK_BYTES if self.rate is None else max(1, min(_CHUNK_BYTES, round(self.rate / _SLICES_PER_S)))


NOT_SLOW: Final = Slowness()


class NetworkProxy:
    """Forwards a port on the loopback to a server's; `async with` opens and closes it. An `Outlet` of no values.

    `name` is the target of its faults: opcua or mqtt. `accepted` counts the connections, `bytes` what got through.
    """

    def __init__(self, name: str, target_port: int, port: int = 0, *, seed: int = 1) -> None:
        self.name = name
        self.port = port
        self.accepted = 0
        self.bytes = 0
        self.slowness = NOT_SLOW
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.random = random.Random(seed)  # noqa: S311 - jitter, repeatable
        self._target_port = target_port
        self._held: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._active: dict[str, FaultSpec] = {}

    async def __aenter__(self) -> Self:
        """Listen; OSError: the port is taken."""
        held = own_port(self.port)
        self.port = held.getsockname()[1]
        if hasattr(socket, "SO_REUSEPORT"):
            # Bound and never listening: while nobody listens the port refuses, and stays ours. We share it with the
            # socket that listens; without SO_REUSEADDR nobody else gets it, not even during a cut.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            self._held = held
        else:
            held.close()
        try:
            await self._listen()
        except OSError:
            held.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port and every connection."""
        self._refuse()
        self.drop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_WITHIN_S)
        if self._held is not None:
            self._held.close()

    async def fault(self, change: FaultChange) -> None:
        """Let a fault of this network begin or end; others are ignored."""
        spec = change.spec
        if spec.kind not in KINDS or spec.target != self.name or change.active == (spec.id in self._active):
            return
        if change.active:
            self._active[spec.id] = spec
        else:
            del self._active[spec.id]
        handlers: dict[str, Callable[[bool], Awaitable[None]]] = {
            "cut": self._cut,
            "blackhole": self._blackhole,
            "slow": self._slow,
            "half_open": self._half_open,
        }
        await handlers[spec.kind](change.active)

    async def cut(self, *, reset: bool = True) -> None:
        """Close every connection, by RST or (not `reset`) by FIN, and refuse new ones until `heal`."""
        self._refuse()
        self.drop(reset=reset)

    async def heal(self) -> None:
        """Take connections again after a cut."""
        await self._listen()

    def drop(self, *, reset: bool = True) -> None:
        """Close every connection once, by RST or by FIN."""
        for connection in list(self._connections):
            connection.close(reset=reset)

    def half_open(self, gone: Side = Side.SERVER) -> None:
        """Let one end of every connection be gone without a word: the other end believes that it stands, for good."""
        for connection in list(self._connections):
            connection.lose(gone)

    async def _cut(self, begins: bool) -> None:  # noqa: FBT001 - as every handler of a fault
        if begins:
            await self.cut()
        elif not self._any_of("cut"):
            await self.heal()

    async def _blackhole(self, begins: bool) -> None:  # noqa: ARG002, FBT001 - what is so now counts
        if self._any_of("blackhole"):
            self.flowing.clear()
        else:
            self.flowing.set()

    async def _slow(self, begins: bool) -> None:  # noqa: ARG002, FBT001 - as above
        specs = [spec for spec in self._active.values() if spec.kind == "slow"]
        rates = [rate for spec in specs if (rate := _number(spec, "rate"))]
        self.slowness = Slowness(
            sum(_number(spec, "delay") for spec in specs),
            sum(_number(spec, "jitter") for spec in specs),
            min(rates, default=None),
        )

    async def _half_open(self, begins: bool) -> None:  # noqa: FBT001 - as above
        if begins:
            self.half_open()
        else:
            for connection in list(self._connections):
                if connection.is_half_open:  # at last it is found to be so; newer ones were never concerned
                    connection.close(reset=True)

    def _any_of(self, kind: str) -> bool:
        return any(spec.kind == kind for spec in self._active.values())

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=_bound(self.port))
            self.port = self._server.sockets[0].getsockname()[1]

    def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client with the server until both ends are closed."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.accepted += 1
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            await connection.run(self._target_port)
        finally:
            self._connections.discard(connection)
            connection.close(reset=True)


class _Connection:
    """A client joined with the server."""

    def __init__(self, proxy: NetworkProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writers = {Side.CLIENT: writer}
        self._lost: set[Side] = set()
        self._closed = asyncio.Event()

    @property
    def is_half_open(self) -> bool:
        """Tell whether one end is gone and the other does not know."""
        return bool(self._lost)

    async def run(self, port: int) -> None:
        """Forward in both directions until the connection is closed."""
        try:
            answers, upstream = await asyncio.open_connection(_HOST, port)
        except OSError:
            return  # the server is away: the client sees its own connection closed
        self._writers[Side.SERVER] = upstream
        if self._closed.is_set():
            return
        ways = (
            asyncio.create_task(self._forward(self._reader, Side.CLIENT, Side.SERVER)),
            asyncio.create_task(self._forward(answers, Side.SERVER, Side.CLIENT)),
        )
        await self._closed.wait()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    def close(self, *, reset: bool) -> None:
        """Close both ends now."""
        self._closed.set()
        for writer in self._writers.values():
            if reset:
                _close_by_reset(writer)
            else:
                writer.close()

    def lose(self, side: Side) -> None:
        """Let one end be gone: it is closed there, and the other is not told."""
        self._lost.add(side)
        if side in self._writers:
            _close_by_reset(self._writers[side])

    async def _forward(self, reader: asyncio.StreamReader, source: Side, sink: Side) -> None:
        """Carry what comes from one end to the other; the first end that closes closes both, unless it is lost."""
        way = _Way(self._proxy, self._writers[sink])
        try:
            while chunk := await reader.read(self._proxy.slowness.chunk_bytes):
                if not self._lost:
                    await way.put(chunk)
            if not self._lost:
                await way.finish()
        except ConnectionError:
            pass  # one end has closed: so does the other
        finally:
            way.stop()
        if source not in self._lost:
            self.close(reset=False)


class _Way:
    """One direction: what is on the way arrives after the delay, in order, as fast as the rate lets it."""

    def __init__(self, proxy: NetworkProxy, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writer = writer
        self._on_the_way: deque[tuple[float, bytes]] = deque()
        self._carrier: asyncio.Task[None] | None = None
        self._due_s = 0.0

    async def put(self, chunk: bytes) -> None:
        """Send a chunk off; returns at once unless the network is full, silent or slow in bytes."""
        await self._proxy.flowing.wait()
        slowness = self._proxy.slowness
        if slowness == NOT_SLOW and self._carrier is None:
            await self._write(chunk)
            return
        if slowness.rate is not None:
            await asyncio.sleep(len(chunk) / slowness.rate)
        while len(self._on_the_way) >= _ON_THE_WAY_MOST and self._carrier is not None:
            await asyncio.wait((self._carrier,), timeout=slowness.delay_s / _SLICES_PER_S + 1e-3)
        now_s = asyncio.get_running_loop().time()
        delay_s = slowness.delay_s + self._proxy.random.uniform(0.0, slowness.jitter_s)
        self._due_s = max(self._due_s, now_s + delay_s)  # TCP keeps the order, whatever overtakes
        self._on_the_way.append((self._due_s, chunk))
        if self._carrier is None:
            self._carrier = asyncio.create_task(self._carry())

    async def finish(self) -> None:
        """Wait until everything has arrived, before the end of the stream does."""
        await self._proxy.flowing.wait()
        if self._carrier is not None:
            await self._carrier

    def stop(self) -> None:
        """Lose what is still on the way."""
        if self._carrier is not None:
            self._carrier.cancel()

    async def _carry(self) -> None:
        try:
            while self._on_the_way:
                due_s, chunk = self._on_the_way[0]
                await asyncio.sleep(due_s - asyncio.get_running_loop().time())
                await self._proxy.flowing.wait()
                await self._write(chunk)
                self._on_the_way.popleft()
        except ConnectionError:
            self._on_the_way.clear()
        finally:
            self._carrier = None

    async def _write(self, chunk: bytes) -> None:
        self._writer.write(chunk)
        await self._writer.drain()
        self._proxy.bytes += len(chunk)


def _bound(port: int) -> socket.socket:
    """A socket on a port that this process holds already and shares with it, not listening yet."""
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((_HOST, port))
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def _close_by_reset(writer: asyncio.StreamWriter) -> None:
    handle = writer.get_extra_info("socket")
    if handle is not None and not writer.transport.is_closing():
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _number(spec: FaultSpec, name: str) -> float:
    """A setting of a fault, or its kind's default; 0 where there is none."""
    value = CATALOGUE[spec.kind].value(spec.settings, name)
    return float(value) if value is not None else 0.0
