"""The address space of a plant: typed variables in a folder per unit, with their ranges, units and descriptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from asyncua import Node, Server, ua

_CEFACT: Final = "http://www.opcfoundation.org/UA/units/un/cefact"
_COMMON_CODES: Final[Mapping[str, str]] = {
    "%": "P1",
    "1/min": "C94",
    "A": "AMP",
    "K": "KEL",
    "L": "LTR",
    "Pa": "PAL",
    "W": "WTT",
    "bar": "BAR",
    "degC": "CEL",
    "g/L": "GL",
    "g/l": "GL",
    "h": "HUR",
    "kPa": "KPA",
    "kW": "KWT",
    "kg": "KGM",
    "kg/h": "E93",
    "kg/m3": "KMQ",
    "kg/m^3": "KMQ",
    "kg/m**3": "KMQ",
    "l": "LTR",
    "L/h": "E32",
    "l/h": "E32",
    "m3": "MTQ",
    "m^3": "MTQ",
    "m**3": "MTQ",
    "m3/h": "MQH",
    "mbar": "MBR",
    "min": "MIN",
    "mol/l": "C38",
    "mol/m3": "C36",
    "pH": "Q30",
    "rpm": "RPM",
    "s": "SEC",
}
"""UNECE common codes (recommendation 20) of plant units; a unit that is not here is served by its text alone."""

VARIANTS: Final[Mapping[type, ua.VariantType]] = {
    float: ua.VariantType.Double,
    int: ua.VariantType.Int32,
    bool: ua.VariantType.Boolean,
    str: ua.VariantType.String,
}


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A variable `FOLDER.ROLE`, of the type `kind` (float, int, bool, str); a number has its unit and range.

    `above` are the folders over the unit's, from the top: the plant's area and line.
    """

    name: str
    kind: type
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The unit that it belongs to."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tag's node is in this run of the server."""

    node: ua.NodeId
    variant: ua.VariantType


async def build(server: Server, specs: Sequence[NodeSpec], namespace: int) -> dict[str, Place]:
    """Add every node under a namespace index, and tell where each is. Ids are strings that never change: the names."""
    folders: dict[tuple[str, ...], Node] = {(): server.nodes.objects}
    places: dict[str, Place] = {}
    for spec in specs:
        parent = await _folder(folders, spec.above, namespace)
        if (spec.folder,) not in folders:
            name = ua.QualifiedName(spec.folder, namespace)
            folders[spec.folder,] = await parent.add_folder(ua.NodeId(spec.folder, namespace), name)
        places[spec.name] = await _add(folders[spec.folder,], spec, namespace)
    return places


async def build_neighbour(server: Server, specs: Sequence[NodeSpec], namespace: int) -> None:
    """Add nodes of the same names that are another plant's, and never change: who keeps an old index reads these."""
    folder = await server.nodes.objects.add_folder(
        ua.NodeId("Neighbour", namespace), ua.QualifiedName("Neighbour", namespace)
    )
    for spec in specs:
        name = ua.QualifiedName(spec.name, namespace)
        await folder.add_variable(ua.NodeId(spec.name, namespace), name, spec.kind(), VARIANTS[spec.kind])


async def _folder(folders: dict[tuple[str, ...], Node], path: tuple[str, ...], namespace: int) -> Node:
    """The folder over units with a path of names, made where it is missing; its id is the whole path."""
    key = ("/", *path) if path else ()
    if key not in folders:
        parent = await _folder(folders, path[:-1], namespace)
        name = ua.QualifiedName(path[-1], namespace)
        folders[key] = await parent.add_folder(ua.NodeId("/".join(("", *path)), namespace), name)
    return folders[key]


async def _add(folder: Node, spec: NodeSpec, namespace: int) -> Place:
    place = Place(ua.NodeId(spec.name, namespace), VARIANTS[spec.kind])
    role = ua.QualifiedName(spec.name.partition(".")[2], namespace)
    node = await folder.add_variable(place.node, role, spec.kind(), place.variant)
    await _set(node, ua.AttributeIds.Description, ua.LocalizedText(spec.description))
    await _set(node, ua.AttributeIds.Historizing, True)
    await node.set_attr_bit(ua.AttributeIds.AccessLevel, ua.AccessLevel.HistoryRead)
    await node.set_attr_bit(ua.AttributeIds.UserAccessLevel, ua.AccessLevel.HistoryRead)
    if spec.low is not None and spec.high is not None:
        await _make_analog(node, spec)
    return place


async def _set(node: Node, attribute: ua.AttributeIds, value: object) -> None:
    await node.write_attribute(attribute, ua.DataValue(ua.Variant(value)))


async def _make_analog(node: Node, spec: NodeSpec) -> None:
    """Turn a variable into an AnalogItem (part 8, 5.3.2.3) with its range and unit."""
    has_type = ua.ObjectIds.HasTypeDefinition
    await node.delete_reference(ua.ObjectIds.BaseDataVariableType, has_type)
    await node.add_reference(ua.ObjectIds.AnalogItemType, has_type)
    properties = {"EURange": ua.Range(spec.low, spec.high), "EngineeringUnits": unit_of(spec.unit)}
    for name, value in properties.items():
        await node.add_property(
            ua.NodeId(f"{spec.name}.{name}", node.nodeid.NamespaceIndex),
            ua.QualifiedName(name, 0),
            value,
        )


def unit_of(unit: str) -> ua.EUInformation:
    """A plant unit as OPC UA says it: the number is the common code's letters (part 8, 5.6.3.3); -1: it has none."""
    code = _COMMON_CODES.get(unit)
    return ua.EUInformation(
        NamespaceUri=_CEFACT if code is not None else "",
        UnitId=int.from_bytes(code.encode()) if code is not None else -1,
        DisplayName=ua.LocalizedText(unit),
        Description=ua.LocalizedText(unit),
    )
