"""Holds plain JSON against the types of Grafana's dashboard schema, from which the SDK's models are made."""

import enum
import json
import types
import typing

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

plugins.register_default_plugins()


def complaints(told: dict[str, object]) -> list[str]:
    """Every place at which a dashboard is not what the schema says: a wrong type, or a key that it does not know."""
    read = dashboard.Dashboard.from_json(told)
    found = list(_wrong(read, "dashboard"))
    again = json.loads(json.dumps(read, cls=JSONEncoder))
    return found + list(_lost(told, again, "dashboard"))


def _wrong(value: object, place: str) -> typing.Iterator[str]:
    """Attributes of the SDK's objects whose values are not of the types that they declare."""
    if isinstance(value, list | dict):
        parts = enumerate(value) if isinstance(value, list) else value.items()
        for key, part in parts:
            yield from _wrong(part, f"{place}.{key}")
        return
    if not type(value).__module__.startswith("grafana_foundation_sdk.models"):
        return
    for name, hint in typing.get_type_hints(type(value)).items():
        part = getattr(value, name)
        if not _fits(part, hint):
            yield f"{place}.{name}: {part!r} is no {hint}"
        yield from _wrong(part, f"{place}.{name}")


def _fits(value: object, hint: typing.Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in (object, typing.Any):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is list:
        return isinstance(value, list) and all(_fits(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in {one.value for one in hint}
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, dict) and hasattr(hint, "from_json"):  # the SDK leaves some as they came
        read = hint.from_json(value)
        again = json.loads(json.dumps(read, cls=JSONEncoder))
        return not [*_wrong(read, ""), *_lost(value, again, "")]
    return isinstance(value, hint)


def _lost(told: object, again: object, place: str) -> typing.Iterator[str]:
    """What the schema's types do not keep: keys that they do not know. A default that they add is none of it."""
    if isinstance(told, dict):
        for key, part in told.items():
            if not isinstance(again, dict) or key not in again:
                yield f"{place}.{key}: the schema does not know it"
            else:
                yield from _lost(part, again[key], f"{place}.{key}")
    elif isinstance(told, list):
        if not isinstance(again, list) or len(told) != len(again):
            yield f"{place}: {told!r} became {again!r}"
            return
        for number, (part, kept) in enumerate(zip(told, again, strict=True)):
            yield from _lost(part, kept, f"{place}.{number}")
    elif told != again:
        yield f"{place}: {told!r} became {again!r}"
