"""BatchML (the XML of ISA-88 and ISA-95) to a draft of ours: what a master recipe says, and by name what was not taken.

The XML is read by expat alone. A document type, an entity, a reference to anything outside, more than `MOST_BYTES` or
`MOST_DEPTH` are refused, so that a file can neither expand nor fetch.

An end that is outside its range is `> 20` or `< 30` as text, or has `Exclusive` in its name (`NORLowExclusive`).

Taken are, of each master recipe: its product and version; recipe elements (procedure, unit procedure, operation,
phase) in the order of their links or, without links, of the file; and the parameters of phases that have limits of a
kind that we know: `NORLow`, `NORHigh` and so on, or `Low` and `High` where the `ParameterSubType` is the kind.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat  # it refuses what is unsafe by the handlers below

from domain.errors import Refused
from domain.recipes import RangeKind

MOST_BYTES = 16_000_000
MOST_DEPTH = 64
MOST_ELEMENTS = 200_000

_KINDS = {"procedure", "unitprocedure", "operation", "phase"}
_IGNORED = {"id", "name", "description", "version", "parameter", "recipeelement", "link", "formula", "header"}


@dataclass(slots=True)
class Element:
    """An XML element without its namespace."""

    name: str
    line: int
    text: str = ""
    children: "list[Element]" = field(default_factory=list)

    def find(self, *names: str) -> "Element | None":
        """The first child of one of these names."""
        return next((child for child in self.children if child.name.lower() in names), None)

    def all(self, *names: str) -> "list[Element]":
        """The children of these names."""
        return [child for child in self.children if child.name.lower() in names]

    def said(self, *names: str) -> str:
        """The text of the first child of one of these names; a nested `ValueString` or `Value` stands for it."""
        found = self.find(*names)
        if found is None:
            return ""
        inner = found.find("valuestring", "value")
        return (found.text if inner is None else inner.text).strip()


def read_xml(file: Path) -> Element:
    """The tree of an XML file. Refused: what is no XML, or could expand, fetch or fill the memory."""
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise Refused(f"{file}: {size} bytes are more than a recipe needs ({MOST_BYTES})")
        text = file.read_bytes()
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error}") from error
    return parse_xml(text, str(file))


def parse_xml(text: bytes, name: str) -> Element:
    """The tree of an XML document; Refused as for `read_xml`."""
    parser = expat.ParserCreate(namespace_separator="}")
    root = Element("", 0)
    open_elements = [root]
    count = 0

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_ELEMENTS or len(open_elements) > MOST_DEPTH:
            raise Refused(f"{name}:{parser.CurrentLineNumber}: too many elements, or too deep")
        element = Element(tag.rpartition("}")[2], parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        open_elements.pop()

    def characters(more: str) -> None:
        open_elements[-1].text += more

    def unsafe(*_: object) -> None:
        raise Refused(f"{name}:{parser.CurrentLineNumber}: a document type or an entity: not read, as it is not safe")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = unsafe
    parser.ExternalEntityRefHandler = unsafe  # type: ignore[assignment]  # it raises
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Refused(f"{name}:{error.lineno}:{error.offset + 1}: {expat.ErrorString(error.code)}") from error
    return root.children[0]


@dataclass(slots=True)
class Draft:
    """A recipe as our YAML has it, and what was not taken, each with its line."""

    product: str
    version: int
    change: str
    procedure: list[dict[str, object]] = field(default_factory=list)
    phases: dict[str, dict[str, object]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def values(self) -> dict[str, object]:
        """The recipe's values under `recipes:`."""
        told: dict[str, object] = {"version": self.version, "change": self.change}
        if self.procedure:
            told["procedure"] = self.procedure
        return {**told, "phases": self.phases}


def drafts(root: Element) -> list[Draft]:
    """The master recipes of a document. Refused if there is none."""
    found = [_draft(recipe) for recipe in _every(root, "masterrecipe")]
    if not found:
        raise Refused("no MasterRecipe is in this file")
    return found


def _every(element: Element, name: str) -> Iterator[Element]:
    if element.name.lower() == name:
        yield element
    for child in element.children:
        yield from _every(child, name)


def _draft(recipe: Element) -> Draft:
    header = recipe.find("header") or recipe
    product = header.said("productid") or recipe.said("productid", "id") or "recipe"
    draft = Draft(product, 1, "")
    version = recipe.said("version")
    if version.isdigit() and int(version) > 0:
        draft.version = int(version)
    elif version:
        draft.left.append(
            f"line {recipe.line}: Version {version!r} of {product!r}: ours is a whole number; it is 1 now"
        )
    _steps(recipe, draft, [])
    for child in recipe.children:
        if child.name.lower() not in _IGNORED | {"productid", "productname"}:
            _leave(draft, child, f"of {product!r}")
    for parameter in _parameters(recipe):
        _leave(draft, parameter, f"of {product!r}: it belongs to no phase")
    return draft


def _parameters(element: Element) -> list[Element]:
    """An element's own parameters, in a Formula or directly."""
    return [each for holder in (element, *element.all("formula")) for each in holder.all("parameter")]


def _leave(draft: Draft, element: Element, why: str) -> None:
    name = element.said("id") or element.text.strip()[:40]
    draft.left.append(f"line {element.line}: {element.name} {name!r} {why}".replace(" ''", ""))


def _kind(element: Element) -> str:
    told = element.said("recipeelementtype", "elementtype") or element.name
    return told.replace(" ", "").replace("-", "").lower().removesuffix("type")


