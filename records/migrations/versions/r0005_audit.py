"""What an audit record tells besides: old and new, batch, authoriser, origin, zone; it can only grow."""

import sqlalchemy as sa
from alembic import op

from records.growing import guard
from records.texts import portable_text

revision = "0005"
down_revision = "0004"

_AUDIT = ("old", "new", "batch", "authoriser", "origin", "zone")


def _told(name: str) -> sa.Column[str]:
    return sa.Column(name, portable_text(), nullable=False, server_default="")


def upgrade() -> None:
    """Add columns, which are empty in rows that are there; then let the tables only grow."""
    for name in ("format", "offset_s"):
        default = "1" if name == "format" else "0"
        op.add_column("audit", sa.Column(name, sa.Integer, nullable=False, server_default=default))
    for name in _AUDIT:
        op.add_column("audit", _told(name))
    for name in ("role", "origin"):
        op.add_column("requests", _told(name))
    for name in ("person", "kind", "subject", "batch"):
        op.create_index(f"audit_of_{name}", "audit", [name, "sequence"])
    for table in ("audit", "findings", "transitions", "range_proposals", "range_versions"):
        guard(op.get_bind(), table)
