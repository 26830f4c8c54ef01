"""Links that are good once and for a while; of a link's secret only the SHA-256 is kept."""

import secrets

from sqlalchemy import Connection, insert, select, update

from domain.errors import Refused
from domain.people import Link, Purpose, name_key
from records.accounts import Deed
from records.people import hash_of
from records.tables import accounts
from records.tables import one_time_links as links


def make_link(connection: Connection, purpose: Purpose, name: str, lasts_ns: int, deed: Deed) -> str:
    """Return the secret of a new link; one made before for the same is not good any more."""
    key = name_key(name)
    before = update(links).where(links.c.purpose == str(purpose), links.c.account == key, links.c.used_ns.is_(None))
    connection.execute(before.values(used_ns=deed.at_ns))
    secret = secrets.token_urlsafe(32)
    row = {
        "secret_sha256": hash_of(secret),
        "purpose": str(purpose),
        "account": key,
        "made_by": deed.by.name,
        "created_ns": deed.at_ns,
        "expires_ns": deed.at_ns + lasts_ns,
        "used_ns": None,
    }
    connection.execute(insert(links).values(row))
    return secret


def link_of(connection: Connection, secret: str, now_ns: int) -> Link:
    """What a link is good for; Refused where it is not good, whatever the reason."""
    found = (
        select(links.c.purpose, accounts.c.name)
        .join(accounts, accounts.c.key == links.c.account, isouter=True)
        .where(links.c.secret_sha256 == hash_of(secret), links.c.used_ns.is_(None), links.c.expires_ns > now_ns)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        raise Refused("this link was used, is over, or never was; ask for a new one")
    return Link(Purpose(row.purpose), row.name or "")


def use_up(connection: Connection, secret: str, now_ns: int) -> None:
    """It was good once; Refused where somebody was faster."""
    used = update(links).where(links.c.secret_sha256 == hash_of(secret), links.c.used_ns.is_(None))
    if connection.execute(used.values(used_ns=now_ns)).rowcount == 0:
        raise Refused("this link was used, is over, or never was; ask for a new one")
