"""People as this program knows them: accounts, sessions, what lets somebody in, and what is tried too often."""

import enum
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import Refused
from domain.identity import Identity
from domain.look_alikes import has_unseen
from domain.roles import Permission, may, must
from domain.time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

LONGEST_NAME = 100
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
"""In characters (NIST SP 800-63B, 3.1.1.2: length alone counts; a long one costs the hash nothing, up to a bound)."""


class State(enum.StrEnum):
    """Of an account. A name stays somebody's for ever: who leaves is disabled."""

    ACTIVE = "active"
    DISABLED = "disabled"
    LOCKED = "locked"


class Purpose(enum.StrEnum):
    """What a one-time link is good for."""

    SET_UP = "set up the first administrator"
    RESET = "choose a password"
    ENTER = "sign in"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts; `origin` is the address that they ask from, or `cli`.

    `scopes` narrows what their role grants; None: it does not.
    """

    name: str
    role: str
    origin: str = ""
    full_name: str = ""
    scopes: frozenset[Permission] | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this person, by what they came with, may do something."""
        return may(self.role, permission) and (self.scopes is None or permission in self.scopes)

    def must(self, permission: Permission) -> None:
        """Refused where this person may not."""
        must(self.name, self.role, permission)
        if not self.may(permission):
            raise Refused(f"this token of {self.name} may not {permission}")

    @property
    def printed(self) -> str:
        """The name as a signature prints it."""
        return self.full_name or self.name


@dataclass(frozen=True, slots=True)
class Account:
    """A named person. Times are the wall's, ns since 1970; `locked_until_ns` is None where nothing is locked."""

    name: str
    full_name: str
    role: str
    state: State
    has_password: bool
    created_ns: int
    changed_ns: int
    locked_until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What a one-time link is good for, and for whom; nobody yet where it makes the first administrator."""

    purpose: Purpose
    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """A personal token, as it is kept: nobody can make the secret of it."""

    name: str
    role: str
    created_ns: int
    revoked_ns: int | None
    expires_ns: int | None = None
    scopes: frozenset[Permission] | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in at a browser; `id` names it and opens nothing."""

    id: str
    name: str
    created_ns: int
    used_ns: int
    expires_ns: int
    client: str
    agent: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A new session: the only time that its secret is known here."""

    secret: str
    session: Session
    person: Person


@dataclass(frozen=True, slots=True)
class Visit:
    """Who has a session, and for how long nobody has used it: after a while it may look and not act."""

    person: Person
    session: Session
    unused_ns: int


@dataclass(frozen=True, slots=True)
class Door:
    """From where somebody asks to be let in: the client's address, and the session's secret if there is one."""

    address: str
    agent: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a session lasts, and after how long without use it may not act any more."""

    idle_ns: int = 15 * MINUTE_NS
    lifetime_ns: int = 12 * HOUR_NS


class NotLetIn(Refused):
    """Name or password is wrong, or the account is not active: whoever asks is not told which."""


class ProofWanted(NotLetIn):
    """Who signs has to prove themselves at the identity provider first, and then ask once more for the same."""


class TooSoon(Refused):
    """Too many tries; the next one is looked at after `wait_s` seconds."""

    def __init__(self, message: str, wait_s: int) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Tries:
    """What was tried and failed in a row, and when last."""

    failures: int = 0
    last_ns: int = 0


