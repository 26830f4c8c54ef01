"""A real asyncua server of consecutive counters, a sink that remembers, and the judgement: once, or inside a gap."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Server, ua
from asyncua.server.user_managers import UserManager

from collector.opcua.settings import OpcUaSettings
from collector.opcua.source import OpcUaSource
from domain.entries import Entry, Gap, SourceState, TagDefined, TextBatch
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from simulators.servers.opcua_internal import PromptInternalServer
from tests.patience import LIMIT_S

URI = "urn:test:counters"
PUBLISHING_NS = 100_000_000
SECOND_NS = 1_000_000_000


class WallClock:
    """The wall's clock."""

    simulated = False
    speed = 1.0

    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep_until(self, when_ns: int) -> None:
        await asyncio.sleep(max(0, when_ns - time.time_ns()) / SECOND_NS)


class CounterServer:
    """Nodes C0…, each counting up; `truth` has every value that was given to a node, with its time."""

    def __init__(self, port: int, tags: int = 5, every_s: float = 0.02, before: Sequence[str] = ()) -> None:
        self.port, self.tags, self.every_s, self.before = port, tags, every_s, before
        self.truth: list[tuple[int, float, int]] = []
        self.value = 0
        self.policies = [ua.SecurityPolicyType.NoSecurity]
        self.users: UserManager | None = None
        self.certificate: tuple[Path, Path] | None = None
        self.server: Server | None = None
        self.index = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CounterServer"]:
        """Serve and count; the namespaces `before` come before the counters' own."""
        server = self.server = Server(PromptInternalServer(self.users))
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}/")
        server.set_security_policy(self.policies)
        if self.certificate is not None:
            await server.load_certificate(str(self.certificate[0]))
            await server.load_private_key(str(self.certificate[1]))
        for uri in self.before:
            await server.register_namespace(uri)
        self.index = await server.register_namespace(URI)
        nodes = [await self.add(f"C{tag}", 0.0) for tag in range(self.tags)]
        async with server:
            counting = asyncio.create_task(self._count(nodes))
            try:
                yield self
            finally:
                counting.cancel()
                await asyncio.gather(counting, return_exceptions=True)

    async def add(self, name: str, value: object) -> ua.NodeId:
        """One more node in the counters' namespace."""
        assert self.server is not None
        node = await self.server.nodes.objects.add_variable(ua.NodeId(name, self.index), name, value)
        return node.nodeid

    async def write(self, node: ua.NodeId, value: object) -> None:
        assert self.server is not None
        await self.server.write_attribute_value(node, ua.DataValue(ua.Variant(value)))

    async def _count(self, nodes: list[ua.NodeId]) -> None:
        assert self.server is not None
        while True:
            self.value += 1
            now_ns = time.time_ns() // 1000 * 1000
            stamp = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).replace(microsecond=now_ns // 1000 % 10**6)
            for tag, node in enumerate(nodes):
                value = ua.DataValue(ua.Variant(float(self.value), ua.VariantType.Double), SourceTimestamp=stamp)
                await self.server.write_attribute_value(node, value)
                self.truth.append((tag, float(self.value), now_ns))
            await asyncio.sleep(self.every_s)


def counter_tags(count: int, address: str = f"nsu={URI};s=C%d") -> list[Tag]:
    return [Tag(TagId(i), f"uuid-{i}", 1, f"C{i}", "plant", address % i) for i in range(count)]


def settings(port: int, **changed: object) -> OpcUaSettings:
    given: dict[str, object] = {
        "name": "plant",
        "url": f"opc.tcp://127.0.0.1:{port}/",
        "publishing_interval_ns": PUBLISHING_NS,
        "keep_alive_s": 0.3,
        "step_s": 2.0,
        **changed,
    }
    return OpcUaSettings(**given)


class Sink:
    """Takes deliveries, acknowledges each as durable, and keeps what they held."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.received = 0
        self.state: str | None = None

    @asynccontextmanager
    async def collecting(self, source: OpcUaSource) -> AsyncIterator["Sink"]:
        async def collect() -> None:
            async for delivery in source.deliveries():
                for entry in delivery.entries:
                    if isinstance(entry, SourceState):
                        self.state = entry.state
                    else:
                        self.entries.append(entry)
                self.received += delivery.received
                delivery.acknowledge()

        task = asyncio.create_task(collect())
        try:
            yield self
        finally:
            assert not task.done(), task.exception()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[["Sink"], object], limit_s: float = LIMIT_S) -> None:
        """Wait until something is so; fails after the limit."""
        async with asyncio.timeout(limit_s):
            while not condition(self):  # noqa: ASYNC110  # the condition is the test's
                await asyncio.sleep(0.02)

    def rows(self) -> list[tuple[int, float, int, int]]:
        """(tag, value, time, status) of every number, in the order of arrival."""
        found: list[tuple[int, float, int, int]] = []
        for entry in self.entries:
            if isinstance(entry, SampleBatch):
                columns = (entry.tag, entry.value, entry.time_ns, entry.status)
                found += zip(*(column.tolist() for column in columns), strict=True)
        return found

    def values(self, tag: int) -> list[float]:
        return [value for one, value, _, _ in self.rows() if one == tag]

    def texts(self) -> list[tuple[int, str | None]]:
        found: list[tuple[int, str | None]] = []
        for entry in self.entries:
            if isinstance(entry, TextBatch):
                found += zip(entry.tag, entry.value, strict=True)
        return found

    def gaps(self) -> list[Gap]:
        """Each gap as last written, without those that were withdrawn."""
        newest = {entry.id: entry for entry in self.entries if isinstance(entry, Gap)}
        return [gap for gap in newest.values() if gap.end_ns != gap.start_ns]

    def defined(self) -> list[Tag]:
        return [entry.tag for entry in self.entries if isinstance(entry, TagDefined)]


def judge(truth: Sequence[tuple[int, float, int]], sink: Sink) -> dict[str, list[object]]:
    """What is wrong: values that are neither there nor inside a gap, and rows that are there twice."""
    rows = Counter(sink.rows())
    there = {(tag, value) for tag, value, _, _ in rows}
    times = [time_ns for tag, value, time_ns in truth if (tag, value) in there]
    first_ns, last_ns = min(times), max(times)
    gaps = sink.gaps()
    lost = [
        (tag, value, time_ns)
        for tag, value, time_ns in truth
        if first_ns <= time_ns <= last_ns
        and (tag, value) not in there
        and not any(_covers(gap, tag, time_ns) for gap in gaps)
    ]
    return {"lost": lost, "doubled": [row for row, count in rows.items() if count > 1]}


def _covers(gap: Gap, tag: int, time_ns: int) -> bool:
    mine = gap.tag is None or gap.tag == tag
    return mine and gap.start_ns <= time_ns and (gap.end_ns is None or time_ns <= gap.end_ns)