def _steps(parent: Element, draft: Draft, path: list[str]) -> None:
    """Recipe elements within an element, in the order of its links."""
    elements = [each for each in parent.children if each.name.lower() == "recipeelement" or _kind(each) in _KINDS]
    for each in _in_order(parent, elements, draft):
        kind, name = _kind(each), each.said("id", "name") or f"line {each.line}"
        if kind == "phase":
            _phase(each, name, draft, path)
        elif kind in _KINDS:
            if kind == "unitprocedure":
                draft.procedure.append({"unit_procedure": name, "operations": []})
                _units(each, draft)
            elif kind == "operation":
                _operations(draft).append({"operation": name, "phases": []})
            for parameter in _parameters(each):
                _leave(draft, parameter, f"of {name!r}: only those of phases have ranges")
            _steps(each, draft, [*path, name])
        elif kind not in {"begin", "end", "start"}:
            _leave(draft, each, f"is a {kind!r}")


def _in_order(parent: Element, elements: list[Element], draft: Draft) -> list[Element]:
    """By the links, if they are one path through all of them; else as the file has them, and that is told."""
    links = parent.all("link")
    if not links or len(elements) < 2:
        return elements
    after = {_end_of(link, "from"): _end_of(link, "to") for link in links}
    by_id = {each.said("id"): each for each in elements}
    inner = {before: then for before, then in after.items() if before in by_id and then in by_id}
    first = [id_ for id_ in by_id if id_ not in inner.values()]
    path = first[:1]
    while path and path[-1] in inner and len(path) <= len(by_id):
        path.append(inner[path[-1]])
    if len(path) == len(elements) == len(set(path)) and len(inner) == len(after.keys() & inner.keys()):
        return [by_id[id_] for id_ in path]
    for link in links:
        _leave(draft, link, "branches or loops: the elements are in the order of the file")
    return elements


def _end_of(link: Element, side: str) -> str:
    end = link.find(f"{side}id")
    if end is None:
        return ""
    return end.said(f"{side}idvalue", "idvalue") or end.text.strip()


def _units(element: Element, draft: Draft) -> None:
    for requirement in element.all("equipmentrequirement", "actualequipmentid", "equipmentid"):
        _leave(draft, requirement, f"of {element.said('id')!r}: name our units under `units`")


def _operations(draft: Draft) -> list[dict[str, object]]:
    if not draft.procedure:
        draft.procedure.append({"unit_procedure": "procedure", "operations": []})
    operations = draft.procedure[-1]["operations"]
    assert isinstance(operations, list)
    return operations


def _phase(element: Element, name: str, draft: Draft, path: list[str]) -> None:
    operations = _operations(draft)
    if not operations:
        operations.append({"operation": path[-1] if path else "operation", "phases": []})
    names = operations[-1]["phases"]
    assert isinstance(names, list)
    names.append(name)
    if name in draft.phases:
        draft.left.append(f"line {element.line}: Phase {name!r} is there already: its ranges are those of the first")
        return
    ranges: dict[str, dict[str, object]] = {}
    for parameter in _parameters(element):
        _parameter(parameter, name, ranges, draft)
    draft.phases[name] = dict(ranges)
    for child in element.children:
        if child.name.lower() not in _IGNORED | {"recipeelementtype", "elementtype"}:
            _leave(draft, child, f"of phase {name!r}")


def _parameter(element: Element, phase: str, ranges: dict[str, dict[str, object]], draft: Draft) -> None:
    """A parameter's limits; the last part of its id is the role: `R101.TT` is TT."""
    id_ = element.said("id")
    role, unit = id_.rpartition(".")[2], element.said("unitofmeasure") or _unit_of(element)
    try:
        found = {kind: limits for kind in RangeKind if (limits := _limits(element, kind)) is not None}
    except ValueError as error:
        _leave(draft, element, f"of phase {phase!r}: {error}")
        return
    if not role or not found:
        _leave(draft, element, f"of phase {phase!r}: it has no limits that we know")
        return
    mine = ranges.setdefault(role, {"unit": unit} if unit else {})
    if mine.get("unit", "") != unit:
        _leave(draft, element, f"of phase {phase!r}: it is in {unit!r}, its other ranges in {mine.get('unit', '')!r}")
        return
    mine.update({str(kind): limits for kind, limits in found.items()})
    study = element.said("study", "reference")
    if study:
        mine["study"] = study


def _unit_of(element: Element) -> str:
    value = element.find("value")
    return "" if value is None else value.said("unitofmeasure")


End = float | str | None
_LOW, _HIGH = ("low", "min"), ("high", "max")


def _limits(element: Element, kind: RangeKind) -> list[End] | None:
    """The interval of a kind: `<NORLow>`, `<NORHigh>`, or `<Low>` and `<High>` where the sub-type names the kind.

    ValueError where an end is there and cannot be read.
    """
    named = [f"{kind.value}{name}" for name in _LOW], [f"{kind.value}{name}" for name in _HIGH]
    sides = [_side(element, named[0], ">"), _side(element, named[1], "<")]
    if sides == [None, None] and element.said("parametersubtype", "limittype").strip().lower() == kind.value:
        low, high = ([*names, f"{names[0]}limit"] for names in (_LOW, _HIGH))
        sides = [_side(element, low, ">"), _side(element, high, "<")]
    return None if sides == [None, None] else sides


def _side(element: Element, names: list[str], sign: str) -> End:
    """One end as our YAML has it: a number, or `> 20` where it is outside."""
    outside, text = element.said(*(f"{name}exclusive" for name in names)), element.said(*names)
    if outside and text:
        raise ValueError(f"it has {text!r}, and {outside!r} without its end")
    if not outside and not text:
        return None
    told = outside or text
    is_open = bool(outside) or (told.startswith(sign) and not told.startswith(f"{sign}="))
    digits = told.removeprefix(sign).removeprefix("=").strip()
    try:
        value = float(digits)
    except ValueError:
        raise ValueError(f"{told!r} is no limit") from None
    return f"{sign} {digits}" if is_open else value