@dataclass(frozen=True, slots=True)
class Patience:
    """How failures slow down what follows: some are free, then each doubles the pause, then it is locked for a time.

    A lock comes with failure number `lock_at` and every fifth one after it, each twice as long as the one before.
    """

    free: int
    lock_at: int
    lock_ns: int = 15 * MINUTE_NS
    longest_lock_ns: int = 4 * HOUR_NS
    longest_pause_ns: int = 30 * SECOND_NS
    forgotten_after_ns: int = DAY_NS

    def open_at_ns(self, tries: Tries) -> int:
        """From when on the next try is looked at."""
        if self.locks(tries):
            return tries.last_ns + self._lock_ns(tries)
        beyond = tries.failures - self.free
        pause_ns = 0 if beyond <= 0 else min(SECOND_NS << min(beyond - 1, 20), self.longest_pause_ns)
        return tries.last_ns + pause_ns

    def locks(self, tries: Tries) -> bool:
        """Whether the last failure locked."""
        return tries.failures >= self.lock_at and (tries.failures - self.lock_at) % 5 == 0

    def _lock_ns(self, tries: Tries) -> int:
        return min(self.lock_ns << min((tries.failures - self.lock_at) // 5, 20), self.longest_lock_ns)

    def counted(self, tries: Tries, now_ns: int) -> Tries:
        """One more failure; what lies long back is forgotten."""
        fresh = now_ns - tries.last_ns < self.forgotten_after_ns
        return Tries(tries.failures + 1 if fresh else 1, now_ns)


WITH_A_NAME = Patience(free=3, lock_at=10)
WITH_AN_ADDRESS = Patience(free=20, lock_at=100)
"""Many people may share an address: a control room's terminal, a proxy that nobody named."""
WITH_A_SESSION = Patience(free=3, lock_at=10)
"""At a desk where somebody is signed in: strangers' tries elsewhere cannot keep them from acting."""


NO_PROOF = "{} signs in by an identity provider that is not there any more: nobody can tell at signing who it is"
"""Why somebody cannot sign here."""
PROOF_WANTED = "{} signs in by an identity provider: a signature needs them to prove there once more that it is they"


def name_key(name: str) -> str:
    """What two names share that people would take for one."""
    return unicodedata.normalize("NFKC", name).casefold()


def proper_name(name: str) -> str:
    """The name; Refused where it is none."""
    is_seen = name.isprintable() and not has_unseen(name)
    if not name.strip() or len(name) > LONGEST_NAME or not is_seen or name != name.strip():
        message = f"{name!r} is not a name: 1 to {LONGEST_NAME} printable characters, no blanks around it"
        raise Refused(message)
    return name


class PeopleDesk(Protocol):
    """Lets people in, and keeps their accounts. Calls block, some for a good part of a second: never on an event loop.

    `by` is who does it and `why` the reason that they gave, for the audit trail. Refused says what is wrong with what
    was asked; NotLetIn and TooSoon come of what asks for a password, ProviderAway where another system knows it.
    """

    def enter(self, name: str, password: str, door: Door, rules: SessionRules) -> Entered:
        """Begin a session, and end the one that the door had."""
        ...

    def enter_proven(self, identity: Identity, door: Door, rules: SessionRules) -> Entered:
        """Begin a session of somebody whom a provider has proven; their account is made the first time."""
        ...

    def proven_again(self, identity: Identity, name: str) -> Person:
        """That person, whom a provider has proven once more for a deed. NotLetIn, or SomebodyElse."""
        ...

    def is_by_provider(self, name: str) -> bool:
        """Whether that person signs in by an identity provider, so that we have no password to ask for."""
        ...

    @property
    def elsewhere(self) -> str:
        """What people call the system that knows passwords besides; empty: there is none."""
        ...

    def asks_elsewhere(self, name: str) -> bool:
        """Whether another system is asked for that name's password, which takes as long as it takes there."""
        ...

    def check_password(self, name: str, password: str, door: Door) -> Person:
        """The person whose password that is, for a deed that asks for it again."""
        ...

    def visit(self, secret: str) -> Visit | None:
        """Whose session that is; None where it has ended or never was."""
        ...

    def used(self, secret: str) -> None:
        """Note that a session was used just now."""
        ...

    def leave(self, secret: str) -> None:
        """End a session."""
        ...

    def sessions(self, name: str | None) -> Sequence[Session]:
        """The sessions that run, of one person or of all, newest first."""
        ...

    def end_session(self, id_: str, by: Person, why: str, of: str | None = None) -> None:
        """End a session by its name; `of`: it has to be that person's."""
        ...

    def look_at_link(self, secret: str) -> Link:
        """What a one-time link is good for."""
        ...

    def set_up(self, secret: str, name: str, full_name: str, password: str) -> Person:
        """Use a link to make the first administrator."""
        ...

    def choose_password(self, secret: str, password: str) -> Person:
        """Use a link to choose a password; every session of that person ends."""
        ...

    def enter_by_link(self, secret: str, door: Door, rules: SessionRules) -> Entered:
        """Use a link to begin a session."""
        ...

    def change_password(self, name: str, password: str, new: str, door: Door) -> None:
        """Change one's own password; every other session ends."""
        ...

    def accounts(self) -> Sequence[Account]:
        """Every account there ever was, by name."""
        ...

    def tokens(self) -> Sequence[Token]:
        """Every personal token there ever was, in the order of creation."""
        ...

    def add(self, name: str, full_name: str, role: str, by: Person, why: str) -> str:
        """Make an account; return the secret of a link by which they choose a password, empty for a service."""
        ...

    def reset(self, name: str, by: Person, why: str) -> str:
        """Return the secret of a link by which somebody chooses a new password; until then the old one is good."""
        ...

    def disable(self, name: str, by: Person, why: str) -> None:
        """Let somebody in no more: their sessions and their token end."""
        ...

    def enable(self, name: str, by: Person, why: str) -> None:
        """Let somebody in again."""
        ...

    def unlock(self, name: str, by: Person, why: str) -> None:
        """Forget the tries that failed."""
        ...

    def give_role(self, name: str, role: str, by: Person, why: str) -> None:
        """Give somebody another role, from their next request on."""
        ...
