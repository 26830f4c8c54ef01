"""Makes a source from its section of the configuration."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from domain.ports import Clock, Source
from domain.tags import Tag
from service.config.build import Configuration


def make_source(
    configuration: Configuration,
    name: str,
    tags: Sequence[Tag],
    clock: Clock,
    state: str | None,
) -> Source:
    """The OPC UA or MQTT source of that name, with its tags and what the journal keeps of it."""
    section = configuration.sources[name]
    if section.opcua is not None:
        return _opcua(configuration, name, tags, clock, state)
    return _mqtt(configuration, name, tags, clock, state)
