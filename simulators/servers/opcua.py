"""An OPC UA server for a plant: typed nodes in a folder per unit, with the plant's times."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from asyncua import Node, Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from cryptography.x509.oid import ExtendedKeyUsageOID

from domain.status import GOOD

NAMESPACE: Final = "urn:thermowell:simulated-plant"
_CEFACT: Final = "http://www.opcfoundation.org/UA/units/un/cefact"
_COMMON_CODES: Final = {"degC": "CEL", "bar": "BAR", "m3": "MTQ", "pH": "Q30", "W": "WTT", "l/h": "E32"}
_VARIANTS: Final = {
    float: ua.VariantType.Double,
    int: ua.VariantType.Int32,
    bool: ua.VariantType.Boolean,
    str: ua.VariantType.String,
}
_CLOSING_S: Final = 0.05
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A variable `FOLDER.ROLE`, of the type `kind` (float, int, bool, str); a number has its unit and range."""

    name: str
    kind: type
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def folder(self) -> str:
        """The unit that it belongs to."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Update:
    """A new value of a node; times are UTC ns of the plant's clock."""

    name: str
    value: Value
    time_ns: int
    status: int = GOOD


@dataclass(frozen=True, slots=True)
class Security:
    """Basic256Sha256 with a certificate made in `directory`, and the users who may come in."""

    directory: Path
    users: dict[str, str]  # name -> password


class _Users:
    """asyncua's user manager: those with the right password, as plain users who may not write."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    def get_user(
        self,
        iserver: object,  # noqa: ARG002 - asyncua passes it
        username: str | None = None,
        password: str | None = None,
        certificate: object = None,  # noqa: ARG002 - asyncua passes it
    ) -> User | None:
        if username is None or self._passwords.get(username) != password:
            return None
        return User(role=UserRole.User, name=username)


def to_datetime(time_ns: int) -> datetime:
    """UTC ns as asyncua wants it; OPC UA's own resolution is 100 ns, a datetime's 1 µs."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


class OpcUaServer:
    """Serves nodes on the loopback; `async with` starts and stops it."""

    def __init__(self, port: int, nodes: Sequence[NodeSpec], security: Security | None = None) -> None:
        self.url = f"opc.tcp://127.0.0.1:{port}/"
        self._specs = tuple(nodes)
        self._security = security
        self._server = Server(user_manager=_Users(security.users) if security else None)
        self._ids: dict[str, tuple[object, object]] = {}

    async def __aenter__(self) -> Self:
        """Build the address space and listen."""
        server = self._server
        await server.init()
        server.set_endpoint(self.url)
        server.set_server_name("Simulated plant")
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

    async def write(self, updates: Iterable[Update]) -> None:
        """Publish new values, in order: straight into the address space, without a session's checks."""
        write = self._server.iserver.aspace.write_attribute_value
        for update in updates:
            node_id, variant_type = self._ids[update.name]
            when = to_datetime(update.time_ns)
            value = ua.DataValue(
                ua.Variant(update.value, variant_type), ua.StatusCode(update.status), when, ServerTimestamp=when
            )
            status = await write(node_id, ua.AttributeIds.Value, value)
            if not status.is_good():
                message = f"node {update.name}: {update.value!r} is refused, {status.name}"
                raise ValueError(message)

    async def _secure(self) -> None:
        if self._security is None:
            self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            self._server.set_identity_tokens([ua.AnonymousIdentityToken])
            return
        directory = self._security.directory
        directory.mkdir(parents=True, exist_ok=True)
        key, certificate = directory / "server-key.pem", directory / "server.der"
        await setup_self_signed_certificate(
            key,
            certificate,
            f"{NAMESPACE}:server",
            "localhost",
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
            {"commonName": "Simulated plant"},
        )
        key.chmod(0o600)
        await self._server.load_certificate(str(certificate))
        await self._server.load_private_key(str(key))
        self._server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        self._server.set_identity_tokens([ua.UserNameIdentityToken])

    async def _build(self, namespace: int) -> None:
        folders: dict[str, Node] = {}
        for spec in self._specs:
            if spec.folder not in folders:
                folders[spec.folder] = await self._server.nodes.objects.add_folder(
                    ua.NodeId(spec.folder, namespace), ua.QualifiedName(spec.folder, namespace)
                )
            await self._add(folders[spec.folder], spec, namespace)

    async def _add(self, folder: Node, spec: NodeSpec, namespace: int) -> None:
        variant_type = _VARIANTS[spec.kind]
        node_id = ua.NodeId(spec.name, namespace)
        node = await folder.add_variable(
            node_id, ua.QualifiedName(spec.name.partition(".")[2], namespace), spec.kind(), variant_type
        )
        text = ua.DataValue(ua.Variant(ua.LocalizedText(spec.description), ua.VariantType.LocalizedText))
        await node.write_attribute(ua.AttributeIds.Description, text)
        if spec.low is not None and spec.high is not None:
            await _make_analog(node, spec)
        self._ids[spec.name] = (node_id, variant_type)


async def _make_analog(node: Node, spec: NodeSpec) -> None:
    """Turn a variable into an AnalogItem (part 8, 5.3.2.3) with its range and unit."""
    has_type = ua.ObjectIds.HasTypeDefinition
    await node.delete_reference(ua.ObjectIds.BaseDataVariableType, has_type)
    await node.add_reference(ua.ObjectIds.AnalogItemType, has_type)
    unit = ua.EUInformation(
        NamespaceUri=_CEFACT,
        UnitId=int.from_bytes(_COMMON_CODES[spec.unit].encode()),  # part 8, 5.6.3.3
        DisplayName=ua.LocalizedText(spec.unit),
        Description=ua.LocalizedText(spec.unit),
    )
    properties = {"EURange": ua.Range(spec.low, spec.high), "EngineeringUnits": unit}
    for name, value in properties.items():
        await node.add_property(
            ua.NodeId(f"{spec.name}.{name}", node.nodeid.NamespaceIndex),
            ua.QualifiedName(name, 0),
            value,
        )
