"""Look through a server's address space and list its variables, for a person to choose tags from."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import ua

from collector.opcua.addresses import written
from collector.opcua.channel import AsyncuaLink
from collector.opcua.facts import ServerFacts, in_batches, read, read_facts
from collector.opcua.link import Link
from collector.opcua.settings import OpcUaSettings

_HAS_PROPERTY = ua.ObjectIds.HasProperty
_PLANT_UNITS = {"°C": "degC", "°F": "degF", "m³": "m3", "m³/h": "m3/h", "m³/s": "m3/s", "%": "percent", "pH": ""}
"""Display names of engineering units that a configuration writes otherwise."""

_BOOLEAN_TYPES = frozenset({1})
_NUMBER_TYPES = frozenset({*range(2, 12), 26, 27, 28, 29, 290})  # with Number, Integer, UInteger, Enumeration, Duration
_PLACE = ua.BrowseResultMask.ReferenceTypeId | ua.BrowseResultMask.NodeClass | ua.BrowseResultMask.BrowseName


@dataclass(frozen=True, slots=True)
class BrowseLimits:
    """Where to stop."""

    most_nodes: int = 50_000
    deepest: int = 20


@dataclass(frozen=True, slots=True)
class BrowsedNode:
    """A variable. `name` is its path without namespaces, `address` by namespace URI, `unit` as a configuration has it.

    `sampling_interval_ns` is the fastest that the server offers; 0: it does not say.
    """

    name: str
    address: str
    data_type: str
    kind: str  # number | boolean | text
    unit: str = ""
    low: float | None = None  # EURange
    high: float | None = None
    sampling_interval_ns: int = 0
    description: str = ""


@dataclass(slots=True)
class _Found:
    """A variable on the way: its path, and its properties by browse name."""

    node: ua.NodeId
    path: tuple[str, ...]
    properties: dict[str, ua.NodeId] = field(default_factory=dict)


async def browse(settings: OpcUaSettings, *, limits: BrowseLimits | None = None) -> list[BrowsedNode]:
    """Every variable below Objects (the server's own diagnostics left out), by path."""
    link = AsyncuaLink(settings, time.time_ns)
    await link.open()
    try:
        facts = await read_facts(link)
        variables = await _variables(link, facts, limits or BrowseLimits())
        return sorted(await _described(link, facts, variables), key=lambda node: node.name)
    finally:
        await link.leave(delete_subscriptions=True)


async def _variables(link: Link, facts: ServerFacts, limits: BrowseLimits) -> list[_Found]:
    """Level by level, so that each request asks for as many nodes as the server takes."""
    root = ua.NodeId(ua.ObjectIds.ObjectsFolder, 0)
    seen = {root, ua.NodeId(ua.ObjectIds.Server, 0)}
    level: list[tuple[ua.NodeId, tuple[str, ...], _Found | None]] = [(root, (), None)]
    found: list[_Found] = []
    for _ in range(limits.deepest):
        children = await _children(link, facts, [node for node, _, _ in level])
        below: list[tuple[ua.NodeId, tuple[str, ...], _Found | None]] = []
        for (_, path, owner), references in zip(level, children, strict=True):
            for reference in references:
                node, name = reference.NodeId, str(reference.BrowseName.Name)
                if reference.ReferenceTypeId == ua.NodeId(_HAS_PROPERTY, 0):
                    if owner is not None:
                        owner.properties[name] = node
                    continue
                if node in seen or len(seen) > limits.most_nodes:
                    continue
                seen.add(node)
                variable = None
                if reference.NodeClass == ua.NodeClass.Variable:
                    variable = _Found(node, (*path, name))
                    found.append(variable)
                below.append((node, (*path, name), variable))
        level = below
        if not level:
            break
    return found


async def _children(link: Link, facts: ServerFacts, nodes: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
    """The objects, variables and properties right below each node; none where the server refuses."""

    async def send(batch: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
        request = ua.BrowseRequest()
        request.Parameters.NodesToBrowse = [_below(node) for node in batch]
        response = await link.ask(request, ua.BrowseResponse)
        return [await _complete(link, result) for result in response.Results]

    return await in_batches(nodes, min(facts.most_browses, 100), send)


def _below(node: ua.NodeId) -> ua.BrowseDescription:
    return ua.BrowseDescription(
        NodeId=node,
        BrowseDirection=ua.BrowseDirection.Forward,
        ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences, 0),
        IncludeSubtypes=True,
        NodeClassMask=ua.NodeClass.Object | ua.NodeClass.Variable,
        ResultMask=_PLACE,
    )


async def _complete(link: Link, result: ua.BrowseResult) -> list[ua.ReferenceDescription]:
    references = list(result.References or [])
    point = result.ContinuationPoint
    while point:
        request = ua.BrowseNextRequest()
        request.Parameters.ReleaseContinuationPoints = False
        request.Parameters.ContinuationPoints = [point]
        response = await link.ask(request, ua.BrowseNextResponse)
        references += response.Parameters.Results[0].References or [] if response.Parameters.Results else []
        point = response.Parameters.Results[0].ContinuationPoint if response.Parameters.Results else None
    return references


async def _described(link: Link, facts: ServerFacts, variables: Sequence[_Found]) -> list[BrowsedNode]:
    nodes = [variable.node for variable in variables]
    types = await _attribute(link, facts, nodes, ua.AttributeIds.DataType)
    ranks = await _attribute(link, facts, nodes, ua.AttributeIds.ValueRank)
    intervals = await _attribute(link, facts, nodes, ua.AttributeIds.MinimumSamplingInterval)
    texts = await _attribute(link, facts, nodes, ua.AttributeIds.Description)
    ranges = await _property(link, facts, variables, "EURange")
    units = await _property(link, facts, variables, "EngineeringUnits")
    described = []
    for i, variable in enumerate(variables):
        span, unit, interval_ms = ranges.get(i), units.get(i), intervals[i]
        described.append(
            BrowsedNode(
                name=".".join(variable.path),
                address=written(variable.node, facts.namespaces),
                data_type=_type_name(types[i]),
                kind=_kind(types[i], ranks[i]),
                unit=_unit(unit),
                low=float(span.Low) if isinstance(span, ua.Range) else None,
                high=float(span.High) if isinstance(span, ua.Range) else None,
                sampling_interval_ns=round(interval_ms * 1e6)
                if isinstance(interval_ms, float | int) and interval_ms > 0
                else 0,
                description=_shown(texts[i]),
            )
        )
    return described


async def _attribute(link: Link, facts: ServerFacts, nodes: Sequence[ua.NodeId], attribute: int) -> list[object]:
    async def send(batch: Sequence[ua.NodeId]) -> list[object]:
        values = await read(link, batch, attribute)
        return [value.Value.Value if value.Value is not None else None for value in values]

    return await in_batches(nodes, facts.most_reads, send)


async def _property(link: Link, facts: ServerFacts, variables: Iterable[_Found], name: str) -> Mapping[int, object]:
    """The value of a property, by the place of its variable."""
    having = [(i, variable.properties[name]) for i, variable in enumerate(variables) if name in variable.properties]
    values = await _attribute(link, facts, [node for _, node in having], ua.AttributeIds.Value)
    return {i: value for (i, _), value in zip(having, values, strict=True)}


def _type_name(data_type: object) -> str:
    if not isinstance(data_type, ua.NodeId):
        return ""
    if data_type.NamespaceIndex == 0:
        return str(ua.ObjectIdNames.get(data_type.Identifier, data_type.Identifier))
    return str(data_type.to_string())


def _kind(data_type: object, rank: object) -> str:
    """What a tag of this variable would be; arrays and structures arrive as JSON text."""
    is_standard = isinstance(data_type, ua.NodeId) and data_type.NamespaceIndex == 0
    if (isinstance(rank, int) and rank >= 0) or not isinstance(data_type, ua.NodeId) or not is_standard:
        return "text"
    if data_type.Identifier in _BOOLEAN_TYPES:
        return "boolean"
    return "number" if data_type.Identifier in _NUMBER_TYPES else "text"


def _shown(text: object) -> str:
    return str(text.Text or "") if isinstance(text, ua.LocalizedText) else ""


def _unit(unit: object) -> str:
    shown = _shown(unit.DisplayName) if isinstance(unit, ua.EUInformation) else ""
    return _PLANT_UNITS.get(shown, shown)
