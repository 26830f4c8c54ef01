"""People who sign in by an identity provider: an issuer's subject is one account, and stays it.

An account that is there already is never joined to a subject by its name: whoever may choose their name at the
provider would come in as somebody else.
"""

from sqlalchemy import Connection, RowMapping, insert, select

from domain.identity import Identity
from domain.people import Door, Person, State, name_key
from domain.roles import Role
from records import sessions
from records.accounts import Deed, account_row, add_account, change_account, looked_like, note, person_of
from records.tables import accounts, identities

_WHY = "as the identity provider says"


def is_of_provider(connection: Connection, name: str) -> bool:
    """Whether that account's person signs in by a provider."""
    found = select(identities.c.account).where(identities.c.account == name_key(name))
    return connection.execute(found).first() is not None


def subject_of(connection: Connection, name: str, issuer: str) -> str | None:
    """Who an account's person is to that provider; None where they are not of it."""
    found = select(identities.c.subject).where(identities.c.account == name_key(name), identities.c.issuer == issuer)
    return connection.execute(found).scalar()


def taken_in(connection: Connection, identity: Identity, door: Door, now_ns: int) -> Person | str:
    """The person of an identity, with the role that they have today; or why they are not let in, as it is in the trail.

    An account is made the first time. Without a role, and disabled, nobody comes in.
    """
    row = _row_of(connection, identity)
    known = identity.name if row is None else str(row["name"])
    refusal = _refusal(connection, identity, row)
    deed = Deed(Person(known, "", door.address), now_ns, _WHY)
    if refusal:
        note(connection, deed, "login", known, f"failed by {identity.issuer}: {refusal}")
        if row is not None:
            sessions.end_all_of(connection, known, now_ns)
        return refusal
    assert identity.role is not None
    if row is None:
        add_account(connection, identity.name, identity.full_name, str(identity.role), deed)
        key = name_key(identity.name)
        kept = {"issuer": identity.issuer, "subject": identity.subject, "account": key, "created_ns": now_ns}
        connection.execute(insert(identities).values(kept))
        note(
            connection, deed, "account", known, "bound to an identity", new=f"{identity.subject!a} of {identity.issuer}"
        )
    else:
        _follow(connection, row, identity, deed)
    found = account_row(connection, known)
    assert found is not None
    return person_of(found)


def _refusal(connection: Connection, identity: Identity, row: RowMapping | None) -> str:
    """Why somebody is not let in; empty: they are."""
    if row is not None and row["state"] != State.ACTIVE:
        return "the account is disabled"
    if identity.role is None or identity.role is Role.SERVICE:
        return "the identity provider gives no role here"
    if row is None and (account_row(connection, identity.name) or looked_like(connection, identity.name)):
        return "the name is somebody else's here; an administrator has to give one of the two another name"
    return ""


def _follow(connection: Connection, row: RowMapping, identity: Identity, deed: Deed) -> None:
    """Role and printed name become what the provider says today; the name itself stays."""
    name = str(row["name"])
    if row["role"] != identity.role:
        change_account(connection, name, deed, "role", role=str(identity.role))
    if identity.full_name and row["full_name"] != identity.full_name:
        change_account(connection, name, deed, "printed name", full_name=identity.full_name)


def _row_of(connection: Connection, identity: Identity) -> RowMapping | None:
    """The account that is bound to an identity."""
    found = (
        select(accounts)
        .join(identities, identities.c.account == accounts.c.key)
        .where(identities.c.issuer == identity.issuer, identities.c.subject == identity.subject)
    )
    return connection.execute(found).mappings().one_or_none()
