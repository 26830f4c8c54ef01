"""Looks at an OPC UA server for a person: its limits, its clock, its certificate. It is asked, nothing is written."""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asyncua import Client, ua
from cryptography import x509

from collector.opcua.channel import AsyncuaLink
from collector.opcua.facts import read, read_facts
from collector.opcua.recover import build, delete
from collector.opcua.settings import OpcUaSettings, Security
from collector.opcua.trust import certificates_in

_CAPABILITIES = "Server_ServerCapabilities_"
_LIMITS = f"{_CAPABILITIES}OperationLimits_"
_ASKED = {
    "MaxNodesPerRead": f"{_LIMITS}MaxNodesPerRead",
    "MaxMonitoredItemsPerCall": f"{_LIMITS}MaxMonitoredItemsPerCall",
    "MaxNodesPerBrowse": f"{_LIMITS}MaxNodesPerBrowse",
    "MaxSubscriptions": f"{_CAPABILITIES}MaxSubscriptions",
    "MaxSubscriptionsPerSession": f"{_CAPABILITIES}MaxSubscriptionsPerSession",
    "MaxMonitoredItems": f"{_CAPABILITIES}MaxMonitoredItems",
    "MaxMonitoredItemsPerSubscription": f"{_CAPABILITIES}MaxMonitoredItemsPerSubscription",
}


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """A certificate: whose it is, and until when."""

    subject: str
    valid_from: datetime
    valid_until: datetime

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "CertificateSeen":
        """What stands in it."""
        return cls(
            certificate.subject.rfc4514_string(), certificate.not_valid_before_utc, certificate.not_valid_after_utc
        )


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """What a server said. `limits` by the standard's names, where it has any; 0 is 'no limit' and is left out."""

    skew_ns: int | None  # its clock minus ours; None: it does not tell
    limits: dict[str, int]
    publishing_ms: float  # as granted
    keep_alive_ms: float
    lifetime_ms: float


async def look_at_server(settings: OpcUaSettings) -> ServerSeen:
    """Connect as the service does, with a session of its own that ends. LinkLost, ServiceRefused, Refused: why not."""
    link = AsyncuaLink(settings, time.time_ns)
    await link.open()
    try:
        facts = await read_facts(link)
        known = {name: getattr(ua.ObjectIds, node) for name, node in _ASKED.items() if hasattr(ua.ObjectIds, node)}
        found = await read(link, list(known.values()))
        asked_ns = time.time_ns()
        built = await build(link, facts, (), settings, publishing=False)
        await delete(link, built.subscription)
        middle_ns = (asked_ns + time.time_ns()) // 2
    finally:
        await link.leave(delete_subscriptions=True)
    limits = {name: _number(value) for name, value in zip(known, found, strict=True)}
    return ServerSeen(
        None if built.server_ns is None else built.server_ns - middle_ns,
        {name: limit for name, limit in limits.items() if limit},
        built.publishing_ms,
        built.keep_alive_ms,
        built.lifetime_ms,
    )


async def server_certificate(settings: OpcUaSettings) -> CertificateSeen | None:
    """The certificate that the server shows to whoever asks for its endpoints; None where it needs none."""
    if settings.security is Security.NONE:
        return None
    endpoints = await Client(settings.url, timeout=settings.step_s).connect_and_get_server_endpoints()
    for endpoint in endpoints:
        shown = bytes(endpoint.ServerCertificate or b"")
        if shown and endpoint.SecurityPolicyUri.endswith(settings.security.value):
            return CertificateSeen.of(x509.load_der_x509_certificate(shown[: int.from_bytes(shown[2:4], "big") + 4]))
    return None


def kept_certificates(folder: Path) -> list[tuple[str, CertificateSeen]]:
    """The certificates in a folder, by file. Refused names a file that is none."""
    return [(path.name, CertificateSeen.of(certificate)) for path, certificate in certificates_in(folder)]


def _number(value: ua.DataValue) -> int:
    number = None if value.Value is None else value.Value.Value
    return number if isinstance(number, int) else 0
