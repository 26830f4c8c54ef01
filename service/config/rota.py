"""The section `rota`: names that exist, steps in their order, zones that are known, and no circle of fallbacks."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alarms.escalation import Escalation, Step
from domain.errors import Complaint
from service.config.checking import unknown
from service.config.document import Document, PathKey
from service.config.model import ConfigFile
from service.config.shape.telling import RotaText

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # it names files too
_LONGEST_NS = 7 * 86_400_000_000_000


def check_rota(
    document: Document, file: ConfigFile, path: Path, people: Mapping[str, object], complaints: list[Complaint]
) -> None:
    """Complain of whatever cannot be meant. The calendars themselves are read by `thermowell check`."""
    known = [*people, *file.notify, *file.rota]
    for name, rota in file.rota.items():
        place = ("rota", name)
        for key, message in _faults_of(name, rota, file, people, path):
            complaints.append(document.complain((*place, *key), message))
        for key, told in _names(rota):
            if told not in known:
                complaints.append(document.complain((*place, *key), unknown("person, rota or channel", told, known)))
    for name in file.rota:
        circle = _circle(name, file.rota)
        if circle:
            message = f"falls back in a circle: {' > '.join(circle)}"
            complaints.append(document.complain(("rota", name, "fallback"), message))


def escalation_of(rota: RotaText) -> Escalation:
    """What happens while nobody acknowledges."""
    steps = tuple(Step(step.after, _told(step.tell)) for step in rota.escalate)
    return Escalation(steps, rota.repeat, rota.rounds, rota.returned == "goes on")


def names_of(rota: RotaText) -> list[str]:
    """The names that a rota tells besides whoever is on duty."""
    return [name for _, name in _names(rota)]


def _told(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _names(rota: RotaText) -> Iterator[tuple[PathKey, str]]:
    """The names that a rota tells, each with its place."""
    yield ("fallback",), rota.fallback
    for index, step in enumerate(rota.escalate):
        for name in _told(step.tell):
            yield ("escalate", str(index), "tell"), name


def _faults_of(
    name: str, rota: RotaText, file: ConfigFile, people: Mapping[str, object], path: Path
) -> Iterator[tuple[PathKey, str]]:
    if not _NAME.fullmatch(name):
        yield (), f"{name!r} is no name of a rota: letters, digits, '_', '-' and '.'"
    for section, names in (("notify", file.notify), ("people", people)):
        if name in names:
            yield (), f"{name!r} is a name in `{section}` too: nobody could tell who is meant"
    try:
        ZoneInfo(rota.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield ("zone",), f"no time zone is named {rota.zone!r} (such as Europe/Berlin)"
    if rota.url_file is not None and not (path.parent / rota.url_file).is_file():
        yield ("url_file",), f"no file {rota.url_file!r}"
    if rota.hand_over == "shifts" and file.shifts is None:
        yield ("hand_over",), "needs the section `shifts`"
    yield from _faults_of_steps(rota)


def _faults_of_steps(rota: RotaText) -> Iterator[tuple[PathKey, str]]:
    before_ns = 0
    for index, step in enumerate(rota.escalate):
        place: PathKey = ("escalate", str(index))
        if not _told(step.tell):
            yield (*place, "tell"), "names nobody"
        if not before_ns < step.after <= _LONGEST_NS:
            said = "each step comes later than the one before it, counted from the first telling, within 7 days"
            yield (*place, "after"), said
        before_ns = step.after


def _circle(name: str, rotas: Mapping[str, RotaText]) -> list[str]:
    """The fallbacks from a rota back to itself; empty: they end."""
    way = [name]
    while way[-1] in rotas and len(way) <= len(rotas):
        way.append(rotas[way[-1]].fallback)
        if way[-1] == name:
            return way
    return []
