"""What an alarm's transition says of its class, its link to the control system and its times; states of equipment."""

import sqlalchemy as sa
from alembic import op

from records.texts import portable_text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns, and say of what there is which of it was told to people; add one table and one index."""
    # Their defaults stay with the old rows: without one SQLite would have to copy the table.
    for name in ("suppressed_by", "alarm_class", "first_in_group", "position", "dcs_alarm"):
        op.add_column("transitions", sa.Column(name, portable_text(), nullable=False, server_default=""))
    op.add_column("transitions", sa.Column("announces", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("transitions", sa.Column("dcs_priority", sa.Integer))
    for name in ("activated_ns", "asked_ns", "acknowledged_ns"):
        op.add_column("transitions", sa.Column(name, sa.BigInteger))
    op.execute(
        "UPDATE transitions SET announces = TRUE WHERE shelved_until_ns IS NULL AND active AND NOT acknowledged"
        " AND (what IN ('activated', 'severity') OR (what = 'unshelved' AND person = ''))"
    )
    op.create_index("transitions_by_time", "transitions", ["at_ns"])
    op.create_table(
        "equipment_states",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        *(sa.Column(name, portable_text(), nullable=False) for name in ("unit", "state")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("since_ns", "entry", "row")),
        sa.UniqueConstraint("unit", "entry", "row"),
    )
