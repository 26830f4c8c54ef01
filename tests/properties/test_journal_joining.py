"""However samples are joined to larger entries, each source's own order stays, and so does what happened around it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.entries import Entry, Gap, GapCause, PersonAction
from domain.samples import SampleBatch
from historian.journal.codec import event_payload, source_of
from historian.journal.joining import Event, Joiner, Part, rows_in
from tests.checks.journal import ACTION, samples

SOURCES = st.sampled_from(["a", "b", "c"])
BATCHES = st.builds(
    lambda rows, source, server: samples([0.0] * rows, source, server=server), st.integers(0, 4), SOURCES, st.booleans()
)
GAPS = st.builds(lambda source: Gap("g", source, None, 0, None, GapCause.UNKNOWN), SOURCES)
ENTRIES = st.lists(st.one_of(BATCHES, BATCHES, BATCHES, GAPS, st.just(ACTION)), max_size=30)


def numbered(entries: list[Entry]) -> list[Part]:
    """Each sample's value is its number among all."""
    parts: list[Part] = []
    number = 0
    for entry in entries:
        if isinstance(entry, SampleBatch):
            entry.value[:] = range(number, number + len(entry))
            number += len(entry)
            parts.append(entry)
        else:
            parts.append(Event(entry, event_payload(entry)))
    return parts


def seen_by(entries: list[Entry], source: str) -> list[object]:
    """What a follower of one source sees: its values, its other entries, and those of the whole service."""
    seen: list[object] = []
    for entry in entries:
        if isinstance(entry, SampleBatch):
            seen += entry.value.tolist() if entry.source == source else []
        elif source_of(entry) in {source, ""}:
            seen.append(entry)
    return seen


@given(ENTRIES)
@settings(max_examples=300, deadline=None)
def test_joining_changes_nothing_that_a_source_or_a_person_did(entries: list[Entry]):
    joiner = Joiner()
    places = [joiner.add(part, rows_in(part)) for part in numbered(entries)]
    joined = [outgoing.entry for outgoing in joiner.outgoing]

    for source in ("a", "b", "c"):
        assert seen_by(joined, source) == seen_by(entries, source)
    assert all(source_of(joined[place]) == source_of(entry) for place, entry in zip(places, entries, strict=True))
    assert sum(outgoing.journaled for outgoing in joiner.outgoing) == sum(
        len(entry) for entry in entries if isinstance(entry, SampleBatch)
    )


@given(ENTRIES)
@settings(max_examples=100, deadline=None)
def test_no_sample_crosses_what_a_person_did(entries: list[Entry]):
    joiner = Joiner()
    for part in numbered(entries):
        joiner.add(part, rows_in(part))

    assert before_actions([outgoing.entry for outgoing in joiner.outgoing]) == before_actions(entries)


def before_actions(entries: list[Entry]) -> list[set[float]]:
    """The samples that were there when each action was taken."""
    there: set[float] = set()
    found = []
    for entry in entries:
        if isinstance(entry, SampleBatch):
            there |= set(entry.value.tolist())
        elif isinstance(entry, PersonAction):
            found.append(set(there))
    return found
