"""The outbox says for whom a notice is and how it came there; its states have the names that people use."""

import sqlalchemy as sa
from alembic import op

from records.texts import portable_text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what a notice for a person needs; waiting is pending, unknown is uncertain, what was given up is dead."""
    for name in ("person", "via", "kind"):
        op.add_column("notices", sa.Column(name, portable_text(), nullable=False, server_default=""))
    op.add_column("notices", sa.Column("unless_acknowledged", sa.Boolean, nullable=False, server_default=sa.false()))
    for name in ("begun_ns", "ended_ns"):
        op.add_column("notices", sa.Column(name, sa.BigInteger))
    op.execute("UPDATE notices SET state = 'pending' WHERE state = 'waiting'")
    op.execute("UPDATE notices SET state = 'uncertain' WHERE state = 'unknown' AND next_try_ns IS NOT NULL")
    op.execute("UPDATE notices SET state = 'dead' WHERE state IN ('unknown', 'refused')")
