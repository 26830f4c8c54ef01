"""The week's alarm report: to whom, and when."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from domain.errors import Complaint, Refused
from service.config.checking import unknown
from service.config.document import Document
from service.config.model import ConfigFile
from service.weeks import WeekTime, zone_named


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """To which name the report of each week goes, and when in the week after it."""

    to: str
    at: WeekTime


def zone_of(document: Document, file: ConfigFile, complaints: list[Complaint]) -> ZoneInfo:
    """The zone whose weeks are counted: the report's, else that of the shifts, else UTC."""
    report = file.alarms.report
    if report is None or report.zone is None:
        return zone_named("UTC" if file.shifts is None else _usable(file.shifts.zone))
    try:
        return zone_named(report.zone)
    except Refused as error:
        complaints.append(document.complain(("alarms", "report", "zone"), str(error)))
        return zone_named("UTC")


def _usable(zone: str) -> str:
    try:
        return zone_named(zone).key
    except Refused:  # the shifts complain of it
        return "UTC"


def report_of(document: Document, file: ConfigFile, complaints: list[Complaint]) -> ReportPlan | None:
    """The plan; None if there is none, or after a complaint."""
    report = file.alarms.report
    if report is None:
        return None
    known = [*file.notify, *file.people, *file.rota]
    if report.to not in known:
        complaints.append(
            document.complain(("alarms", "report", "to"), unknown("channel, person or rota", report.to, known))
        )
    try:
        return ReportPlan(report.to, WeekTime.read(report.at))
    except ValueError as error:
        complaints.append(document.complain(("alarms", "report", "at"), str(error)))
        return None
