"""Messages that tell what happens to a batch."""

import json

import pytest

from collector.mqtt import events
from collector.mqtt.frames import OVERSIZED
from collector.mqtt.payloads import PayloadReader, Reading
from collector.mqtt.routes import Route
from domain.entries import ActionKind, EventKind, PersonAction
from domain.tags import Tag, TagId

NOW_NS = 1_780_000_000_000_000_000
TAGS = (Tag(TagId(0), "u", 1, "T0", "floor", ""),)
READER = PayloadReader("floor", (Route(0, "flat", "/v", "/t", "ms"),), TAGS, ("batches",))
START = {"id": "e1", "event": "batch_start", "time": "2026-03-01T08:00:00Z", "unit": "R101", "batch": "B-17"}


def read(*payloads: object, flags: int = 0x32) -> Reading:
    frames = [
        (b"batches", payload if isinstance(payload, bytes) else json.dumps(payload).encode(), 1, flags)
        for payload in payloads
    ]
    return READER.read(frames, NOW_NS, {})


def test_an_event_is_no_sample_and_is_not_counted_as_one():
    reading = read(START)

    (event,) = reading.events
    assert (event.id, event.source, event.kind, event.recorded_ns) == ("e1", "floor", EventKind.BATCH_START, NOW_NS)
    assert (reading.received, reading.samples, reading.refusals, reading.unrouted) == (0, None, [], {})


def test_an_array_is_many_events_and_a_wrong_one_does_not_take_the_others_with_it():
    reading = read([START, {**START, "id": "e2", "event": "explode"}, {**START, "id": "e3"}])

    assert [event.id for event in reading.events] == ["e1", "e3"]
    assert [refusal.reason[:50] for refusal in reading.refusals] == [
        "topic 'batches': event 'explode' is none of batch_"[:50]
    ]
    assert reading.received == 1


@pytest.mark.parametrize(("ahead_ns", "taken"), [(300_000_000_000, 1), (300_000_000_001, 0)])
def test_an_event_may_be_five_minutes_ahead_of_our_clock_and_no_more(ahead_ns: int, taken: int):
    reading = read({**START, "time": str(NOW_NS + ahead_ns)}, {**START, "id": "e2"})

    assert len(reading.events) == 1 + taken
    told = [refusal.reason for refusal in reading.refusals]
    assert told == [] if taken else "by more than 5 min: is its zone missing?" in told[0]


def test_an_amount_in_a_unit_that_means_nothing_is_refused_with_the_reason():
    def fault(material: str, unit: str) -> str:
        return "" if (material, unit) == ("SM-1", "kg") else "is no known unit"

    reader = PayloadReader("floor", (), (), ("batches",), amount_fault=fault)
    charge = {**START, "event": "charge", "material": "SM-1", "amount": "1", "amount_unit": "kg"}
    told = json.dumps([charge, {**charge, "id": "e2", "amount_unit": "kgs"}, {**START, "id": "e3"}]).encode()
    reading = reader.read([(b"batches", told, 1, 0x32)], NOW_NS, {})

    assert [event.id for event in reading.events] == ["e1", "e3"]
    assert [refusal.reason for refusal in reading.refusals] == ["topic 'batches': 'amount_unit' 'kgs' is no known unit"]


@pytest.mark.parametrize(("odd", "code"), [("\x00", "0000"), ("\x1a", "001A"), ("\ud800", "D800")])
def test_a_comment_that_no_database_holds_is_refused_with_the_place(odd: str, code: str):
    told = {"id": "c1", "event": "calibration", "time": START["time"], "tag": "T0", "result": "good", "person": "Ada"}
    reader = PayloadReader("floor", (), (), ("batches",), frozenset({"T0"}))
    payloads = [json.dumps({**told, "comment": comment}).encode() for comment in (f"so {odd}", "so\nand 😀 so")]
    reading = reader.read([(b"batches", payload, 1, 0x32) for payload in payloads], NOW_NS, {})

    assert len(reading.events) == 1
    (refusal,) = reading.refusals
    assert refusal.reason == f"topic 'batches': 'comment' has U+{code}, which no text may have, at character 4"


