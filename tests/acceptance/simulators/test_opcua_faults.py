"""Each fault of the OPC UA server, as a stock client sees it come and go."""

from pathlib import Path

import pytest
from asyncua import Client, ua
from cryptography import x509

from domain.status import OVERFLOW
from domain.time import SECOND_NS
from simulators.servers.opcua import NAMESPACE, OpcUaServer, Security, Update
from tests.acceptance.simulators.opcua_client import (
    PLANT_NS,
    SPECS,
    change,
    node_of,
    seconds,
    secured_client,
    subscribed,
    until,
)
from tests.ports import free_port


def update(name: str, value, second: int = 0) -> Update:
    return Update(name, value, PLANT_NS + second * SECOND_NS)


def server_here(security: Security | None = None) -> OpcUaServer:
    return OpcUaServer(free_port(), SPECS, security, now_ns=lambda: PLANT_NS, origin_ns=PLANT_NS)


async def test_a_server_that_restarts_is_away_and_comes_back_with_the_newest_values():
    async with server_here() as server:
        await server.write([update("R101.TT", 1.0)])
        async with Client(server.url) as client, subscribed(client, "R101.TT") as heard:
            await server.fault(change("server_restart"))
            with pytest.raises(OSError, match="Connect call failed"):
                await Client(server.url).connect()
            await server.write([update("R101.TT", 2.0, 1), update("R101.TT", 3.0, 2)])
            await server.fault(change("server_restart", active=False))
            old = list(heard.values)
        async with Client(server.url) as client:
            value = await (await node_of(client, "R101.TT")).read_data_value()
            history = await (await node_of(client, "R101.TT")).read_raw_history(numvalues=10)

    assert server.starts == 2
    assert [one.Value.Value for one in old] == [1.0]
    assert (value.Value.Value, seconds(value.SourceTimestamp)) == (3.0, 2.0)
    assert len(history) == 3


async def test_after_a_restart_with_swapped_namespaces_the_indexes_differ_and_the_values_are_the_same_by_uri():
    async with server_here() as server:
        await server.write([update("R101.TT", 61.5)])
        async with Client(server.url) as client:
            before = await client.get_namespace_index(NAMESPACE)
        await server.fault(change("server_restart", namespace_order="swapped"))
        await server.fault(change("server_restart", active=False, namespace_order="swapped"))
        async with Client(server.url) as client:
            after = await client.get_namespace_index(NAMESPACE)
            by_uri = await (await node_of(client, "R101.TT")).read_value()
            by_old_index = await client.get_node(ua.NodeId("R101.TT", before)).read_value()
        await server.fault(change("server_restart", namespace_order="swapped", lasts_s=None))
        async with Client(server.url) as client:
            again = await client.get_namespace_index(NAMESPACE)

    assert (before, after, again) == (2, 3, 2)
    assert (by_uri, by_old_index) == (61.5, 0.0)


async def test_the_certificate_is_expired_as_long_as_the_fault_lasts(tmp_path: Path):
    async def until_when(server: OpcUaServer):
        endpoints = await Client(server.url).connect_and_get_server_endpoints()
        return x509.load_der_x509_certificate(endpoints[0].ServerCertificate).not_valid_after_utc

    async with server_here(Security(tmp_path, {})) as server:
        usual = await until_when(server)
        await server.fault(change("certificate_expired"))
        expired = await until_when(server)
        await server.fault(change("certificate_expired", active=False))
        again = await until_when(server)

    assert expired.timestamp() < (tmp_path / "server.der").stat().st_mtime < usual.timestamp()
    assert again == usual


async def test_a_server_that_no_longer_trusts_its_clients_ends_their_channels_and_opens_no_new_ones(tmp_path: Path):
    async with server_here(Security(tmp_path / "server", {"historian": "a secret"})) as server:
        client = await secured_client(server.url, "a secret", tmp_path)
        lost = []
        client.connection_lost_callback = lost.append
        await client.connect()
        await server.fault(change("certificate_refused"))
        await until(lambda: lost, "the loss of the connection")
        with pytest.raises((ua.uaerrors.BadSecurityChecksFailed, ConnectionError)) as refusal:
            await (await secured_client(server.url, "a secret", tmp_path)).connect()
        await client.disconnect()
        await server.fault(change("certificate_refused", active=False))
        async with await secured_client(server.url, "a secret", tmp_path) as client:
            value = await (await node_of(client, "R101.TT")).read_value()

    assert "BadSecurityChecksFailed" in repr(refusal.value) or "0x80130000" in repr(refusal.value)
    assert value == 0.0


async def test_a_certificate_fault_needs_a_secured_server():
    async with server_here() as server:
        with pytest.raises(ValueError, match="needs a server with security"):
            await server.fault(change("certificate_refused"))


