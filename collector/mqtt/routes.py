"""Which tag a message feeds, and where in its payload the value, the time and the status stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.tags import Tag

TIME_UNITS: Final[Mapping[str, int]] = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds in each unit that a numeric time may have."""

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


class Missing:
    """What `find` answers where a pointer leads nowhere."""


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Route:
    """One tag's place in the messages of one exact topic (no wildcards).

    Pointers are JSON pointers (RFC 6901); "" is the whole payload. Where the payload is an array, each element is a
    point of its own and the pointers are relative to it. Without a time pointer, or where it leads nowhere, the
    receipt time stands. `time_unit` None means ISO 8601: a number is then refused. `is_state`: the value tells what a
    unit is doing and holds until another one comes, so that one which the broker kept says something without a time.
    """

    tag_id: int
    topic: str
    value_pointer: str = ""
    time_pointer: str | None = None
    time_unit: str | None = None
    status_pointer: str | None = None
    is_state: bool = False


class CompiledRoute:
    """A route made ready: tokens instead of pointers. `index` is its place among all routes of the source."""

    __slots__ = ("index", "kind", "ns_per_unit", "route", "status_tokens", "time_tokens", "value_tokens")

    def __init__(self, index: int, route: Route, kind: str) -> None:
        if not route.topic or "+" in route.topic or "#" in route.topic:
            raise ValueError(f"a route needs one exact topic, not {route.topic!r}")
        if route.time_unit is not None and route.time_unit not in TIME_UNITS:
            raise ValueError(f"topic {route.topic!r}: time unit {route.time_unit!r} is none of {', '.join(TIME_UNITS)}")
        self.index = index
        self.route = route
        self.kind = kind
        self.value_tokens = pointer_tokens(route.value_pointer)
        self.time_tokens = None if route.time_pointer is None else pointer_tokens(route.time_pointer)
        self.status_tokens = None if route.status_pointer is None else pointer_tokens(route.status_pointer)
        self.ns_per_unit = 0 if route.time_unit is None else TIME_UNITS[route.time_unit]


class TopicPlan:
    """Everything that a message of one topic feeds.

    `value_key` and `time_key` are set where the topic feeds one tag that is no text from a flat object: the common
    message, read without walking pointers.
    """

    __slots__ = ("index", "routes", "time_key", "topic", "value_key")

    def __init__(self, topic: str, routes: Sequence[CompiledRoute]) -> None:
        self.topic = topic
        self.routes = tuple(routes)
        self.index = routes[0].index
        self.value_key: str | None = None
        self.time_key: str | None = None
        route = routes[0]
        flat = len(route.value_tokens) == 1 and (route.time_tokens is None or len(route.time_tokens) == 1)
        if len(routes) == 1 and flat and route.kind != "text" and route.status_tokens is None:
            self.value_key = route.value_tokens[0]
            self.time_key = None if route.time_tokens is None else route.time_tokens[0]


def plan_topics(routes: Iterable[Route], tags: Iterable[Tag]) -> tuple[dict[bytes, TopicPlan], list[CompiledRoute]]:
    """The plan of each topic by its name in UTF-8, and all routes by index; ValueError names a route that cannot be."""
    kinds = {int(tag.id): tag.kind for tag in tags}
    compiled = [CompiledRoute(index, route, kinds.get(route.tag_id, "number")) for index, route in enumerate(routes)]
    by_topic: dict[str, list[CompiledRoute]] = {}
    for route in compiled:
        by_topic.setdefault(route.route.topic, []).append(route)
    return {topic.encode(): TopicPlan(topic, of_topic) for topic, of_topic in by_topic.items()}, compiled


def pointer_tokens(pointer: str) -> tuple[str, ...]:
    """The reference tokens of a JSON pointer (RFC 6901, 3 and 4); ValueError names a malformed one."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is no JSON pointer: it must be empty or start with '/'")
    tokens = pointer[1:].split("/")
    for token in tokens:
        if any(part[:1] not in ("0", "1") for part in token.split("~")[1:]):
            raise ValueError(f"{pointer!r} is no JSON pointer: '~' stands only in '~0' and '~1'")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def find(document: Json, tokens: Sequence[str]) -> Json | Missing:
    """What a pointer points at, or MISSING."""
    here = document
    for token in tokens:
        if isinstance(here, dict):
            if token not in here:
                return MISSING
            here = here[token]
        elif isinstance(here, list):
            is_index = token.isascii() and token.isdigit() and not (token.startswith("0") and len(token) > 1)
            if not is_index or int(token) >= len(here):
                return MISSING
            here = here[int(token)]
        else:
            return MISSING
    return here
