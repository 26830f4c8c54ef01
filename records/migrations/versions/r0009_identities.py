"""Who signs in by an identity provider: its issuer and subject, and the account that is theirs."""

import sqlalchemy as sa
from alembic import op

from records.texts import portable_text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table; nobody has signed in so before."""
    op.create_table(
        "identities",
        sa.Column("issuer", portable_text(), primary_key=True),
        sa.Column("subject", portable_text(), primary_key=True),
        sa.Column("account", portable_text(), nullable=False, unique=True),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
    )
