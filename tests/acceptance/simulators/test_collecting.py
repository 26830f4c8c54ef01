"""Our own collector against the bench's server: what each fault does to what is collected, and that it recovers."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from collector.opcua.settings import Security as CollectorSecurity
from collector.opcua.source import OpcUaSource
from domain.entries import GapCause
from domain.status import BAD, OVERFLOW, SEVERITY
from domain.tags import Tag, TagId
from domain.time import SECOND_NS
from simulators.servers.network import NetworkProxy
from simulators.servers.opcua import NAMESPACE, OpcUaServer, Security, Update
from tests.acceptance.opcua.plant import Sink, WallClock, judge, settings
from tests.acceptance.simulators.opcua_client import SPECS, change
from tests.patience import LIMIT_S
from tests.ports import free_port

NAMES = ("R101.TT", "R101.PT")
TAGS = [Tag(TagId(i), f"uuid-{i}", 1, name, "plant", f"nsu={NAMESPACE};s={name}") for i, name in enumerate(NAMES)]


class Plant:
    """A server whose numbers count up, behind a proxy; `truth` is everything that was published."""

    def __init__(self, server: OpcUaServer, network: NetworkProxy) -> None:
        self.server, self.network = server, network
        self.truth: list[tuple[int, float, int]] = []
        self.value = 0

    async def count(self) -> None:
        while True:
            self.value += 1
            now_ns = time.time_ns() // 1000 * 1000
            for tag, name in enumerate(NAMES):
                await self.server.write([Update(name, float(self.value), now_ns)])
                self.truth.append((tag, float(self.value), now_ns))
            await asyncio.sleep(0.02)


@asynccontextmanager
async def plant(security: Security | None = None) -> AsyncIterator[Plant]:
    async with OpcUaServer(free_port(), SPECS, security) as server, NetworkProxy("opcua", server.port) as network:
        one = Plant(server, network)
        counting = asyncio.create_task(one.count())
        try:
            yield one
        finally:
            assert not counting.done(), counting.exception()
            counting.cancel()
            with suppress(asyncio.CancelledError):
                await counting


async def fresh(sink: Sink, one: Plant, limit_s: float = LIMIT_S) -> None:
    """Wait until both tags have values that are published from now on."""
    value = one.value
    await sink.until(lambda sink: all(tag_values(sink, tag)[-1:] > [value] for tag in (0, 1)), limit_s)


def tag_values(sink: Sink, tag: int) -> list[float]:
    return [value for one, value, _, status in sink.rows() if one == tag and status & SEVERITY != BAD]


@pytest.mark.parametrize(
    ("kind", "words"), [("cut", {}), ("blackhole", {}), ("half_open", {}), ("slow", {"delay": 0.2, "jitter": 0.1})]
)
async def test_a_bad_network_loses_nothing_and_doubles_nothing(kind: str, words: dict[str, float]):
    sink = Sink()
    async with plant() as one:
        source = OpcUaSource(settings(one.network.port, step_s=1.0), TAGS, WallClock(), None)
        async with sink.collecting(source):
            await fresh(sink, one)
            await one.network.fault(change(kind, **words))
            await asyncio.sleep(1.0)
            await one.network.fault(change(kind, active=False, **words))
            await fresh(sink, one)

    # A value is there once, or inside a gap that says why it is not.
    assert judge(one.truth, sink) == {"lost": [], "doubled": []}


async def test_a_restart_with_swapped_namespaces_mixes_nothing_up_and_leaves_a_gap():
    sink = Sink()
    async with plant() as one:
        source = OpcUaSource(settings(one.network.port), TAGS, WallClock(), None)
        async with sink.collecting(source):
            await fresh(sink, one)
            await one.server.fault(change("server_restart", namespace_order="swapped"))
            await asyncio.sleep(0.3)
            await one.server.fault(change("server_restart", active=False, namespace_order="swapped"))
            await fresh(sink, one)

    assert judge(one.truth, sink) == {"lost": [], "doubled": []}
    assert [gap.tag for gap in sink.gaps()] == [None]
    assert {value for _, value, _, _ in sink.rows()} <= {value for _, value, _ in one.truth} | {0.0}


async def test_a_queue_that_overflows_leaves_gaps_that_cover_what_is_lost():
    sink = Sink()
    async with plant() as one:
        source = OpcUaSource(settings(one.network.port), TAGS, WallClock(), None)
        async with sink.collecting(source):
            await fresh(sink, one)
            await one.server.fault(change("queue_overflow", target="R101.TT", dropped=0.5))
            await asyncio.sleep(0.5)
            await one.server.fault(change("queue_overflow", active=False, target="R101.TT", dropped=0.5))
            await fresh(sink, one)

    overflowed = {tag for tag, _, _, status in sink.rows() if status & OVERFLOW == OVERFLOW}
    assert overflowed == {0}
    assert judge(one.truth, sink) == {"lost": [], "doubled": []}
    assert {(gap.tag, gap.cause) for gap in sink.gaps()} == {(0, GapCause.OVERFLOW)}


async def test_a_jumping_server_clock_is_seen_as_skew():
    sink = Sink()
    async with plant() as one:
        source = OpcUaSource(settings(one.network.port), TAGS, WallClock(), None)
        async with sink.collecting(source):
            await fresh(sink, one)
            usual_ns = source.heartbeat(1).skew_ns
            await one.server.fault(change("clock_jump", step=3600.0))
            await sink.until(lambda _: (source.heartbeat(1).skew_ns or 0) > 3000 * SECOND_NS)

    assert usual_ns is not None
    assert abs(usual_ns) < 60 * SECOND_NS


@asynccontextmanager
async def secured(tmp_path: Path) -> AsyncIterator[tuple[Plant, OpcUaSource, Sink]]:
    """A collector that trusts the certificate which the server has usually."""
    (tmp_path / "password").write_text("a secret\n")
    (tmp_path / "trusted").mkdir()
    sink = Sink()
    async with plant(Security(tmp_path / "server", {"historian": "a secret"})) as one:
        shutil.copy(tmp_path / "server" / "server.der", tmp_path / "trusted")
        wanted = settings(
            one.network.port,
            security=CollectorSecurity.BASIC256SHA256,
            user="historian",
            password_file=tmp_path / "password",
            certificate_dir=tmp_path / "own",
            trust_dir=tmp_path / "trusted",
            step_s=5.0,
        )
        source = OpcUaSource(wanted, TAGS, WallClock(), None)
        async with sink.collecting(source):
            await fresh(sink, one)
            yield one, source, sink


async def test_an_expired_certificate_is_refused_until_the_server_has_its_usual_one_again(tmp_path: Path):
    async with secured(tmp_path) as (one, source, sink):
        await one.server.fault(change("certificate_expired"))
        await sink.until(lambda _: "certificate" in source.heartbeat(1).detail)
        last = tag_values(sink, 0)[-1]
        await asyncio.sleep(0.5)
        meanwhile = tag_values(sink, 0)[-1]
        await one.server.fault(change("certificate_expired", active=False))
        await fresh(sink, one)

    assert last == meanwhile
    assert judge(one.truth, sink) == {"lost": [], "doubled": []}


async def test_a_server_that_refuses_our_certificate_is_asked_again_until_it_trusts_us(tmp_path: Path):
    async with secured(tmp_path) as (one, source, sink):
        await one.server.fault(change("certificate_refused"))
        await sink.until(lambda _: not source.heartbeat(1).connected)
        await sink.until(lambda _: "Security" in source.heartbeat(1).detail)
        detail = source.heartbeat(1).detail
        await one.server.fault(change("certificate_refused", active=False))
        await fresh(sink, one)

    assert "BadSecurityChecksFailed" in detail
    assert judge(one.truth, sink) == {"lost": [], "doubled": []}


async def test_a_node_that_is_gone_is_bad_and_the_others_go_on():
    sink = Sink()
    async with plant() as one:
        source = OpcUaSource(settings(one.network.port), TAGS, WallClock(), None)
        async with sink.collecting(source):
            await fresh(sink, one)
            await one.server.fault(change("nodes_invalid", target="R101.TT"))
            await sink.until(lambda sink: any(status & SEVERITY == BAD for _, _, _, status in sink.rows()))
            before = len(tag_values(sink, 1))
            await sink.until(lambda sink: len(tag_values(sink, 1)) > before + 20)

    assert {tag for tag, _, _, status in sink.rows() if status & SEVERITY == BAD} == {0}


async def test_a_node_that_has_come_back_is_followed_again():
    sink = Sink()
    async with plant() as one:
        source = OpcUaSource(settings(one.network.port), TAGS, WallClock(), None)
        async with sink.collecting(source):
            await fresh(sink, one)
            for active in (True, False):
                await one.server.fault(change("nodes_invalid", active=active, target="R101.TT"))
            await fresh(sink, one)
