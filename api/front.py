"""What stands between this service and who calls it: named proxies, the path under which they show it.

Standard library only: who reads a configuration needs this, and no web framework.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
AddressRange = IPv4Network | IPv6Network

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_PREFIX = re.compile(r"(/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, slots=True)
class Front:
    """Which proxies are believed, and what they put before our paths.

    `prefix` is empty or begins with a slash and does not end with one. `hsts_s` is for how long a browser that came by
    HTTPS insists on it; 0: it is not told to. `by_address` lets in whoever calls us by an IP address, besides by name.
    """

    proxies: tuple[AddressRange, ...] = ()
    prefix: str = ""
    hsts_s: int = 0
    by_address: bool = False

    def believes(self, address: Address) -> bool:
        """Whether that is one of the proxies."""
        return any(address in network for network in self.proxies)


def clean_prefix(text: str) -> str | None:
    """A path prefix without its last slash; None where it is none: `/a/b/` → `/a/b`, `/` → ``, `//a` → None."""
    prefix = text.removesuffix("/")
    return prefix if _PREFIX.fullmatch(prefix) else None


def host_name(host: str) -> str:
    """The name in a Host header, without the port: `[::1]:8087` → `[::1]`."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def address_of(text: str) -> Address | None:
    """An address in one form: without a zone, and IPv4 as such where it came as IPv6; None for anything else."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_address(name: str) -> bool:
    """Whether a host's name is an IP address: no page from elsewhere can make a browser call us by that."""
    return address_of(name.strip("[]")) is not None
