"""How a request reached this service: by which name and path, from which client behind which proxies.

What a proxy says of the outside (`X-Forwarded-For`, `-Proto`, `-Host`, `-Prefix`) is believed from a named one alone.
Of several values the last counts: the proxy next to us wrote it, whatever a client sent it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Scope

from api.front import Address, Front, address_of, clean_prefix
from api.problems import Problem

MOST_HOPS = 20
"""Proxies in a row; whoever stands before so many counts as the client."""

_HOST = re.compile(r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.IGNORECASE)
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the client sent it; `through` are the proxies between, the nearest to us last."""

    client: str
    scheme: str
    host: str
    prefix: str
    through: tuple[str, ...]


def placed(scope: Scope, front: Front) -> Scope:
    """The request as the client sent it, its path under the prefix; Problem 400 for what cannot be read.

    The answer's `seen` is a `Seen`; `root_path`, `scheme`, `client` and the header `host` say the same.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    host, path = _target(scope)
    peer = address_of(scope["client"][0]) if scope.get("client") else None
    client, scheme, prefix = str(peer or ""), str(scope.get("scheme", "http")), front.prefix
    through: tuple[str, ...] = ()
    if peer is not None and front.believes(peer):
        client, through = _behind(peer, headers, front)
        scheme = _forwarded_scheme(headers) or scheme
        host = _last(headers, b"x-forwarded-host") or host
        if not front.prefix:  # what is configured cannot be changed by a request
            prefix = _forwarded_prefix(headers)
    if host and not _HOST.fullmatch(host):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{host!r} is no name of a host", parameter="Host")
    if prefix and not _is_under(path, prefix):
        path = prefix + path  # the proxy has taken the prefix away
    others = [pair for pair in headers if pair[0] != b"host"]
    return {
        **scope,
        "path": path,
        "root_path": prefix,
        "scheme": scheme,
        "client": (client, 0) if through else scope.get("client"),
        "headers": [(b"host", host.encode("latin-1")), *others],
        "seen": Seen(client, scheme, host, prefix, through),
    }


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _target(scope: Scope) -> tuple[str, str]:
    """Host and path of the request; a target in absolute form says both (RFC 9112, 3.2.2)."""
    path = str(scope["path"])
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").strip()
    if path.startswith("/"):
        return host, path
    absolute = _ABSOLUTE.fullmatch(bytes(scope.get("raw_path") or b""))
    if absolute is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "the target of a request is a path", parameter="path")
    inner = path.partition("://")[2].partition("/")[2]
    return absolute[1].decode("latin-1"), f"/{inner}"


def _values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """The values of a list, in the order of its lines."""
    joined = ",".join(value.decode("latin-1") for key, value in headers if key == name)
    return [value.strip() for value in joined.split(",") if value.strip()]


def _last(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    return (_values(headers, name) or [""])[-1]


def _behind(peer: Address, headers: list[tuple[bytes, bytes]], front: Front) -> tuple[str, tuple[str, ...]]:
    """The client, which is the first from us outwards that is no named proxy, and the proxies between."""
    chain = [peer, *_hops(headers)]
    at = next((place for place, address in enumerate(chain) if not front.believes(address)), len(chain) - 1)
    return str(chain[at]), tuple(str(address) for address in reversed(chain[:at]))


def _hops(headers: list[tuple[bytes, bytes]]) -> Iterator[Address]:
    """The forwarded addresses, the nearest first, up to one that is none: what stands before that is hearsay."""
    for text in _values(headers, b"x-forwarded-for")[: -MOST_HOPS - 1 : -1]:
        port = re.fullmatch(r"(\d+\.\d+\.\d+\.\d+):\d+|\[([^]]+)\](?::\d+)?", text)
        address = address_of((port[1] or port[2]) if port else text)
        if address is None:
            return
        yield address


def _forwarded_scheme(headers: list[tuple[bytes, bytes]]) -> str:
    scheme = _last(headers, b"x-forwarded-proto").lower()
    if scheme not in ("", "http", "https"):
        detail = f"{scheme!r} is neither http nor https"
        raise Problem(HTTPStatus.BAD_REQUEST, detail, parameter="X-Forwarded-Proto")
    return scheme


def _forwarded_prefix(headers: list[tuple[bytes, bytes]]) -> str:
    told = _last(headers, b"x-forwarded-prefix")
    prefix = clean_prefix(told)
    if prefix is None:
        detail = f"{told!r} is no path such as /thermowell"
        raise Problem(HTTPStatus.BAD_REQUEST, detail, parameter="X-Forwarded-Prefix")
    return prefix
