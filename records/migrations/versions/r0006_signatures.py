"""Electronic signatures."""

import sqlalchemy as sa
from alembic import op

from records.growing import guard
from records.texts import portable_text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add one table that only grows."""
    first = ("kind", "subject", "meaning", "person", "printed", "role")
    op.create_table(
        "signatures",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", portable_text(), nullable=False, unique=True),
        *(sa.Column(name, portable_text(), nullable=False) for name in first),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("at_ns", "recorded_ns")),
        *(sa.Column(name, portable_text(), nullable=False) for name in ("reason", "hash", "content", "origin")),
        sa.Index("signatures_of_subject", "kind", "subject", "sequence"),
    )
    guard(op.get_bind(), "signatures")
