"""What every detector must do: discovery finds them all, and each is put through streams that hold every kind of event.

A check is given a way to make the detector and a stream of entries. Journal positions follow from how rows were put
into entries, so findings are compared with each row's place in the stream instead of its position.
"""

import importlib
import inspect
import itertools
import pkgutil
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

import detectors
from domain.entries import Entry, Position, RowPosition, TextBatch
from domain.findings import BatchTold, Conclusion, Finding, PhaseRecord
from domain.ports import Detector
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag

Make = Callable[[], Detector]
Said = list[Conclusion]
Fed = list[tuple[Entry, list[int]]]  # each entry with the places of its rows in the stream


def found_detectors() -> list[type]:
    """Every class of the detectors' package that offers the port."""
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(detectors.__path__, "detectors."):
        for _, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            offers = all(callable(getattr(each, verb, None)) for verb in ("update", "snapshot", "restore"))
            if offers and each.__module__.startswith("detectors."):
                found[each.__qualname__] = each
    return [found[name] for name in sorted(found)]


def maker(kind: type, rulebook: Rulebook, tags: Sequence[Tag]) -> Make:
    """How to make a detector of a kind."""

    def make() -> Detector:
        made: Detector = kind(rulebook, tags)
        return made

    return make


def placed(entries: Sequence[Entry]) -> Fed:
    """Entries with the places of their rows; one that has no rows takes one place."""
    fed: Fed = []
    place = 0
    for entry in entries:
        count = len(entry) if isinstance(entry, SampleBatch | TextBatch) else 1
        fed.append((entry, list(range(place, place + count))))
        place += count
    return fed


def told(detector: Detector, fed: Fed, first: int = 1) -> Said:
    """What a detector says of a stream, its positions replaced by places."""
    places: dict[str, int] = {}
    said: Said = []
    for number, (entry, rows) in enumerate(fed, start=first):
        places |= {f"{number}.{row}": place for row, place in enumerate(rows)}
        said += [_placed(each, places) for each in detector.update(Position(number), entry)]
    return said


def _placed(said: Conclusion, places: dict[str, int]) -> Conclusion:
    def place(position: RowPosition) -> RowPosition:
        return RowPosition(Position(places.get(f"{position.entry}.{position.row}", -1)), 0)

    if isinstance(said, Finding):
        id_ = re.sub(r"\d+\.\d+$", lambda found: str(places.get(found.group(), -1)), said.id)
        return replace(said, id=id_, detected=place(said.detected))
    if isinstance(said, PhaseRecord):
        return replace(said, start_position=place(said.start_position))
    if isinstance(said, BatchTold):
        return replace(said, position=place(said.position))
    return said


def recut(fed: Fed, seed: int) -> Fed:
    """The same rows in other entries: split anywhere, and joined where their neighbours are alike."""
    chance = random.Random(seed)
    pieces: Fed = []
    for entry, rows in fed:
        if not isinstance(entry, SampleBatch | TextBatch) or len(entry) < 2:
            pieces.append((entry, rows))
            continue
        cuts = sorted({0, len(entry), *(chance.randrange(len(entry)) for _ in range(chance.randrange(4)))})
        pieces += [(_slice(entry, start, end), rows[start:end]) for start, end in itertools.pairwise(cuts)]
    joined: Fed = []
    for entry, rows in pieces:
        if joined and chance.random() < 0.7 and _alike(joined[-1][0], entry):
            before, rows_before = joined[-1]
            joined[-1] = (_join(before, entry), rows_before + rows)
        else:
            joined.append((entry, rows))
    return joined


def _slice(entry: SampleBatch | TextBatch, start: int, end: int) -> SampleBatch | TextBatch:
    if isinstance(entry, SampleBatch):
        return entry.rows(slice(start, end))
    server_ns = None if entry.server_ns is None else entry.server_ns[start:end]
    return TextBatch(
        entry.source,
        entry.received_ns,
        entry.tag[start:end],
        entry.time_ns[start:end],
        server_ns,
        entry.value[start:end],
        entry.status[start:end],
    )


