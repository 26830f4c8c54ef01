"""What advises without a model that a person approved, as the file writes it."""

from collections.abc import Mapping

from domain.errors import Complaint
from domain.tags import Tag
from domain.time import SECOND_NS
from domain.watches import NoveltyWatch, SteadyRule
from service.config.document import Document, PathKey
from service.config.shape.plant import UnitText
from service.config.tags import Expanded, PlacedTag

MOST_NOVELTIES = 200
"""Tags; each costs a tenth of a millisecond of every cell, and up to 0.2 MB of each snapshot."""

_MOST_STALE_CELLS = 1000
_LEAST_NS = SECOND_NS


def steady_rule(
    document: Document,
    path: PathKey,
    text: UnitText,
    parameters: Mapping[str, str],
    tags: Mapping[str, Tag],
    complaints: list[Complaint],
) -> SteadyRule | None:
    """What is asked of a unit; complaints are added for parameters and phases that there are not."""
    steady = text.steady
    if steady is None:
        return None
    place = (*path, "steady")
    for role in steady.parameters:
        tag = tags.get(parameters.get(role, ""))
        if tag is None:
            complaints.append(
                document.complain((*place, "parameters"), f"the unit has no tag for the parameter {role!r}")
            )
        elif tag.kind != "number":
            complaints.append(document.complain((*place, "parameters"), f"{tag.name} is no number"))
    named = [parameters.get(role, role) for role in steady.parameters]
    if len(set(named)) < len(named):
        complaints.append(document.complain((*place, "parameters"), "a tag stands twice"))
    phases = set() if text.phase is None else set(text.phase.map.values())
    if steady.phase and phases and steady.phase not in phases:
        complaints.append(document.complain((*place, "phase"), f"the unit has no phase {steady.phase!r}"))
    _check_times(document, place, steady.every, steady.stale, complaints)
    return SteadyRule(tuple(steady.parameters), steady.every, steady.stale, steady.reference, steady.phase)


def novelty_watch(document: Document, placed: PlacedTag, complaints: list[Complaint]) -> NoveltyWatch | None:
    """What is asked of a tag."""
    text = placed.text.novelty
    if text is None:
        return None
    place = (*placed.path, "novelty")
    if placed.text.kind != "number":
        complaints.append(document.complain(place, f"{placed.name} is no number"))
    _check_times(document, place, text.every, text.stale, complaints)
    return NoveltyWatch(text.every, text.stale, text.quiet)


def check_novelties(document: Document, expanded: Expanded, complaints: list[Complaint]) -> None:
    """A complaint where there are more of them than the service can bear."""
    asked = [placed for placed in expanded.tags.values() if placed.text.novelty is not None]
    if len(asked) > MOST_NOVELTIES:
        message = f"{len(asked)} tags ask for it, at most {MOST_NOVELTIES} may"
        complaints.append(document.complain((*asked[0].path, "novelty"), message))


def _check_times(document: Document, place: PathKey, every_ns: int, stale_ns: int, complaints: list[Complaint]) -> None:
    if every_ns < _LEAST_NS:
        complaints.append(document.complain((*place, "every"), "must be at least 1 s"))
    elif not every_ns <= stale_ns <= _MOST_STALE_CELLS * every_ns:
        complaints.append(document.complain((*place, "stale"), f"is not 1 to {_MOST_STALE_CELLS} times `every`"))
