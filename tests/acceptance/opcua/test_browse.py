"""Browsing a real server gives a list that a person can choose from."""

from asyncua import ua

from collector.opcua.browse import BrowsedNode, browse
from tests.acceptance.opcua.plant import CounterServer, settings
from tests.ports import free_port


async def test_variables_are_listed_by_path_with_unit_range_and_an_address_that_stays():
    async with CounterServer(free_port(), tags=0).running() as plant:
        reactor = await plant.server.nodes.objects.add_object(plant.index, "R101")
        inside = await reactor.add_variable(ua.NodeId("R101.TT", plant.index), "TT", 20.0)
        await inside.add_property(0, "EURange", ua.Range(-50.0, 200.0))
        await inside.add_property(0, "EngineeringUnits", ua.EUInformation(DisplayName=ua.LocalizedText("°C")))
        await reactor.add_variable(ua.NodeId("R101.BATCH", plant.index), "BATCH", "B-17")
        await reactor.add_variable(ua.NodeId("R101.VALVE", plant.index), "VALVE", True)
        nodes = await browse(settings(plant.port, step_s=5.0))

    uri = "nsu=urn:test:counters"
    assert nodes == [
        BrowsedNode("R101.BATCH", f"{uri};s=R101.BATCH", "String", "text", description="BATCH"),
        BrowsedNode("R101.TT", f"{uri};s=R101.TT", "Double", "number", "degC", -50.0, 200.0, description="TT"),
        BrowsedNode("R101.VALVE", f"{uri};s=R101.VALVE", "Boolean", "boolean", description="VALVE"),
    ]
