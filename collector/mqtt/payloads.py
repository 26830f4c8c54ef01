"""JSON payloads to columns: whole batches at once where messages are plain, one by one where they are not."""

import zlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray

from collector.mqtt.events import Told, read_events
from collector.mqtt.frames import DUP, OVERSIZED, RETAIN, Publish
from collector.mqtt.routes import MISSING, CompiledRoute, Json, Missing, Route, TopicPlan, find, plan_topics
from collector.mqtt.times import read_numbers, read_texts, read_time
from collector.mqtt.values import (
    column,
    number_column,
    parse_json,
    parse_text,
    read_number,
    read_status,
    read_text,
    shown,
)
from domain.entries import TextBatch
from domain.errors import BadMessage
from domain.samples import SampleBatch
from domain.status import BAD, BAD_NO_DATA, GOOD, TIME_FROM_RECEIPT
from domain.tags import Tag
from domain.telling import AmountFault, any_unit


@dataclass(frozen=True, slots=True)
class Refusal:
    """`samples` that could not be read from a message, and why. `kind` groups refusals of one sort."""

    topic: str
    kind: str
    reason: str
    payload: bytes
    samples: int = 1


@dataclass(slots=True)
class Reading:
    """What a run of messages says; received = samples + texts + refusals + redelivered, each counted in samples.

    `identities` are packet id and check sum of the messages of which a sample got the receipt time: only these must
    be known again. `events` of batches are no samples. They and `unrouted` messages (topic → how many, and the last
    payload) are not in `received`.
    """

    samples: SampleBatch | None = None
    texts: TextBatch | None = None
    events: list[Told] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    unrouted: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    identities: dict[int, int] = field(default_factory=dict)
    received: int = 0
    redelivered: int = 0

    def refuse(self, refusal: Refusal) -> None:
        """Count and keep what could not be read."""
        self.refusals.append(refusal)
        self.received += refusal.samples


@dataclass(slots=True)
class _Rows:
    """Rows in the order of arrival, raw as the wire has them: four lists of one length."""

    owner: list[Publish] = field(default_factory=list)
    index: list[int] = field(default_factory=list)  # of the route
    time: list[object] = field(default_factory=list)  # None: the message has none
    value: list[object] = field(default_factory=list)
    status: dict[int, int] = field(default_factory=dict)  # by row; absent: Good

    def put(self, owner: Publish, index: int, time: object, value: object, status: int) -> None:
        if status != GOOD:
            self.status[len(self.index)] = status
        self.owner.append(owner)
        self.index.append(index)
        self.time.append(time)
        self.value.append(value)

    def cut(self, length: int) -> None:
        """Forget the rows from `length` on."""
        del self.owner[length:], self.index[length:], self.time[length:], self.value[length:]
        self.status = {row: status for row, status in self.status.items() if row < length}


@dataclass(slots=True)
class _Columns:
    """The rows' columns while they are filled; `texts` are (row, value) of what is no number."""

    tag: NDArray[np.uint32]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    kept: NDArray[np.bool_]
    texts: list[tuple[int, str | None]] = field(default_factory=list)


