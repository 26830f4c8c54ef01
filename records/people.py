"""People and their personal tokens. A token is 256 random bits, shown once; only its SHA-256 is kept."""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Select, insert, select, update

from domain.errors import Refused
from domain.ports import Person
from domain.roles import Role
from records.audit import AuditEntry, write_audit
from records.tables import people

ROLES = tuple(Role)
_LONGEST_NAME = 100
_PREFIX = "tw_"  # so that a secret scanner can know one


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who holds or held a token."""

    name: str
    role: str
    created_ns: int
    revoked_ns: int | None


def add_person(connection: Connection, name: str, role: str, now_ns: int) -> str:
    """Return the new token. Refused: the name is no name, the role is none, or that person holds a token already."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        message = f"{name!r} is not a name: 1 to {_LONGEST_NAME} printable characters, no blanks around it"
        raise Refused(message)
    if role not in ROLES:
        message = f"{role!r} is not a role; the roles are {', '.join(ROLES)}"
        raise Refused(message)
    if connection.execute(_holding(name)).first() is not None:
        message = f"{name} holds a token already; revoke it first"
        raise Refused(message)
    token = _PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        insert(people).values(name=name, role=role, token_sha256=_hash_of(token), created_ns=now_ns, revoked_ns=None)
    )
    reference = f"token {_hash_of(token)[:16]}"
    write_audit(connection, AuditEntry(reference, now_ns, "admin", "token", name, f"added as {role}"), now_ns)
    return token


def revoke_person(connection: Connection, name: str, now_ns: int) -> None:
    """End a person's token; Refused if there is none."""
    held = connection.execute(_holding(name)).first()
    if held is None:
        message = f"{name} holds no token"
        raise Refused(message)
    connection.execute(update(people).where(people.c.sequence == held.sequence).values(revoked_ns=now_ns))
    reference = f"revoked {held.token_sha256[:16]}"
    write_audit(connection, AuditEntry(reference, now_ns, "admin", "token", name, "revoked"), now_ns)


def holder_of(connection: Connection, token: str) -> Person | None:
    """Whose token this is; None for an unknown or revoked one."""
    query = select(people.c.name, people.c.role)
    query = query.where(people.c.token_sha256 == _hash_of(token), people.c.revoked_ns.is_(None))
    held = connection.execute(query).one_or_none()
    return None if held is None else Person(held.name, held.role)


def accounts(connection: Connection) -> list[Account]:
    """Everybody who holds or held a token, in the order of creation."""
    query = select(people.c.name, people.c.role, people.c.created_ns, people.c.revoked_ns).order_by(people.c.sequence)
    return [Account(*row) for row in connection.execute(query)]


def _holding(name: str) -> Select[tuple[int, str]]:
    return select(people.c.sequence, people.c.token_sha256).where(people.c.name == name, people.c.revoked_ns.is_(None))


def _hash_of(token: str) -> str:
    # A fast hash is enough: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
