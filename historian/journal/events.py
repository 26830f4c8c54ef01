"""The entries that are no samples, as JSON with every field by name: readable with any tool, years later.

Each kind has a writer and a reader of its own, so that renaming a field in the program does not change the file.
"""

from domain.entries import (
    ActionKind,
    BatchEvent,
    ConfigurationActivated,
    EventKind,
    Gap,
    GapCause,
    Heartbeat,
    PersonAction,
    Quarantined,
    RecipeApproved,
    Rejudge,
    SourceState,
    TagDefined,
    TextBatch,
)
from domain.tags import Tag, TagId
from historian.journal.fields import Fields, Writable, number_text


def text_fields(entry: TextBatch) -> Writable:
    """A TextBatch, column by column."""
    return {
        "source": entry.source,
        "received_ns": entry.received_ns,
        "tag": entry.tag,
        "time_ns": entry.time_ns,
        "server_ns": entry.server_ns,
        "value": entry.value,
        "status": entry.status,
    }


def text_entry(fields: Fields) -> TextBatch:
    """The inverse of `text_fields`."""
    return TextBatch(
        source=fields.text("source"),
        received_ns=fields.integer("received_ns"),
        tag=fields.integers("tag"),
        time_ns=fields.integers("time_ns"),
        server_ns=fields.integers_or_none("server_ns"),
        value=fields.texts("value"),
        status=fields.integers("status"),
    )


def gap_fields(entry: Gap) -> Writable:
    """A Gap."""
    return {
        "id": entry.id,
        "source": entry.source,
        "tag": entry.tag,
        "start_ns": entry.start_ns,
        "end_ns": entry.end_ns,
        "cause": entry.cause.value,
        "detail": entry.detail,
    }


def gap_entry(fields: Fields) -> Gap:
    """The inverse of `gap_fields`."""
    return Gap(
        id=fields.text("id"),
        source=fields.text("source"),
        tag=fields.integer_or_none("tag"),
        start_ns=fields.integer("start_ns"),
        end_ns=fields.integer_or_none("end_ns"),
        cause=fields.one_of(GapCause, "cause"),
        detail=fields.text("detail"),
    )


def heartbeat_fields(entry: Heartbeat) -> Writable:
    """A Heartbeat."""
    return {
        "source": entry.source,
        "now_ns": entry.now_ns,
        "connected": entry.connected,
        "heard_ns": entry.heard_ns,
        "skew_ns": entry.skew_ns,
        "detail": entry.detail,
    }


def heartbeat_entry(fields: Fields) -> Heartbeat:
    """The inverse of `heartbeat_fields`."""
    return Heartbeat(
        source=fields.text("source"),
        now_ns=fields.integer("now_ns"),
        connected=fields.truth("connected"),
        heard_ns=fields.integer_or_none("heard_ns"),
        skew_ns=fields.integer_or_none("skew_ns"),
        detail=fields.text("detail"),
    )


def tag_fields(entry: TagDefined) -> Writable:
    """A TagDefined, its tag's fields beside its own."""
    tag = entry.tag
    return {
        "at_ns": entry.at_ns,
        "id": tag.id,
        "uuid": tag.uuid,
        "version": tag.version,
        "name": tag.name,
        "source": tag.source,
        "address": tag.address,
        "configured": tag.configured,
        "unit": tag.unit,
        "reference": tag.reference,
        "kind": tag.kind,
        "sensor_low": number_text(tag.sensor_low),
        "sensor_high": number_text(tag.sensor_high),
        "sampling_interval_ns": tag.sampling_interval_ns,
        "description": tag.description,
    }


def tag_entry(fields: Fields) -> TagDefined:
    """The inverse of `tag_fields`."""
    tag = Tag(
        id=TagId(fields.integer("id")),
        uuid=fields.text("uuid"),
        version=fields.integer("version"),
        name=fields.text("name"),
        source=fields.text("source"),
        address=fields.text("address"),
        configured=fields.text("configured"),
        unit=fields.text("unit"),
        reference=fields.text("reference"),
        kind=fields.text("kind"),
        sensor_low=fields.number_or_none("sensor_low"),
        sensor_high=fields.number_or_none("sensor_high"),
        sampling_interval_ns=fields.integer("sampling_interval_ns"),
        description=fields.text("description"),
    )
    return TagDefined(tag, fields.integer("at_ns"))


def state_fields(entry: SourceState) -> Writable:
    """A SourceState."""
    return {"source": entry.source, "state": entry.state}


def state_entry(fields: Fields) -> SourceState:
    """The inverse of `state_fields`."""
    return SourceState(fields.text("source"), fields.text("state"))


def configuration_fields(entry: ConfigurationActivated) -> Writable:
    """A ConfigurationActivated."""
    return {
        "at_ns": entry.at_ns,
        "hash": entry.hash,
        "text": entry.text,
        "version": entry.version,
        "simulated": entry.simulated,
    }