class PayloadReader:
    """Turns messages into batches of one source, by its routes."""

    def __init__(
        self,
        source: str,
        routes: Sequence[Route],
        tags: Sequence[Tag],
        event_topics: Sequence[str] = (),
        tag_names: AbstractSet[str] = frozenset(),
        amount_fault: AmountFault = any_unit,
    ) -> None:
        """`tag_names`: of all sources, of which calibrations may be told. `amount_fault` judges units of events."""
        self._source = source
        self._amount_fault = amount_fault
        self._tag_names = tag_names
        self._event_topics = {topic.encode() for topic in event_topics}
        self._plans, self._routes = plan_topics(routes, tags)
        self._tag_of = np.array([route.route.tag_id for route in self._routes], dtype=np.uint32)
        self._unit_of = np.array([route.ns_per_unit for route in self._routes], dtype=np.int64)
        self._is_text = np.array([route.kind == "text" for route in self._routes], dtype=np.bool_)
        self._has_texts = bool(self._is_text.any())
        self.is_new_session = False
        """Whether what the broker keeps is the only way to know a unit's state: nothing waits in a session of ours."""
        self._is_state = np.array([route.route.is_state for route in self._routes], dtype=np.bool_)
        self._has_states = bool(self._is_state.any())
        self._state: dict[int, object] = {}  # by route: the state that was told last
        self._kept: dict[int, object] = {}  # by route: the state without a time that the broker had kept

    def read(self, messages: Sequence[Publish], received_ns: int, known: Mapping[int, int]) -> Reading:
        """Read messages in order; `known` are packet id and check sum of earlier ones that may come again.

        Rows without a time get `received_ns` plus their place in the run: distinct times, in the order of arrival.
        """
        reading, rows, loads, plan_of = Reading(), _Rows(), orjson.loads, self._plans.get
        add_owner, add_index = rows.owner.append, rows.index.append
        add_time, add_value = rows.time.append, rows.value.append
        for message in messages:
            topic, payload, _, flags = message
            plan = plan_of(topic)
            if plan is None and topic in self._event_topics:
                self._read_events(message, reading, received_ns)
                continue
            if plan is None:
                reading.unrouted[topic] = (reading.unrouted.get(topic, (0, b""))[0] + 1, payload)
                continue
            if plan.value_key is None or flags & (DUP | RETAIN | OVERSIZED):
                self._read_any(plan, message, rows, reading, known)
                continue
            try:
                point = loads(payload)
                value = point[plan.value_key]
                time = None if plan.time_key is None else point[plan.time_key]
            except (KeyError, TypeError, ValueError):
                self._read_any(plan, message, rows, reading, known)
                continue
            add_owner(message)
            add_index(plan.index)
            add_time(time)
            add_value(value)
        if rows.index:
            self._fill(reading, rows, received_ns)
        return reading

    def _read_events(self, message: Publish, reading: Reading, received_ns: int) -> None:
        """Take what a message tells of batches. One that comes again is known by its id later."""
        events, reasons = read_events(message, self._source, received_ns, self._tag_names, self._amount_fault)
        reading.events += events
        for reason in reasons:
            reading.refuse(Refusal(message[0].decode("utf-8", "backslashreplace"), "event", reason, message[1]))

    def _read_any(
        self, plan: TopicPlan, message: Publish, rows: _Rows, reading: Reading, known: Mapping[int, int]
    ) -> None:
        """Take every point of a message of any shape; refuse what is none."""
        _, payload, packet_id, flags = message
        if flags & OVERSIZED:
            reason = f"topic {plan.topic!r}: the message is larger than this source takes"
            reading.refuse(Refusal(plan.topic, "oversized", reason, payload, len(plan.routes)))
            return
        whole_text = len(plan.routes) == 1 and plan.routes[0].kind == "text" and not plan.routes[0].value_tokens
        try:
            document = parse_text(payload) if whole_text else parse_json(payload)
        except BadMessage as problem:
            reading.refuse(Refusal(plan.topic, "json", f"topic {plan.topic!r}: {problem}", payload, len(plan.routes)))
            return
        start = len(rows.index)
        for point in document if isinstance(document, list) else [document]:
            self._take_point(plan, message, point, rows, reading)
        if flags & DUP and None in rows.time[start:] and known.get(packet_id) == identity(message):
            reading.received += len(rows.index) - start
            reading.redelivered += len(rows.index) - start
            rows.cut(start)

    def _take_point(self, plan: TopicPlan, message: Publish, point: Json, rows: _Rows, reading: Reading) -> None:
        """Take what each route finds in a point; a member that is absent is no sample, unless every one is."""
        before = len(rows.index) + len(reading.refusals) + reading.redelivered
        for route in plan.routes:
            value = find(point, route.value_tokens)
            if isinstance(value, Missing):
                continue
            time = MISSING if route.time_tokens is None else find(point, route.time_tokens)
            absent = time is MISSING or time == "" or (time == 0 and not isinstance(time, bool))
            try:
                status = read_status(MISSING if route.status_tokens is None else find(point, route.status_tokens))
                if message[3] & RETAIN and (absent or time is None) and self._is_known(route, value, rows):
                    reading.received += 1
                    reading.redelivered += 1
                    continue
            except BadMessage as problem:
                reading.refuse(Refusal(plan.topic, "retained or status", _reason(route, problem), message[1]))
                continue
            rows.put(message, route.index, None if absent else time, value, status)
        if before == len(rows.index) + len(reading.refusals) + reading.redelivered:
            pointers = ", ".join(repr(route.route.value_pointer) for route in plan.routes)
            reason = f"topic {plan.topic!r}: no value at {pointers}; found {shown(point)}"
            reading.refuse(Refusal(plan.topic, "no value", reason, message[1]))

    def _is_known(self, route: CompiledRoute, value: Json, rows: _Rows) -> bool:
        """Whether what the broker kept without a time is a state that was told; BadMessage: it is none to take.

        A measurement may be of any age. A state holds until another comes, so what the broker kept is taken as of its
        receipt where no session of ours has kept what came since, unless the broker kept it before the state was told
        otherwise: then whoever sends it does not always let it be kept.
        """
        if not route.route.is_state:
            raise BadMessage("retained without time: nobody can tell how old it is")
        so_far = (rows.value[row] for row in reversed(range(len(rows.index))) if rows.index[row] == route.index)
        newest = next(so_far, self._state.get(route.index, MISSING))
        before, self._kept[route.index] = self._kept.get(route.index, MISSING), value
        if value == newest:
            return True
        if not self.is_new_session:
            raise BadMessage("retained without time: what came since is in the session")
        if value == before:
            raise BadMessage("retained without time: the broker kept it already before another was told")
        return False

    def _fill(self, reading: Reading, rows: _Rows, received_ns: int) -> None:
        """Make columns of the rows; those that are no plain numbers with a time are judged one by one."""
        index = np.array(rows.index, dtype=np.intp)
        if self._has_states:
            for row in np.flatnonzero(self._is_state[index]).tolist():
                self._state[rows.index[row]] = rows.value[row]
        value, odd_values = number_column(rows.value)
        status, kept = np.zeros(len(index), dtype=np.uint32), np.ones(len(index), dtype=np.bool_)
        status[list(rows.status)] = list(rows.status.values())
        columns = _Columns(self._tag_of[index], self._times(rows.time, index), value, status, kept)
        absent = np.flatnonzero(columns.time_ns == 0)
        odd = set(odd_values)
        if self._has_texts:
            odd.update(np.flatnonzero(self._is_text[index]).tolist())
        for row in absent.tolist():
            if rows.time[row] is None:
                columns.time_ns[row] = received_ns + row
                status[row] |= TIME_FROM_RECEIPT
                _remember(reading, rows.owner[row])
            else:
                odd.add(row)
        for row in sorted(odd):
            self._judge(row, rows, columns, reading, received_ns)
        reading.received += int(kept.sum()) + len(columns.texts)
        if columns.texts:
            reading.texts = self._text_batch(columns, received_ns)
        if kept.any():
            batch = SampleBatch(self._source, received_ns, columns.tag, columns.time_ns, None, value, status)
            reading.samples = batch if kept.all() else batch.rows(kept)

    def _times(self, raw: list[object], index: NDArray[np.intp]) -> NDArray[np.int64]:
        """Times of the rows; 0 where there is none, or where `read_time` must judge."""
        unit = self._unit_of[index]
        numbers = column(raw)
        if numbers is not None:
            return read_numbers(numbers, unit)
        if raw.count(None) == len(raw):
            return np.zeros(len(raw), dtype=np.int64)
        numbers = column([time if type(time) is int or type(time) is float else 0 for time in raw])
        times = np.zeros(len(raw), dtype=np.int64) if numbers is None else read_numbers(numbers, unit)
        texts = [row for row, time in enumerate(raw) if type(time) is str]
        moments = read_texts([str(raw[row]) for row in texts]) if texts else None
        if moments is not None:
            times[texts] = moments
        return times

    def _judge(self, row: int, rows: _Rows, columns: _Columns, reading: Reading, received_ns: int) -> None:
        """Read one row by the rules, or refuse it."""
        route, raw, code = self._routes[rows.index[row]], rows.value[row], int(columns.status[row])
        try:
            time_ns = int(columns.time_ns[row]) or read_time(rows.time[row], route.ns_per_unit)
            value = read_text(raw) if route.kind == "text" else read_number(raw)
        except BadMessage as problem:
            columns.kept[row] = False
            reading.refuse(Refusal(route.route.topic, "sample", _reason(route, problem), rows.owner[row][1]))
            return
        if time_ns is None:
            time_ns = received_ns + row
            code |= TIME_FROM_RECEIPT
            _remember(reading, rows.owner[row])
        if not code & BAD and (value is None or (isinstance(value, float) and not np.isfinite(value))):
            code = BAD_NO_DATA | (code & TIME_FROM_RECEIPT)
        columns.time_ns[row], columns.status[row] = time_ns, code
        if isinstance(value, float):
            columns.value[row] = value
        else:
            columns.kept[row] = False
            columns.texts.append((row, value))

    def _text_batch(self, columns: _Columns, received_ns: int) -> TextBatch:
        rows = [row for row, _ in columns.texts]
        return TextBatch(
            self._source,
            received_ns,
            tuple(columns.tag[rows].tolist()),
            tuple(columns.time_ns[rows].tolist()),
            None,
            tuple(value for _, value in columns.texts),
            tuple(columns.status[rows].tolist()),
        )


def identity(message: Publish) -> int:
    """The check sum by which a message without a time is known again, together with its packet id."""
    return zlib.crc32(message[1], zlib.crc32(message[0]))


def _remember(reading: Reading, message: Publish) -> None:
    if message[2]:
        reading.identities[message[2]] = identity(message)


def _reason(route: CompiledRoute, problem: BadMessage) -> str:
    return f"topic {route.route.topic!r}, value at {route.route.value_pointer!r}: {problem}"
