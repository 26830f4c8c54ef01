"""The sections `displays` and `alertmanager`: what is shown elsewhere, and what must never be published to."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from collector.mqtt.settings import read_url
from domain.errors import Complaint
from service.config.document import Document
from service.config.model import ConfigFile
from service.config.tags import matches

_SPARKPLUG = "spBv1.0"


def check_displays(document: Document, file: ConfigFile, path: Path, complaints: list[Complaint]) -> None:
    """Refuse whatever could reach the process, or come back to us as a value."""
    mqtt = file.displays.mqtt
    if mqtt is None:
        return
    place = ("displays", "mqtt")
    try:
        read_url(mqtt.url)
    except ValueError as error:
        complaints.append(document.complain((*place, "url"), str(error)))
    problem = _topic_problem(mqtt.topic, _subscribed(file))
    if problem:
        complaints.append(document.complain((*place, "topic"), problem))
    files: Mapping[str, str | None] = {"password_file": mqtt.password_file, "ca_file": mqtt.ca_file}
    for key, name in files.items():
        if name is not None and not (path.parent / name).is_file():
            complaints.append(document.complain((*place, key), f"no file {name!r}"))


def _subscribed(file: ConfigFile) -> list[tuple[str, str]]:
    """Every filter that a source subscribes to, with the source's name."""
    return [
        (name, filter_)
        for name, source in file.sources.items()
        if source.mqtt is not None
        for filter_ in source.mqtt.topics
    ]


def _topic_problem(topic: str, subscribed: Iterable[tuple[str, str]]) -> str:
    levels = topic.split("/")
    if not all(level and level.isprintable() and not set(level) & set("+#$ ") for level in levels):
        return f"{topic!r} is no topic of our own: levels of text, without +, # or $"
    if any(level.casefold() == _SPARKPLUG.casefold() for level in levels):
        return f"{topic!r}: below {_SPARKPLUG} lie commands to equipment; nothing is ever published there"
    for source, filter_ in subscribed:
        if _meet(levels, filter_):
            return f"source {source!r} subscribes to {filter_!r}: what is published there would come back as a value"
    return ""


def _meet(levels: list[str], filter_: str) -> bool:
    """Whether a filter takes any topic below these levels."""
    filters = filter_.split("/")
    if filters[0] == "$share":
        filters = filters[2:]
    if "#" in filters and filters.index("#") <= len(levels):
        return matches("/".join(levels[: filters.index("#")] or levels), "/".join(filters))
    return len(filters) > len(levels) and matches("/".join(levels), "/".join(filters[: len(levels)]))
