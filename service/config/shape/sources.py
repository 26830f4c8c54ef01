"""Where samples come from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from service.config.shape.values import Duration, Section


class OpcUa(Section):
    """An OPC UA server."""

    url: str
    publishing_interval: Duration = 500_000_000
    security: Literal["None", "Basic256Sha256"] = "None"
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    user: str | None = None
    password_file: str | None = None
    keep_alive: Duration = 2_000_000_000
    lifetime: Duration = 3_600_000_000_000


class Mqtt(Section):
    """An MQTT broker."""

    url: str
    topics: list[str] = Field(min_length=1)
    protocol: Literal["5", "3.1.1"] = "5"
    client_id: str | None = None
    user: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    session_expiry: Duration = 24 * 3_600_000_000_000
    receive_maximum: int = Field(default=5000, ge=1, le=65535)
    events: tuple[str, ...] = ()  # exact topics that tell what happens to batches
    broker_queue: int = Field(default=1000, ge=1)  # messages that the broker keeps for a client that is away


class Source(Section):
    """One server or broker."""

    opcua: OpcUa | None = None
    mqtt: Mqtt | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.opcua is None) == (self.mqtt is None):
            raise ValueError("needs exactly one of `opcua` and `mqtt`")
        return self
