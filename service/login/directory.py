"""A directory (LDAP) as the configuration tells it: what is known before anybody asks it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.roles import Role
from service.login.ldap_names import tree_of


@dataclass(frozen=True, slots=True)
class Server:
    """Where a directory listens, and how it is spoken to. `timeout_s` is for each wait."""

    host: str
    port: int
    tls: str  # "at once", "by StartTLS" or "never"
    ca_file: Path | None = None
    timeout_s: float = 4.0

    @property
    def shown(self) -> str:
        """As people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.tls == 'at once' else 'ldap'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Finding:
    """How a person is found: by this account, below `base`, where all of `among` holds."""

    account: str
    password_file: Path
    base: str
    among: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of a person, and which groups give roles: the first of `roles` whose `member` they are."""

    name: str
    full_name: str
    subject: str
    member: str
    roles: Mapping[str, Role]

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is asked for."""
        return (self.name, self.full_name, self.subject)


@dataclass(frozen=True, slots=True)
class Told:
    """A directory; `template` is a name in its tree with `{name}`, for where `finding` is None."""

    servers: Sequence[Server]
    title: str
    finding: Finding | None
    template: str
    reading: Reading

    @property
    def issuer(self) -> str:
        """The tree, whichever server tells of it."""
        return f"ldap:{tree_of(self.template if self.finding is None else self.finding.base)}"
