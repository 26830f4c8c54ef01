"""What the journal holds: samples, and everything else that happens, in one order for all.

Samples travel as `SampleBatch` and are trimmed once every follower has passed them. So are heartbeats and source
states, of which the newest stays known; the other entries stay for good.
"""

import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, NewType

from domain.samples import SampleBatch
from domain.tags import Tag

Position = NewType("Position", int)
"""The place of an entry in the journal, from 1, without holes visible to a follower."""

START = Position(0)
"""Before the first entry."""


class RowPosition(NamedTuple):
    """The place of one sample: its entry, and its row in it from 0. Orders versions of a sample exactly."""

    entry: Position
    row: int


NOWHERE = RowPosition(START, 0)


class GapCause(enum.StrEnum):
    """Why samples are missing."""

    OVERFLOW = "overflow"  # the server's queue dropped values and said so
    DISCONNECT = "disconnect"  # no connection, and the server no longer holds what was published meanwhile
    SEQUENCE = "sequence"  # the source's own numbering has a hole
    STOPPED = "stopped"  # this service was not running
    POSSIBLE = "possible"  # a broker's queue may have dropped messages; nobody can tell
    RESTORED = "restored"  # what was taken between a backup and the first start after it was restored
    DAMAGED = "damaged"  # they were journaled, and their entry cannot be read any more
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Values that are no numbers (strings, structures as JSON, integers beyond 2^53 as digits), one row each."""

    source: str
    received_ns: int
    tag: tuple[int, ...]
    time_ns: tuple[int, ...]
    server_ns: tuple[int, ...] | None
    value: tuple[str | None, ...]
    status: tuple[int, ...]

    def __len__(self) -> int:
        """Rows in the batch."""
        return len(self.tag)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which samples of a source (or of one tag) are or may be missing. The same id again closes it."""

    id: str
    source: str
    tag: int | None  # dense id, or None: every tag of the source
    start_ns: int
    end_ns: int | None  # None: still open
    cause: GapCause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The service's clock, journaled so that silence is data: `source` is heard, or not, at `now_ns`."""

    source: str
    now_ns: int
    connected: bool
    heard_ns: int | None = None  # our clock when the source last delivered or sent a keep-alive
    skew_ns: int | None = None  # the source's clock minus ours, as last measured
    detail: str = ""  # why it is not connected, in words


@dataclass(frozen=True, slots=True)
class TagDefined:
    """A tag got its dense id, or a new version."""

    tag: Tag
    at_ns: int


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source needs to go on after a crash (subscription and handles, delivered packet ids): opaque JSON."""

    source: str
    state: str


@dataclass(frozen=True, slots=True)
class ConfigurationActivated:
    """From here on the service ran with this configuration."""

    at_ns: int
    hash: str
    text: str
    version: str  # of the program
    simulated: bool


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that could not become samples, kept with the reason; `count` messages of one kind."""

    source: str
    received_ns: int
    address: str  # topic or node
    reason: str
    payload: str  # the first 4 kB, as text with escapes
    count: int = 1


class ActionKind(enum.StrEnum):
    """What a person may do: to an alarm, to a proposal of ranges, to a model, and what to say of a hold."""

    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    COMMENT = "comment"
    OUT_OF_SERVICE = "out_of_service"  # until somebody says `return_to_service`
    RETURN_TO_SERVICE = "return_to_service"
    RESET = "reset"  # lets go an alarm that is latched
    APPROVE_RANGES = "approve_ranges"  # of a proposal; the core journals it as `RecipeApproved`
    REJECT_RANGES = "reject_ranges"  # a second person turns a proposal down
    WITHDRAW_RANGES = "withdraw_ranges"  # who proposed takes it back
    HOLD_START = "hold_start"  # says when a hold really started
    HOLD_STOP = "hold_stop"  # says when it really stopped
    CALIBRATED = "calibrated"  # subject: a tag, whose instrument was found good
    CALIBRATION_FAILED = "calibration_failed"  # … and was not
    APPROVE_MODEL = "approve_model"  # subject: the hash of a model that is installed


@dataclass(frozen=True, slots=True)
class PersonAction:
    """Something a named person did, in its place among everything else that happened."""

    id: str  # the request's id: the same action twice is one
    at_ns: int
    person: str
    kind: ActionKind
    subject: str  # the alarm's id, the proposal's, the model's hash, a tag; HOLD/BATCH
    comment: str
    until_ns: int | None = (
        None  # shelving ends, ranges begin to judge, the hold really started or stopped, or when it was calibrated
    )


@dataclass(frozen=True, slots=True)
class Rejudge:
    """From here on a stretch of a tag counts as judged with every row that came up to here, late ones in their place.

    What is concluded from it follows from the record as of this entry, so a replay concludes the same.
    """

    tag: int  # dense id
    start_ns: int  # the first late row
    end_ns: int  # the last one


class EventKind(enum.StrEnum):
    """What an explicit event tells of a batch."""

    BATCH_START = "batch_start"  # on `unit`, which it occupies from here on
    BATCH_END = "batch_end"  # on `unit`, which is free again; without a unit everywhere, for good
    PHASE_START = "phase_start"
    PHASE_END = "phase_end"
    CHARGE = "charge"  # `amount` of `material` goes into the batch on `unit`
    TRANSFER_START = "transfer_start"  # `from_unit` to `to_unit`
    TRANSFER_END = "transfer_end"  # with the `amount`, where it is known
    SPLIT = "split"  # one parent, several children
    MERGE = "merge"  # several parents, one child
    REWORK = "rework"  # one parent, made again as one child


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """Something that a system or a person told of a batch, in its place among everything else that happened.

    `source` is the MQTT source that it came from; "" for the service's own interface, and `person` then says whose
    token it was. `time_ns` is the time at the source, `recorded_ns` ours. What a kind does not need is empty.
    One that `corrects` another takes the place of its amount, and changes nothing else.
    """

    id: str  # the sender's: the same event twice is one
    source: str
    kind: EventKind
    time_ns: int
    recorded_ns: int
    unit: str = ""  # of equipment
    batch: str = ""
    phase: str = ""
    material: str = ""
    amount: Decimal | None = None  # in `amount_unit`
    amount_unit: str = ""
    from_unit: str = ""
    to_unit: str = ""
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    person: str = ""
    recipe: str = ""  # product and version that the batch record names: "API-1 v7"; of a batch's or a phase's start
    corrects: str = ""  # the id of an earlier charge or end of a transfer, whose amount was another


@dataclass(frozen=True, slots=True)
class RecipeApproved:
    """A version of a master recipe that a second person approved: from `valid_from_ns` on it judges new batches.

    `content` is the whole recipe as `domain.recipe_content` writes it and `hash` its SHA-256, so that the journal alone
    tells what judged.
    """

    id: str  # the approval's: the same one twice is one
    at_ns: int  # when it was approved
    product: str
    version: int
    change: str
    study: str
    valid_from_ns: int
    proposal: str  # the proposal's id
    proposer: str
    approver: str
    reason: str
    content: str
    hash: str


Entry = (
    SampleBatch
    | TextBatch
    | Gap
    | Heartbeat
    | TagDefined
    | SourceState
    | ConfigurationActivated
    | Quarantined
    | PersonAction
    | BatchEvent
    | Rejudge
    | RecipeApproved
)
