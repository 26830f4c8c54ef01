"""What `thermowell check` says of calendars: every fault with its file and line, and time that nobody covers."""

from collections.abc import Iterator

from domain.errors import Complaint, Refused, RetryLater
from domain.time import SECOND_NS, format_duration
from service.config.build import Configuration
from service.config.document import Document
from service.files import Files
from service.telling.calendar import BadCalendar
from service.telling.fetching import FilePlace
from service.telling.kept import Standing
from service.telling.rotas import AHEAD_NS, Rota, local_time, rotas_of

_HOLES = 5


def check_calendars(
    configuration: Configuration, document: Document, now_ns: int
) -> tuple[list[Complaint], list[Complaint]]:
    """What is wrong with the calendars, and what should be known; those of servers are looked at as they are kept."""
    faults: list[Complaint] = []
    warnings: list[Complaint] = []
    for rota in rotas_of(configuration, Files(configuration.data).duty):
        try:
            text = _text(rota)
            holes = list(_holes(rota, text, now_ns))
        except BadCalendar as error:
            file = _file(rota)
            faults += [Complaint(file, each.line, 1, f"rota.{rota.name}", each.message) for each in error.faults]
        except (Refused, RetryLater) as error:
            faults.append(document.complain(_place(rota), str(error)))
        else:
            if not text:
                message = "no calendar was fetched yet: the service does, when it runs"
                warnings.append(document.complain(_place(rota), message))
                continue
            warnings += [document.complain(_place(rota), hole) for hole in holes]
    return faults, warnings


def _place(rota: Rota) -> tuple[str, ...]:
    return ("rota", rota.name, "calendar" if isinstance(rota.place, FilePlace) else "url")


def _file(rota: Rota) -> str:
    return str(rota.place.file if isinstance(rota.place, FilePlace) else rota.kept.folder / f"{rota.name}.ics")


def _text(rota: Rota) -> str:
    """The calendar of a file, or the one that was kept of a server's; nothing is asked of the server."""
    if isinstance(rota.place, FilePlace):
        return rota.place.fetch(Standing()).text or ""
    return rota.kept.text()


def _holes(rota: Rota, text: str, now_ns: int) -> Iterator[str]:
    """The time of the next two weeks in which nobody is on duty, in words."""
    holes = rota.roster(text, now_ns).uncovered(now_ns, now_ns + AHEAD_NS)
    for hole in holes[:_HOLES]:
        begins, ends = (local_time(each_ns, rota.zone) for each_ns in (hole.since_ns, hole.until_ns))
        lasts = format_duration((hole.until_ns - hole.since_ns) // SECOND_NS * SECOND_NS)
        yield f"nobody is on duty from {begins} to {ends} ({lasts}): {rota.fallback} is told then"
    if len(holes) > _HOLES:
        yield f"nobody is on duty at {len(holes) - _HOLES} more times within the next 14 days"
