"""Makes a source from its section of the configuration."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from collector.mqtt.routes import Route
from collector.mqtt.settings import MqttSettings, read_url, stable_client_id
from collector.opcua.settings import OpcUaSettings, Security, SecurityMode
from domain.errors import Refused
from domain.ports import Clock, Source
from domain.tags import Tag
from domain.time import SECOND_NS
from service.config.amounts import amount_fault
from service.config.build import Configuration
from service.config.shape.sources import Mqtt, OpcUa
from service.files import Files


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
        # The protocols' libraries take as long to load as the rest of the process: only those that are used.
        from collector.opcua.source import OpcUaSource  # noqa: PLC0415

        return OpcUaSource(opcua_settings(configuration, name, section.opcua), tags, clock, state)
    assert section.mqtt is not None
    from collector.mqtt.source import MqttSource  # noqa: PLC0415

    settings = mqtt_settings(configuration, name, section.mqtt)
    return MqttSource(settings, tags, routes_of(configuration, tags), clock, state)


def opcua_settings(configuration: Configuration, name: str, section: OpcUa) -> OpcUaSettings:
    """The settings of an OPC UA source; files are relative to the configuration."""
    certificates = Files(configuration.data).certificates
    with _refusals(name):
        return _opcua_settings(configuration, name, section, certificates)


def _opcua_settings(configuration: Configuration, name: str, section: OpcUa, certificates: Path) -> OpcUaSettings:
    return OpcUaSettings(
        name=name,
        url=section.url,
        publishing_interval_ns=section.publishing_interval,
        security=Security(section.security),
        security_mode=SecurityMode(section.mode),
        user=section.user or "",
        password_file=configuration.beside(section.password_file) if section.password_file else None,
        certificate_dir=certificates / "own",
        trust_dir=certificates / "trusted",
        keep_alive_s=section.keep_alive / SECOND_NS,
        lifetime_s=section.lifetime / SECOND_NS,
    )


def mqtt_settings(configuration: Configuration, name: str, section: Mqtt) -> MqttSettings:
    """The settings of an MQTT source; files are relative to the configuration."""
    with _refusals(name):
        return _mqtt_settings(configuration, name, section)


def _mqtt_settings(configuration: Configuration, name: str, section: Mqtt) -> MqttSettings:
    host, port, tls = read_url(section.url)
    return MqttSettings(
        name=name,
        host=host,
        port=port,
        tls=tls,
        client_id=section.client_id or stable_client_id(configuration.site, name),
        topics=tuple(section.topics),
        protocol=section.protocol,
        user=section.user,
        password_file=configuration.beside(section.password_file) if section.password_file else None,
        ca_file=configuration.beside(section.ca_file) if section.ca_file else None,
        session_expiry_s=section.session_expiry // SECOND_NS,
        receive_maximum=section.receive_maximum,
        broker_queue=section.broker_queue,
        event_topics=section.events,
        tag_names=frozenset(tag.name for tag in configuration.tags),
        amount_fault=amount_fault(configuration.rulebook),
    )


@contextlib.contextmanager
def _refusals(name: str) -> Iterator[None]:
    """What a source's settings cannot be becomes Refused, with the source's name."""
    try:
        yield
    except ValueError as error:
        raise Refused(f"source {name!r}: {str(error).removeprefix(f'source {name!r}: ')}") from error


def routes_of(configuration: Configuration, tags: Sequence[Tag]) -> list[Route]:
    """Where the values of MQTT tags stand, and which of them tell what a unit is doing."""
    states = _states_of_units(configuration)
    return [route_of(configuration, tag, is_state=tag.name in states) for tag in tags]


def route_of(configuration: Configuration, tag: Tag, *, is_state: bool = False) -> Route:
    """Where an MQTT tag's values stand in the messages."""
    route = configuration.routes[tag.name]
    return Route(int(tag.id), route.topic, route.value, route.time, route.time_unit, route.status, is_state)


def _states_of_units(configuration: Configuration) -> set[str | None]:
    """The tags that tell what units are doing: each value holds until another comes."""
    rules = configuration.rulebook
    told: set[str | None] = {each.tag for each in rules.equipment.values()}
    for unit in rules.units.values():
        told |= {unit.batch_tag, unit.phase_tag, unit.phase_state_tag, unit.recipe_tag}
    return told
