"""An OPC UA server that sends notifications at next to no cost of its own, over asyncua's real channel and sessions.

asyncua serves everything but subscriptions: endpoints, security, sessions, browsing and reading. Subscriptions are
answered here, with whole scans encoded by numpy. A Publish is answered when there is something to say, an
acknowledgement is judged, and Republish gives what is still kept, else BadMessageNotAvailable.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from asyncua import Server, ua
from asyncua.crypto import uacrypto
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.uaprocessor import UaProcessor
from cryptography.x509.oid import ExtendedKeyUsageOID

from simulators.servers.firehose_encoding import DOUBLE, mixed_types
from simulators.servers.firehose_items import Hose
from simulators.servers.firehose_session import FirehoseProcessor
from simulators.servers.firehose_subscriptions import Plant, Subscription, ticks
from simulators.servers.firehose_values import DriftingValues
from simulators.servers.opcua_internal import PromptInternalServer

NAMESPACE: Final = "urn:thermowell:firehose"
_PER_FOLDER: Final = 100
_TYPES: Final[Mapping[int, tuple[ua.VariantType, Callable[[float], float]]]] = {
    1: (ua.VariantType.Boolean, lambda value: bool(int(value) & 1)),
    6: (ua.VariantType.Int32, int),
    10: (ua.VariantType.Float, float),
    DOUBLE: (ua.VariantType.Double, float),
}
_CLOSING_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class OpcUaLoad:
    """What to serve: `rate` values a second in all, to each subscriber of every tag; 0: as much as it asks for.

    `mixed`: Double, Float, Int32 and Boolean tags. `step_s`: source times move on by so much with each scan instead of
    with the clock.
    """

    port: int
    tags: int = 10_000
    rate: float = 200_000.0
    mixed: bool = False
    step_s: float = 0.0
    seed: int = 1


def tag_name(index: int) -> str:
    """The node id's text in `NAMESPACE`."""
    return f"V{index}"


