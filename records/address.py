"""Where the records lie: a file of this machine, or a database of a PostgreSQL server."""

from dataclasses import dataclass
from pathlib import Path

LOOPBACKS = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Server:
    """A database of a PostgreSQL server. `host` may be a folder: the server's Unix socket is there.

    The password is read at each connection, so that a new one counts at once; without a file none is sent.
    """

    host: str
    port: int
    database: str
    user: str
    password_file: Path | None = None
    tls: str = "verify-full"  # off | require | verify-ca | verify-full
    ca_file: Path | None = None  # None: the authorities that this machine trusts
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __str__(self) -> str:
        """As an address, without the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{self.user}@{host}:{self.port}/{self.database}"


Address = Path | Server


def usual_tls(host: str) -> str:
    """What is asked of the connection where nobody says it: all that can be, except on this machine."""
    return "off" if host in LOOPBACKS or host.startswith("/") else "verify-full"
