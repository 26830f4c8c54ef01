"""The tables: plain SQL that SQLite and PostgreSQL both speak. Times are ns since 1970.

Nothing is ever deleted, but rows of `tries`. `findings`, `transitions`, `audit`, `dispositions`, `range_proposals`
and `range_versions` only grow; `findings_now` and `alarms_now` point at the newest row of each. `sequence` is the order
of writing. A change here needs a migration (`records.schema`).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from records.growing import only_grows
from records.texts import portable_text

metadata = MetaData()

_Sequence = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only an INTEGER PRIMARY KEY by itself


def _text(name: str) -> Column[str]:
    return Column(name, portable_text(), nullable=False, default="")


def _told(name: str) -> Column[str]:
    """A text that rows of an earlier release do not have: empty there."""
    return Column(name, portable_text(), nullable=False, default="", server_default="")


def _event_columns() -> list[Column[str] | Column[int]]:
    """The columns of an event of a batch."""
    names = ("id", "source", "kind", "unit", "batch", "phase", "material", "amount", "amount_unit", "from_unit")
    times = (Column(name, BigInteger, nullable=False) for name in ("time_ns", "recorded_ns"))
    # `relatives`: parents, children and what came to events later, as JSON; `amount`: its decimal digits
    return [*(_text(name) for name in (*names, "to_unit", "relatives", "person")), *times]


alembic_version = Table(
    "alembic_version", metadata, Column("version_num", String(32), primary_key=True)
)  # Alembic's own: the newest migration

about = Table("about", metadata, Column("name", portable_text(), primary_key=True), _text("value"))

findings = Table(
    "findings",
    metadata,
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
    _text("evidence"),  # JSON
    UniqueConstraint("id", "version"),
    Index("findings_of_batch", "batch", "sequence"),
)

findings_now = Table(
    "findings_now",
    metadata,
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

phases = Table(
    "phases",
    metadata,
    Column("instance", portable_text(), primary_key=True),
    _text("unit"),
    _text("batch"),
    _text("phase"),
    _text("recipe"),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger),
    Column("start_entry", BigInteger, nullable=False),
    Column("start_row", BigInteger, nullable=False),
    Column("end_entry", BigInteger),  # as of which entry the end was known; None: before that was written down
    Index("phases_by_start", "start_ns"),
    Index("phases_of_batch", "batch", "start_ns"),
)

transitions = Table(
    "transitions",
    metadata,
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
    _text("suppressed_by"),
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
    Column("announces", Boolean, nullable=False),
    *(_text(name) for name in ("alarm_class", "first_in_group", "position", "dcs_alarm")),
    Column("dcs_priority", Integer),
    *(Column(name, BigInteger) for name in ("activated_ns", "asked_ns", "acknowledged_ns")),
    Index("transitions_of_alarm", "alarm", "sequence"),
    Index("transitions_of_batch", "batch", "sequence"),
    Index("transitions_by_time", "at_ns"),
)

equipment_states = Table(
    "equipment_states",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    _text("unit"),
    _text("state"),  # as the configuration maps its tag; empty: not known
    Column("since_ns", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),  # its place in the journal
    Column("row", BigInteger, nullable=False),
    UniqueConstraint("unit", "entry", "row"),
)

alarms_now = Table(
    "alarms_now",
    metadata,
    Column("alarm", portable_text(), primary_key=True),
    Column("sequence", BigInteger, nullable=False, unique=True),
)

notices = Table(
    "notices",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    _text("channel"),
    _text("title"),
    _text("text"),
    _text("transition"),
    Column("at_ns", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    _text("state"),  # records.outbox.STATES
    Column("attempts", Integer, nullable=False),
    Column("next_try_ns", BigInteger),  # wall time; None: it will not be tried again
    _text("last_error"),
    _text("receipt"),
    _text("person"),  # whom it is for; empty: the channel's own people
    _text("via"),  # the names that it was addressed to before: "leads > ada"
    _text("kind"),  # empty: of an alarm; else what domain.alarms.Notice says
    Column("unless_acknowledged", Boolean, nullable=False),
    Column("begun_ns", BigInteger),  # wall time of the first attempt; the deadline counts from it
    Column("ended_ns", BigInteger),  # wall time at which it was sent, or given up
    Index("notices_to_try", "next_try_ns"),
    Index("notices_by_state", "state"),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("reference", portable_text(), nullable=False, unique=True),  # the same deed twice is one
    Column("at_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),  # wall time
    _text("person"),
    _text("role"),
    _text("kind"),
    _text("subject"),
    _text("what"),
    _text("comment"),
    _text("previous"),
    _text("hash"),
    Column("format", Integer, nullable=False, server_default="1"),  # which fields are hashed
    *(_told(name) for name in ("old", "new", "batch", "authoriser", "origin", "zone")),
    Column("offset_s", Integer, nullable=False, server_default="0"),  # the zone's clock was so far ahead of UTC
    Index("audit_of_person", "person", "sequence"),
    Index("audit_of_kind", "kind", "sequence"),
    Index("audit_of_subject", "subject", "sequence"),
    Index("audit_of_batch", "batch", "sequence"),
)

signatures = Table(
    "signatures",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    _text("kind"),  # of what is signed
    _text("subject"),
    _text("meaning"),
    _text("person"),
    _text("printed"),
    _text("role"),
    Column("at_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),  # wall time
    _text("reason"),
    _text("hash"),
    _text("content"),  # canonical JSON
    _text("origin"),
    Index("signatures_of_subject", "kind", "subject", "sequence"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("key", portable_text(), primary_key=True),  # the name, so that two that look alike are one
    _text("name"),
    _text("full_name"),
    _text("role"),
    _text("state"),  # active | disabled
    _text("password"),  # as argon2 writes it, with its parameters; empty: none
    Column("created_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)

identities = Table(
    "identities",  # of people who sign in by an identity provider
    metadata,
    Column("issuer", portable_text(), primary_key=True),
    Column("subject", portable_text(), primary_key=True),
    Column("account", portable_text(), nullable=False, unique=True),  # its key
    Column("created_ns", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    _text("account"),  # its key
    Column("token_sha256", portable_text(), nullable=False, unique=True),
    _text("scopes"),  # permissions, one a line; empty: all that the role has
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger),
    Column("revoked_ns", BigInteger),
    Index("tokens_of_account", "account"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("secret_sha256", portable_text(), primary_key=True),
    _text("account"),
    _text("client"),
    _text("agent"),
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
    Index("sessions_of_account", "account", "created_ns"),
)

one_time_links = Table(
    "one_time_links",
    metadata,
    Column("secret_sha256", portable_text(), primary_key=True),
    _text("purpose"),
    _text("account"),  # empty: for somebody new
    _text("made_by"),
    Column("created_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger),  # or withdrawn
)

tries = Table(
    "tries",  # of passwords that failed; rows go when they are forgotten
    metadata,
    Column("key", portable_text(), primary_key=True),  # a hash: what is typed as a name may be a password
    Column("failures", Integer, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    Column("at_ns", BigInteger, nullable=False),
    _text("person"),
    _text("kind"),
    _text("subject"),
    _text("comment"),
    Column("until_ns", BigInteger),
    _text("state"),  # waiting | done | refused
    _text("error"),
    _told("role"),  # that the person held
    _told("origin"),  # from where it was asked
    Index("requests_by_state", "state", "sequence"),
)

range_proposals = Table(
    "range_proposals",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    Column("at_ns", BigInteger, nullable=False),
    _text("product"),
    Column("version", Integer, nullable=False),
    _text("change"),
    _text("study"),
    _text("person"),
    _text("reason"),
    _text("content"),  # the recipe, as domain.recipe_content writes it
    _text("hash"),
)

range_versions = Table(
    "range_versions",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),  # the approval's
    Column("at_ns", BigInteger, nullable=False),
    Column("valid_from_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),  # wall time
    Column("entry", BigInteger, nullable=False),  # its place in the journal
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

batch_events = Table(
    "batch_events",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    *_event_columns(),
    Column("entry", BigInteger, nullable=False),  # its place in the journal
    Column("row", BigInteger, nullable=False),
    UniqueConstraint("source", "id"),
    Index("batch_events_of_batch", "batch", "time_ns"),
    Index("batch_events_of_kind", "kind"),
)

batch_links = Table(
    "batch_links",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    _text("parent"),
    _text("child"),
    _text("kinship"),  # split | merge | rework | transfer
    Column("time_ns", BigInteger, nullable=False),
    _text("source"),
    _text("event"),
    UniqueConstraint("parent", "child"),
    Index("batch_links_of_child", "child"),
)

event_requests = Table(
    "event_requests",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    *_event_columns(),
    _text("state"),  # waiting | done | refused
    _text("error"),
    UniqueConstraint("id", name="event_requests_id"),
    Index("event_requests_by_state", "state", "sequence"),
)

judged = Table(
    "judged",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False) for name in ("findings", "transitions", "links")),
)  # as of an entry of the journal, the newest row of each: what was known then

dispositions = Table(
    "dispositions",
    metadata,
    Column("sequence", _Sequence, primary_key=True),
    Column("id", portable_text(), nullable=False, unique=True),
    _text("batch"),
    _text("item"),  # a finding's id, or unobserved/…
    Column("version", BigInteger, nullable=False),
    *(_text(name) for name in ("kind", "comment", "number", "person", "role")),
    Column("at_ns", BigInteger, nullable=False),
    Column("deed", BigInteger, nullable=False),  # its number in the audit trail
    Index("dispositions_of_batch", "batch", "sequence"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", portable_text(), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("name", portable_text(), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("role", portable_text(), primary_key=True),
    _text("holder"),  # a name that is used once
    _text("host"),
    _text("kernel"),  # what tells processes of one machine apart from those of another
    _text("started"),  # when its process did, as the kernel counts
    Column("pid", BigInteger, nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("taken_ns", BigInteger, nullable=False),  # wall time, for people
)

only_grows(audit, signatures, findings, transitions, range_proposals, range_versions, dispositions)
