"""Accounts with passwords, sessions, one-time links, tries that failed; what was kept as people are their tokens."""

import unicodedata

import sqlalchemy as sa
from alembic import op

from records.texts import portable_text

revision = "0008"
down_revision = "0007"

_Sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, portable_text(), nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    """Add the tables, and turn each name that ever held a token into an account."""
    accounts = op.create_table(
        "accounts",
        sa.Column("key", portable_text(), primary_key=True),
        *_texts("name", "full_name", "role", "state", "password"),
        *_times("created_ns", "changed_ns"),
    )
    tokens = op.create_table(
        "tokens",
        sa.Column("sequence", _Sequence, primary_key=True),
        *_texts("account"),
        sa.Column("token_sha256", portable_text(), nullable=False, unique=True),
        *_texts("scopes"),
        *_times("created_ns"),
        sa.Column("expires_ns", sa.BigInteger),
        sa.Column("revoked_ns", sa.BigInteger),
    )
    op.create_index("tokens_of_account", "tokens", ["account"])
    op.create_table(
        "sessions",
        sa.Column("secret_sha256", portable_text(), primary_key=True),
        *_texts("account", "client", "agent"),
        *_times("created_ns", "used_ns", "expires_ns"),
        sa.Column("ended_ns", sa.BigInteger),
    )
    op.create_index("sessions_of_account", "sessions", ["account", "created_ns"])
    op.create_table(
        "one_time_links",
        sa.Column("secret_sha256", portable_text(), primary_key=True),
        *_texts("purpose", "account", "made_by"),
        *_times("created_ns", "expires_ns"),
        sa.Column("used_ns", sa.BigInteger),
    )
    op.create_table(
        "tries",
        sa.Column("key", portable_text(), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        *_times("last_ns"),
    )
    _move_people(accounts, tokens)
    op.drop_table("people")


def _move_people(accounts: sa.Table, tokens: sa.Table) -> None:
    """Each name becomes one account with the role of its newest token."""
    connection = op.get_bind()
    names = ("name", "role", "token_sha256", "created_ns", "revoked_ns")
    columns = [sa.column(name, portable_text() if at < 3 else sa.BigInteger) for at, name in enumerate(names)]
    held = sa.select(*columns).select_from(sa.table("people")).order_by(sa.column("sequence"))
    made: dict[str, dict[str, object]] = {}
    rows: list[dict[str, object]] = []
    for row in connection.execute(held).mappings():
        name, created_ns = str(row["name"]), row["created_ns"]
        key = unicodedata.normalize("NFKC", name).casefold()
        if made.get(key, {"name": name})["name"] != name:
            key = name  # somebody else looks alike: they keep their token, and get no password under this name
        first = made.setdefault(key, {"name": name, "created_ns": created_ns})
        made[key] = first | {"role": row["role"], "changed_ns": created_ns}
        rows.append(
            {"account": key, "scopes": "", **{each: row[each] for each in ("token_sha256", "created_ns", "revoked_ns")}}
        )
    for key, account in made.items():
        kept = {"key": key, "full_name": "", "state": "active", "password": ""}
        connection.execute(sa.insert(accounts).values(kept | account))
    for moved in rows:
        connection.execute(sa.insert(tokens).values(moved))
