"""Signs people in by a directory (LDAP): it says whether a password is theirs, who they are, and their groups.

An account with rights to look finds the person by their name, and then they bind with their own password; or, without
such an account, the name is put into a template. Referrals are not followed.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

from domain.errors import Refused
from domain.identity import Identity, NotProven, ProviderAway
from domain.people import name_key, proper_name
from domain.roles import Role
from service.login.directory import Finding, Server, Told
from service.login.ldap_connection import Connection
from service.login.ldap_messages import Entry, Search
from service.login.ldap_names import escaped

log = logging.getLogger(__name__)

DEADLINE_S = 12.0
"""Of a whole proof, over all servers."""


class Directory:
    """`PasswordProvider` by LDAP. Each proof has a connection of its own, so nothing is kept that could be a secret."""

    def __init__(self, told: Told) -> None:
        self._told, self._reading = told, told.reading

    @property
    def title(self) -> str:
        """What people call it."""
        return self._told.title

    @property
    def issuer(self) -> str:
        """Whose people these are."""
        return self._told.issuer

    def prove(self, name: str, password: str, subject: str = "") -> Identity:
        """Who that is whose name and password these are; `subject`: it has to be that one. NotProven, ProviderAway."""
        if not name or not password:
            raise NotProven("a name and a password are needed")
        try:
            with self._connection() as connection:
                if self._told.finding is None:
                    return self._proven_by_template(connection, name, password, subject)
                return self._proven_by_search(connection, self._told.finding, name, password, subject)
        except NotProven as refused:
            log.info("nobody is let in by %s: %s", self._told.issuer, refused)
            raise

    def _proven_by_search(
        self, connection: Connection, finding: Finding, name: str, password: str, subject: str
    ) -> Identity:
        self._bind_own(connection, finding)
        key = (self._reading.subject, _as_value(subject)) if subject else (self._reading.name, name.encode())
        found = connection.search(
            Search(
                finding.base,
                (key, *((attribute, value.encode()) for attribute, value in finding.among)),
                self._reading.attributes,
                below=True,
                at_most=2,
            )
        )
        if found is None:
            raise connection.away(f"{finding.base!r}, where people are sought, is not there")
        if len(found) > 1:
            raise NotProven("the directory has more than one person of that name")
        if not found:
            raise NotProven("the directory has no such person")
        identity = self._identity(connection, found[0], "" if subject else name, subject)
        if not connection.bind(found[0].dn, password):
            raise NotProven("the directory does not take that password")
        return identity

    def _proven_by_template(self, connection: Connection, name: str, password: str, subject: str) -> Identity:
        dn = self._told.template.replace("{name}", escaped(name))
        if not connection.bind(dn, password):
            raise NotProven("the directory does not take that name and password")
        found = connection.search(Search(dn, (), self._reading.attributes, below=False, at_most=1))
        if not found:
            raise NotProven("the directory does not let that person see their own entry")
        return self._identity(connection, found[0], name, subject)

    def _identity(self, connection: Connection, entry: Entry, name: str, subject: str) -> Identity:
        """Whom an entry names. A name counts only as it is written here: tries are counted by it."""
        reading = self._reading
        names, subjects = _texts(entry, reading.name), entry.values.get(reading.subject.lower(), ())
        if len(subjects) != 1:
            raise NotProven(f"the directory does not tell {reading.subject}, by which a person stays the same")
        if subject and _as_text(subjects[0]) != subject:
            raise NotProven("by that name the directory knows somebody else by now")
        of_name = [each for each in names if not name or name_key(each) == name_key(name)]
        if not of_name or not entry.dn:
            raise NotProven("the directory's entry has another name")
        try:
            proper_name(of_name[0])
            printed = next((proper_name(each) for each in _texts(entry, reading.full_name)), "")
        except Refused:
            raise NotProven(f"{reading.name} or {reading.full_name} of the entry is no name") from None
        role = self._role(connection, entry.dn, of_name[0])
        return Identity(self.issuer, _as_text(subjects[0]), of_name[0], printed, role)

    def _role(self, connection: Connection, dn: str, name: str) -> Role | None:
        """The first role of the map, in the order in which it is written, whose group has the person as a member."""
        who = name if self._reading.member.lower() == "memberuid" else dn  # RFC 2307 lists names
        for group, role in self._reading.roles.items():
            if connection.search(Search(group, ((self._reading.member, who.encode()),), (), below=False, at_most=1)):
                return role
        return None

    def _bind_own(self, connection: Connection, finding: Finding) -> None:
        try:
            password = finding.password_file.read_text(encoding="utf-8").strip()  # anew: it may be changed
        except (OSError, UnicodeDecodeError):
            raise ProviderAway("the file login.ldap.search.password_file cannot be read") from None
        if not password or not connection.bind(finding.account, password):
            raise connection.away(f"it does not take the password of {finding.account!r}, by which people are sought")

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection with the first server that can be used."""
        until_s, faults = time.monotonic() + DEADLINE_S, []
        for server in self._told.servers:
            try:
                made = Connection(server, until_s)
            except ProviderAway as away:
                faults.append(str(away))
                continue
            with closing(made):
                yield made
            return
        raise ProviderAway("; ".join(faults))

    def looked_at(self) -> Iterator[tuple[str, str]]:
        """What was looked at at each server, and what hinders there; empty: nothing does. For the doctor."""
        for server in self._told.servers:
            yield server.shown, _fault_of(lambda server=server: self._look(server))  # type: ignore[misc]  # binds the loop's one

    def _look(self, server: Server) -> None:
        with closing(Connection(server, time.monotonic() + DEADLINE_S)) as connection:
            finding = self._told.finding
            if finding is None:
                return  # without a password of somebody nothing more can be seen
            self._bind_own(connection, finding)
            for dn in (finding.base, *self._reading.roles):
                if not connection.search(Search(dn, (), (), below=False, at_most=1)):
                    raise connection.away(f"{finding.account!r} does not see {dn!r} there")


def _fault_of(look: Callable[[], None]) -> str:
    try:
        look()
    except Refused as fault:
        return str(fault)
    return ""


def _texts(entry: Entry, attribute: str) -> Sequence[str]:
    found = (value.decode("utf-8", "replace") for value in entry.values.get(attribute.lower(), ()))
    return [text for text in found if text and "\ufffd" not in text]


def _as_text(subject: bytes) -> str:
    """As it is kept: text as it is, other bytes (an `objectGUID`) as hexadecimal numbers."""
    try:
        text = subject.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    return text if text.isprintable() and text and not text.startswith("0x") else f"0x{subject.hex()}"


def _as_value(subject: str) -> bytes:
    return bytes.fromhex(subject[2:]) if subject.startswith("0x") else subject.encode()