async def test_a_node_that_is_gone_is_unknown_and_comes_back_with_its_newest_value():
    async with (
        server_here() as server,
        Client(server.url) as client,
        subscribed(client, "R101.TT", "R101.PT") as heard,
    ):
        node = await node_of(client, "R101.TT")
        await server.fault(change("nodes_invalid", target="R101.TT"))
        with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
            await node.read_value()
        await server.write([update("R101.TT", 5.0, 1), update("R101.PT", 1.0, 1)])
        await until(lambda: len(heard.values) == 4, "the other node's value")
        await server.fault(change("nodes_invalid", active=False, target="R101.TT"))
        value = await node.read_data_value()

    assert sorted(heard.codes[2:]) == [0, ua.StatusCodes.BadNodeIdUnknown]
    assert heard.status == []
    assert (value.Value.Value, seconds(value.SourceTimestamp)) == (5.0, 1.0)


async def test_a_share_of_the_nodes_is_gone():
    async with server_here() as server, Client(server.url) as client:
        await server.fault(change("nodes_invalid", share=0.4))
        values = await client.read_attributes([await node_of(client, spec.name) for spec in SPECS])

    assert sum(value.StatusCode.value == ua.StatusCodes.BadNodeIdUnknown for value in values) == 2


async def test_dropped_values_are_told_by_the_overflow_bit_and_stand_in_the_history():
    async with server_here() as server, Client(server.url) as client:
        async with subscribed(client, "R101.TT") as heard:
            await server.fault(change("queue_overflow", target="R101.TT", dropped=0.5))
            await server.write([update("R101.TT", float(n), n) for n in range(1, 9)])
            await server.fault(change("queue_overflow", active=False, target="R101.TT", dropped=0.5))
            await server.write([update("R101.TT", float(n), n) for n in range(9, 11)])
            await until(lambda: len(heard.values) == 1 + 4 + 2, "half of the values, then all")
        history = await (await node_of(client, "R101.TT")).read_raw_history(numvalues=20)

    assert heard.numbers[1:] == [1.0, 3.0, 5.0, 7.0, 9.0, 10.0]
    assert heard.codes[1:] == [0, OVERFLOW, OVERFLOW, OVERFLOW, OVERFLOW, 0]
    assert len(history) == 10


async def test_a_clock_that_jumps_moves_all_times_and_is_set_right_again():
    async with server_here() as server, Client(server.url) as client:
        node = await node_of(client, "R101.TT")
        clock = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime))
        await server.fault(change("clock_jump", step=-3600.0))
        await server.write([update("R101.TT", 1.0, 10)])
        value = await node.read_data_value()
        shown = []
        while not shown or shown[-1] == 0.0:
            shown.append(seconds(await clock.read_value()))
            assert len(shown) < 10_000
        await server.fault(change("clock_jump", active=False, step=-3600.0))
        await server.write([update("R101.TT", 2.0, 20)])
        right = await node.read_data_value()

    assert (seconds(value.SourceTimestamp), seconds(value.ServerTimestamp)) == (-3590.0, -3590.0)
    assert shown[-1] == -3600.0
    assert seconds(right.SourceTimestamp) == 20.0


async def test_a_clock_that_drifts_gains_with_time():
    async with server_here() as server, Client(server.url) as client:
        node = await node_of(client, "R101.TT")
        await server.fault(change("clock_drift", second=100, rate=36.0))
        shown = []
        for second in (100, 200, 3700):
            await server.write([update("R101.TT", float(second), second)])
            shown.append(seconds((await node.read_data_value()).SourceTimestamp) - second)

    assert shown == [0.0, 1.0, 36.0]


async def test_without_source_times_the_servers_time_is_left():
    async with server_here() as server, Client(server.url) as client:
        await server.fault(change("source_time_absent", target="R101.TT"))
        await server.write([update("R101.TT", 1.0, 10), update("R101.PT", 1.0, 10)])
        values = [await (await node_of(client, name)).read_data_value() for name in ("R101.TT", "R101.PT")]

    assert [value.SourceTimestamp is None for value in values] == [True, False]
    assert seconds(values[0].ServerTimestamp) == 10.0


async def test_what_befalls_other_servers_is_ignored():
    async with server_here() as server, Client(server.url) as client:
        for kind, target in (
            ("cut", "opcua"),
            ("broker_restart", "mqtt"),
            ("nodes_invalid", "X999.TT"),
            ("stuck", "R101.TT"),
        ):
            await server.fault(change(kind, target=target))
        value = await (await node_of(client, "R101.TT")).read_value()

    assert (value, server.starts) == (0.0, 1)
