"""Who is told, and by which channel."""

from typing import Literal, Self

from pydantic import Field, model_validator

from service.config.shape.values import Duration, PriorityName, Section


class WebhookText(Section):
    """A program that takes notices as signed JSON."""

    url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+(/\S*)?$")
    url_file: str | None = None  # where the address is a secret
    secret_file: str  # signs what is sent

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("needs exactly one of `url` and `url_file`")
        return self


class Notify(Section):
    """Somebody who is told."""

    url: str | None = None
    url_file: str | None = None
    webhook: WebhookText | None = None
    priority: PriorityName = "high"
    pictures: bool = True  # a second message with the trend, where the channel takes pictures

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(each is not None for each in (self.url, self.url_file, self.webhook)) != 1:
            raise ValueError("needs exactly one of `url`, `url_file` and `webhook`")
        return self


class MqttDisplayText(Section):
    """A broker that has the states of the alarms, for displays."""

    url: str
    topic: str = "thermowell"
    user: str | None = None
    password_file: str | None = None
    ca_file: str | None = None


class DisplaysText(Section):
    """Where the states of the alarms are shown elsewhere."""

    mqtt: MqttDisplayText | None = None


class AlertmanagerText(Section):
    """An Alertmanager that hears of alarms."""

    url: str = Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")


class QuietText(Section):
    """When a person is not disturbed, by their own clock."""

    start: str = Field(alias="from", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    end: str = Field(alias="to", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.start == self.end:
            raise ValueError("quiet hours end when they begin: leave them out, or write another end")
        return self


class PersonText(Section):
    """Somebody who is told, by which channels, in which language and when."""

    tell: tuple[str, ...] = Field(min_length=1)
    language: Literal["en", "de"] = "en"
    zone: str = "UTC"
    quiet: QuietText | None = None
    priority: PriorityName | None = None  # left out: high, or where there is a rota only as that one says


class StepText(Section):
    """Whom a rota tells next while nobody acknowledges, so long after it was told first."""

    after: Duration
    tell: str | tuple[str, ...]


class RotaText(Section):
    """Who is on duty, by a calendar; and what happens while nobody acknowledges."""

    zone: str
    calendar: str | None = None  # a file
    url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+(/\S*)?$")
    url_file: str | None = None  # where the address is a secret
    every: Duration = 900_000_000_000
    stale: Duration = 86_400_000_000_000
    fallback: str
    priority: PriorityName = "high"
    escalate: tuple[StepText, ...] = Field(default=(), max_length=20)
    repeat: Duration | None = None
    rounds: int = Field(default=4, ge=2, le=100)  # with `repeat`: how often in all
    returned: Literal["ends", "goes on"] = "ends"
    hand_over: Literal["duty", "shifts", "off"] = "duty"

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if sum(each is not None for each in (self.calendar, self.url, self.url_file)) != 1:
            raise ValueError("needs exactly one of `calendar`, `url` and `url_file`")
        if min(self.every, self.stale) < 1_000_000_000:
            raise ValueError("`every` and `stale` are at least 1s")
        if self.repeat is not None and self.repeat < 1_000_000_000:
            raise ValueError("`repeat` is at least 1s")
        return self
