"""The service with one of its invariants broken on purpose: the worlds must notice."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from collector.mqtt.continuity import Continuity
from collector.mqtt.identities import Identities
from collector.opcua import gaps
from collector.opcua.source import OpcUaSource
from collector.opcua.stream import Stream
from detectors.arrivals import Watermarks
from domain.entries import Position, SourceState
from domain.ports import Delivery
from historian.chunks import rows
from historian.chunks.store import ChunkStore
from historian.journal.writer import SqliteJournal
from service.judging import Judge
from service.rechecking import Record

Break = Callable[[pytest.MonkeyPatch], None]


def _acknowledge_before_commit(patch: pytest.MonkeyPatch) -> None:
    submit = SqliteJournal.submit

    def hasty(self: SqliteJournal, delivery: Delivery) -> None:
        delivery.acknowledge()
        submit(self, replace(delivery, acknowledge=lambda: None))

    patch.setattr(SqliteJournal, "submit", hasty)


def _no_dedupe(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rows, "judge", lambda *_: rows.Verdict(None, np.empty(0, np.intp)))


def _no_opcua_gap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gaps, "close_gap", lambda source, opened, end_ns, detail: gaps.withdraw(source, opened))


def _no_lost_session_gap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Continuity, "lost", lambda self, now_ns: self._back(now_ns) and [])


def _no_possible_gap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Continuity, "took", lambda self, fresh: [])


def _redelivered_is_new(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Identities, "known", property(lambda self: {}))


def _sequence_gap_ignored(patch: pytest.MonkeyPatch) -> None:
    async def skip(self: OpcUaSource, upto: int):
        self._stream.order.skip_to(upto)
        return
        yield

    patch.setattr(OpcUaSource, "_fill", skip)

    async def nothing(self: OpcUaSource):
        return
        yield

    patch.setattr(OpcUaSource, "_republish", nothing)


def _state_before_its_values(patch: pytest.MonkeyPatch) -> None:
    """The state that counts a message goes with the delivery before it."""
    deliver = Stream.deliver
    held: dict[Stream, list[object]] = {}

    def early(self: Stream, messages: Sequence[object]) -> Delivery:
        delivery = deliver(self, messages)
        state = [entry for entry in delivery.entries if isinstance(entry, SourceState)]
        values = [entry for entry in delivery.entries if not isinstance(entry, SourceState)]
        told, held[self] = held.get(self, []), values
        return replace(delivery, entries=[*told, *state])

    patch.setattr(Stream, "deliver", early)


def _cursor_ahead_of_effects(patch: pytest.MonkeyPatch) -> None:
    write = Judge._write

    def ahead(self: Judge, position: Position, effects: object, now_s: float, *, snapshot: bool = False) -> None:
        write(self, Position(position + 6), effects, now_s, snapshot=snapshot)

    patch.setattr(Judge, "_write", ahead)


def _snapshot_older_than_it_says(patch: pytest.MonkeyPatch) -> None:
    restore = Judge._restore

    def forgetful(self: Judge) -> Position:
        cursor = restore(self)
        self.snapshot_position = self.position = cursor  # what lies between the snapshot and the cursor is not folded
        return cursor

    patch.setattr(Judge, "_restore", forgetful)


def _trim_what_the_record_has_not(patch: pytest.MonkeyPatch) -> None:
    flush = ChunkStore.flush

    def boastful(self: ChunkStore, *, everything: bool = False) -> Position:
        flush(self, everything=everything)
        return self._last

    patch.setattr(ChunkStore, "flush", boastful)
    patch.setattr("service.judging.Judge.passed", lambda self: self.position)
    patch.setattr("service.storing.StoreFollower.__init__.__kwdefaults__", {"flush_every_s": 2.0})


def _late_rows_by_what_came_after(patch: pytest.MonkeyPatch) -> None:
    as_of = Record.as_of
    patch.setattr(Record, "as_of", lambda self, position: as_of(self, Position(position + 20)))


def _recheck_forgotten_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Watermarks, "load", lambda self, state, retold: None)


MUTATIONS: dict[str, Break] = {
    "late rows judged by what came after the answer": _late_rows_by_what_came_after,
    "what late rows ask for is forgotten at a restart": _recheck_forgotten_at_a_restart,
    "acknowledge before commit": _acknowledge_before_commit,
    "no dedupe": _no_dedupe,
    "gap of an OPC UA outage not recorded": _no_opcua_gap,
    "gap of a lost MQTT session not recorded": _no_lost_session_gap,
    "possible gap of a full broker not recorded": _no_possible_gap,
    "a redelivered packet treated as new": _redelivered_is_new,
    "a gap in the sequence ignored": _sequence_gap_ignored,
    "state committed before its values": _state_before_its_values,
    "cursor ahead of its effects": _cursor_ahead_of_effects,
    "entries after the snapshot not folded again": _snapshot_older_than_it_says,
    "trimmed before the record has it": _trim_what_the_record_has_not,
}
"""By what is broken; `synchronous=NORMAL` is a property of the disk: `run_seed(careless=True)`."""
