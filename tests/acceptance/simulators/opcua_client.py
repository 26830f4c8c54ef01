"""A stock OPC UA client's view of the simulated server, and the faults that a test gives it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from asyncua import Client, Node, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography.x509.oid import ExtendedKeyUsageOID

from domain.time import SECOND_NS
from simulators.faults.spec import AtTime, FaultChange, FaultSpec
from simulators.servers.opcua import NAMESPACE, NodeSpec
from tests.patience import LIMIT_S

PLANT_NS = 1_790_000_000 * SECOND_NS

SPECS = (
    NodeSpec("R101.TT", float, "temperature of the contents", "degC", -50.0, 200.0, ("Area", "Line 1")),
    NodeSpec("R101.PT", float, "pressure", "bar", -1.0, 6.0, ("Area", "Line 1")),
    NodeSpec("R101.STEP", int, "code of the phase that runs", above=("Area", "Line 1")),
    NodeSpec("R101.BATCH", str, "batch number", above=("Area", "Line 1")),
    NodeSpec("T101.XFER_IN", bool, "material comes in", above=("Area", "Line 1")),
)


def change(
    kind: str,
    *,
    active: bool = True,
    target: str = "opcua",
    lasts_s: int | None = 60,
    second: int = 0,
    id: str = "a fault",  # noqa: A002 - as the field is called
    **settings: float | str,
) -> FaultChange:
    """A fault that begins, or ends."""
    return FaultChange(FaultSpec(id, kind, target, AtTime(second), lasts_s, settings=settings), active, second)


def seconds(when: datetime) -> float:
    """Seconds of a time after the plant's origin."""
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return aware.timestamp() - PLANT_NS / SECOND_NS


async def node_of(client: Client, name: str) -> Node:
    return client.get_node(ua.NodeId(name, await client.get_namespace_index(NAMESPACE)))


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until something is so; fails after the limit."""
    give_up_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up_s, f"not within {LIMIT_S} s: {what}"
        await asyncio.sleep(0.02)


class Heard:
    """What a subscription delivered."""

    def __init__(self) -> None:
        self.values: list[ua.DataValue] = []
        self.status: list[ua.StatusCode] = []

    def datachange_notification(self, node: Node, value: object, event: object) -> None:
        self.values.append(event.monitored_item.Value)

    def status_change_notification(self, notification: ua.StatusChangeNotification) -> None:
        self.status.append(notification.Status)

    @property
    def numbers(self) -> list[object]:
        return [value.Value.Value if value.Value else None for value in self.values]

    @property
    def codes(self) -> list[int]:
        return [value.StatusCode.value for value in self.values]


@asynccontextmanager
async def subscribed(client: Client, *names: str, queue: int = 0) -> AsyncIterator[Heard]:
    """Subscribe to tags with a queue size each; yields what is heard."""
    heard = Heard()
    subscription = await client.create_subscription(100, heard)
    await subscription.subscribe_data_change([await node_of(client, name) for name in names], queuesize=queue)
    await until(lambda: len(heard.values) >= len(names), "first values")
    yield heard
    await subscription.delete()


async def secured_client(url: str, password: str, folder: Path, mode=ua.MessageSecurityMode.SignAndEncrypt) -> Client:
    """A client with a certificate of its own, and a password."""
    key, certificate = folder / "key.pem", folder / "client.der"
    uri = "urn:thermowell:test"
    await setup_self_signed_certificate(
        key, certificate, uri, "localhost", [ExtendedKeyUsageOID.CLIENT_AUTH], {"commonName": "test"}
    )
    client = Client(url, timeout=10)
    client.application_uri = uri
    client.set_user("historian")
    client.set_password(password)
    await client.set_security(SecurityPolicyBasic256Sha256, certificate, key, mode=mode)
    return client
