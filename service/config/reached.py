"""How each source is reached: its address, what is subscribed, and the files that hold its secrets."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from collector.mqtt.settings import is_filter, read_url
from domain.errors import Complaint
from service.config.document import Document
from service.config.model import ConfigFile
from service.config.shape.sources import Mqtt, OpcUa


def check_sources(document: Document, file: ConfigFile, path: Path, complaints: list[Complaint]) -> None:
    """Complain of addresses and topics that nobody can use, and of files that are not there."""
    for name, source in file.sources.items():
        kind = "opcua" if source.opcua is not None else "mqtt"
        told = source.opcua or source.mqtt
        assert told is not None
        for place, message in (*_of_kind(told), *_files(told, path)):
            complaints.append(document.complain(("sources", name, kind, *place), message))


def _of_kind(told: OpcUa | Mqtt) -> Iterator[tuple[tuple[str, ...], str]]:
    try:
        _check_opcua(told.url) if isinstance(told, OpcUa) else read_url(told.url)
    except ValueError as error:
        yield ("url",), _shown(error, told.url)
    for index, topic in enumerate(told.topics if isinstance(told, Mqtt) else ()):
        if not is_filter(topic):
            yield ("topics", str(index)), f"{topic!r} is no topic filter (such as plant/# or plant/+/level)"


def _check_opcua(url: str) -> None:
    """ValueError where a text is no `opc.tcp://HOST[:PORT][/PATH]`."""
    parts = urlsplit(url)
    if parts.scheme != "opc.tcp" or not parts.hostname:
        raise ValueError(f"{url!r} is no server's address: opc.tcp://HOST[:PORT][/PATH]")
    if parts.username or parts.password:
        raise ValueError(f"an address carries no password: give user and password_file instead ({parts.hostname})")
    _ = parts.port  # ValueError where it is no number


def _shown(error: ValueError, url: str) -> str:
    """What urlsplit itself says of a port names no address: put it before, unless there is a password in it."""
    message = str(error)
    return message if "@" in url or url in message else f"{url!r}: {message}"


def _files(told: OpcUa | Mqtt, path: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    named = {"password_file": told.password_file, "ca_file": told.ca_file if isinstance(told, Mqtt) else None}
    for key, name in named.items():
        if name is not None and not (path.parent / name).is_file():
            yield (key,), f"no file {name!r}"
    if told.password_file is not None and told.user is None:
        yield ("password_file",), "is of no use without `user`"
