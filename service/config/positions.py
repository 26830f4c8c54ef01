"""Operator positions: whose alarms are counted together."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from domain.errors import Complaint
from domain.performance import Positions
from service.config.checking import unknown
from service.config.document import Document
from service.config.shape.alarms import PositionText


def positions_of(
    document: Document, texts: Mapping[str, PositionText], units: Iterable[str], complaints: list[Complaint]
) -> Positions:
    """Each unit's position. One without units has what no other names; where there is none, that is `plant`."""
    known = tuple(units)
    of_unit: dict[str, str] = {}
    for name, text in texts.items():
        for index, pattern in enumerate(text.units):
            found = [unit for unit in known if fnmatchcase(unit, pattern)]
            place = ("positions", name, "units", str(index))
            if not found:
                complaints.append(document.complain(place, unknown("unit", pattern, known)))
            for unit in found:
                if of_unit.setdefault(unit, name) != name:
                    message = f"unit {unit!r} belongs to position {of_unit[unit]!r} already"
                    complaints.append(document.complain(place, message))
    rest = [name for name, text in texts.items() if not text.units]
    if len(rest) > 1:
        message = f"only one position may be without `units`; {rest[0]!r} is"
        complaints.append(document.complain(("positions", rest[1]), message))
    return Positions(of_unit, rest[0]) if rest else Positions(of_unit)
