"""Messages on a topic of their own that tell of batches and of calibrations: one event, or an array of them."""

from collections.abc import Set as AbstractSet

from collector.mqtt.frames import OVERSIZED, Publish
from domain.entries import BatchEvent, PersonAction
from domain.errors import BadMessage
from domain.telling import (
    AmountFault,
    any_unit,
    is_calibration,
    parse,
    read_calibration,
    read_event,
    refuse_ahead,
)

MOST_EVENTS = 1_000
"""Events in one message."""


Told = BatchEvent | PersonAction
"""What an event becomes; a calibration is a person's deed."""


def read_events(
    message: Publish,
    source: str,
    received_ns: int,
    tag_names: AbstractSet[str] = frozenset(),
    amount_fault: AmountFault = any_unit,
) -> tuple[list[Told], list[str]]:
    """The events of a message, and why the others are none. One that is wrong does not take the others with it.

    `tag_names`: all tags of the configuration, of which a calibration may be told. `amount_fault` judges units.
    """
    topic, payload, _, flags = message
    named = f"topic {topic.decode('utf-8', 'backslashreplace')!r}"
    if flags & OVERSIZED:
        return [], [f"{named}: the message is larger than this source takes"]
    try:
        told = parse(payload)
    except BadMessage as problem:
        return [], [f"{named}: {problem}"]
    several = told if isinstance(told, list) else [told]
    if len(several) > MOST_EVENTS:
        return [], [f"{named}: {len(several)} events in one message; {MOST_EVENTS} is the most"]
    events: list[Told] = []
    reasons: list[str] = []
    for each in several:
        try:
            events.append(_read(each, source, received_ns, tag_names, amount_fault))
        except BadMessage as problem:
            reasons.append(f"{named}: {problem}")
    return events, reasons


def _read(told: object, source: str, received_ns: int, tag_names: AbstractSet[str], amount_fault: AmountFault) -> Told:
    if not isinstance(told, dict) or not is_calibration(told):
        event = read_event(told, source, received_ns, amount_fault=amount_fault)
        refuse_ahead(event.time_ns, received_ns)
        return event
    calibration = read_calibration(told, source, received_ns)
    if calibration.subject not in tag_names:
        raise BadMessage(f"'tag' {calibration.subject!r} is no tag of the configuration")
    return calibration
