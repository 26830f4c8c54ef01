"""Who is told, by which channel, and in which words: from the `notify` section."""

from alarms.routing import Audience, Wording
from domain.ports import Channel
from domain.rules import Priority
from service.config.build import Configuration
from service.telling.channels import AppriseChannel, ConsoleChannel

_CONSOLE = "console://"


def channels_of(configuration: Configuration) -> list[Channel]:
    """A channel for each entry; Refused names an entry that cannot be used."""
    channels: list[Channel] = []
    for name, entry in configuration.notify.items():
        if entry.url_file is not None:
            channels.append(AppriseChannel.from_file(name, configuration.beside(entry.url_file)))
        elif entry.url is not None and entry.url.startswith(_CONSOLE):
            channels.append(ConsoleChannel(name))
        elif entry.url is not None:
            channels.append(AppriseChannel(name, entry.url))
    return channels


def audiences_of(configuration: Configuration) -> list[Audience]:
    """Who hears of which priority."""
    return [Audience(name, Priority[entry.priority.upper()]) for name, entry in configuration.notify.items()]


def wording_of(configuration: Configuration) -> Wording:
    """What every notice says of this service."""
    return Wording(configuration.site, configuration.clock is not None, configuration.http.page_url)
