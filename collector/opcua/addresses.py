"""Node addresses that survive a server's restart: by namespace URI, never by a namespace's place in a list."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncua import ua

from domain.errors import Refused

_ADDRESS = re.compile(r"(?:nsu=(?P<uri>.+?);|ns=(?P<index>\d+);)?(?P<form>[isgb])=(?P<identifier>.+)", re.DOTALL)
_STANDARD_NAMESPACE = "http://opcfoundation.org/UA/"


@dataclass(frozen=True, slots=True)
class Address:
    """A node as written: by `uri`, or by `index` until it is pinned."""

    uri: str | None
    index: int
    form: str  # i, s, g or b
    identifier: str

    def __str__(self) -> str:
        """`nsu=URI;s=…`, or `ns=2;s=…` while not pinned."""
        space = f"nsu={self.uri}" if self.uri is not None else f"ns={self.index}"
        return f"{space};{self.form}={self.identifier}"


def parse_address(text: str) -> Address:
    """Read `nsu=URI;s=…`, `ns=2;s=…` or `i=85`. Refused where it is neither."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise Refused(f"{text!r} is no node address like nsu=URI;s=… or ns=2;s=…")
    address = Address(match["uri"], int(match["index"] or 0), match["form"], match["identifier"])
    _identifier(address)
    return address


def pin(address: Address, namespaces: Sequence[str]) -> Address:
    """The address with its namespace URI in place of a number. Refused if the server has no such namespace."""
    if address.uri is not None:
        return address
    if address.index == 0:
        return Address(_STANDARD_NAMESPACE, 0, address.form, address.identifier)
    if address.index >= len(namespaces):
        raise Refused(f"{address}: the server has {len(namespaces)} namespaces")
    return Address(namespaces[address.index], 0, address.form, address.identifier)


def resolve(address: Address, namespaces: Sequence[str]) -> ua.NodeId:
    """The node id in this session's order of namespaces. Refused if the URI is not among them."""
    index = address.index
    if address.uri is not None:
        if address.uri == _STANDARD_NAMESPACE:
            index = 0
        elif address.uri in namespaces:
            index = list(namespaces).index(address.uri)
        else:
            raise Refused(f"the server has no namespace {address.uri!r}")
    return ua.NodeId(_identifier(address), index)


def written(node_id: ua.NodeId, namespaces: Sequence[str]) -> str:
    """A node id of this session as an address that stays."""
    form, identifier = "i", node_id.Identifier
    if isinstance(identifier, bytes):
        form, identifier = "b", base64.b64encode(identifier).decode()
    elif isinstance(identifier, UUID):
        form = "g"
    elif isinstance(identifier, str):
        form = "s"
    return str(pin(Address(None, int(node_id.NamespaceIndex), form, str(identifier)), namespaces))


def _identifier(address: Address) -> int | str | UUID | bytes:
    try:
        if address.form == "i":
            return int(address.identifier)
        if address.form == "g":
            return UUID(address.identifier)
        if address.form == "b":
            return base64.b64decode(address.identifier, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refused(f"{address}: {error}") from error
    return address.identifier
