"""Reads what a system tells of a batch (the same over MQTT and over HTTP) or of a calibration: one JSON object each."""

import hashlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from domain.entries import ActionKind, BatchEvent, EventKind, PersonAction
from domain.errors import BadMessage
from domain.time import MINUTE_NS, format_time, parse_time_ns
from domain.words import odd_character

MOST_NAME = 200
MOST_RELATIVES = 64
MOST_COMMENT = 2_000
_EARLIEST_NS = 31_536_000 * 1_000_000_000  # 1971: a time without its zeros lands in January 1970
_LATEST_NS = 2**63 - 1

_TEXTS = {
    "unit": "unit",
    "batch": "batch",
    "phase": "phase",
    "material": "material",
    "amount_unit": "amount_unit",
    "from": "from_unit",
    "to": "to_unit",
    "recipe": "recipe",
    "corrects": "corrects",
}
"""Members of the object that are text, and the fields of the event that they become."""

_KEYS = {"id", "event", "time", "amount", "parents", "children", *_TEXTS}

_NEEDED = {
    EventKind.BATCH_START: ("unit", "batch"),
    EventKind.BATCH_END: ("batch",),
    EventKind.PHASE_START: ("unit", "phase"),
    EventKind.PHASE_END: ("unit", "phase"),
    EventKind.CHARGE: ("unit", "material"),
    EventKind.TRANSFER_START: (),
    EventKind.TRANSFER_END: (),
    EventKind.SPLIT: (),
    EventKind.MERGE: (),
    EventKind.REWORK: (),
}
_WITH_RECIPE = (EventKind.BATCH_START, EventKind.PHASE_START)
_WITH_CORRECTION = (EventKind.CHARGE, EventKind.TRANSFER_END)
_RELATIVES = {  # least and most parents, least and most children
    EventKind.SPLIT: (1, 1, 2, MOST_RELATIVES),
    EventKind.MERGE: (2, MOST_RELATIVES, 1, 1),
    EventKind.REWORK: (1, 1, 1, 1),
}


CALIBRATION = "calibration"
"""The `event` of an object that tells how a calibration ended."""

_CALIBRATION_KEYS = {"id", "event", "time", "tag", "result", "person", "comment"}
_RESULTS = {"good": ActionKind.CALIBRATED, "failed": ActionKind.CALIBRATION_FAILED}
AmountFault = Callable[[str, str], str]
"""Of a material and the unit of its amount: what is wrong with that unit, as the end of a sentence, or nothing."""

AHEAD_NS = 5 * MINUTE_NS
"""How far the clock of who tells something may be ahead: what is told as of tomorrow makes all until then late."""


def any_unit(material: str, unit: str) -> str:
    """Stand in where nobody knows units."""
    del material, unit
    return ""


def told_ahead(time_ns: int, recorded_ns: int) -> str:
    """What is wrong with a time that is further ahead of our clock than a clock may be wrong; empty: nothing."""
    if time_ns <= recorded_ns + AHEAD_NS:
        return ""
    return f"{format_time(time_ns)} is ahead of our clock by more than 5 min: is its zone missing?"


def refuse_ahead(time_ns: int, recorded_ns: int) -> None:
    """Raise BadMessage of a time that is `told_ahead`."""
    wrong = told_ahead(time_ns, recorded_ns)
    if wrong:
        raise BadMessage(f"'time' {wrong}")


def is_calibration(told: object) -> bool:
    """Whether an object tells of a calibration, right or wrong."""
    return isinstance(told, Mapping) and told.get("event") == CALIBRATION


def read_calibration(told: Mapping[object, object], source: str, recorded_ns: int) -> PersonAction:
    """The calibration that an object tells; BadMessage says which member is wrong.

    Who did it is told by the source and not proven by a token: the source stands beside the name. Told again with the
    same words it has the same id; with other words it is another deed.
    """
    _check_keys(told, _CALIBRATION_KEYS, "a calibration")
    result, time_ns = _name(told, "result"), _time_ns(_name(told, "time"))
    if result not in _RESULTS:
        raise BadMessage(f"'result' is {result!r}, neither {' nor '.join(map(repr, _RESULTS))}")
    refuse_ahead(time_ns, recorded_ns)
    comment = told.get("comment")
    if not isinstance(comment, str) or not comment.strip() or len(comment) > MOST_COMMENT:
        raise BadMessage(f"'comment' must be text of 1 to {MOST_COMMENT} characters that says how it is known")
    if wrong := odd_character(comment):
        raise BadMessage(f"'comment' {wrong}")
    id_, tag, person = _name(told, "id"), _name(told, "tag"), _name(told, "person")
    words = hashlib.sha256("\0".join((result, str(time_ns), tag, person, comment)).encode("utf-8", "surrogatepass"))
    return PersonAction(
        f"{source}:{id_}:{words.hexdigest()[:16]}",
        recorded_ns,
        f"{person} ({source})",
        _RESULTS[result],
        tag,
        comment.strip(),
        time_ns,
    )


def _check_keys(told: Mapping[object, object], keys: set[str], what: str) -> None:
    unknown = sorted(str(key) for key in told if key not in keys)
    if unknown:
        raise BadMessage(f"{unknown[0]!r} is no member of {what}: {', '.join(sorted(keys))}")


def parse(payload: bytes) -> object:
    """JSON whose numbers keep their digits: an amount is no binary float. BadMessage if it is none, or ambiguous."""
    try:
        told: object = json.loads(
            payload.decode(), parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_each_once
        )
    except (ValueError, RecursionError, ArithmeticError):
        raise BadMessage("the payload is no JSON") from None
    return told


