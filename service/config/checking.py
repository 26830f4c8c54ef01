"""A document against a model of its shape: every complaint at once, each with its place and what was perhaps meant."""

import difflib
import types
from collections.abc import Iterable
from typing import Annotated, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from domain.errors import ConfigError
from service.config.document import Document, PathKey

_FEW = 12
_PAIR = 2  # ends of an interval
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_Model = TypeVar("_Model", bound=BaseModel)


def validated(document: Document, model: type[_Model]) -> _Model:
    """The document as that model; ConfigError carries every complaint."""
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        found: dict[PathKey, list[str]] = {}
        for problem in error.errors():
            said = found.setdefault(_known_path(document, problem["loc"]), [])
            sentence = _sentence(problem, model)
            if sentence not in said:
                said.append(sentence)
        complaints = tuple(document.complain(path, "; or: ".join(said)) for path, said in found.items())
        raise ConfigError(complaints) from error


def meant(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known word is near."""
    known = list(known)
    lowered = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f"; did you mean {lowered[near[0]]!r}?" if near else ""


def meant_or_known(word: str, known: Iterable[str]) -> str:
    """What was perhaps meant, or ` (there are …)` where nothing is near and they are few."""
    known = list(known)
    few = f" (there are {', '.join(known)})" if 0 < len(known) <= _FEW else ""
    return meant(word, known) or few


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """`no phase is named 'doze'; did you mean 'dose'?`, or the known words where none is near and they are few."""
    return f"no {what} is named {word!r}{meant_or_known(word, known)}"


def _known_path(document: Document, location: tuple[int | str, ...]) -> PathKey:
    """Pydantic's location without the parts that are no keys of the file; a missing key keeps its name."""
    path: PathKey = ()
    for index, part in enumerate(location):
        longer = (*path, str(part))
        if longer in document.places or (index == len(location) - 1 and not _is_tag(part)):
            path = longer
    return path


def _is_tag(part: int | str) -> bool:
    """Tell whether pydantic made this part up: the name of a member of a union."""
    return isinstance(part, str) and (
        part.startswith("constrained-") or part in ("str", "float", "int", "bool") or "(" in part or "[" in part
    )


def _sentence(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong, in our words where pydantic's are about Python."""
    kind, given = problem["type"], problem["input"]
    last = str(problem["loc"][-1]) if problem["loc"] else ""
    message = problem["msg"].removeprefix("Value error, ")
    match kind:
        case "extra_forbidden":
            known = _keys_at(model, problem["loc"][:-1])
            said = (
                "does not go with what stands beside it" if last in known else "is not a known key" + meant(last, known)
            )
        case "missing":
            said = "is missing"
        case "literal_error":
            words = [word.strip("' ") for word in problem["ctx"]["expected"].replace(" or ", ",").split(",")]
            words = [word for word in words if word]
            said = f"{given!r} is none of {', '.join(words)}" + meant(str(given), words)
        case "model_type" | "model_attributes_type" | "dict_type":
            known = _keys_at(model, problem["loc"][:-1])
            said = "must be a mapping" + ("" if last in known else meant(last, known))
        case "list_type" | "tuple_type":
            pair = any(
                get_origin(each) is tuple and ... not in get_args(each) for each in _types_at(model, problem["loc"])
            )
            said = "must be a list of two, such as [55, 65] or [null, 65]" if pair else "must be a list"
        case "decimal_type" | "decimal_parsing" | "float_type" | "float_parsing":
            said = f"must be a number without a unit, not {given!r}"
        case "int_type" | "int_parsing" | "int_from_float":
            said = f"must be a whole number, not {given!r}"
        case "string_pattern_mismatch":
            said = f"{given!r} must be like {problem['ctx']['pattern']}"
        case _:
            said = _size_words(problem) or message[0].lower() + message[1:] + (
                f", not {given!r}" if message.startswith("Input") else ""
            )
    return said


def _size_words(problem: ErrorDetails) -> str:
    """What is wrong with how much a number is, or with how many entries a list has; empty for any other problem."""
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words} {context[name]}, not {problem['input']!r}"
    if kind not in ("too_short", "too_long"):
        return ""
    least, most, count = (context.get(name) for name in ("min_length", "max_length", "actual_length"))
    if most == _PAIR:
        return f"must be a list of two, such as [55, 65], not of {count}; a number has a point, no comma"
    if most is not None:
        return f"may have at most {most} entries, not {count}"
    return "must not be empty" if count == 0 else f"needs at least {least} entries, not {count}"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a location of a model."""
    found: list[str] = []
    for each in _types_at(model, location):
        if isinstance(each, type) and issubclass(each, BaseModel):
            found += [field.alias or name for name, field in each.model_fields.items()]
    return found


def _types_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[object]:
    """What may stand at a location of a model; parts that pydantic made up are passed over."""
    models: list[object] = [model]
    for part in location:
        models = [inner for each in models for inner in _below(each, str(part))] or models
    return models


def _below(annotation: object, part: str) -> list[object]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part in (name, field.alias):
                return _members(field)
        extra = annotation.__annotations__.get("__pydantic_extra__")
        return _members(get_args(extra)[-1]) if extra is not None else []
    if get_origin(annotation) in (list, dict, tuple):
        return _members(get_args(annotation)[-1])
    return []


def _members(annotation: object) -> list[object]:
    """The types that an annotation may be, without its annotations and unions."""
    if isinstance(annotation, FieldInfo):
        return _members(annotation.annotation)
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for each in get_args(annotation) for inner in _members(each)]
    return [annotation]
