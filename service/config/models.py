"""The learned models of a configuration: every reference checked, and the files read that are named."""

from collections.abc import Mapping
from pathlib import Path

from domain.errors import Complaint, DamagedFile
from domain.models import Model
from domain.rules import Rulebook
from domain.tags import Tag
from service.config.document import Document
from service.config.model import ConfigFile
from service.config.shape.models import ModelText
from service.models.files import read_model

_MOST_STALE_CELLS = 1000


def drafted_models(
    document: Document,
    file: ConfigFile,
    path: Path,
    rulebook: Rulebook,
    tags: Mapping[str, Tag],
    complaints: list[Complaint],
) -> dict[str, Model]:
    """The models that have a file, by name: they advise until somebody approves them. `tags`: by name."""
    models: dict[str, Model] = {}
    for name, text in file.models.items():
        before = len(complaints)
        _check(document, name, text, rulebook, complaints)
        if text.file is None or len(complaints) > before:
            continue
        place = ("models", name, "file")
        try:
            model = read_model(path.parent / text.file).model
        except DamagedFile as error:
            complaints.append(document.complain(place, str(error)))
            continue
        difference = differs(name, text, model, rulebook, tags)
        if difference:
            complaints.append(document.complain(place, f"{text.file}: {difference}; train it anew"))
        models[name] = model
    return models


def _check(document: Document, name: str, text: ModelText, rulebook: Rulebook, complaints: list[Complaint]) -> None:
    path = ("models", name)
    for unit in text.units:
        if unit not in rulebook.units:
            complaints.append(document.complain((*path, "units"), f"no unit is named {unit!r}"))
            continue
        model = rulebook.units[unit]
        missing = [role for role in text.parameters if role not in model.parameters]
        if missing:
            complaints.append(document.complain((*path, "parameters"), f"unit {unit} has no {', '.join(missing)}"))
        known = set(model.phase_map.values())
        if known and text.phase not in known:
            complaints.append(document.complain((*path, "phase"), f"unit {unit} has no phase {text.phase!r}"))
    if len(set(text.parameters)) < len(text.parameters):
        complaints.append(document.complain((*path, "parameters"), "a parameter stands twice"))
    if text.product and text.product not in rulebook.recipes:
        complaints.append(document.complain((*path, "product"), f"no recipe is named {text.product!r}"))
    if not text.every <= text.stale <= _MOST_STALE_CELLS * text.every:
        complaints.append(document.complain((*path, "stale"), f"is not 1 to {_MOST_STALE_CELLS} times `every`"))
    if text.references.least > text.references.most:
        complaints.append(document.complain((*path, "references"), "least is more than most"))


def differs(name: str, text: ModelText, model: Model, rulebook: Rulebook, tags: Mapping[str, Tag]) -> str:
    """What a model file says otherwise than the configuration; empty where they agree. `tags`: by name."""
    pairs: Mapping[str, tuple[object, object]] = {
        "name": (name, model.name),
        "kind": (text.kind, str(model.kind)),
        "units": (list(text.units), list(model.units)),
        "phase": (text.phase, model.phase),
        "product": (text.product, model.product),
        "parameters": (list(text.parameters), list(model.parameters)),
        "every": (text.every, model.every_ns),
        "after": (text.after, model.after_ns),
        "stale": (text.stale, model.stale_ns),
    }
    said = [f"its {key} is {other!r}, not {own!r}" for key, (own, other) in pairs.items() if own != other]
    if not said:
        for unit in model.units:
            parameters = rulebook.units[unit].parameters
            for column, role in enumerate(model.parameters):
                tag = tags.get(parameters.get(role, ""))
                if tag is not None and not model.reads(tag, column):
                    knows, has = model.measures[column] or "no unit", tag.measure or "no unit"
                    said.append(f"it knows {role} in {knows}, {tag.name} is in {has}")
    return ", ".join(said)
