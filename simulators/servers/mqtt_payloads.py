"""What stands on MQTT: one message for each new value, as small JSON or in a unified namespace's style."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from domain.status import GOOD, severity_name
from domain.time import format_time
from simulators.outlets import Update, Value

HUGE_BYTES: Final = 1_100_000
"""Size of a payload that is too large on purpose: beyond a mebibyte, which many clients take at most."""
FORMS: Final = ("truncated", "empty", "not_json", "binary", "missing_key", "wrong_type", "nan", "huge")
"""In which ways a payload may be malformed."""
_PLAINLY_WRONG: Final = {"empty": b"", "not_json": b"ERR 17: sensor not ready", "binary": bytes(range(128, 160))}


@dataclass(frozen=True, slots=True)
class PublishedTag:
    """A tag that is published over MQTT; `topic` empty: one is made of its name. `kind`: float, int, bool or str."""

    name: str
    kind: type = float
    unit: str = ""
    description: str = ""
    topic: str = ""

    @property
    def owner(self) -> str:
        """The unit of the plant that it belongs to."""
        return self.name.partition(".")[0]

    @property
    def role(self) -> str:
        """Its name within its unit."""
        return self.name.partition(".")[2] or self.name


@dataclass(frozen=True, slots=True)
class Message:
    """One PUBLISH. `tag` is whose value it has; `again`: the same packet once more, with MQTT's DUP flag."""

    topic: str
    payload: bytes
    tag: str = ""
    qos: int = 1
    retain: bool = False
    again: bool = False


class Format(Protocol):
    """How values become messages; the first member of a payload's object is the value."""

    def message(self, update: Update) -> Message:
        """The message for a new value; KeyError for a tag that is not published."""
        ...


class JsonFormat:
    """`{"v": value, "t": ISO 8601}`, with `"s": StatusCode` where that is not Good; a Bad value is null."""

    def __init__(self, tags: Iterable[PublishedTag]) -> None:
        self.topics: Mapping[str, str] = {tag.name: tag.topic or json_topic(tag) for tag in tags}

    def message(self, update: Update) -> Message:
        """The message for a new value; KeyError for a tag that is not published."""
        members: dict[str, object] = {"v": _shown(update.value)}
        if update.time_ns is not None:
            members["t"] = format_time(update.time_ns)
        if update.status != GOOD:
            members["s"] = update.status
        return Message(self.topics[update.name], json.dumps(members).encode(), update.name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the plant stands (ISA-95: enterprise, site, area, production line)."""

    enterprise: str = "thermowell"
    site: str = "simulated"
    area: str = "synthesis"
    lines: Mapping[str, str] | None = None  # unit → line; a unit without one belongs to `line`
    line: str = "line1"

    def topic(self, tag: PublishedTag) -> str:
        """`enterprise/site/area/line/unit/tag`."""
        line = (self.lines or {}).get(tag.owner, self.line)
        return f"{self.enterprise}/{self.site}/{self.area}/{line}/{tag.owner}/{tag.role}"


class UnsFormat:
    """`{"value", "unit", "timestamp", "quality"}` under `enterprise/site/area/line/unit/tag`."""

    def __init__(self, tags: Iterable[PublishedTag], place: Place | None = None) -> None:
        where, known = place or Place(), tuple(tags)
        self._units = {tag.name: tag.unit for tag in known}
        self.topics: Mapping[str, str] = {tag.name: tag.topic or where.topic(tag) for tag in known}

    def message(self, update: Update) -> Message:
        """The message for a new value; KeyError for a tag that is not published."""
        members: dict[str, object] = {"value": _shown(update.value), "unit": self._units[update.name]}
        if update.time_ns is not None:
            members["timestamp"] = format_time(update.time_ns)
        members["quality"] = severity_name(update.status)
        return Message(self.topics[update.name], json.dumps(members).encode(), update.name)


def json_topic(tag: PublishedTag) -> str:
    """The topic of a tag that has none of its own: `plant/unit/role`."""
    return f"plant/{tag.owner}/{tag.role}".lower()


def malformed(message: Message, form: str) -> Message:
    """The message as a broken device would send it; what is no JSON is cut short instead. ValueError: no such form."""
    if form not in FORMS:
        text = f"a payload cannot be malformed as {form!r}: choose one of {', '.join(FORMS)}"
        raise ValueError(text)
    plain = _PLAINLY_WRONG.get(form)
    return replace(message, payload=plain if plain is not None else _misshapen(message.payload, form))


def _misshapen(payload: bytes, form: str) -> bytes:
    try:
        members: dict[str, object] = json.loads(payload)
    except ValueError:  # Sparkplug's payload is binary
        return payload[: len(payload) // 2]
    value = next(iter(members))
    if form == "truncated":
        return payload[: len(payload) // 2]
    if form == "missing_key":
        del members[value]
    elif form == "wrong_type":
        members[value] = {"is": "an object"}
    elif form == "nan":
        members[value] = math.nan
    else:
        members["padding"] = "x" * HUGE_BYTES
    return json.dumps(members).encode()


def _shown(value: Value) -> Value | None:
    """A value as JSON knows it: NaN and the infinities are null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