class OpcUaFirehose:
    """The running server; `async with` starts and stops it.

    `certificates` is a folder for its key and certificate: with one it offers Basic256Sha256 beside None.
    """

    def __init__(self, load: OpcUaLoad, certificates: Path | None = None) -> None:
        self.url = f"opc.tcp://127.0.0.1:{load.port}/"
        self._certificates = certificates
        types = mixed_types(load.tags) if load.mixed else np.full(load.tags, DOUBLE, np.uint8)
        values = DriftingValues(load.tags, load.seed)
        self.plant = Plant(values, types, load.rate / load.tags, load.step_s, ticks(time.time_ns()))
        self.tag_of: dict[ua.NodeId, int] = {}
        self.finished = 0  # values sent by subscriptions that are gone
        self.subscriptions: dict[int, Subscription] = {}
        self._server = _Server(self)
        self._next_subscription = 1

    @property
    def sent(self) -> int:
        """Values that were put on the wire."""
        return self.finished + sum(subscription.sent for subscription in self.subscriptions.values())

    async def __aenter__(self) -> Self:
        """Build the address space and listen."""
        server = self._server
        await server.init()
        server.set_endpoint(self.url)
        server.set_server_name("Thermowell firehose")
        await server.set_application_uri(f"{NAMESPACE}:server")
        await self._secure()
        await self._build(await server.register_namespace(NAMESPACE))
        await server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and end every session."""
        await self._server.stop()
        # asyncua closes its connections without waiting: let the loop finish that before it may end.
        await asyncio.sleep(_CLOSING_S)

    def subscribe(self, wanted: ua.CreateSubscriptionParameters) -> Subscription:
        """A new subscription, with a number that no other one has had."""
        subscription = Subscription(self._next_subscription, self.plant, wanted, ticks(time.time_ns()))
        self._next_subscription += 1
        self.subscriptions[subscription.id] = subscription
        return subscription

    def unsubscribe(self, id_: int) -> None:
        """Forget a subscription."""
        self.finished += self.subscriptions.pop(id_).sent

    async def read(self, item: ua.ReadValueId) -> ua.DataValue:
        """What an attribute of a node is."""
        (value,) = await self._server.iserver.isession.read(ua.ReadParameters(NodesToRead=[item]))
        return value

    async def _secure(self) -> None:
        policies = [ua.SecurityPolicyType.NoSecurity]
        folder = self._certificates
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            key, certificate = folder / "firehose-key.pem", folder / "firehose.der"
            usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            await setup_self_signed_certificate(
                key, certificate, f"{NAMESPACE}:server", "localhost", usages, {"commonName": "Thermowell firehose"}
            )
            key.chmod(0o600)
            await self._server.load_certificate(str(certificate))
            await self._server.load_private_key(str(key))
            policies += [
                ua.SecurityPolicyType.Basic256Sha256_Sign,
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
            ]
        self._server.set_security_policy(policies)

    async def _build(self, namespace: int) -> None:
        """A variable for each tag, in folders; its value there is the first one, and stays."""
        first = self.plant.values.scan(0).tolist()
        aspace = self._server.iserver.aspace
        folder = None
        patterns: dict[int, ua.NodeId] = {}  # of this folder, by type
        for index, wire_type in enumerate(self.plant.types.tolist()):
            if folder is None or index % _PER_FOLDER == 0:
                name = f"Area{index // _PER_FOLDER}"
                folder = await self._server.nodes.objects.add_folder(
                    ua.NodeId(name, namespace), ua.QualifiedName(name, namespace)
                )
                patterns.clear()
            node_id, name = ua.NodeId(tag_name(index), namespace), ua.QualifiedName(tag_name(index), namespace)
            variant_type, convert = _TYPES[wire_type]
            if wire_type in patterns:
                value = ua.Variant(convert(first[index]), variant_type)
                _copy(aspace, folder.nodeid, patterns[wire_type], node_id, name, value)
            else:
                await folder.add_variable(node_id, name, convert(first[index]), variant_type)
                patterns[wire_type] = node_id
            self.tag_of[node_id] = index


def _copy(
    aspace: AddressSpace,
    folder: ua.NodeId,
    pattern: ua.NodeId,
    node_id: ua.NodeId,
    name: ua.QualifiedName,
    value: ua.Variant,
) -> None:
    """One more variable like another one of its folder: asyncua's own way takes twenty times as long."""
    shown = ua.LocalizedText(name.Name)
    node = NodeData(node_id)
    node.attributes = {
        **aspace[pattern].attributes,
        ua.AttributeIds.NodeId: _constant(node_id, ua.VariantType.NodeId),
        ua.AttributeIds.BrowseName: _constant(name, ua.VariantType.QualifiedName),
        ua.AttributeIds.DisplayName: _constant(shown, ua.VariantType.LocalizedText),
        ua.AttributeIds.Value: AttributeValue(ua.DataValue(value)),
    }
    node.references = list(aspace[pattern].references)
    aspace[node_id] = node
    references = aspace[folder].references
    like = next(reference for reference in references if reference.NodeId == pattern)
    references.append(replace(like, NodeId=node_id, BrowseName=name, DisplayName=shown))


def _constant(value: object, variant_type: ua.VariantType) -> AttributeValue:
    return AttributeValue(ua.DataValue(ua.Variant(value, variant_type)))


class _Server(Server):  # type: ignore[misc]  # asyncua has no seam for another processor of connections
    """asyncua's server, listening with connections of ours."""

    def __init__(self, hose: Hose) -> None:
        super().__init__(PromptInternalServer())
        self._hose = hose

    async def start(self) -> None:
        """As asyncua does it."""
        if self.iserver.certificate is not None:
            uacrypto.check_certificate(self.iserver.certificate, self._application_uri, socket.gethostname())
        await self._setup_server_nodes()
        await self.iserver.start()
        host, port = self._get_bind_socket_info()
        self.bserver = _Listener(self._hose, self.iserver, host, port, self.limits)
        self.bserver.set_policies(self._policies)
        try:
            await self.bserver.start()
        except OSError:
            await self.iserver.stop()
            raise


class _Listener(BinaryServer):  # type: ignore[misc]  # as above
    def __init__(self, hose: Hose, internal_server: object, host: str, port: int, limits: object) -> None:
        super().__init__(internal_server, host, port, limits)
        self._hose = hose

    def _make_protocol(self) -> OPCUAProtocol:
        return _Connection(self._hose, self.iserver, self._policies, self.clients, self.closing_tasks, self.limits)


class _Connection(OPCUAProtocol):  # type: ignore[misc]  # as above
    def __init__(self, hose: Hose, *usual: object) -> None:
        super().__init__(*usual)
        self._hose = hose

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Serve a client that has come."""
        super().connection_made(transport)
        served: UaProcessor | None = self.processor
        if served is not None:  # None: there were too many connections
            self.processor: UaProcessor | None = FirehoseProcessor(self._hose, self.iserver, transport, self.limits)
            self.processor.set_policies(self.policies)
