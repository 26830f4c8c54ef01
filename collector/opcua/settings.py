"""What a person may choose about one OPC UA source."""

import enum
from dataclasses import dataclass
from pathlib import Path

from domain.time import SECOND_NS

SHORTEST_LIFETIME_S = 600.0
"""A server keeps a subscription of ours at least so long without hearing from us: the time we have to come back."""


class Security(enum.StrEnum):
    """Security policies that we speak; `None` sends everything in clear."""

    NONE = "None"
    BASIC256SHA256 = "Basic256Sha256"


class SecurityMode(enum.StrEnum):
    """What a secure policy does to each message."""

    SIGN = "Sign"
    SIGN_AND_ENCRYPT = "SignAndEncrypt"


@dataclass(frozen=True, slots=True)
class OpcUaSettings:
    """One server. Intervals are wall time, also under a scaled clock: a server knows no other.

    `queue_s` is how long the server's queues should hold values while nobody fetches them; the server may grant less.
    `session_s` is how long an abandoned session stays on the server; a subscription outlives it.
    """

    name: str
    url: str
    publishing_interval_ns: int = SECOND_NS // 2
    security: Security = Security.NONE
    security_mode: SecurityMode = SecurityMode.SIGN_AND_ENCRYPT
    user: str = ""
    password_file: Path | None = None
    certificate_dir: Path = Path("certificates/own")
    trust_dir: Path = Path("certificates/trusted")
    keep_alive_s: float = 5.0
    lifetime_s: float = SHORTEST_LIFETIME_S
    session_s: float = 120.0
    queue_s: float = 60.0
    step_s: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what would lose data silently."""
        if self.publishing_interval_ns <= 0:
            raise ValueError(f"source {self.name!r}: a publishing interval is above zero")
        if self.lifetime_s < SHORTEST_LIFETIME_S:
            raise ValueError(
                f"source {self.name!r}: a lifetime under {SHORTEST_LIFETIME_S:.0f} s loses data at a restart"
            )
        if self.keep_alive_s <= 0 or self.step_s <= 0:
            raise ValueError(f"source {self.name!r}: keep-alive and step limits are above zero")
