"""The first released schema. Tables of files from before there were migrations stay as they are."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, UniqueConstraint

from records.texts import portable_text

revision = "0001"
down_revision = None

_tables = MetaData()

_Sequence = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str) -> Column[str]:
    return Column(name, portable_text(), nullable=False, default="")


def _event_columns() -> list[Column[str] | Column[int]]:
    """The columns of an event of a batch."""
    names = ("id", "source", "kind", "unit", "batch", "phase", "material", "amount", "amount_unit", "from_unit")
    times = (Column(name, BigInteger, nullable=False) for name in ("time_ns", "recorded_ns"))

    return [*(_text(name) for name in (*names, "to_unit", "relatives", "person")), *times]


Table("about", _tables, Column("name", portable_text(), primary_key=True), _text("value"))

Table(
    "findings",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    _text("id"),
    Column("version", Integer, nullable=False),
    _text("rule"),
    _text("subject"),
    _text("stage"),
    Column("onset_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),
    Column("at_ns", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("row", BigInteger, nullable=False),
    _text("message"),
    _text("unit"),
    _text("batch"),
    _text("phase"),
    _text("phase_instance"),
    _text("ranges_version"),
    _text("rules_hash"),
    _text("evidence"),
    UniqueConstraint("id", "version"),
    Index("findings_of_batch", "batch", "sequence"),
)

Table(
    "findings_now",
    _tables,
    Column("id", portable_text(), primary_key=True),
    Column("sequence", BigInteger, nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    _text("subject"),
    _text("stage"),
    Column("onset_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),
    Index("findings_now_of_subject", "subject", "sequence"),
    Index("findings_now_of_stage", "stage"),
)

Table(
    "phases",
    _tables,
    Column("instance", portable_text(), primary_key=True),
    _text("unit"),
    _text("batch"),
    _text("phase"),
    _text("recipe"),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),
    Column("start_entry", BigInteger, nullable=False),
    Column("start_row", BigInteger, nullable=False),
    Index("phases_by_start", "start_ns"),
    Index("phases_of_batch", "batch", "start_ns"),
)

Table(
    "transitions",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    _text("alarm"),
    Column("number", BigInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    _text("what"),
    Column("active", Boolean, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    Column("latched", Boolean, nullable=False),
    Column("shelved_until_ns", BigInteger),
    Column("shelved_priority", Integer),
    Column("suppressed", Boolean, nullable=False),
    Column("out_of_service", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    _text("rule"),
    _text("subject"),
    _text("name"),
    _text("message"),
    _text("unit"),
    _text("batch"),
    _text("phase"),
    _text("finding"),
    Column("finding_version", Integer, nullable=False),
    _text("person"),
    _text("comment"),
    _text("cause"),
    _text("consequence"),
    _text("action"),
    Column("respond_within_ns", BigInteger),
    Column("occurrence", BigInteger, nullable=False),
    Column("since_ns", BigInteger),
    Index("transitions_of_alarm", "alarm", "sequence"),
)

Table(
    "alarms_now",
    _tables,
    Column("alarm", portable_text(), primary_key=True),
    Column("sequence", BigInteger, nullable=False, unique=True),
)

Table(
    "notices",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    _text("channel"),
    _text("title"),
    _text("text"),
    _text("transition"),
    Column("at_ns", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    _text("state"),
    Column("attempts", Integer, nullable=False),
    Column("next_try_ns", BigInteger),
    _text("last_error"),
    _text("receipt"),
    Index("notices_to_try", "next_try_ns"),
    Index("notices_by_state", "state"),
)

Table(
    "audit",
    _tables,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("reference", portable_text(), nullable=False, unique=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    _text("person"),
    _text("role"),
    _text("kind"),
    _text("subject"),
    _text("what"),
    _text("comment"),
    _text("previous"),
    _text("hash"),
)

Table(
    "people",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    _text("name"),
    _text("role"),
    Column("token_sha256", portable_text(), nullable=False, unique=True),
    Column("created_ns", BigInteger, nullable=False),
    Column("revoked_ns", BigInteger),
    Index("people_by_name", "name"),
)

Table(
    "requests",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    Column("at_ns", BigInteger, nullable=False),
    _text("person"),
    _text("kind"),
    _text("subject"),
    _text("comment"),
    Column("until_ns", BigInteger),
    _text("state"),
    _text("error"),
    Index("requests_by_state", "state", "sequence"),
)

Table(
    "range_proposals",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    Column("at_ns", BigInteger, nullable=False),
    _text("product"),
    Column("version", Integer, nullable=False),
    _text("change"),
    _text("study"),
    _text("person"),
    _text("reason"),
    _text("content"),
    _text("hash"),
)

Table(
    "range_versions",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("valid_from_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),
    _text("product"),
    Column("version", Integer, nullable=False),
    _text("change"),
    _text("study"),
    _text("proposal"),
    _text("proposer"),
    _text("approver"),
    _text("reason"),
    _text("content"),
    _text("hash"),
)

Table(
    "batch_events",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    *_event_columns(),
    Column("entry", BigInteger, nullable=False),
    Column("row", BigInteger, nullable=False),
    UniqueConstraint("source", "id"),
    Index("batch_events_of_batch", "batch", "time_ns"),
    Index("batch_events_of_kind", "kind"),
)

Table(
    "batch_links",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    _text("parent"),
    _text("child"),
    _text("kinship"),
    Column("time_ns", BigInteger, nullable=False),
    _text("source"),
    _text("event"),
    UniqueConstraint("parent", "child"),
    Index("batch_links_of_child", "child"),
)

Table(
    "event_requests",
    _tables,
    Column("sequence", _Sequence, primary_key=True),
    *_event_columns(),
    _text("state"),
    _text("error"),
    UniqueConstraint("id", name="event_requests_id"),
    Index("event_requests_by_state", "state", "sequence"),
)

Table(
    "cursors",
    _tables,
    Column("name", portable_text(), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

Table(
    "snapshots",
    _tables,
    Column("name", portable_text(), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
)


def upgrade() -> None:
    """Make what is missing."""
    bind = op.get_bind()
    _tables.create_all(bind)
    for table in _tables.sorted_tables:
        for index in table.indexes:  # one that is newer than its table
            index.create(bind, checkfirst=True)
