"""Who is told, by which channel, and in which words: from the `notify` section."""

from collections.abc import Sequence

from alarms.routing import Audience
from alarms.wording import Reader, Wording
from collector.mqtt.settings import read_url, stable_client_id
from domain.alarms import Transition
from domain.ports import Channel
from domain.rules import Priority
from records.database import SqlRecords
from service.config.build import Configuration
from service.files import Files
from service.telling.addressing import Directory
from service.telling.alertmanager import AlertmanagerDisplay
from service.telling.channels import AppriseChannel
from service.telling.displays import Display
from service.telling.duty import DutyRecords, duty_directory
from service.telling.persons import people_directory, reader_of
from service.telling.pictures import Pictures
from service.telling.rotas import Rotas
from service.telling.trends import Trend, trend_of


def pictures_of(configuration: Configuration, channels: Sequence[Channel], records: SqlRecords) -> Pictures:
    """The pictures of trends, for the channels where people can look at one and did not say that they want none."""
    files = Files(configuration.data)
    taking = {
        each.name: each
        for each in channels
        if isinstance(each, AppriseChannel) and each.takes_pictures and configuration.notify[each.name].pictures
    }

    def drawn(trend: Trend, reader: Reader) -> bytes:
        from service.telling.drawing import draw  # noqa: PLC0415  loads Pillow, when there is something to draw

        return draw(trend, reader)

    def read(said: Transition) -> Trend | None:
        return trend_of(said, records, files.journal, files.history)

    return Pictures(taking, records, read, drawn, readers_of(configuration))


def displays_of(configuration: Configuration) -> list[Display]:
    """Where the states of alarms are shown elsewhere; nowhere unless it is configured."""
    found: list[Display] = []
    mqtt = configuration.displays.mqtt
    if mqtt is not None:
        from service.telling.mqtt_display import MqttDisplay, MqttPlace, base_of  # noqa: PLC0415  loads paho

        host, port, tls = read_url(mqtt.url)
        place = MqttPlace(
            host,
            port,
            tls,
            stable_client_id(configuration.site, "displays"),
            base_of(mqtt.topic, configuration.site),
            mqtt.user,
            configuration.beside(mqtt.password_file) if mqtt.password_file else None,
            configuration.beside(mqtt.ca_file) if mqtt.ca_file else None,
        )
        found.append(MqttDisplay(place))
    if configuration.alertmanager:
        found.append(AlertmanagerDisplay(configuration.alertmanager, wording_of(configuration)))
    return found


def audiences_of(configuration: Configuration) -> list[Audience]:
    """Who hears of which priority: channels, and the names of people and rotas.

    A channel that people are told by is told nothing by itself, unless it has a priority of its own.
    """
    channels = [
        Audience(name, Priority[entry.priority.upper()])
        for name, entry in configuration.notify.items()
        if name not in configuration.ways
    ]
    people = [Audience(each.name, each.priority) for each in configuration.people.values() if each.priority is not None]
    rotas = [Audience(name, Priority[entry.priority.upper()]) for name, entry in configuration.rota.items()]
    return [*channels, *people, *rotas]


def directory_of(configuration: Configuration, rotas: Rotas, records: DutyRecords) -> Directory:
    """Who the names are that notices are addressed to and that are no channels."""
    people = people_directory(configuration.people, wording_of(configuration))
    return {**people, **duty_directory(rotas, records)}


def readers_of(configuration: Configuration) -> dict[str, Reader]:
    """How each person reads."""
    return {name: reader_of(person) for name, person in configuration.people.items()}


def wording_of(configuration: Configuration) -> Wording:
    """What every notice says of this service."""
    return Wording(configuration.site, configuration.clock is not None, configuration.http.page_url)