def test_an_amount_keeps_its_digits():
    told = json.dumps({**START, "event": "charge", "material": "SM-1", "amount_unit": "kg", "amount": 0})
    (event,) = read(told.replace(": 0}", ": 12.50}").encode()).events

    assert str(event.amount) == "12.50"


def test_samples_and_events_of_one_run_are_both_read():
    frames = [(b"flat", b'{"t":1750000000000,"v":1}', 1, 0x32), (b"batches", json.dumps(START).encode(), 2, 0x32)]
    reading = READER.read(frames, NOW_NS, {})

    assert (reading.received, len(reading.events)) == (1, 1)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"{", "topic 'batches': the payload is no JSON"),
        (b"\xff", "topic 'batches': the payload is no JSON"),
        (b"[" * 100_000, "topic 'batches': the payload is no JSON"),
        (b'{"id": "1", "id": "2"}', "topic 'batches': 'id' is told twice"),
        (b'{"amount": NaN}', "topic 'batches': the payload has NaN, which is no JSON"),
        (b'{"id": "\\ud800"}', "topic 'batches': 'event' is missing"),
        (b"7", "topic 'batches': an event is an object, not int"),
    ],
    ids=["cut off", "no text", "nested", "told twice", "not a number", "incomplete", "no object"],
)
def test_what_cannot_be_read_is_refused_with_its_reason(payload: bytes, words: str):
    (refusal,) = read(payload).refusals

    assert (refusal.reason, refusal.samples, refusal.payload) == (words, 1, payload)


def test_a_message_that_is_too_large_is_refused():
    (refusal,) = read(START, flags=0x32 | OVERSIZED).refusals

    assert refusal.reason == "topic 'batches': the message is larger than this source takes"


def test_more_events_than_a_message_may_hold_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "MOST_EVENTS", 2)
    reading = read([START, START, START])

    assert reading.events == []
    assert [refusal.reason for refusal in reading.refusals] == [
        "topic 'batches': 3 events in one message; 2 is the most"
    ]


CALIBRATION = {
    "id": "cal-1",
    "event": "calibration",
    "time": "2025-10-09T08:00:00Z",
    "tag": "R101.TT",
    "result": "failed",
    "person": "Ada",
    "comment": "off by 0.9 degC",
}
KNOWING = PayloadReader("floor", (), (), ("batches",), frozenset({"R101.TT"}))


def calibrations(*told: object) -> Reading:
    return KNOWING.read([(b"batches", json.dumps(list(told)).encode(), 1, 0x32)], NOW_NS, {})


def test_a_calibration_is_a_deed_of_whom_it_names_with_the_source_beside_the_name():
    (deed,) = calibrations(CALIBRATION).events

    assert isinstance(deed, PersonAction)
    assert (deed.kind, deed.subject, deed.person) == (ActionKind.CALIBRATION_FAILED, "R101.TT", "Ada (floor)")
    assert (deed.at_ns, deed.until_ns) == (NOW_NS, 1_759_996_800_000_000_000)


def test_a_calibration_told_again_is_the_same_and_with_other_words_another():
    again = calibrations(CALIBRATION, CALIBRATION, {**CALIBRATION, "result": "good"}, {**CALIBRATION, "comment": "no"})

    assert len({deed.id for deed in again.events}) == 3


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tag": "R101.XX"}, "'tag' 'R101.XX' is no tag of the configuration"),
        ({"result": "so-so"}, "'result' is 'so-so', neither 'good' nor 'failed'"),
        ({"time": "2026-06-09T09:00:00"}, "is ahead of our clock by more than 5 min: is its zone missing?"),
        ({"comment": " "}, "'comment' must be text of 1 to 2000 characters"),
        ({"comment": 7}, "'comment' must be text"),
        ({"person": None}, "'person' is missing"),
        ({"unit": "R101"}, "'unit' is no member of a calibration: comment, event, id, person, result, tag, time"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused_with_the_member(changed: dict[str, object], words: str):
    reading = calibrations({**CALIBRATION, **changed}, CALIBRATION)

    assert len(reading.events) == 1
    assert words in reading.refusals[0].reason