def _alike(one: Entry, other: Entry) -> bool:
    if isinstance(one, SampleBatch) and isinstance(other, SampleBatch):
        return one.source == other.source and (one.server_ns is None) == (other.server_ns is None)
    return False


def _join(one: Entry, other: Entry) -> SampleBatch:
    assert isinstance(one, SampleBatch)
    assert isinstance(other, SampleBatch)
    columns = [
        np.concatenate([getattr(one, name), getattr(other, name)]) for name in ("tag", "time_ns", "value", "status")
    ]
    server_ns = None
    if one.server_ns is not None and other.server_ns is not None:
        server_ns = np.concatenate([one.server_ns, other.server_ns])
    return SampleBatch(one.source, one.received_ns, columns[0], columns[1], server_ns, columns[2], columns[3])


def check_batching_does_not_matter(make: Make, entries: Sequence[Entry], seed: int) -> None:
    fed = placed(entries)

    as_it_came = told(make(), fed)

    assert told(make(), recut(fed, seed)) == as_it_came


def check_an_empty_batch_changes_nothing(make: Make, entries: Sequence[Entry], seed: int) -> None:
    nothing = np.empty(0)
    empty = SampleBatch(
        "train1", 0, nothing.astype(np.uint32), nothing.astype(np.int64), None, nothing, nothing.astype(np.uint32)
    )
    without = placed(entries)
    chance = random.Random(seed)
    fed: Fed = []
    for each in without:
        fed += [(empty, [])] * chance.randrange(2) + [each]

    assert told(make(), fed) == told(make(), without)


def check_restore_equals_never_having_stopped(make: Make, entries: Sequence[Entry], seed: int) -> None:
    fed = placed(entries)
    stops = random.Random(seed).sample(range(len(fed) + 1), k=min(3, len(fed) + 1))
    straight = make()
    never_stopped = [straight.update(Position(number), entry) for number, (entry, _) in enumerate(fed, start=1)]

    for stop in stops:
        before = make()
        for number, (entry, _) in enumerate(fed[:stop], start=1):
            before.update(Position(number), entry)
        after = make()
        after.restore(before.snapshot())
        rest = [after.update(Position(number), entry) for number, (entry, _) in enumerate(fed[stop:], start=stop + 1)]

        assert list(map(list, rest)) == list(map(list, never_stopped[stop:]))
        assert after.snapshot() == straight.snapshot()


def check_the_input_is_not_written_to(make: Make, entries: Sequence[Entry], seed: int) -> None:
    for entry in entries:
        if isinstance(entry, SampleBatch):
            for column in (entry.tag, entry.time_ns, entry.value, entry.status, entry.server_ns):
                if column is not None:
                    column.setflags(write=False)
    detector = make()

    for number, entry in enumerate(entries, start=1):
        detector.update(Position(number), entry)


def check_a_replay_says_the_same(make: Make, entries: Sequence[Entry], seed: int) -> None:
    first, second = make(), make()

    for number, entry in enumerate(entries, start=1):
        assert list(first.update(Position(number), entry)) == list(second.update(Position(number), entry))


def check_a_finding_is_never_said_twice(make: Make, entries: Sequence[Entry], seed: int) -> None:
    """Versions count from 1 without holes, identity stays; once cleared nothing follows but by a start told late."""
    newest: dict[str, Finding] = {}
    for each in told(make(), placed(entries)):
        if isinstance(each, Finding):
            before = newest.get(each.id)
            assert each.version == (1 if before is None else before.version + 1)
            if before is not None:
                assert before.stage != "cleared" or "told_late" in each.evidence
                assert (each.onset_ns, each.detected, each.rule) == (before.onset_ns, before.detected, before.rule)
            assert (each.end_ns is None) == (each.stage == "open")
            assert each.end_ns is None or each.end_ns >= each.onset_ns
            newest[each.id] = each


CHECKS = (
    check_batching_does_not_matter,
    check_an_empty_batch_changes_nothing,
    check_restore_equals_never_having_stopped,
    check_the_input_is_not_written_to,
    check_a_replay_says_the_same,
    check_a_finding_is_never_said_twice,
)
