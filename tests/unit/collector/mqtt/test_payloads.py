import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.mqtt.frames import DUP, OVERSIZED, RETAIN
from collector.mqtt.payloads import PayloadReader, Reading, identity
from collector.mqtt.routes import Route
from domain.status import BAD_NO_DATA, GOOD, TIME_FROM_RECEIPT
from domain.tags import Tag, TagId

T = 1_750_000_000_000
T_NS = T * 1_000_000
NOW_NS = 1_760_000_000_000_000_000
QOS_1 = 0x32


def tag(id_: int, kind: str) -> Tag:
    return Tag(TagId(id_), f"uuid-{id_}", 1, f"T{id_}", "floor", "", kind=kind)


TAGS = (tag(0, "number"), tag(1, "number"), tag(2, "boolean"), tag(3, "text"), tag(4, "number"), tag(5, "text"))
ROUTES = (
    Route(0, "flat", "/v", "/t", "ms"),
    Route(1, "iso", "/v", "/t"),
    Route(2, "many", "/on", "/time", "s", "/q"),
    Route(3, "many", "/recipe/name", "/time", "s"),
    Route(4, "bare"),
    Route(5, "words"),
)
READER = PayloadReader("floor", ROUTES, TAGS)


def read(*messages: tuple[str, str | bytes], flags: int = QOS_1, known: dict[int, int] | None = None) -> Reading:
    frames = [
        (topic.encode(), payload if isinstance(payload, bytes) else payload.encode(), 10 + number, flags)
        for number, (topic, payload) in enumerate(messages)
    ]
    return READER.read(frames, NOW_NS, known or {})


def rows(reading: Reading) -> list[tuple]:
    batch = reading.samples
    if batch is None:
        return []
    columns = (batch.tag, batch.time_ns, batch.value, batch.status)
    return [tuple(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def texts(reading: Reading) -> list[tuple]:
    batch = reading.texts
    return [] if batch is None else list(zip(batch.tag, batch.time_ns, batch.value, batch.status, strict=True))


def reason(reading: Reading) -> str:
    (refusal,) = reading.refusals
    return refusal.reason


def test_an_object_with_a_value_and_a_time():
    assert rows(read(("flat", f'{{"t":{T},"v":21.5}}'))) == [(0, T_NS, 21.5, GOOD)]


def test_a_bare_value_gets_the_receipt_time_and_says_so():
    assert rows(read(("bare", "21.5"))) == [(4, NOW_NS, 21.5, TIME_FROM_RECEIPT)]


def test_values_without_a_time_get_distinct_times_in_their_order():
    assert [row[1] - NOW_NS for row in rows(read(("bare", "1"), ("flat", f'{{"t":{T},"v":0}}'), ("bare", "1")))] == [
        0, T_NS - NOW_NS, 2,
    ]  # fmt: skip


def test_an_array_of_points_is_many_samples():
    reading = read(("flat", f'[{{"t":{T},"v":1}},{{"t":{T + 1},"v":2}},{{"v":3}}]'))

    assert rows(reading) == [
        (0, T_NS, 1, GOOD), (0, T_NS + 1_000_000, 2, GOOD), (0, NOW_NS + 2, 3, TIME_FROM_RECEIPT),
    ]  # fmt: skip
    assert reading.received == 3


def test_an_array_of_bare_values_is_many_samples():
    assert [row[2] for row in rows(read(("bare", "[1,2.5,true]")))] == [1, 2.5, 1]


def test_one_message_feeds_several_tags_by_deep_pointers():
    reading = read(("many", f'{{"time":{T // 1000},"on":true,"recipe":{{"name":"API-1"}}}}'))

    assert rows(reading) == [(2, T_NS, 1, GOOD)]
    assert texts(reading) == [(3, T_NS, "API-1", GOOD)]
    assert reading.received == 2


def test_a_member_that_is_absent_is_no_sample_as_long_as_another_is_there():
    reading = read(("many", f'{{"time":{T // 1000},"on":false}}'))

    assert rows(reading) == [(2, T_NS, 0, GOOD)]
    assert not reading.refusals


def test_a_message_in_which_no_tag_finds_its_value_is_refused():
    assert "no value at '/on', '/recipe/name'; found an object with 'x'" in reason(read(("many", '{"x":1}')))


def test_iso_times():
    reading = read(
        ("iso", '{"t":"2025-06-15T15:06:40Z","v":1}'),
        ("iso", '{"t":"2025-06-15T17:06:40.5+02:00","v":2}'),
    )

    assert [row[1] for row in rows(reading)] == [T_NS, T_NS + 500_000_000]


@pytest.mark.parametrize("null", ["null", "NaN", "Infinity", "-Infinity"])
def test_a_value_that_is_none_is_a_bad_row_with_its_time(null):
    ((of, time_ns, value, status),) = rows(read(("flat", f'{{"t":{T},"v":{null}}}')))

    assert (of, time_ns, status) == (0, T_NS, BAD_NO_DATA)
    assert not math.isfinite(value)


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ('{"t":1750000000000,"v":"21.5"}', "a number is wanted, and the text '21.5' was found"),
        ('{"t":1750000000000,"v":{"x":1}}', "an object with 'x' was found"),
        ('{"t":1750000000000,"v":[1]}', "an array was found"),
        ('{"t":true,"v":1}', "its time is a boolean"),
        ('{"t":"soon","v":1}', "'soon' is not ISO 8601"),
        ('{"t":1750000000,"v":1}', "is the time_unit right"),
        ("{", "no JSON"),
        ("", "it is empty"),
        (b"\xff", "no JSON: '\\\\xff'"),
        ("[" * 100_000, "no JSON"),
        ('{"x":1}', "no value at '/v'"),
        ('"text"', "found the text 'text'"),
        ("true", "found true"),
    ],
)
def test_what_is_no_sample_is_refused_with_topic_pointer_and_what_was_found(payload, found):
    reading = read(("flat", payload), ("flat", f'{{"t":{T},"v":7}}'))

    assert "'flat'" in reason(reading)
    assert found in reason(reading)
    assert [row[2] for row in rows(reading)] == [7]
    assert reading.received == 2


