"""Whatever arrives, the journal gives back the same bits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from domain.entries import (
    ActionKind,
    BatchEvent,
    ConfigurationActivated,
    Entry,
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
from domain.samples import SampleBatch, concatenate
from domain.tags import Tag, TagId
from historian.journal.codec import Decoder, Encoder, event_payload, sample_payload
from historian.journal.layouts import KnownLayouts, LearntLayouts
from tests.checks.journal import same

NS = st.integers(-(1 << 63), (1 << 63) - 1)
COUNT = st.integers(0, (1 << 32) - 1)
MAYBE_NS = st.none() | NS
TEXT = st.text()
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
WILD_TEXT = st.text(st.characters())  # lone surrogates too
NUMBER = st.none() | st.floats(allow_nan=False)
FEW_ROWS = st.integers(0, 60)


def column(dtype: type, rows: int, elements: st.SearchStrategy) -> st.SearchStrategy:
    """A column that is random, constant, or of few values in runs."""
    few = st.lists(elements, min_size=1, max_size=3).flatmap(
        lambda values: arrays.arrays(dtype, rows, elements=st.sampled_from(values), fill=st.nothing()),
    )
    return arrays.arrays(dtype, rows, elements=elements) | few | few.map(np.sort)


@st.composite
def times(draw: st.DrawFn, rows: int) -> np.ndarray:
    """Times near each other in some unit, or anywhere in 64 bits."""
    if draw(st.booleans()):
        return draw(column(np.int64, rows, NS))
    first, unit = draw(st.integers(-(1 << 61), 1 << 61)), draw(st.sampled_from([1, 7, 100, 1000, 10**6, 10**9]))
    return first + draw(column(np.int64, rows, st.integers(0, 1 << 31))) * unit


@st.composite
def sample_batches(draw: st.DrawFn, rows: st.SearchStrategy[int] = FEW_ROWS) -> SampleBatch:
    count = draw(rows)
    bits = draw(arrays.arrays(np.uint64, count, elements=st.integers(0, (1 << 64) - 1)))
    return SampleBatch(
        draw(NAME),
        draw(NS),
        draw(column(np.uint32, count, st.integers(0, 300) | COUNT)),
        draw(times(count)),
        draw(st.none() | times(count)),
        bits.view(np.float64),
        draw(column(np.uint32, count, st.sampled_from([0, 0x8000_0000, 0x480]) | COUNT)),
    )


@st.composite
def text_batches(draw: st.DrawFn) -> TextBatch:
    count = draw(st.integers(0, 5))

    def rows(of: st.SearchStrategy) -> tuple:
        return tuple(draw(st.lists(of, min_size=count, max_size=count)))

    server_ns = rows(NS) if draw(st.booleans()) else None
    return TextBatch(draw(NAME), draw(NS), rows(COUNT), rows(NS), server_ns, rows(st.none() | WILD_TEXT), rows(COUNT))


NAMES = st.lists(TEXT, max_size=3).map(tuple)
AMOUNT = st.none() | st.decimals(allow_nan=False, allow_infinity=False)
BATCH_EVENTS = st.builds(
    BatchEvent,
    *(TEXT, NAME, st.sampled_from(EventKind), NS, NS, TEXT, TEXT, TEXT, TEXT),
    *(AMOUNT, TEXT, TEXT, TEXT, NAMES, NAMES, TEXT, TEXT, TEXT),
)
TAGS = st.builds(Tag, COUNT.map(TagId), TEXT, COUNT, TEXT, NAME, TEXT, TEXT, TEXT, TEXT, TEXT, NUMBER, NUMBER, NS, TEXT)
EVENTS = (
    text_batches()
    | st.builds(Gap, TEXT, NAME, st.none() | COUNT, NS, MAYBE_NS, st.sampled_from(GapCause), TEXT)
    | st.builds(Heartbeat, NAME, NS, st.booleans(), MAYBE_NS, MAYBE_NS, TEXT)
    | st.builds(TagDefined, TAGS, NS)
    | st.builds(SourceState, NAME, WILD_TEXT)
    | st.builds(ConfigurationActivated, NS, TEXT, TEXT, TEXT, st.booleans())
    | st.builds(Quarantined, NAME, NS, WILD_TEXT, TEXT, WILD_TEXT, COUNT)
    | BATCH_EVENTS
    | st.builds(Rejudge, COUNT, NS, NS)
    | st.builds(RecipeApproved, TEXT, NS, TEXT, COUNT, TEXT, TEXT, NS, *[TEXT] * 4, WILD_TEXT, TEXT)
    | st.builds(PersonAction, TEXT, NS, TEXT, st.sampled_from(ActionKind), TEXT, TEXT, MAYBE_NS)
)


def test_an_event_of_an_older_program_is_read_without_what_it_could_not_say() -> None:
    event = BatchEvent("e1", "floor", EventKind.BATCH_START, 1, 2, "R101", "B-17")
    payload = event_payload(event).replace(b',"recipe":"","corrects":""', b"")

    assert b"corrects" not in payload
    assert Decoder(KnownLayouts({}.get)).open(Encoder().seal(payload)) == event


@given(sample_batches(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_samples_come_back_bit_for_bit(batch: SampleBatch, seen_before: bool):
    layouts, files_layouts = LearntLayouts(), {}
    for _ in range(1 + seen_before):
        pieces = layouts.pieces([batch.tag])
        files_layouts |= dict(layouts.take_unwritten())
    stored = Encoder().seal(sample_payload(batch, pieces))

    assert same(Decoder(KnownLayouts(files_layouts.get)).open(stored), batch)


@given(st.lists(sample_batches(st.sampled_from([1, 2, 16, 20, 40])), min_size=1, max_size=6), st.data())
@settings(max_examples=100, deadline=None)
def test_joined_messages_come_back_bit_for_bit(batches: list[SampleBatch], data: st.DataObject):
    alike = [batch for batch in batches if (batch.server_ns is None) == (batches[0].server_ns is None)]
    parts = [data.draw(st.sampled_from(alike)) for _ in range(data.draw(st.integers(1, 12)))]
    layouts, files_layouts = LearntLayouts(), {}
    for _ in range(3):
        pieces = layouts.pieces([part.tag for part in parts])
        files_layouts |= dict(layouts.take_unwritten())
        joined = concatenate(parts)
        stored = Encoder().seal(sample_payload(joined, pieces))

        assert same(Decoder(KnownLayouts(files_layouts.get)).open(stored), joined)


@given(EVENTS)
@settings(max_examples=300, deadline=None)
def test_events_come_back_equal(event: Entry):
    stored = Encoder().seal(event_payload(event))

    assert same(Decoder(KnownLayouts({}.get)).open(stored), event)
