"""Personal tokens. A token is 256 random bits, shown once; only its SHA-256 is kept."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Select, insert, select, update

from domain.errors import Refused
from domain.people import Person, State, Token, name_key
from domain.roles import GRANTS, Permission, Role, role_named
from records.accounts import Deed, account_row, add_account, note
from records.tables import accounts, tokens

ROLES = tuple(Role)
_PREFIX = "tw_"  # so that a secret scanner can know one


def add_token(
    connection: Connection,
    name: str,
    role: str,
    deed: Deed,
    *,
    scopes: Iterable[Permission] | None = None,
    expires_ns: int | None = None,
) -> str:
    """Return the new token; the first one makes the account. An empty role: the one that the account has.

    Refused: the name or the role is none, the account is disabled or has another role, a scope is more than the role
    has, or that person holds a token already.
    """
    held = account_row(connection, name)
    if held is None:
        add_account(connection, name, "", role or str(Role.OPERATOR), deed)
        held = account_row(connection, name)
        assert held is not None
    if held["state"] != State.ACTIVE:
        raise Refused(f"{held['name']} is {held['state']}")
    if role and role != held["role"]:
        raise Refused(f"{held['name']} has the role {held['role']!r}; `thermowell people role` gives another one")
    if connection.execute(_holding(name, deed.at_ns)).first() is not None:
        raise Refused(f"{held['name']} holds a token already; revoke it first")
    narrowed = _scopes_of(held["role"], scopes)
    token = _PREFIX + secrets.token_urlsafe(32)
    row = {
        "account": held["key"],
        "token_sha256": hash_of(token),
        "scopes": "\n".join(narrowed),
        "created_ns": deed.at_ns,
        "expires_ns": expires_ns,
        "revoked_ns": None,
    }
    connection.execute(insert(tokens).values(row))
    told = ", ".join(narrowed) or held["role"]
    note(connection, deed, "token", held["name"], f"made {hash_of(token)[:16]}", new=told)
    return token


def _scopes_of(role: str, scopes: Iterable[Permission] | None) -> list[Permission]:
    """Sorted; Refused where the role does not have one of them, or there are none."""
    if scopes is None:
        return []
    wanted = sorted(set(scopes))
    if not wanted:
        raise Refused("a token with no scope at all opens nothing")
    for scope in wanted:
        if role_named(role) not in GRANTS[scope]:
            raise Refused(f"a {role} may not {scope}, so no token of theirs may")
    return wanted


def revoke_token(connection: Connection, name: str, deed: Deed) -> None:
    """End a person's token; Refused if there is none."""
    held = connection.execute(_holding(name, deed.at_ns)).first()
    if held is None:
        raise Refused(f"{name} holds no token")
    connection.execute(update(tokens).where(tokens.c.sequence == held.sequence).values(revoked_ns=deed.at_ns))
    note(connection, deed, "token", name, f"revoked {held.token_sha256[:16]}")


def revoke_all_of(connection: Connection, name: str, now_ns: int) -> None:
    """End whatever a person holds."""
    held = update(tokens).where(tokens.c.account == name_key(name), tokens.c.revoked_ns.is_(None))
    connection.execute(held.values(revoked_ns=now_ns))


def holder_of(connection: Connection, token: str, now_ns: int) -> Person | None:
    """Whose token this is; None for one that is unknown, revoked or over, or whose account is disabled."""
    query = (
        select(accounts.c.name, accounts.c.role, accounts.c.full_name, tokens.c.scopes, tokens.c.expires_ns)
        .join(accounts, accounts.c.key == tokens.c.account)
        .where(tokens.c.token_sha256 == hash_of(token), tokens.c.revoked_ns.is_(None))
        .where(accounts.c.state == str(State.ACTIVE))
    )
    held = connection.execute(query).one_or_none()
    if held is None or (held.expires_ns is not None and held.expires_ns <= now_ns):
        return None
    return Person(held.name, held.role, full_name=held.full_name, scopes=_written_scopes(held.scopes))


def listed_tokens(connection: Connection) -> Sequence[Token]:
    """Every token that there ever was, in the order of creation."""
    query = (
        select(tokens, accounts.c.name, accounts.c.role)
        .join(accounts, accounts.c.key == tokens.c.account)
        .order_by(tokens.c.sequence)
    )
    return [
        Token(
            row["name"],
            row["role"],
            row["created_ns"],
            row["revoked_ns"],
            row["expires_ns"],
            _written_scopes(row["scopes"]),
        )
        for row in connection.execute(query).mappings()
    ]


def _written_scopes(text: str) -> frozenset[Permission] | None:
    """The scopes that this program knows: one that it does not know any more opens nothing."""
    if not text:
        return None
    known = {str(permission): permission for permission in Permission}
    return frozenset(known[scope] for scope in text.split("\n") if scope in known)


def _holding(name: str, now_ns: int) -> Select[tuple[int, str]]:
    held = select(tokens.c.sequence, tokens.c.token_sha256)
    still = (tokens.c.expires_ns.is_(None)) | (tokens.c.expires_ns > now_ns)
    return held.where(tokens.c.account == name_key(name), tokens.c.revoked_ns.is_(None), still)


def hash_of(secret: str) -> str:
    """What is kept of a secret that we made: 256 random bits cannot be guessed, so a fast hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
