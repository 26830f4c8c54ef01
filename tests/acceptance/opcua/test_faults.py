"""The network's bad days, on a real server through a real proxy."""

import asyncio

from asyncua import ua

from collector.opcua.source import OpcUaSource
from tests.acceptance.opcua.plant import (
    PUBLISHING_NS,
    SECOND_NS,
    CounterServer,
    Sink,
    WallClock,
    counter_tags,
    judge,
    settings,
)
from tests.acceptance.proxy import Proxy
from tests.ports import free_port


async def test_five_cuts_and_three_blackholes_lose_nothing_and_double_nothing():
    sink = Sink()
    async with CounterServer(free_port()).running() as plant, Proxy("127.0.0.1", plant.port) as network:
        source = OpcUaSource(settings(network.port, step_s=1.0), counter_tags(5), WallClock(), None)
        async with sink.collecting(source):
            await sink.until(lambda sink: sink.received > 50)
            for outage_s in (0.05, 0.2, 0.5, 0.1, 0.8):
                await network.cut(outage_s)
                await asyncio.sleep(0.4)
            for outage_s in (0.3, 0.8, 1.2):
                await network.blackhole(outage_s)
                before = sink.received
                await sink.until(lambda sink, before=before: sink.received > before + 100)
            last = plant.value
            await sink.until(lambda sink: sink.values(0)[-1] > last)

    wrong = judge(plant.truth, sink)
    assert wrong == {"lost": [], "doubled": []}
    assert sink.gaps() == []
    assert len(sink.rows()) == sink.received


async def test_a_server_that_dies_and_comes_back_leaves_one_gap_as_long_as_its_outage():
    sink, port = Sink(), free_port()
    first = CounterServer(port)
    async with first.running():
        source = OpcUaSource(settings(port), counter_tags(5), WallClock(), None)
        collecting = sink.collecting(source)
        await collecting.__aenter__()
        await sink.until(lambda sink: sink.received > 50)
    died_ns = first.truth[-1][2]
    await asyncio.sleep(1.0)
    second = CounterServer(port)
    second.value = 10_000
    async with second.running():
        await sink.until(lambda sink: sink.values(0)[-1] > 10_020)
        born_ns = second.truth[0][2]
        await collecting.__aexit__(None, None, None)

    (gap,) = sink.gaps()
    assert gap.tag is None
    assert gap.end_ns is not None
    assert (
        gap.end_ns - gap.start_ns <= born_ns - died_ns + 2 * PUBLISHING_NS + SECOND_NS // 2
    )  # its own start takes time
    assert judge(first.truth + second.truth, sink) == {"lost": [], "doubled": []}


async def test_after_a_restart_with_another_order_of_namespaces_each_tag_still_has_its_own_node():
    sink, port = Sink(), free_port()
    tags = counter_tags(1, "ns=3;s=C%d")
    async with CounterServer(port, tags=1, before=["urn:test:first"]).running():
        source = OpcUaSource(settings(port), tags, WallClock(), None)
        collecting = sink.collecting(source)
        await collecting.__aenter__()
        await sink.until(lambda sink: sink.values(0))
    other = CounterServer(port, tags=1, before=["urn:test:first", "urn:test:decoy"])
    other.value = 10_000
    async with other.running():
        await other.server.nodes.objects.add_variable(ua.NodeId("C0", 3), "C0", -1.0)
        await sink.until(lambda sink: sink.values(0)[-1] > 10_000)
        await collecting.__aexit__(None, None, None)

    (pinned,) = sink.defined()
    assert (pinned.address, pinned.configured, pinned.version) == ("nsu=urn:test:counters;s=C0", "ns=3;s=C0", 2)
    assert -1.0 not in sink.values(0)


async def test_a_server_absent_at_the_start_is_awaited():
    sink, port = Sink(), free_port()
    source = OpcUaSource(settings(port), counter_tags(2), WallClock(), None)
    async with sink.collecting(source):
        await asyncio.sleep(0.5)
        away = source.heartbeat(1)
        async with CounterServer(port, tags=2).running():
            await sink.until(lambda sink: sink.values(1))
            here, gaps = source.heartbeat(2), sink.gaps()

    assert not away.connected
    assert "connect" in away.detail
    assert here.connected
    assert here.skew_ns is not None
    assert gaps == []


async def test_one_unknown_node_never_sinks_the_rest_and_is_taken_once_it_is_there():
    sink, port = Sink(), free_port()
    tags = counter_tags(3)
    async with CounterServer(port, tags=2).running() as plant:
        source = OpcUaSource(settings(port), tags, WallClock(), None)
        async with sink.collecting(source):
            await sink.until(lambda sink: sink.values(1))
            detail = source.heartbeat(1).detail
            node = await plant.add("C2", 0.5)
            await sink.until(lambda sink: sink.values(2))
            await plant.write(node, 1.5)
            await sink.until(lambda sink: sink.values(2)[-1] == 1.5)

    assert detail == "1 of 3 nodes do not report: C2 (BadNodeIdUnknown)"
    (gap,) = sink.gaps()
    assert (gap.tag, gap.end_ns is not None) == (2, True)


async def test_text_arrays_and_large_integers_arrive_as_text_beside_numbers():
    sink, port = Sink(), free_port()
    names = {"batch": "B-17", "list": [1.5, 2.5], "big": ua.Variant(2**63, ua.VariantType.UInt64), "flag": True}
    async with CounterServer(port, tags=0).running() as plant:
        for name, value in names.items():
            await plant.add(name, value)
        tags = [
            tag.__class__(tag.id, tag.uuid, 1, name, "plant", f"nsu=urn:test:counters;s={name}")
            for tag, name in zip(counter_tags(4), names, strict=True)
        ]
        async with sink.collecting(OpcUaSource(settings(port), tags, WallClock(), None)):
            await sink.until(lambda sink: sink.received >= 4)

    assert sorted(sink.texts()) == [(0, "B-17"), (1, "[1.5,2.5]"), (2, "9223372036854775808")]
    assert sink.values(3) == [1.0]


async def test_a_restart_of_ours_takes_over_or_says_from_when_to_when_it_was_away():
    first, second, port = Sink(), Sink(), free_port()
    async with CounterServer(port).running() as plant:
        async with first.collecting(OpcUaSource(settings(port), counter_tags(5), WallClock(), None)):
            await first.until(lambda sink: sink.received > 50)
        await asyncio.sleep(0.5)
        again = OpcUaSource(settings(port), counter_tags(5), WallClock(), first.state)
        async with second.collecting(again):
            await second.until(lambda sink: sink.received > 50)
            last = plant.value
            await second.until(lambda sink: sink.values(0)[-1] > last)

    both = Sink()
    both.entries = first.entries + second.entries
    # asyncua's server takes the transfer of a subscription and then sends nothing: the stand-by takes its place.
    (gap,) = both.gaps()
    assert gap.end_ns is not None
    assert gap.end_ns - gap.start_ns < SECOND_NS + 2 * PUBLISHING_NS
    assert judge(plant.truth, both) == {"lost": [], "doubled": []}
