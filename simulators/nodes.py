"""A plant's tags as its servers show them."""

from collections.abc import Sequence

from simulators.instruments.kinds import KINDS
from simulators.layout import Layout
from simulators.servers.mqtt_payloads import PublishedTag
from simulators.servers.opcua_nodes import NodeSpec
from simulators.tags import PlantTags

_AREA = "Area 1"


def node_specs(tags: PlantTags, layout: Layout) -> list[NodeSpec]:
    """The nodes of the OPC UA server, in a folder per unit, which stands in that of its line."""
    measured = [
        NodeSpec(
            tag.name,
            float,
            tag.description,
            tag.unit,
            KINDS[tag.instrument.kind].low,
            KINDS[tag.instrument.kind].high,
            _above(tag.name, layout),
        )
        for tag in tags.measured
        if tag.outlet == "opcua"
    ]
    states = [
        NodeSpec(tag.name, tag.kind, tag.description, above=_above(tag.name, layout))
        for tag in tags.states
        if tag.outlet == "opcua"
    ]
    return [*measured, *states]


def published_tags(tags: PlantTags) -> Sequence[PublishedTag]:
    """What is published over MQTT."""
    measured = [
        PublishedTag(tag.name, float, tag.unit, tag.description, tag.topic or "")
        for tag in tags.measured
        if tag.outlet == "mqtt"
    ]
    states = [
        PublishedTag(tag.name, tag.kind, "", tag.description, tag.topic or "")
        for tag in tags.states
        if tag.outlet == "mqtt"
    ]
    return [*measured, *states]


def _above(tag: str, layout: Layout) -> tuple[str, ...]:
    """The folders over a tag's unit; what serves several lines stands in the area."""
    unit = tag.partition(".")[0]
    return (_AREA, f"Line {layout.line_of(unit) + 1}") if unit in layout.units else (_AREA,)