def test_a_number_as_time_needs_its_unit():
    assert "the number 1750000000, and the tag names no time_unit" in reason(read(("iso", '{"t":1750000000,"v":1}')))


def test_integers_beyond_what_a_double_holds_travel_as_digits():
    reading = read(("flat", f'{{"t":{T},"v":9007199254740993}}'), ("flat", f'{{"t":{T},"v":9007199254740992}}'))

    assert texts(reading) == [(0, T_NS, "9007199254740993", GOOD)]
    assert rows(reading) == [(0, T_NS, 9007199254740992, GOOD)]


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ('"B-0042"', "B-0042"), ("B-0042", "B-0042"), ("0042", "0042"), ("1.50", "1.50"), ("true", "true"),
        ('{"a":1}', '{"a":1}'), ("null", None), ('"\\ud800"', '"\\ud800"'), ("Größe", "Größe"), ("", ""),
    ],
)  # fmt: skip
def test_a_text_tag_takes_the_whole_payload_as_it_is_written(payload, value):
    reading = read(("words", payload))

    assert [row[2] for row in texts(reading)] == [value]


@pytest.mark.parametrize(
    ("status", "expected"),
    [('"Good"', 0), ('"bad"', 0x8000_0000), ("1083179008", 0x4090_0000), ("null", 0), ("12288", 0)],
)
def test_a_status_is_read_by_its_pointer(status, expected):
    assert rows(read(("many", f'{{"time":{T // 1000},"on":1,"q":{status}}}')))[0][3] == expected


def test_half_a_character_does_not_stop_a_text():
    reading = read(("many", f'{{"time":{T // 1000},"recipe":{{"name":"\\ud800"}}}}'))

    assert [row[2] for row in texts(reading)] == ["\\ud800"]


def test_a_status_that_nobody_knows_is_refused():
    assert "its status is the text 'fine'" in reason(read(("many", f'{{"time":{T // 1000},"on":1,"q":"fine"}}')))


def test_a_retained_message_keeps_its_own_time():
    assert rows(read(("flat", f'{{"t":{T},"v":1}}'), flags=QOS_1 | RETAIN)) == [(0, T_NS, 1, GOOD)]


def test_a_retained_message_without_a_time_is_no_sample():
    assert "retained without time" in reason(read(("bare", "1"), flags=QOS_1 | RETAIN))


class Unit:
    """What tells of one unit, and whatever the broker keeps of it."""

    def __init__(self) -> None:
        routes = (Route(4, "step", is_state=True), Route(5, "batch", is_state=True), Route(0, "flat", "/v", "/t", "ms"))
        self.reader = PayloadReader("floor", routes, TAGS)
        self.reader.is_new_session = True

    def took(self, topic: str, payload: str, *, retained: bool = True) -> Reading:
        return self.reader.read([(topic.encode(), payload.encode(), 0, 1 if retained else 0)], NOW_NS, {})


def test_a_unit_s_state_that_the_broker_kept_is_taken_as_of_its_receipt_and_says_so():
    unit = Unit()

    assert rows(unit.took("step", "20")) == [(4, NOW_NS, 20, TIME_FROM_RECEIPT)]
    assert texts(unit.took("batch", "B-17")) == [(5, NOW_NS, "B-17", TIME_FROM_RECEIPT)]
    assert "retained without time" in reason(Unit().took("flat", '{"v": 5}'))


def test_a_kept_state_that_is_known_is_counted_and_not_taken_again():
    unit = Unit()
    unit.took("step", "20")
    again = unit.took("step", "20")
    unit.took("step", "30", retained=False)
    same = unit.took("step", "30")

    for each in (again, same):
        assert (each.received, each.redelivered, rows(each), each.refusals) == (1, 1, [], [])


