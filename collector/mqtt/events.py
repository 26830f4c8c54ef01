"""Messages that tell what happens to a batch: one event, or an array of them, on a topic of its own."""

import json
from decimal import Decimal

from collector.mqtt.frames import OVERSIZED, Publish
from domain.entries import BatchEvent
from domain.errors import BadMessage
from domain.telling import read_event

MOST_EVENTS = 1_000
"""Events in one message."""


def read_events(message: Publish, source: str, received_ns: int) -> tuple[list[BatchEvent], list[str]]:
    """The events of a message, and why the others are none. One that is wrong does not take the others with it."""
    topic, payload, _, flags = message
    named = f"topic {topic.decode('utf-8', 'backslashreplace')!r}"
    if flags & OVERSIZED:
        return [], [f"{named}: the message is larger than this source takes"]
    try:
        told = _parse(payload)
    except BadMessage as problem:
        return [], [f"{named}: {problem}"]
    several = told if isinstance(told, list) else [told]
    if len(several) > MOST_EVENTS:
        return [], [f"{named}: {len(several)} events in one message; {MOST_EVENTS} is the most"]
    events, reasons = [], []
    for each in several:
        try:
            events.append(read_event(each, source, received_ns))
        except BadMessage as problem:
            reasons.append(f"{named}: {problem}")
    return events, reasons


def _parse(payload: bytes) -> object:
    """JSON whose numbers keep their digits: an amount is no binary float."""
    try:
        told: object = json.loads(payload.decode(), parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, ArithmeticError):
        raise BadMessage("the payload is no JSON") from None
    return told


def _no_number(name: str) -> object:
    raise BadMessage(f"the payload has {name}, which is no JSON")
