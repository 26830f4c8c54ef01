"""A small plant on real servers, within the test's own loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from simulators.faults.spec import FaultSpec
from simulators.layout import Layout, Line
from simulators.recipe import USUAL
from simulators.scenario import CampaignPlan, Scenario, Servers
from simulators.servers.control_client import ControlClient
from simulators.serving import ServeOptions, serve
from tests.acceptance.simulators.opcua_client import PLANT_NS
from tests.patience import LIMIT_S

LAYOUT = Layout(("R101",), (Line("T101", "C101", "D101"),), (0,))


def scenario(*faults: FaultSpec, mqtt: str = "", security: bool = False) -> Scenario:
    """One train, whose first batch starts at once; everything is on OPC UA unless MQTT is asked for."""
    return Scenario(
        name="a small plant",
        teaches="nothing",
        seed=1,
        start_ns=PLANT_NS,
        lasts_s=3600,
        layout=LAYOUT,
        recipe=USUAL,
        plan=CampaignPlan(start_s=(0,), first_batch=(1,)),
        faults=faults,
        servers=Servers(mqtt=mqtt, security=security),
    )


@dataclass(frozen=True)
class Bench:
    """What the ready line told, and a hand on the control interface."""

    ready: dict[str, object]
    control: ControlClient

    @property
    def opcua(self) -> str:
        return str(self.ready["opcua"])

    async def ask(self, verb: str, *words: object) -> dict[str, object]:
        """One request of the control's client, off this loop."""
        return await asyncio.to_thread(getattr(self.control, verb), *words)


@asynccontextmanager
async def served(one: Scenario, **options: object) -> AsyncIterator[Bench]:
    """Serve until the block ends; the plant's clock stands unless the options say otherwise."""
    ready: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    settings = ServeOptions(**{"paused": True, **options})
    serving = asyncio.create_task(serve(one, settings, lambda told: ready.set_result(dict(told)), stop))
    try:
        async with asyncio.timeout(LIMIT_S):
            await asyncio.wait((ready, serving), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        told = ready.result()
        yield Bench(told, ControlClient(str(told.get("control", "http://127.0.0.1:1")), settings.token))
    finally:
        stop.set()
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(serving, return_exceptions=True)
