"""Tags: templates expanded for each unit, and every tag with its source and its address."""

import re
from dataclasses import dataclass, field

from domain.errors import Complaint
from domain.tags import Tag, TagId
from service.config.document import Document, PathKey
from service.config.model import ConfigFile
from service.config.shape.plant import UnitText
from service.config.shape.tags import TagText

_NODE = re.compile(r"(?:nsu=.+?;|ns=\d+;)?(?:i=\d+|[sgb]=.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Route:
    """Where in which message an MQTT tag's value stands (JSON pointers, RFC 6901)."""

    topic: str
    value: str
    time: str | None
    time_unit: str | None
    status: str | None


@dataclass(frozen=True, slots=True)
class PlacedTag:
    """A tag's text with its name, its place in the file and the unit it belongs to."""

    name: str
    text: TagText
    path: PathKey
    source: str | None
    unit: str | None = None
    role: str | None = None


@dataclass(slots=True)
class Expanded:
    """All tags by name, and each unit's parameters (role → tag name)."""

    tags: dict[str, PlacedTag] = field(default_factory=dict)
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)


def expand(document: Document, file: ConfigFile, complaints: list[Complaint]) -> Expanded:
    """Put `{unit}` into every template's tags; a tag of its own goes before a template's of the same name."""
    expanded = Expanded()
    for name, text in file.tags.items():
        expanded.tags[name] = PlacedTag(name, text, ("tags", name), text.source)
    for unit_name, unit in file.units.items():
        roles = expanded.parameters.setdefault(unit_name, dict(unit.parameters))
        for placed in _of_template(document, file, unit_name, unit, complaints):
            expanded.tags.setdefault(placed.name, placed)
            if placed.role is not None:
                roles.setdefault(placed.role, placed.name)
        prefix = f"{unit_name}."
        for name in file.tags:
            if name.startswith(prefix):
                roles.setdefault(name.removeprefix(prefix), name)
    return expanded


def _of_template(
    document: Document,
    file: ConfigFile,
    unit_name: str,
    unit: UnitText,
    complaints: list[Complaint],
) -> list[PlacedTag]:
    if unit.template is None:
        return []
    template = file.templates.get(unit.template)
    if template is None:
        message = f"no template is named {unit.template!r}"
        complaints.append(document.complain(("units", unit_name, "template"), message))
        return []
    found = []
    for pattern, text in template.tags.items():
        path = ("templates", unit.template, "tags", pattern)
        node, topic = (part and part.replace("{unit}", unit_name) for part in (text.node, text.topic))
        filled = text.model_copy(update={"node": node, "topic": topic})
        name = pattern.replace("{unit}", unit_name)
        role = pattern.removeprefix("{unit}.")
        found.append(PlacedTag(name, filled, path, text.source or unit.source, unit_name, role))
    return found


def build(
    document: Document,
    file: ConfigFile,
    expanded: Expanded,
    complaints: list[Complaint],
) -> tuple[tuple[Tag, ...], dict[str, Route]]:
    """Every tag as a draft (no id yet), and the routes of those that come by MQTT."""
    tags, routes = [], {}
    for placed in expanded.tags.values():
        problem = _problem(file, placed)
        if problem is not None:
            complaints.append(document.complain((*placed.path, *problem[:-1]), problem[-1]))
            continue
        text = placed.text
        if text.topic is not None:
            routes[placed.name] = Route(text.topic, text.value, text.time, text.time_unit, text.status)
        tags.append(_tag(placed))
    return tuple(tags), routes


def _problem(file: ConfigFile, placed: PlacedTag) -> tuple[str, ...] | None:
    """What is wrong with a tag: the key below its path, if one is to blame, and a sentence."""
    if placed.source is None:
        return (f"tag {placed.name!r} has no source",)
    source = file.sources.get(placed.source)
    if source is None:
        return ("source", f"no source is named {placed.source!r}")
    low, high = placed.text.sensor.range
    if low is not None and high is not None and low >= high:
        return ("sensor", "range", f"{low:g} is not below {high:g}")
    if source.mqtt is not None:
        return _topic_problem(placed, source.mqtt.topics)
    return _node_problem(placed)


def _node_problem(placed: PlacedTag) -> tuple[str, ...] | None:
    node = placed.text.node
    if node is None:
        return (f"tag {placed.name!r} comes from an OPC UA server and needs a `node`",)
    if not _NODE.fullmatch(node.strip()):
        return ("node", f"{node!r} is no node such as nsu=urn:example:plant;s=R101.TT or ns=2;s=R101.TT")
    return None


def _topic_problem(placed: PlacedTag, filters: list[str]) -> tuple[str, ...] | None:
    topic = placed.text.topic
    if topic is None:
        return (f"tag {placed.name!r} comes from a broker and needs a `topic`",)
    if "#" in topic or "+" in topic:
        return ("topic", f"{topic!r} is a pattern; a tag needs one exact topic")
    if not any(matches(topic, filter_) for filter_ in filters):
        return ("topic", f"{topic!r} is in none of the topics of source {placed.source!r}")
    for key, pointer in (("value", placed.text.value), ("time", placed.text.time), ("status", placed.text.status)):
        if pointer and not pointer.startswith("/"):
            return (key, f"{pointer!r} is no JSON pointer: write /{pointer}")
    return None


def matches(topic: str, pattern: str) -> bool:
    """Tell whether an MQTT topic filter (MQTT 5, 4.7) takes a topic."""
    levels, filters = topic.split("/"), pattern.split("/")
    if filters[0] == "$share":
        filters = filters[2:]
    for index, part in enumerate(filters):
        if part == "#":
            return True
        if index >= len(levels) or part not in ("+", levels[index]):
            return False
    return len(levels) == len(filters)


def _tag(placed: PlacedTag) -> Tag:
    text = placed.text
    address = text.node if text.topic is None else f"{text.topic}#{text.value}"
    assert address is not None
    assert placed.source is not None
    return Tag(
        id=TagId(0),
        uuid="",
        version=0,
        name=placed.name,
        source=placed.source,
        address=address,
        unit=text.unit,
        reference=text.reference,
        kind=text.kind,
        sensor_low=text.sensor.range[0],
        sensor_high=text.sensor.range[1],
        sampling_interval_ns=text.sampling_interval,
        description=text.description,
    )
