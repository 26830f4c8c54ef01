"""Every kind of entry as bytes, and back, exactly.

A stored entry is a format byte and a zstd frame (level 1, with its checksum) around a payload: the kind's byte, then
columns (samples.py) or JSON (events.py). A kind, once given, keeps its number; a change of a payload takes a new
format byte, and the old one is still read.
"""

import enum
from collections.abc import Mapping, Sequence

import zstandard

from domain.entries import (
    BatchEvent,
    ConfigurationActivated,
    Entry,
    Gap,
    Heartbeat,
    PersonAction,
    Quarantined,
    RecipeApproved,
    Rejudge,
    SourceState,
    TagDefined,
    TextBatch,
)
from domain.errors import DamagedFile, UnknownEntry
from domain.samples import SampleBatch
from historian.journal import events
from historian.journal.fields import Fields, Writable, not_known, to_json
from historian.journal.layouts import Layouts, Piece
from historian.journal.samples import pack_samples, unpack_samples

ENTRY_FORMAT = 1
MOST_BYTES = 1 << 30
"""A payload that claims to be larger is taken for damage."""


class Kind(enum.IntEnum):
    """The kinds of entries by the numbers they have in the file."""

    SAMPLES = 1
    TEXTS = 2
    GAP = 3
    HEARTBEAT = 4
    TAG = 5
    STATE = 6
    CONFIGURATION = 7
    QUARANTINED = 8
    ACTION = 9
    BATCH = 10
    RECIPE = 11
    REJUDGE = 20


_KINDS: Mapping[type[Entry], Kind] = {
    SampleBatch: Kind.SAMPLES,
    TextBatch: Kind.TEXTS,
    Gap: Kind.GAP,
    Heartbeat: Kind.HEARTBEAT,
    TagDefined: Kind.TAG,
    SourceState: Kind.STATE,
    ConfigurationActivated: Kind.CONFIGURATION,
    Quarantined: Kind.QUARANTINED,
    PersonAction: Kind.ACTION,
    BatchEvent: Kind.BATCH,
    Rejudge: Kind.REJUDGE,
    RecipeApproved: Kind.RECIPE,
}


def kind_of(entry: Entry) -> Kind:
    """The number that an entry's kind has in the file; TypeError for what is no entry."""
    kind = _KINDS.get(type(entry))
    if kind is None:
        raise TypeError(f"{type(entry).__name__} is no entry")
    return kind


def kind_of_type(wanted: type) -> Kind:
    """The number of a kind of entries; StopIteration for what is no entry."""
    return next(kind for each, kind in _KINDS.items() if each is wanted)


def source_of(entry: Entry) -> str:
    """The source that an entry belongs to; empty for those of the whole service."""
    match entry:
        case TagDefined(tag=tag):
            return tag.source
        case ConfigurationActivated() | PersonAction() | Rejudge() | RecipeApproved():
            return ""
        case _:
            return entry.source


def event_payload(entry: Entry) -> bytes:
    """An entry that is no SampleBatch, not yet compressed. TypeError or ValueError for what JSON cannot hold."""
    return bytes([kind_of(entry)]) + to_json(_fields(entry))


def sample_payload(batch: SampleBatch, pieces: Sequence[Piece]) -> bytes:
    """A SampleBatch, not yet compressed; `pieces` as `LearntLayouts.pieces` gives them."""
    return bytes([Kind.SAMPLES]) + pack_samples(batch, pieces)


class Encoder:
    """Payloads to stored entries. For one thread: the compressor keeps its tables."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdCompressor(level=1, write_checksum=True)

    def seal(self, payload: bytes) -> bytes:
        """What is stored."""
        return bytes([ENTRY_FORMAT]) + self._zstd.compress(payload)


class Decoder:
    """Stored entries to entries. For one thread."""

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._zstd = zstandard.ZstdDecompressor()

    def open(self, stored: bytes) -> Entry:
        """The entry; DamagedFile says what is wrong with the bytes (the caller knows the file and the position).

        UnknownEntry where they are whole, and of a kind or with a word (such as a gap's cause) that is not known.
        """
        if stored[:1] != bytes([ENTRY_FORMAT]):
            raise DamagedFile(f"entry format {stored[:1].hex() or 'missing'} is not known")
        payload = self._decompress(stored[1:])
        if not payload:
            raise DamagedFile("an empty entry")
        try:
            if payload[0] == Kind.SAMPLES:
                return unpack_samples(payload[1:], self._layouts)
            return _entry(payload[0], Fields(payload[1:]))
        except UnicodeDecodeError as error:
            raise DamagedFile(str(error)) from error

    def _decompress(self, frame: bytes) -> bytes:
        try:
            size = zstandard.frame_content_size(frame)
            if not 0 <= size <= MOST_BYTES:
                raise DamagedFile(f"a payload of {size} bytes")
            return self._zstd.decompress(frame)
        except zstandard.ZstdError as error:
            raise DamagedFile(f"the entry's bytes are not as they were written ({error})") from error


def _fields(entry: Entry) -> Writable:  # noqa: C901, PLR0911 - one line for each kind
    match entry:
        case TextBatch():
            return events.text_fields(entry)
        case Gap():
            return events.gap_fields(entry)
        case Heartbeat():
            return events.heartbeat_fields(entry)
        case TagDefined():
            return events.tag_fields(entry)
        case SourceState():
            return events.state_fields(entry)
        case ConfigurationActivated():
            return events.configuration_fields(entry)
        case Quarantined():
            return events.quarantined_fields(entry)
        case PersonAction():
            return events.action_fields(entry)
        case BatchEvent():
            return events.batch_fields(entry)
        case Rejudge():
            return events.rejudge_fields(entry)
        case RecipeApproved():
            return events.recipe_fields(entry)
    raise TypeError(f"{type(entry).__name__} is not written as JSON")


def _entry(kind: int, fields: Fields) -> Entry:  # noqa: C901, PLR0911 - one line for each kind
    match kind:
        case Kind.TEXTS:
            return events.text_entry(fields)
        case Kind.GAP:
            return events.gap_entry(fields)
        case Kind.HEARTBEAT:
            return events.heartbeat_entry(fields)
        case Kind.TAG:
            return events.tag_entry(fields)
        case Kind.STATE:
            return events.state_entry(fields)
        case Kind.CONFIGURATION:
            return events.configuration_entry(fields)
        case Kind.QUARANTINED:
            return events.quarantined_entry(fields)
        case Kind.ACTION:
            return events.action_entry(fields)
        case Kind.BATCH:
            return events.batch_entry(fields)
        case Kind.REJUDGE:
            return events.rejudge_entry(fields)
        case Kind.RECIPE:
            return events.recipe_entry(fields)
    raise UnknownEntry(not_known(f"kind {kind}"))
