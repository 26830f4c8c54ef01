"""The simulated OPC UA server as a stock client sees it: types, folders, units, history, security, limits."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from asyncua import Client, ua

from domain.status import OVERFLOW
from domain.time import SECOND_NS
from simulators.servers.opcua import Limits, OpcUaServer, Security, Update
from simulators.servers.opcua_nodes import unit_of
from tests.acceptance.simulators.opcua_client import (
    PLANT_NS,
    SPECS,
    node_of,
    seconds,
    secured_client,
    subscribed,
    until,
)
from tests.ports import free_port


def update(name: str, value, second: int = 0, status: int = 0) -> Update:
    return Update(name, value, PLANT_NS + second * SECOND_NS, status)


async def test_a_client_reads_typed_values_with_the_plants_times_and_units():
    async with OpcUaServer(free_port(), SPECS) as server, Client(server.url) as client:
        given = {"R101.TT": 61.5, "R101.STEP": 20, "R101.BATCH": "101-0017", "T101.XFER_IN": True}
        await server.write([update(name, value) for name, value in given.items()])
        values = [await (await node_of(client, name)).read_data_value() for name in given]
        temperature = await node_of(client, "R101.TT")
        unit = await (await temperature.get_child("0:EngineeringUnits")).read_value()
        span = await (await temperature.get_child("0:EURange")).read_value()
        description = await temperature.read_description()
        kind = await temperature.read_type_definition()
        historizing = await temperature.read_attribute(ua.AttributeIds.Historizing)

    assert [value.Value.Value for value in values] == list(given.values())
    assert [value.Value.VariantType.name for value in values] == ["Double", "Int32", "String", "Boolean"]
    assert {seconds(value.SourceTimestamp) for value in values} == {0.0}
    assert (unit.UnitId, unit.DisplayName.Text, span.Low, span.High) == (4408652, "degC", -50.0, 200.0)  # CEL
    assert description.Text == "temperature of the contents"
    assert kind == ua.NodeId(ua.ObjectIds.AnalogItemType)
    assert historizing.Value.Value is True


async def test_units_stand_in_the_folders_of_their_line():
    async with OpcUaServer(free_port(), SPECS) as server, Client(server.url) as client:
        index = await client.get_namespace_index("urn:thermowell:simulated-plant")
        path = [f"{index}:{name}" for name in ("Area", "Line 1", "R101", "TT")]
        found = await client.nodes.objects.get_child(path)

    assert found.nodeid == ua.NodeId("R101.TT", index)


def test_a_unit_without_a_common_code_is_served_as_text():
    served = unit_of("furlong")

    assert (served.UnitId, served.DisplayName.Text) == (-1, "furlong")


async def test_a_subscriber_gets_every_update_in_order():
    async with (
        OpcUaServer(free_port(), SPECS) as server,
        Client(server.url) as client,
        subscribed(client, "R101.TT") as heard,
    ):
        await server.write([update("R101.TT", float(n), n) for n in range(1, 101)])
        taken = await server.taken(10.0)
        await until(lambda: len(heard.values) == 101, "every value")

    assert taken
    assert heard.numbers[1:] == [float(n) for n in range(1, 101)]
    assert set(heard.codes) == {0}


async def test_a_full_queue_loses_its_oldest_and_says_so_on_the_next():
    async with (
        OpcUaServer(free_port(), SPECS) as server,
        Client(server.url) as client,
        subscribed(client, "R101.TT", "R101.PT", queue=3) as heard,
    ):
        await server.write([update("R101.TT", float(n), n) for n in range(1, 11)])
        await server.write([update("R101.PT", 1.0, 11)])
        await until(lambda: len(heard.values) == 2 + 4, "what is left")

    assert heard.numbers[2:] == [8.0, 9.0, 10.0, 1.0]
    assert heard.codes[2:] == [OVERFLOW, 0, 0, 0]


async def test_a_bad_reading_has_its_status_and_no_value():
    async with OpcUaServer(free_port(), SPECS) as server, Client(server.url) as client:
        await server.write([update("R101.TT", 7.5, status=0x808C_0000)])
        value = await (await node_of(client, "R101.TT")).read_data_value(raise_on_bad_status=False)

    assert (value.StatusCode.value, value.Value.Value) == (0x808C_0000, None)


async def test_a_client_may_not_write_nor_delete():
    async with OpcUaServer(free_port(), SPECS) as server, Client(server.url) as client:
        node = await node_of(client, "R101.TT")
        with pytest.raises(ua.UaStatusCodeError):
            await node.write_value(1.0)
        with pytest.raises(ua.UaStatusCodeError):
            await client.delete_nodes([node])
        still = await node.read_value()

    assert still == 0.0


async def test_recent_history_is_read_page_by_page_and_is_bounded():
    async with (
        OpcUaServer(free_port(), SPECS, limits=Limits(history_rows=2500)) as server,
        Client(server.url) as client,
    ):
        await server.write([update("R101.TT", float(n), n // 2) for n in range(3000)])  # two of each time
        node = await node_of(client, "R101.TT")
        start = datetime.fromtimestamp(PLANT_NS / SECOND_NS, UTC)
        end = datetime.fromtimestamp(PLANT_NS / SECOND_NS + 1e6, UTC)
        everything = await node.read_raw_history(start, end, numvalues=0, return_bounds=False)
        backwards = await node.read_raw_history(end, start, numvalues=3, return_bounds=False)

    assert [value.Value.Value for value in everything] == [float(n) for n in range(500, 3000)]
    assert [value.Value.Value for value in backwards] == [2999.0, 2998.0, 2997.0]


async def test_what_has_no_history_says_so():
    async with OpcUaServer(free_port(), SPECS) as server, Client(server.url) as client:
        with pytest.raises(ua.uaerrors.BadHistoryOperationUnsupported):
            await client.nodes.server_state.read_raw_history(None, datetime.now(UTC), numvalues=1)


async def test_more_than_one_call_may_ask_is_refused_as_the_server_tells():
    async with (
        OpcUaServer(free_port(), SPECS, limits=Limits(reads=3, monitored_items=2)) as server,
        Client(server.url) as client,
    ):
        limit = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead
        told = await client.get_node(ua.NodeId(limit)).read_value()
        nodes = [await node_of(client, spec.name) for spec in SPECS]
        few = await client.read_values(nodes[:3])
        with pytest.raises(ua.uaerrors.BadTooManyOperations):
            await client.read_values(nodes)
        subscription = await client.create_subscription(100, object())
        with pytest.raises(ua.uaerrors.BadTooManyOperations):
            await subscription.subscribe_data_change(nodes)

    assert told == 3
    assert len(few) == 3


async def test_the_servers_clock_is_the_plants():
    async with (
        OpcUaServer(free_port(), SPECS, now_ns=lambda: PLANT_NS + 5 * SECOND_NS) as server,
        Client(server.url) as client,
    ):
        now = await client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)).read_value()

    assert seconds(now) == 5.0


@pytest.mark.parametrize("mode", [ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt])
async def test_a_secured_server_lets_in_who_has_a_certificate_and_the_password(tmp_path: Path, mode):
    security = Security(tmp_path / "server", {"historian": "a secret"})
    async with OpcUaServer(free_port(), SPECS, security) as server:
        await server.write([update("R101.TT", 61.5)])
        async with await secured_client(server.url, "a secret", tmp_path, mode) as client:
            value = await (await node_of(client, "R101.TT")).read_value()
        with pytest.raises(ua.UaError):
            async with await secured_client(server.url, "a guess", tmp_path, mode):
                pass
        with pytest.raises(ua.UaError):
            async with Client(server.url):
                pass

    assert value == 61.5