def test_a_kept_state_never_takes_the_place_of_what_came_since():
    unit = Unit()
    unit.took("step", "20")
    unit.took("step", "30", retained=False)

    assert "already before another was told" in reason(unit.took("step", "20"))
    unit.reader.is_new_session = False
    assert "what came since is in the session" in reason(unit.took("step", "40"))


def test_a_state_that_changed_while_no_session_kept_it_is_taken():
    unit = Unit()
    unit.took("step", "20")
    unit.took("step", "30", retained=False)

    assert rows(unit.took("step", "40")) == [(4, NOW_NS, 40, TIME_FROM_RECEIPT)]


def test_an_oversized_message_is_refused():
    assert "larger than this source takes" in reason(read(("flat", '{"t":'), flags=QOS_1 | OVERSIZED))


def test_messages_of_no_tag_are_counted_by_topic():
    reading = read(("other", "1"), ("other", "2"), ("flat", f'{{"t":{T},"v":1}}'))

    assert reading.unrouted == {b"other": (2, b"2")}
    assert reading.received == 1


def test_only_messages_without_a_time_need_to_be_known_again():
    reading = read(("flat", f'{{"t":{T},"v":1}}'), ("bare", "1"))

    assert reading.identities == {11: identity((b"bare", b"1", 11, QOS_1))}


def test_a_known_message_without_time_that_comes_again_is_counted_and_dropped():
    first = read(("bare", "[1,2]"))
    again = read(("bare", "[1,2]"), flags=QOS_1 | DUP, known=first.identities)

    assert (again.received, again.redelivered, rows(again)) == (2, 2, [])


def test_a_new_message_under_a_known_packet_id_is_kept():
    first = read(("bare", "1"))

    assert read(("bare", "1"), known=first.identities).redelivered == 0
    assert read(("bare", "2"), flags=QOS_1 | DUP, known=first.identities).redelivered == 0


def test_a_message_with_a_time_that_comes_again_is_left_to_the_record():
    first = read(("flat", f'{{"t":{T},"v":1}}'))
    again = read(("flat", f'{{"t":{T},"v":1}}'), flags=QOS_1 | DUP, known=first.identities)

    assert rows(again) == rows(first)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=4), st.integers(T, T + 10**6),
    st.sampled_from(["2025-06-15T15:06:40Z", "2025-06-15T15:06Z", 0, "", T, float(T) + 0.25, T // 1000]),
)  # fmt: skip
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.sampled_from(["x", "name"]), SCALARS, max_size=1)
)
POINTS = st.dictionaries(st.sampled_from(["t", "v", "time", "on", "q", "recipe"]), VALUES, max_size=6)
DOCUMENTS = st.one_of(VALUES, POINTS, st.lists(POINTS, max_size=3))
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["flat", "iso", "many", "bare", "words", "other"]),
        st.one_of(DOCUMENTS.map(json.dumps), st.binary(max_size=8)),
    ),
    max_size=12,
)


@given(MESSAGES, st.sampled_from([QOS_1, QOS_1 | RETAIN, QOS_1 | DUP, 0x30]))
def test_how_messages_are_batched_does_not_matter(messages, flags):
    together = read(*messages, flags=flags)
    apart = [read(message, flags=flags) for message in messages]

    def bits(reading: Reading) -> list[tuple]:
        own = rows(reading) + texts(reading)
        return sorted((row[0], 0 if row[3] & TIME_FROM_RECEIPT else row[1], repr(row[2]), row[3]) for row in own)

    assert bits(together) == sorted(row for reading in apart for row in bits(reading))
    assert together.received == sum(reading.received for reading in apart)
    assert sorted(r.reason for r in together.refusals) == sorted(r.reason for a in apart for r in a.refusals)


@given(MESSAGES, st.sampled_from([QOS_1, QOS_1 | RETAIN, QOS_1 | DUP]))
def test_every_sample_is_accounted_for(messages, flags):
    reading = read(*messages, flags=flags)
    kept = len(rows(reading)) + len(texts(reading))

    assert reading.received == kept + sum(refusal.samples for refusal in reading.refusals) + reading.redelivered


@given(
    st.lists(
        st.tuples(
            st.integers(T, T + 10**9) | st.floats(T, T + 10**9),
            st.floats(allow_nan=False) | st.integers(-(2**53), 2**53) | st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_plain_messages_keep_their_values_to_the_bit(points):
    reading = read(*[("flat", json.dumps({"t": t, "v": v}).replace("Infinity", "1e999")) for t, v in points])
    kept = [(t, float(v)) for t, v in points]

    assert [row[2] for row in rows(reading)] == [value for _, value in kept]
    assert [row[1] for row in rows(reading)] == [
        t * 10**6 if isinstance(t, int) else round(t * 1000) * 1000 for t, _ in kept
    ]
