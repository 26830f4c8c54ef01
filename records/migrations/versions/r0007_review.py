"""What was known as of an entry of the journal, and what people said of findings for the review of a batch."""

import sqlalchemy as sa
from alembic import op

from records.growing import guard
from records.texts import portable_text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add one column and two tables; all that is there is known as of the judge's cursor."""
    op.add_column("phases", sa.Column("end_entry", sa.BigInteger))
    op.create_table(
        "judged",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("findings", "transitions", "links")),
    )
    op.execute(
        "INSERT INTO judged (position, findings, transitions, links) SELECT position,"
        " (SELECT COALESCE(MAX(sequence), 0) FROM findings), (SELECT COALESCE(MAX(sequence), 0) FROM transitions),"
        " (SELECT COALESCE(MAX(sequence), 0) FROM batch_links) FROM cursors WHERE name = 'judging'"
    )
    op.create_table(
        "dispositions",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", portable_text(), nullable=False, unique=True),
        *(sa.Column(name, portable_text(), nullable=False) for name in ("batch", "item")),
        sa.Column("version", sa.BigInteger, nullable=False),
        *(sa.Column(name, portable_text(), nullable=False) for name in ("kind", "comment", "number", "person", "role")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("at_ns", "deed")),
    )
    op.create_index("dispositions_of_batch", "dispositions", ["batch", "sequence"])
    guard(op.get_bind(), "dispositions")
