"""Where the page listens and how people reach it: certificate, outside address, names, proxies, prefix."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from api.front import LOOPBACK_HOSTS, AddressRange, Front, clean_prefix, host_name
from domain.errors import Complaint
from domain.people import SessionRules
from domain.time import DAY_NS, MINUTE_NS
from service.config.document import Document
from service.config.shape.access import Http, Tls

LOOPBACKS = frozenset({"127.0.0.1", "localhost", "::1"})
ROUTES = frozenset(
    [
        *("-", "account", "ack", "alarms", "batches", "duty", "influx", "login", "metrics", "openapi.json", "people"),
        *("recipes", "set-up", "static", "v1"),
    ]
)
"""First parts of our own paths: a prefix that begins so could not be told from them."""

LONGEST_SESSION_NS = 31 * DAY_NS

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  known, not listened on


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Network:
    """How the page is served and reached. `names` None: any name may be used to call it."""

    host: str
    port: int
    tls: Pair | None
    url: str  # as people reach it, without a slash at its end; empty: nobody has told
    names: frozenset[str] | None
    front: Front
    reading_open: bool = True
    session_rules: SessionRules = field(default_factory=SessionRules)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACKS

    @property
    def own_url(self) -> str:
        """Where it listens, as an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls is None else 'https'}://{host}:{self.port}{self.front.prefix}"

    @property
    def page_url(self) -> str:
        """Where people find the page; empty where it listens everywhere and nobody has told."""
        return self.url or ("" if self.host in _EVERYWHERE else self.own_url)


def network_of(document: Document, told: Http, path: Path, complaints: list[Complaint]) -> Network:
    """The section `http`; complains of all that cannot be meant. Nothing is said yet of what is in the files."""
    host, port = _listen(document, told.listen, complaints)
    url = _url(document, told, complaints)
    names = {name.lower() for name in told.names}
    for index, name in enumerate(told.names):
        if not _NAME.fullmatch(name):
            _complain(document, ("names", str(index)), f"{name!r} is no name of a host, without port", complaints)
    if url is not None:
        names.add(host_name(url.netloc))
    front = Front(
        proxies=tuple(_proxies(document, told, complaints)),
        prefix=_prefix(document, told, url, complaints),
        hsts_s=told.hsts // 1_000_000_000,
        by_address=host not in LOOPBACKS,
    )
    is_open = host not in LOOPBACKS and not names
    return Network(
        host=host,
        port=port,
        tls=None if told.tls is None else pair_of(told.tls, path),
        url="" if told.url is None else told.url.rstrip("/"),
        names=None if is_open else LOOPBACK_HOSTS | names,
        front=front,
        reading_open=told.reading == "open",
        session_rules=_session(document, told, complaints),
    )


def _session(document: Document, told: Http, complaints: list[Complaint]) -> SessionRules:
    rules = SessionRules(told.session.idle, told.session.lifetime)
    if not MINUTE_NS <= rules.idle_ns <= rules.lifetime_ns:
        message = "is at least a minute, and at most `lifetime`"
        _complain(document, ("session", "idle"), message, complaints)
    if rules.lifetime_ns > LONGEST_SESSION_NS:
        _complain(document, ("session", "lifetime"), "is at most 31 days", complaints)
    return rules


def pair_of(told: Tls, path: Path) -> Pair:
    """The files, relative to the configuration's folder."""
    return Pair(path.parent.resolve() / told.certificate_file, path.parent.resolve() / told.key_file)


def _complain(document: Document, place: tuple[str, ...], message: str, complaints: list[Complaint]) -> None:
    complaints.append(document.complain(("http", *place), message))


def _listen(document: Document, listen: str, complaints: list[Complaint]) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not int(port) < 65536:
        _complain(document, ("listen",), f"{listen!r} is not HOST:PORT", complaints)
        return "127.0.0.1", 0
    return host.strip("[]"), int(port)


def _url(document: Document, told: Http, complaints: list[Complaint]) -> SplitResult | None:
    if told.url is None:
        return None
    try:
        url = urlsplit(told.url)
        has_place = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # a port that is no number, an address that is none
        has_place = False
    if not has_place or url.username is not None or url.query or url.fragment or clean_prefix(url.path) is None:
        shown = "" if "@" in told.url else f"{told.url!r} "  # a password may be in it
        message = f"{shown}is no address such as https://plant.example/thermowell"
        _complain(document, ("url",), message, complaints)
        return None
    return url


def _prefix(document: Document, told: Http, url: SplitResult | None, complaints: list[Complaint]) -> str:
    of_url = "" if url is None else clean_prefix(url.path) or ""
    if told.prefix is None:
        prefix: str | None = of_url
        key = "url"
    else:
        prefix, key = clean_prefix(told.prefix), "prefix"
    if prefix is None:
        _complain(document, ("prefix",), f"{told.prefix!r} is no path such as /thermowell", complaints)
        return ""
    if prefix.split("/")[1:2] and prefix.split("/")[1] in ROUTES:
        message = f"the prefix {prefix!r} begins like a path of this service; choose another, such as /thermowell"
        _complain(document, (key,), message, complaints)
    elif url is not None and prefix != of_url:
        message = f"{told.prefix!r} is not the path of `url`, which is {url.path or '/'!r}"
        _complain(document, ("prefix",), message, complaints)
    return prefix


def _proxies(document: Document, told: Http, complaints: list[Complaint]) -> list[AddressRange]:
    found: list[AddressRange] = []
    for index, text in enumerate(told.proxies):
        place = ("proxies", str(index))
        try:
            network = ip_network(text)
        except ValueError:
            _complain(document, place, f"{text!r} is no {_network_meant(text)}", complaints)
            continue
        if network.prefixlen == 0:
            _complain(document, place, f"{text!r} is everybody: anyone could say who they are", complaints)
            continue
        found.append(network)
    return found


def _network_meant(text: str) -> str:
    """What it is not; and what it might be, where a network was written by an address in it."""
    try:
        return f"network; did you mean {ip_network(text, strict=False)}?"
    except ValueError:
        return "address and no network such as 10.0.0.0/8"


def remarks(document: Document, network: Network, *, has_notices: bool) -> list[Complaint]:
    """What may be meant and should be known: each is a warning."""
    found: list[Complaint] = []
    if not network.is_local and network.tls is None and not network.front.proxies:
        message = "others reach it without TLS, so tokens travel in clear: give `tls`, or name the proxy in `proxies`"
        _complain(document, ("listen",), message, found)
    if not network.is_local and network.names is None:
        message = "any name may be used to call it, so a page from elsewhere can read it: give `url` or `names`"
        _complain(document, ("listen",), message, found)
    if has_notices and not network.page_url:
        _complain(document, ("url",), "is not given: notices have no link to the page", found)
    return found
