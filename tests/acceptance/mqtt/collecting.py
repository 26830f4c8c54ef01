"""A source that runs in the test's loop; what it delivers is kept, and acknowledged unless the test holds it back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import numpy as np

from collector.mqtt.routes import Route
from collector.mqtt.settings import MqttSettings
from collector.mqtt.source import MqttSource
from domain.entries import Gap, Quarantined, SourceState, TextBatch
from domain.ports import Delivery
from domain.samples import SampleBatch
from domain.tags import Tag
from tests.patience import LIMIT_S

ROUTES = (
    Route(0, "plant/a", "/v", "/t", "ms"),
    Route(1, "plant/b", "/v", "/t", "ms"),
    Route(2, "plant/bare", ""),
)


class WallClock:
    simulated = False
    speed = 1.0

    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep_until(self, when_ns: int) -> None:
        await asyncio.sleep(max(0, when_ns - time.time_ns()) / 1e9)


class Collecting:
    """Everything delivered so far. `holds` keeps deliveries unacknowledged in `held`."""

    def __init__(self, source: MqttSource) -> None:
        self.source = source
        self.deliveries: list[Delivery] = []
        self.held: list[Delivery] = []
        self.holds = False
        self.asks = asyncio.Event()
        self.asks.set()

    async def run(self) -> None:
        async with contextlib.aclosing(self.source.deliveries()) as deliveries:
            async for delivery in deliveries:
                self.deliveries.append(delivery)
                if self.holds and delivery.received:
                    self.held.append(delivery)
                else:
                    delivery.acknowledge()
                await self.asks.wait()

    def acknowledge_held(self) -> None:
        for delivery in self.held:
            delivery.acknowledge()
        self.held.clear()

    def entries(self, kind: type) -> list:
        return [entry for delivery in self.deliveries for entry in delivery.entries if isinstance(entry, kind)]

    def rows(self, tag: int | None = None) -> list[tuple[int, int, float, int]]:
        return [
            row
            for batch in self.entries(SampleBatch)
            for row in zip(*(c.tolist() for c in (batch.tag, batch.time_ns, batch.value, batch.status)), strict=True)
            if tag is None or row[0] == tag
        ]

    def values(self, tag: int | None = None) -> list[float]:
        return [row[2] for row in self.rows(tag)]

    def texts(self) -> list[str | None]:
        return [value for batch in self.entries(TextBatch) for value in batch.value]

    def gaps(self) -> list[Gap]:
        return list({gap.id: gap for gap in self.entries(Gap)}.values())

    def quarantined(self) -> list[Quarantined]:
        return self.entries(Quarantined)

    @property
    def state(self) -> str | None:
        states = self.entries(SourceState)
        return states[-1].state if states else None

    @property
    def counts_add_up(self) -> bool:
        received = sum(delivery.received for delivery in self.deliveries)
        redelivered = sum(delivery.redelivered for delivery in self.deliveries)
        return received == len(self.rows()) + len(self.texts()) + sum(q.count for q in self.quarantined()) + redelivered

    def beat(self):
        return self.source.heartbeat(time.time_ns())

    async def until(self, true: Callable[[], object], longest_s: float = LIMIT_S) -> None:
        until_s = time.monotonic() + longest_s
        while not true():
            if time.monotonic() > until_s:
                raise AssertionError(f"not within {longest_s} s; {self.beat()}, {len(self.rows())} rows, {self.gaps()}")
            await asyncio.sleep(0.01)

    async def until_subscribed(self, longest_s: float = LIMIT_S) -> None:
        await self.until(lambda: self.beat().connected, longest_s)


def settings(port: int, **changes) -> MqttSettings:
    plain = {"name": "floor", "host": "127.0.0.1", "client_id": "thermowell-test", "topics": ("plant/#",), "port": port}
    return MqttSettings(**{**plain, **changes})


@contextlib.asynccontextmanager
async def collecting(
    port: int, state: str | None = None, routes: tuple[Route, ...] = ROUTES, tags: tuple[Tag, ...] = (), **changes
) -> AsyncIterator[Collecting]:
    collected = Collecting(MqttSource(settings(port, **changes), tags, routes, WallClock(), state))
    task = asyncio.create_task(collected.run())
    try:
        yield collected
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def point(value: float, time_ms: int | None = None) -> str:
    return f'{{"t":{1_750_000_000_000 + int(value) if time_ms is None else time_ms},"v":{value}}}'


def is_nan(value: float) -> bool:
    return bool(np.isnan(value))