def _no_number(name: str) -> object:
    raise BadMessage(f"the payload has {name}, which is no JSON")


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object; which of two values of one key was meant, nobody knows."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise BadMessage(f"{key!r} is told twice")
        found[key] = value
    return found


def read_event(
    told: object, source: str, recorded_ns: int, person: str = "", amount_fault: AmountFault = any_unit
) -> BatchEvent:
    """The event that an object tells; BadMessage says which member is wrong. `source` and `person` as in BatchEvent."""
    if not isinstance(told, Mapping):
        raise BadMessage(f"an event is an object, not {type(told).__name__}")
    _check_keys(told, _KEYS, "an event")
    kind = _kind(_name(told, "event"))
    event = BatchEvent(
        id=_name(told, "id"),
        source=source,
        kind=kind,
        time_ns=_time_ns(_name(told, "time")),
        recorded_ns=recorded_ns,
        amount=_amount(told.get("amount")),
        parents=_names(told, "parents"),
        children=_names(told, "children"),
        person=person,
        **{field: _name(told, key) if told.get(key) is not None else "" for key, field in _TEXTS.items()},
    )
    _check(event)
    wrong = amount_fault(event.material, event.amount_unit) if event.amount_unit else ""
    if wrong:
        raise BadMessage(f"'amount_unit' {event.amount_unit!r} {wrong}")
    return event


def _kind(text: str) -> EventKind:
    try:
        return EventKind(text)
    except ValueError:
        raise BadMessage(f"event {text!r} is none of {', '.join(EventKind)}") from None


def _name(told: Mapping[object, object], key: str) -> str:
    """A member's text; a whole number may stand for one, as batch ids do."""
    value = told.get(key)
    if value is None:
        raise BadMessage(f"{key!r} is missing")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise BadMessage(f"{key!r} is {type(value).__name__}, not text")
    text = value.strip()
    if not text or len(text) > MOST_NAME or not text.isprintable():
        raise BadMessage(f"{key!r} must be printable text of 1 to {MOST_NAME} characters")
    return text


def _names(told: Mapping[object, object], key: str) -> tuple[str, ...]:
    values = told.get(key)
    if values is None:
        return ()
    if not isinstance(values, list) or len(values) > MOST_RELATIVES:
        raise BadMessage(f"{key!r} must be a list of at most {MOST_RELATIVES} batches")
    names = tuple(_name({key: value}, key) for value in values)
    if len(set(names)) < len(names):
        raise BadMessage(f"{key!r} names a batch twice")
    return names


def _time_ns(text: str) -> int:
    try:
        time_ns = parse_time_ns(text)
    except (ValueError, OverflowError):
        raise BadMessage(f"'time' is {text[:40]!r}, neither ISO 8601 nor integer nanoseconds") from None
    if not _EARLIEST_NS <= time_ns <= _LATEST_NS:
        raise BadMessage(f"'time' {text[:40]!r} is not between 1971 and 2262")
    return time_ns


def _amount(value: object) -> Decimal | None:
    """An amount as it was written: a decimal number as text, or a JSON number by its shortest digits."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadMessage(f"'amount' is {type(value).__name__}, not a number")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise BadMessage(f"'amount' {str(value)[:40]!r} is no number") from None
    if not amount.is_finite() or amount < 0 or len(amount.as_tuple().digits) > 30 or abs(amount.adjusted()) > 30:
        raise BadMessage(f"'amount' {str(value)[:40]!r} is no amount")
    return amount


def _check(event: BatchEvent) -> None:
    """What a kind of event needs; BadMessage names what is missing."""
    for key in _NEEDED[event.kind]:
        if not getattr(event, key):
            raise BadMessage(f"{key!r} is missing: {event.kind} needs it")
    if event.kind in (EventKind.TRANSFER_START, EventKind.TRANSFER_END) and not (event.from_unit or event.to_unit):
        raise BadMessage(f"'from' and 'to' are missing: {event.kind} needs one of them")
    if event.from_unit and event.from_unit == event.to_unit:
        raise BadMessage(f"'from' and 'to' are both {event.from_unit!r}")
    if (event.amount is None) != (not event.amount_unit):
        raise BadMessage("'amount' and 'amount_unit' stand together or not at all")
    _check_newer(event)
    least_parents, most_parents, least_children, most_children = _RELATIVES.get(event.kind, (0, 0, 0, 0))
    if not least_parents <= len(event.parents) <= most_parents:
        raise BadMessage(f"'parents' has {len(event.parents)} batches, which is not what {event.kind} needs")
    if not least_children <= len(event.children) <= most_children:
        raise BadMessage(f"'children' has {len(event.children)} batches, which is not what {event.kind} needs")


def _check_newer(event: BatchEvent) -> None:
    """A recipe and a correction stand only where they say something."""
    if event.recipe and not (event.batch and event.kind in _WITH_RECIPE):
        raise BadMessage(f"'recipe' stands with a 'batch' in {', '.join(_WITH_RECIPE)} alone")
    if event.corrects and (event.kind not in _WITH_CORRECTION or event.amount is None):
        raise BadMessage(f"'corrects' stands with an 'amount' in {', '.join(_WITH_CORRECTION)} alone")
    if event.corrects == event.id:
        raise BadMessage("'corrects' is its own id: a correction is an event of its own")
