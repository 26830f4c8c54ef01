"""People as another system knows them: who signs in by an identity provider, and what comes of it here."""

from dataclasses import dataclass, field
from typing import Protocol

from domain.errors import Refused
from domain.roles import Role


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom a provider has proven to be themselves.

    `issuer` and `subject` together are the person for ever; name, printed name and role are what the provider says of
    them today. `role` None: it gives them none here.
    """

    issuer: str
    subject: str
    name: str
    full_name: str
    role: Role | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A proof that a person is asked for at the moment of a deed: `digest` is the SHA-256 of all that it says."""

    person: str
    digest: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that begins at the provider: where the browser goes, and the secret that it keeps till it comes back."""

    url: str
    binding: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """A login that came back: who it is, where they wanted to go, and the session that the browser had before.

    `wanted`: it was no login, but a proof for a deed.
    """

    identity: Identity
    onward: str
    session: str = field(default="", repr=False)
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brings back from the provider; empty where it brings nothing."""

    state: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    issuer: str = ""
    error: str = ""
    binding: str = field(default="", repr=False)


class ProviderAway(Refused):
    """The provider does not answer, or not in a way that can be used now."""


class NotProven(Refused):
    """What came back proves nobody; the message says why, for the log, and holds nothing secret."""


class SomebodyElse(NotProven):
    """Who proved themselves is not who was asked to."""


class Proofs(Protocol):
    """Proofs for deeds of people whose login is elsewhere; each is good once."""

    def used(self, wanted: Wanted) -> bool:
        """Whether that was proven just now, which it is not any more then; else it is asked for from now on."""
        ...

    def wanted(self, person: str) -> Wanted | None:
        """What that person is asked to prove themselves for."""
        ...

    def give(self, wanted: Wanted) -> None:
        """That person has proven themselves for it. NotProven where something else is asked for by now."""
        ...


class IdentityProvider(Protocol):
    """Signs people in by another system. Calls block, for as long as the provider takes: never on an event loop."""

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    def begin(self, onward: str, session: str, wanted: Wanted | None = None) -> Begun:
        """Begin a login, or a proof that is `wanted`; `onward` is a path of ours. ProviderAway."""
        ...

    def finish(self, returned: Returned) -> Proven:
        """End a login, once. NotProven, or ProviderAway."""
        ...


class PasswordProvider(Protocol):
    """Another system that says whose a password is. Calls block, for as long as it takes: never on an event loop."""

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def issuer(self) -> str:
        """Whose people these are, for ever."""
        ...

    def prove(self, name: str, password: str, subject: str = "") -> Identity:
        """Who that is whose name and password these are; `subject`: it has to be that one. NotProven, ProviderAway."""
        ...
