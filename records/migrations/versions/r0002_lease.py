"""Who runs a role, and transitions found by their batch."""

import sqlalchemy as sa
from alembic import op

from records.texts import portable_text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add one table and one index."""
    op.create_index("transitions_of_batch", "transitions", ["batch", "sequence"])
    op.create_table(
        "leases",
        sa.Column("role", portable_text(), primary_key=True),
        *(sa.Column(name, portable_text(), nullable=False) for name in ("holder", "host", "kernel", "started")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("pid", "renewals", "taken_ns")),
    )
