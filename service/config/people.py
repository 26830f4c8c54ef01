"""The people who are told, checked and built: names that lead somewhere, zones that exist."""

from collections.abc import Mapping
from datetime import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alarms.recipients import QuietHours, Recipient
from domain.errors import Complaint
from domain.rules import Priority
from service.config.document import Document
from service.config.model import ConfigFile
from service.config.rota import names_of
from service.config.shape.telling import PersonText

_UNSPEAKABLE = frozenset("@#/>")  # they part the ids of notices


def recipients(document: Document, file: ConfigFile, complaints: list[Complaint]) -> Mapping[str, Recipient]:
    """Everybody by name, as far as there is nothing to complain of them.

    Who has no priority is told by themselves of what is high, where no rota says who is told.
    """
    usual = None if file.rota else Priority.HIGH
    found: dict[str, Recipient] = {}
    for name, text in file.people.items():
        before = len(complaints)
        _check_names(document, file, name, text, complaints)
        zone = _zone(document, name, text, complaints)
        if zone is not None and len(complaints) == before:
            found[name] = Recipient(
                name,
                tuple(dict.fromkeys(text.tell)),
                text.language,
                zone,
                _quiet(text),
                usual if text.priority is None else Priority[text.priority.upper()],
                file.translations.get(text.language, {}),
            )
    return found


def _check_names(
    document: Document, file: ConfigFile, name: str, text: PersonText, complaints: list[Complaint]
) -> None:
    if name in file.notify:
        complaints.append(document.complain(("people", name), f"a channel of `notify` is called {name!r} too"))
    if not name.strip() or name != name.strip() or not name.isprintable() or _UNSPEAKABLE.intersection(name):
        message = f"{name!r} is no name: printable, without {' '.join(sorted(_UNSPEAKABLE))}"
        complaints.append(document.complain(("people", name), message))
    for index, channel in enumerate(text.tell):
        if channel not in file.notify:
            message = f"there is no channel {channel!r} in `notify`"
            complaints.append(document.complain(("people", name, "tell", str(index)), message))


def _zone(document: Document, name: str, text: PersonText, complaints: list[Complaint]) -> ZoneInfo | None:
    try:
        return ZoneInfo(text.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"no time zone is named {text.zone!r} (such as Europe/Berlin)"
        complaints.append(document.complain(("people", name, "zone"), message))
        return None


def _quiet(text: PersonText) -> QuietHours | None:
    quiet = text.quiet
    return None if quiet is None else QuietHours(time.fromisoformat(quiet.start), time.fromisoformat(quiet.end))


def ways(file: ConfigFile) -> frozenset[str]:
    """Channels that somebody is told by and that, without a priority of their own, are told nothing by themselves."""
    named = {channel for person in file.people.values() for channel in person.tell}
    named |= {name for rota in file.rota.values() for name in names_of(rota)}
    return frozenset(
        name for name in named.intersection(file.notify) if "priority" not in file.notify[name].model_fields_set
    )
