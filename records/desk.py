"""Lets people in, and keeps their accounts: `PeopleDesk` on the records.

A password is hashed outside of every transaction: that takes long, and SQLite has one writer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from domain.errors import Refused
from domain.identity import Identity, NotProven, PasswordProvider, ProviderAway, SomebodyElse
from domain.people import (
    WITH_A_SESSION,
    WITH_AN_ADDRESS,
    Account,
    Door,
    Entered,
    Link,
    NotLetIn,
    Person,
    Purpose,
    Session,
    SessionRules,
    State,
    Token,
    Visit,
    name_key,
    proper_name,
)
from domain.roles import Permission, Role
from domain.time import DAY_NS, HOUR_NS
from records import accounts, identities, one_time, sessions, tries
from records import people as tokens
from records.accounts import Deed
from records.engine import Database
from records.passwords import Hasher, proper_password
from records.tries import Counter

SET_UP_LASTS_NS = HOUR_NS
RESET_LASTS_NS = DAY_NS
_FIRST_OF_ALL = Person("set-up", "", "cli")


class SqlPeople:
    """People in the records; `PeopleDesk` says what each call does. `wall_ns` is the wall's clock."""

    def __init__(
        self,
        database: Database,
        wall_ns: Callable[[], int],
        hasher: Hasher | None = None,
        provider: PasswordProvider | None = None,
    ) -> None:
        self._database, self._wall_ns = database, wall_ns
        self._hasher = Hasher() if hasher is None else hasher
        self._provider = provider

    def beside(self, provider: PasswordProvider | None) -> "SqlPeople":
        """The same people, and those whose passwords another system knows."""
        return SqlPeople(self._database, self._wall_ns, self._hasher, provider)

    # Who comes in

    def enter(self, name: str, password: str, door: Door, rules: SessionRules) -> Entered:
        """Begin a session, and end the one that the door had. NotLetIn, or TooSoon."""
        person = self.check_password(name, password, door)
        by = f" by {self._provider.issuer}" if self._provider and self.is_by_provider(person.name) else ""
        return self._entered(person, f"signed in{by}", door, rules)

    def enter_proven(self, identity: Identity, door: Door, rules: SessionRules) -> Entered:
        """Begin a session of somebody whom a provider has proven. NotLetIn says why they have no place here."""
        with self._database.writing() as connection:
            outcome = identities.taken_in(connection, identity, door, self._wall_ns())
        if isinstance(outcome, str):
            raise NotLetIn(outcome)
        return self._entered(outcome, f"signed in by {identity.issuer}", door, rules)

    def proven_again(self, identity: Identity, name: str) -> Person:
        """That person, with the role that they have today. NotLetIn says why they have no place here; SomebodyElse."""
        now_ns = self._wall_ns()
        with self._database.writing() as connection:
            is_same = identities.subject_of(connection, name, identity.issuer) == identity.subject
            if not is_same:
                deed = Deed(Person(name, ""), now_ns)
                accounts.note(connection, deed, "login", name, f"failed at signing: {identity.issuer} proved another")
            outcome = identities.taken_in(connection, identity, Door(""), now_ns) if is_same else ""
        if not is_same:
            raise SomebodyElse(f"somebody else than {name} proved themselves")
        if isinstance(outcome, str):
            raise NotLetIn(outcome)
        return outcome

    def is_by_provider(self, name: str) -> bool:
        """Whether that person signs in by an identity provider."""
        with self._database.reading() as connection:
            return identities.is_of_provider(connection, name)

    @property
    def elsewhere(self) -> str:
        """What people call the system that knows passwords besides; empty: there is none."""
        return "" if self._provider is None else self._provider.title

    def asks_elsewhere(self, name: str) -> bool:
        """Whether another system is asked for that name's password: its own people's, and names that are nobody's."""
        if self._provider is None:
            return False
        with self._database.reading() as connection:
            is_ours = accounts.account_row(connection, name) is not None
            return not is_ours or identities.subject_of(connection, name, self._provider.issuer) is not None

    def _check_elsewhere(self, provider: PasswordProvider, name: str, password: str, door: Door) -> Person:
        """As `check_password`; ProviderAway where nobody can tell, and then nothing is counted."""
        now_ns = self._wall_ns()
        with self._database.writing() as connection:
            counters = self._counters(connection, name, door)
            tries.begin_try(connection, counters, now_ns)
            row = accounts.account_row(connection, name)
            subject = identities.subject_of(connection, name, provider.issuer) or ""
        try:
            identity = provider.prove(name, password, subject)
        except ProviderAway:
            with self._database.writing() as connection:
                for one in counters:
                    tries.take_back(connection, one, now_ns)
            raise
        except NotProven:
            with self._database.writing() as connection:
                self._note_failure(connection, None if row is None else str(row["name"]), counters, door)
            raise NotLetIn("name or password is wrong") from None
        with self._database.writing() as connection:
            tries.was_right(connection, counters, now_ns)
            outcome = identities.taken_in(connection, identity, door, self._wall_ns())
        if isinstance(outcome, str):
            raise NotLetIn(outcome)
        return outcome

    def check_password(self, name: str, password: str, door: Door) -> Person:
        """The person whose password that is. NotLetIn, or TooSoon; the answer takes as long for a name that is none."""
        if self._provider is not None and self.asks_elsewhere(name):
            return self._check_elsewhere(self._provider, name, password, door)
        now_ns = self._wall_ns()
        with self._database.writing() as connection:
            counters = self._counters(connection, name, door)
            tries.begin_try(connection, counters, now_ns)
            row = accounts.account_row(connection, name)
            kept = "" if row is None or row["role"] == Role.SERVICE else str(row["password"])
        is_right = self._hasher.is_it(kept, password)
        fresh = self._hasher.hash(password) if is_right and self._hasher.is_old(kept) else ""
        with self._database.writing() as connection:
            row = accounts.account_row(connection, name)
            # It may have been changed while we looked.
            if row is not None and is_right and row["state"] == State.ACTIVE and row["password"] == kept:
                tries.was_right(connection, counters, now_ns)
                if fresh:
                    accounts.rehashed(connection, name, fresh)
                return accounts.person_of(row)
            self._note_failure(connection, None if row is None else str(row["name"]), counters, door)
        raise NotLetIn("name or password is wrong")

    def _counters(self, connection: Connection, name: str, door: Door) -> Sequence[Counter]:
        """At a desk where that person is signed in, the session's alone: what strangers try does not count there."""
        visit = sessions.visit_of(connection, door.session, self._wall_ns()) if door.session else None
        if visit is not None and name_key(visit.person.name) == name_key(name):
            return (tries.counter("session", visit.session.id, WITH_A_SESSION),)
        address = tries.counter("address", door.address, WITH_AN_ADDRESS, is_shared=True)
        return (tries.of_name(name), address) if door.address else (tries.of_name(name),)

    def _note_failure(self, connection: Connection, name: str | None, counters: Sequence[Counter], door: Door) -> None:
        """Put it into the trail, without what was typed as a name; a session that locks ends."""
        now_ns = self._wall_ns()
        deed = Deed(Person(name or "", "", door.address), now_ns)
        accounts.note(connection, deed, "login", name or "a name that nobody has", "failed")
        if not any(one.patience.locks(tries.tried(connection, one)) for one in counters):
            return
        accounts.note(connection, deed, "login", name or "a name that nobody has", "locked for a time")
        if any(one.patience is WITH_A_SESSION for one in counters):
            sessions.end_by_secret(connection, door.session, now_ns)

    def _entered(self, person: Person, how: str, door: Door, rules: SessionRules) -> Entered:
        now_ns = self._wall_ns()
        with self._database.writing() as connection:
            if door.session:
                sessions.end_by_secret(connection, door.session, now_ns)
            entered = sessions.begin_session(connection, person, door, rules, now_ns)
            told = f"{how}, session {entered.session.id}"
            accounts.note(connection, Deed(replace(person, origin=door.address), now_ns), "login", person.name, told)
        return entered

    # Sessions

    def visit(self, secret: str) -> Visit | None:
        """Whose session that is; None where it has ended or never was."""
        with self._database.reading() as connection:
            return sessions.visit_of(connection, secret, self._wall_ns())

    def used(self, secret: str) -> None:
        """Note that a session was used just now."""
        with self._database.writing() as connection:
            sessions.note_use(connection, secret, self._wall_ns())

    def leave(self, secret: str) -> None:
        """End a session."""
        now_ns = self._wall_ns()
        with self._database.writing() as connection:
            visit = sessions.visit_of(connection, secret, now_ns)
            if visit is not None:
                sessions.end_by_secret(connection, secret, now_ns)
                person = replace(visit.person, origin=visit.session.client)
                told = f"signed out, session {visit.session.id}"
                accounts.note(connection, Deed(person, now_ns), "login", person.name, told)

    def sessions(self, name: str | None) -> Sequence[Session]:
        """The sessions that run, of one person or of all, newest first."""
        with self._database.reading() as connection:
            return sessions.running_sessions(connection, name, self._wall_ns())

    def end_session(self, id_: str, by: Person, why: str, of: str | None = None) -> None:
        """End a session by its name; Refused where none runs by that name, or it is not that person's."""
        now_ns = self._wall_ns()
        with self._database.writing() as connection:
            ended = sessions.end_by_id(connection, id_, now_ns)
            if ended is None or (of is not None and name_key(ended.name) != name_key(of)):
                raise Refused(f"no session {id_!r} runs")
            accounts.note(connection, Deed(by, now_ns, why), "login", ended.name, f"session {id_} ended")

    # Links and passwords

    def first_link(self) -> str | None:
        """The secret of a new link that makes the first administrator; None where there is one who can sign in."""
        now_ns = self._wall_ns()
        with self._database.writing() as connection:
            if accounts.admins(connection):
                return None
            deed = Deed(_FIRST_OF_ALL, now_ns)
            accounts.note(connection, deed, "account", "the first administrator", "a link was made")
            return one_time.make_link(connection, Purpose.SET_UP, "", SET_UP_LASTS_NS, deed)

    def entrance(self, name: str, by: Person, lasts_ns: int) -> str:
        """The secret of a new link that signs somebody in, once."""
        deed = Deed(by, self._wall_ns(), "a demonstration")
        with self._database.writing() as connection:
            held = accounts.needed_row(connection, name)
            accounts.note(connection, deed, "account", held["name"], "a link that signs in was made")
            return one_time.make_link(connection, Purpose.ENTER, held["name"], lasts_ns, deed)

    def look_at_link(self, secret: str) -> Link:
        """What a one-time link is good for; Refused where it is not good."""
        with self._database.reading() as connection:
            return one_time.link_of(connection, secret, self._wall_ns())

    def set_up(self, secret: str, name: str, full_name: str, password: str) -> Person:
        """Use a link to make the first administrator."""
        proper_name(name)
        self._demand(secret, Purpose.SET_UP)
        kept = self._hasher.hash(proper_password(password, _words_of(name, full_name)))
        deed = Deed(Person(name, str(Role.ADMIN)), self._wall_ns(), "the first administrator")
        with self._database.writing() as connection:
            if accounts.admins(connection):
                raise Refused("there is an administrator already")
            one_time.use_up(connection, secret, deed.at_ns)
            accounts.add_account(connection, name, full_name, str(Role.ADMIN), deed)
            accounts.change_account(connection, name, deed, "chose a password", password=kept)
            return accounts.person_of(accounts.needed_row(connection, name))

    def choose_password(self, secret: str, password: str) -> Person:
        """Use a link to choose a password; every session of that person ends."""
        name = self._demand(secret, Purpose.RESET).name
        with self._database.reading() as connection:
            row = accounts.needed_row(connection, name)
        kept = self._hasher.hash(proper_password(password, _words_of(row["name"], row["full_name"])))
        deed = Deed(accounts.person_of(row), self._wall_ns())
        with self._database.writing() as connection:
            one_time.use_up(connection, secret, deed.at_ns)
            return self._keep_password(connection, name, kept, deed, "chose a password by a link")

    def enter_by_link(self, secret: str, door: Door, rules: SessionRules) -> Entered:
        """Use a link to begin a session."""
        name = self._demand(secret, Purpose.ENTER).name
        with self._database.writing() as connection:
            one_time.use_up(connection, secret, self._wall_ns())
            person = accounts.person_of(accounts.needed_row(connection, name))
        return self._entered(person, "signed in by a link", door, rules)

    def change_password(self, name: str, password: str, new: str, door: Door) -> None:
        """Change one's own password; every session ends, also the one that asks."""
        if self.is_by_provider(name):
            raise Refused(f"{name} signs in by another system, and has no password here")
        person = self.check_password(name, password, door)
        if new == password:
            raise Refused("the new password is the old one")
        kept = self._hasher.hash(proper_password(new, _words_of(person.name, person.full_name)))
        with self._database.writing() as connection:
            deed = Deed(replace(person, origin=door.address), self._wall_ns())
            self._keep_password(connection, person.name, kept, deed, "changed the password")

    def give_password(self, name: str, password: str, by: Person) -> None:
        """Give an account a password that its maker knows: for demonstrations and tests, which have no secrets."""
        kept = self._hasher.hash(proper_password(password, ()))
        with self._database.writing() as connection:
            self._keep_password(connection, name, kept, Deed(by, self._wall_ns()), "was given a password")

    def _keep_password(self, connection: Connection, name: str, kept: str, deed: Deed, what: str) -> Person:
        row = accounts.row_to_sign_in(connection, name)
        accounts.change_account(connection, name, deed, what, password=kept)
        sessions.end_all_of(connection, name, deed.at_ns)
        tries.forget(connection, tries.of_name(name))
        return accounts.person_of(row)

    def _demand(self, secret: str, purpose: Purpose) -> Link:
        link = self.look_at_link(secret)
        if link.purpose is not purpose:
            raise Refused(f"this link is there to {link.purpose}")
        return link

    # Accounts

    def accounts(self) -> Sequence[Account]:
        """Every account there ever was, by name; one that tries have locked says until when."""
        now_ns = self._wall_ns()
        with self._database.reading() as connection:
            everybody = [accounts.account_of(row) for row in accounts.account_rows(connection)]
            locked = tries.locked_names(connection, (account.name for account in everybody), now_ns)
        return [_with_lock(account, locked.get(account.name)) for account in everybody]

    def locked(self) -> Sequence[str]:
        """The names of the accounts that tries have locked now."""
        return [account.name for account in self.accounts() if account.state is State.LOCKED]

    def add(self, name: str, full_name: str, role: str, by: Person, why: str) -> str:
        """Make an account; return the secret of a link by which they choose a password, empty for a service."""
        deed = Deed(by, self._wall_ns(), why)
        with self._database.writing() as connection:
            accounts.add_account(connection, name, full_name, role, deed)
            if role == Role.SERVICE:
                return ""
            return one_time.make_link(connection, Purpose.RESET, name, RESET_LASTS_NS, deed)

    def reset(self, name: str, by: Person, why: str) -> str:
        """Return the secret of a link by which somebody chooses a new password; until then the old one is good."""
        deed = Deed(by, self._wall_ns(), why)
        with self._database.writing() as connection:
            row = accounts.row_to_sign_in(connection, name)
            if identities.is_of_provider(connection, name):
                raise Refused(f"{row['name']} signs in by the identity provider, and has no password here")
            accounts.note(connection, deed, "account", row["name"], "a link to choose a password was made")
            return one_time.make_link(connection, Purpose.RESET, row["name"], RESET_LASTS_NS, deed)

    def disable(self, name: str, by: Person, why: str) -> None:
        """Let somebody in no more: their sessions and their token end."""
        deed = Deed(by, self._wall_ns(), why)
        with self._database.writing() as connection:
            accounts.give_state(connection, name, State.DISABLED, deed)
            sessions.end_all_of(connection, name, deed.at_ns)
            tokens.revoke_all_of(connection, name, deed.at_ns)

    def enable(self, name: str, by: Person, why: str) -> None:
        """Let somebody in again."""
        with self._database.writing() as connection:
            accounts.give_state(connection, name, State.ACTIVE, Deed(by, self._wall_ns(), why))

    def unlock(self, name: str, by: Person, why: str) -> None:
        """Forget the tries that failed."""
        with self._database.writing() as connection:
            row = accounts.needed_row(connection, name)
            tries.forget(connection, tries.of_name(name))
            accounts.note(connection, Deed(by, self._wall_ns(), why), "account", row["name"], "unlocked")

    def give_role(self, name: str, role: str, by: Person, why: str) -> None:
        """Give somebody another role, from their next request on."""
        with self._database.writing() as connection:
            accounts.give_role(connection, name, role, Deed(by, self._wall_ns(), why))

    # Tokens

    def add_token(
        self,
        name: str,
        role: str,
        by: Person,
        *,
        scopes: Iterable[Permission] | None = None,
        lasts_ns: int | None = None,
    ) -> str:
        """Return a new personal token, shown this once; the first one makes the account."""
        deed = Deed(by, self._wall_ns())
        expires_ns = None if lasts_ns is None else deed.at_ns + lasts_ns
        with self._database.writing() as connection:
            return tokens.add_token(connection, name, role, deed, scopes=scopes, expires_ns=expires_ns)

    def revoke_token(self, name: str, by: Person) -> None:
        """End a person's token; Refused if there is none."""
        with self._database.writing() as connection:
            tokens.revoke_token(connection, name, Deed(by, self._wall_ns()))

    def tokens(self) -> Sequence[Token]:
        """Every personal token there ever was, in the order of creation."""
        with self._database.reading() as connection:
            return tokens.listed_tokens(connection)

    def holder(self, token: str) -> Person | None:
        """Whose token this is."""
        with self._database.reading() as connection:
            return tokens.holder_of(connection, token, self._wall_ns())


def _words_of(name: str, full_name: str) -> Sequence[str]:
    """What nobody should take for a password: names, of which each part counts."""
    return (name, full_name, *name.split(), *full_name.split(), "thermowell")


def _with_lock(account: Account, until_ns: int | None) -> Account:
    if until_ns is None or account.state is not State.ACTIVE:
        return account
    return replace(account, state=State.LOCKED, locked_until_ns=until_ns)
