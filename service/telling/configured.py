"""The channels of the `notify` section."""

from domain.ports import Channel
from service.config.build import Configuration
from service.config.shape.telling import WebhookText
from service.telling.channels import AppriseChannel, ConsoleChannel, first_line
from service.telling.webhook import WebhookChannel, secret_in

_CONSOLE = "console://"


def channels_of(configuration: Configuration) -> list[Channel]:
    """A channel for each entry; Refused names an entry that cannot be used."""
    channels: list[Channel] = []
    for name, entry in configuration.notify.items():
        if entry.webhook is not None:
            channels.append(_webhook(configuration, name, entry.webhook))
        elif entry.url_file is not None:
            channels.append(AppriseChannel.from_file(name, configuration.beside(entry.url_file)))
        elif entry.url is not None and entry.url.startswith(_CONSOLE):
            channels.append(ConsoleChannel(name))
        elif entry.url is not None:
            channels.append(AppriseChannel(name, entry.url))
    return channels


def _webhook(configuration: Configuration, name: str, webhook: WebhookText) -> WebhookChannel:
    url = webhook.url
    if webhook.url_file is not None:
        url = first_line(name, configuration.beside(webhook.url_file))
    assert url is not None
    secret = secret_in(name, configuration.beside(webhook.secret_file))
    return WebhookChannel(name, url, secret, site=configuration.site)
