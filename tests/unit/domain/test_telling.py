"""What a system tells of a batch, as JSON."""

from decimal import Decimal

import pytest

from domain.entries import BatchEvent, EventKind
from domain.errors import BadMessage
from domain.telling import read_event

START = {"id": "e1", "event": "batch_start", "time": "2026-03-01T08:00:00.5Z", "unit": "R101", "batch": "B-17"}
T_NS = 1_772_352_000_500_000_000


def test_an_event_keeps_its_source_and_both_times():
    assert read_event(START, "floor", 7) == BatchEvent("e1", "floor", EventKind.BATCH_START, T_NS, 7, "R101", "B-17")


def test_a_charge_keeps_the_digits_of_its_amount():
    told = {**START, "event": "charge", "material": "SM-1", "amount": "12.50", "amount_unit": "kg"}

    assert str(read_event(told, "floor", 7).amount) == "12.50"
    assert read_event({**told, "amount": 0.1}, "floor", 7).amount == Decimal("0.1")


def test_an_event_may_name_the_recipe_and_what_it_corrects():
    told = {**START, "event": "charge", "material": "SM-1", "amount": 3, "amount_unit": "kg", "corrects": "e0"}

    assert read_event({**START, "recipe": "API-1 v7"}, "floor", 7).recipe == "API-1 v7"
    assert read_event(told, "floor", 7).corrects == "e0"


def test_a_number_may_name_a_batch():
    assert read_event({**START, "batch": 17}, "floor", 7).batch == "17"


def test_integer_nanoseconds_are_a_time():
    assert read_event({**START, "time": T_NS}, "floor", 7).time_ns == T_NS


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("batch_end", {}),
        ("phase_start", {"phase": "dose"}),
        ("phase_end", {"phase": "dose"}),
        ("transfer_start", {"from": "R101", "to": "T201"}),
        ("transfer_end", {"from": "R101", "amount": 3, "amount_unit": "kg"}),
        ("split", {"parents": ["B-17"], "children": ["B-17a", "B-17b"]}),
        ("merge", {"parents": ["B-17", "B-18"], "children": ["M-1"]}),
        ("rework", {"parents": ["B-17"], "children": ["B-17R"]}),
    ],
)
def test_every_kind_of_event_is_read(kind: str, changed: dict[str, object]):
    assert read_event({**START, "event": kind, **changed}, "floor", 7).kind == kind


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id": None}, "'id' is missing"),
        ({"id": " "}, "'id' must be printable text"),
        ({"id": "a\nb"}, "'id' must be printable text"),
        ({"id": "x" * 201}, "'id' must be printable text"),
        ({"id": True}, "'id' is bool, not text"),
        ({"event": "explode"}, "event 'explode' is none of batch_start"),
        ({"time": None}, "'time' is missing"),
        ({"time": "yesterday"}, "'time' is 'yesterday', neither ISO 8601"),
        ({"time": "2026-02-30"}, "neither ISO 8601"),
        ({"time": 1772352000}, "is not between 1971 and 2262"),
        ({"time": 2.5}, "'time' is float, not text"),
        ({"unit": None}, "'unit' is missing: batch_start needs it"),
        ({"amout": 3}, "'amout' is no member of an event"),
        ({"amount": 3}, "stand together"),
        ({"amount_unit": "kg"}, "stand together"),
        ({"amount": "much", "amount_unit": "kg"}, "'amount' 'much' is no number"),
        ({"amount": float("nan"), "amount_unit": "kg"}, "'amount' 'nan' is no amount"),
        ({"amount": -1, "amount_unit": "kg"}, "'amount' '-1' is no amount"),
        ({"amount": True, "amount_unit": "kg"}, "'amount' is bool"),
        ({"event": "phase_start"}, "'phase' is missing: phase_start needs it"),
        ({"event": "charge"}, "'material' is missing"),
        ({"event": "transfer_start"}, "'from' and 'to' are missing"),
        ({"event": "transfer_start", "from": "R101", "to": "R101"}, "are both 'R101'"),
        ({"event": "split", "parents": ["A"], "children": ["B"]}, "'children' has 1 batches"),
        ({"event": "merge", "parents": ["A"], "children": ["B"]}, "'parents' has 1 batches"),
        ({"event": "merge", "parents": ["A", "A"], "children": ["B"]}, "'parents' names a batch twice"),
        ({"event": "rework", "parents": "A", "children": ["B"]}, "'parents' must be a list"),
        ({"event": "rework", "parents": [None], "children": ["B"]}, "'parents' is missing"),
        (
            {"event": "batch_end", "recipe": "API-1 v7"},
            "'recipe' stands with a 'batch' in batch_start, phase_start alone",
        ),
        ({"event": "phase_start", "phase": "dose", "batch": None, "recipe": "API-1 v7"}, "'recipe' stands with"),
        (
            {"corrects": "e0", "amount": 3, "amount_unit": "kg"},
            "'corrects' stands with an 'amount' in charge, transfer_",
        ),
        ({"event": "charge", "material": "SM-1", "corrects": "e0"}, "'corrects' stands with an 'amount'"),
        (
            {"event": "charge", "material": "SM-1", "corrects": "e1", "amount": 3, "amount_unit": "kg"},
            "'corrects' is its own id",
        ),
        ({"parents": ["A"]}, "'parents' has 1 batches, which is not what batch_start needs"),
    ],
)
def test_what_is_wrong_is_refused_by_name(changed: dict[str, object], words: str):
    with pytest.raises(BadMessage, match=words):
        read_event({**START, **changed}, "floor", 7)


@pytest.mark.parametrize("told", [None, [], "batch_start", 7])
def test_what_is_no_object_is_refused(told: object):
    with pytest.raises(BadMessage, match="an event is an object"):
        read_event(told, "floor", 7)
