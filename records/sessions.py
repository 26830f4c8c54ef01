"""Sessions of people at browsers; of a session's secret only the SHA-256 is kept."""

import secrets
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, insert, select, update

from domain.people import Door, Entered, Person, Session, SessionRules, State, Visit, name_key
from records.people import hash_of
from records.tables import accounts, sessions

_ID_LENGTH = 16
_MOST_LISTED = 500
_LONGEST_AGENT = 200


def begin_session(connection: Connection, person: Person, door: Door, rules: SessionRules, now_ns: int) -> Entered:
    """A new session with a new secret, whatever the browser had before."""
    secret = secrets.token_urlsafe(32)
    agent = "".join(letter for letter in door.agent[:_LONGEST_AGENT] if letter.isprintable())
    row: dict[str, object] = {
        "secret_sha256": hash_of(secret),
        "account": name_key(person.name),
        "client": door.address,
        "agent": agent,
        "created_ns": now_ns,
        "used_ns": now_ns,
        "expires_ns": now_ns + rules.lifetime_ns,
        "ended_ns": None,
    }
    connection.execute(insert(sessions).values(row))
    id_ = hash_of(secret)[:_ID_LENGTH]
    session = Session(id_, person.name, now_ns, now_ns, now_ns + rules.lifetime_ns, door.address, agent)
    return Entered(secret, session, person)


def visit_of(connection: Connection, secret: str, now_ns: int) -> Visit | None:
    """Whose session that is, if it runs."""
    row = (
        connection.execute(_running(now_ns).where(sessions.c.secret_sha256 == hash_of(secret))).mappings().one_or_none()
    )
    if row is None:
        return None
    session = _session_of(row)
    return Visit(Person(row["name"], row["role"], full_name=row["full_name"]), session, now_ns - session.used_ns)


def note_use(connection: Connection, secret: str, now_ns: int) -> None:
    """It was used just now."""
    used = update(sessions).where(sessions.c.secret_sha256 == hash_of(secret), sessions.c.used_ns < now_ns)
    connection.execute(used.values(used_ns=now_ns))


def running_sessions(connection: Connection, name: str | None, now_ns: int) -> Sequence[Session]:
    """The sessions that run, of one person or of all, newest first."""
    query = _running(now_ns).order_by(sessions.c.created_ns.desc()).limit(_MOST_LISTED)
    if name is not None:
        query = query.where(sessions.c.account == name_key(name))
    return [_session_of(row) for row in connection.execute(query).mappings()]


def end_by_secret(connection: Connection, secret: str, now_ns: int) -> None:
    """End a session; nothing happens where it has ended."""
    _end(connection, now_ns, sessions.c.secret_sha256 == hash_of(secret))


def end_by_id(connection: Connection, id_: str, now_ns: int) -> Session | None:
    """End a session by its name, and tell which one it was; None where none runs by that name."""
    found = _running(now_ns).where(sessions.c.secret_sha256.startswith(id_, autoescape=True))
    row = connection.execute(found).mappings().one_or_none() if len(id_) == _ID_LENGTH else None
    if row is None:
        return None
    _end(connection, now_ns, sessions.c.secret_sha256 == row["secret_sha256"])
    return _session_of(row)


def end_all_of(connection: Connection, name: str, now_ns: int) -> None:
    """End every session of a person."""
    _end(connection, now_ns, sessions.c.account == name_key(name))


def _end(connection: Connection, now_ns: int, which: ColumnElement[bool]) -> None:
    ended = update(sessions).where(which, sessions.c.ended_ns.is_(None))
    connection.execute(ended.values(ended_ns=now_ns))


def _running(now_ns: int) -> Select[tuple[object, ...]]:
    return (
        select(sessions, accounts.c.name, accounts.c.role, accounts.c.full_name)
        .join(accounts, accounts.c.key == sessions.c.account)
        .where(sessions.c.ended_ns.is_(None), sessions.c.expires_ns > now_ns, accounts.c.state == str(State.ACTIVE))
    )


def _session_of(row: RowMapping) -> Session:
    return Session(
        row["secret_sha256"][:_ID_LENGTH],
        row["name"],
        row["created_ns"],
        row["used_ns"],
        row["expires_ns"],
        row["client"],
        row["agent"],
    )