def configuration_entry(fields: Fields) -> ConfigurationActivated:
    """The inverse of `configuration_fields`."""
    return ConfigurationActivated(
        at_ns=fields.integer("at_ns"),
        hash=fields.text("hash"),
        text=fields.text("text"),
        version=fields.text("version"),
        simulated=fields.truth("simulated"),
    )


def quarantined_fields(entry: Quarantined) -> Writable:
    """A Quarantined."""
    return {
        "source": entry.source,
        "received_ns": entry.received_ns,
        "address": entry.address,
        "reason": entry.reason,
        "payload": entry.payload,
        "count": entry.count,
    }


def quarantined_entry(fields: Fields) -> Quarantined:
    """The inverse of `quarantined_fields`."""
    return Quarantined(
        source=fields.text("source"),
        received_ns=fields.integer("received_ns"),
        address=fields.text("address"),
        reason=fields.text("reason"),
        payload=fields.text("payload"),
        count=fields.integer("count"),
    )


def action_fields(entry: PersonAction) -> Writable:
    """A PersonAction."""
    return {
        "id": entry.id,
        "at_ns": entry.at_ns,
        "person": entry.person,
        "kind": entry.kind.value,
        "subject": entry.subject,
        "comment": entry.comment,
        "until_ns": entry.until_ns,
    }


def action_entry(fields: Fields) -> PersonAction:
    """The inverse of `action_fields`."""
    return PersonAction(
        id=fields.text("id"),
        at_ns=fields.integer("at_ns"),
        person=fields.text("person"),
        kind=fields.one_of(ActionKind, "kind"),
        subject=fields.text("subject"),
        comment=fields.text("comment"),
        until_ns=fields.integer_or_none("until_ns"),
    )


def batch_fields(entry: BatchEvent) -> Writable:
    """A BatchEvent; its amount as decimal digits. Newer fields stand only where they tell something."""
    later = {"recipe": entry.recipe, "corrects": entry.corrects}
    return {
        "id": entry.id,
        "source": entry.source,
        "kind": entry.kind.value,
        "time_ns": entry.time_ns,
        "recorded_ns": entry.recorded_ns,
        "unit": entry.unit,
        "batch": entry.batch,
        "phase": entry.phase,
        "material": entry.material,
        "amount": None if entry.amount is None else str(entry.amount),
        "amount_unit": entry.amount_unit,
        "from_unit": entry.from_unit,
        "to_unit": entry.to_unit,
        "parents": entry.parents,
        "children": entry.children,
        "person": entry.person,
        **{name: text for name, text in later.items() if text},
    }


def batch_entry(fields: Fields) -> BatchEvent:
    """The inverse of `batch_fields`."""
    return BatchEvent(
        id=fields.text("id"),
        source=fields.text("source"),
        kind=fields.one_of(EventKind, "kind"),
        time_ns=fields.integer("time_ns"),
        recorded_ns=fields.integer("recorded_ns"),
        unit=fields.text("unit"),
        batch=fields.text("batch"),
        phase=fields.text("phase"),
        material=fields.text("material"),
        amount=fields.decimal_or_none("amount"),
        amount_unit=fields.text("amount_unit"),
        from_unit=fields.text("from_unit"),
        to_unit=fields.text("to_unit"),
        parents=fields.names("parents"),
        children=fields.names("children"),
        person=fields.text("person"),
        recipe=fields.text_or_empty("recipe"),
        corrects=fields.text_or_empty("corrects"),
    )


def rejudge_fields(entry: Rejudge) -> Writable:
    """A Rejudge."""
    return {"tag": entry.tag, "start_ns": entry.start_ns, "end_ns": entry.end_ns}


def rejudge_entry(fields: Fields) -> Rejudge:
    """The inverse of `rejudge_fields`."""
    return Rejudge(fields.integer("tag"), fields.integer("start_ns"), fields.integer("end_ns"))


def recipe_fields(entry: RecipeApproved) -> Writable:
    """A RecipeApproved."""
    return {
        "id": entry.id,
        "at_ns": entry.at_ns,
        "product": entry.product,
        "version": entry.version,
        "change": entry.change,
        "study": entry.study,
        "valid_from_ns": entry.valid_from_ns,
        "proposal": entry.proposal,
        "proposer": entry.proposer,
        "approver": entry.approver,
        "reason": entry.reason,
        "content": entry.content,
        "hash": entry.hash,
    }


def recipe_entry(fields: Fields) -> RecipeApproved:
    """The inverse of `recipe_fields`."""
    return RecipeApproved(
        id=fields.text("id"),
        at_ns=fields.integer("at_ns"),
        product=fields.text("product"),
        version=fields.integer("version"),
        change=fields.text("change"),
        study=fields.text("study"),
        valid_from_ns=fields.integer("valid_from_ns"),
        proposal=fields.text("proposal"),
        proposer=fields.text("proposer"),
        approver=fields.text("approver"),
        reason=fields.text("reason"),
        content=fields.text("content"),
        hash=fields.text("hash"),
    )
