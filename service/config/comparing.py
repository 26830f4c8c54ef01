"""What a unit's instruments tell of each other, and what phases are expected to do, as the file writes it."""

from collections.abc import Callable, Mapping

from domain.checks import ANTOINE, Balance, Expectation, Jacket, Pair, Term, UnitChecks, Vapour
from domain.errors import Complaint
from domain.tags import Tag
from domain.time import MINUTE_NS
from service.config.document import Document, PathKey
from service.config.quantities import convert, difference
from service.config.shape.plant import BalanceText, ChecksText, ExpectationText, PairText, VapourText

_ATMOSPHERE_BAR = 1.01325
_LONGEST_BALANCE_MIN = 40

Complain = Callable[[PathKey, str], None]


class _Reading:
    """The checks of one unit while they are read."""

    def __init__(
        self,
        document: Document,
        path: PathKey,
        roles: Mapping[str, str],
        tags: Mapping[str, Tag],
        complaints: list[Complaint],
    ) -> None:
        self._document = document
        self._path = path
        self._tags = {role: tags[name] for role, name in roles.items() if name in tags}
        self._complaints = complaints

    def complain(self, path: PathKey, message: str) -> None:
        self._complaints.append(self._document.complain((*self._path, "checks", *path), message))

    def tag(self, path: PathKey, role: str) -> Tag | None:
        """The tag of a role; None after a complaint."""
        tag = self._tags.get(role)
        if tag is None:
            self.complain(path, f"the unit has no tag for the parameter {role!r}")
        return tag

    def have(self, path: PathKey, *roles: str) -> bool:
        """Whether the unit measures all of these; complaints say which not."""
        found = [self.tag(path, role) for role in roles]
        return None not in found

    def difference(self, path: PathKey, text: str, unit: str) -> float | None:
        try:
            return difference(text, unit)
        except ValueError as error:
            self.complain(path, str(error))
            return None

    def pair(self, number: int, text: PairText) -> Pair | None:
        path = ("pairs", str(number))
        one, other = (self.tag((*path, "roles"), role) for role in text.roles)
        if one is None or other is None:
            return None
        if (one.unit, one.reference) != (other.unit, other.reference):
            self.complain((*path, "roles"), f"{one.name} and {other.name} differ in unit or reference")
            return None
        limit = None if text.limit == "auto" else self.difference((*path, "limit"), text.limit, one.unit)
        return Pair(*text.roles, limit)

    def vapour(self, text: VapourText) -> Vapour | None:
        pressure = self.tag(("vapour", "pressure"), text.pressure)
        temperature = self.tag(("vapour", "temperature"), text.temperature)
        if pressure is None or temperature is None:
            return None
        if temperature.unit != "degC":
            self.complain(("vapour", "temperature"), f"{temperature.name} is in {temperature.unit!r}, not in degC")
        try:
            to_bar = convert(1.0, pressure.unit, "bar")
        except ValueError as error:
            self.complain(("vapour", "pressure"), str(error))
            return None
        limit = self.difference(("vapour", "limit"), text.limit, temperature.unit)
        gauge_bar = 0.0 if pressure.reference == "absolute" else _ATMOSPHERE_BAR
        antoine = text.antoine or ANTOINE[text.solvent or "water"]
        return Vapour(text.pressure, text.temperature, antoine, text.phases, limit or 0.0, to_bar, gauge_bar)

    def jacket(self, text: ChecksText) -> Jacket | None:
        jacket = text.jacket
        if jacket is None:
            return None
        roles = [jacket.temperature, jacket.contents, *([jacket.volume] if jacket.volume else [])]
        if not self.have(("jacket",), *roles):
            return None
        return Jacket(jacket.temperature, jacket.contents, jacket.volume, jacket.phases, jacket.transfer, jacket.limit)

    def balance(self, name: str, text: BalanceText) -> Balance | None:
        path = ("balances", name)
        minutes = round(text.over / MINUTE_NS)
        if not 1 <= minutes <= _LONGEST_BALANCE_MIN:
            self.complain((*path, "over"), f"must be 1 min to {_LONGEST_BALANCE_MIN} min")
        if not self.have(path, text.level, *text.terms):
            return None
        terms = tuple(Term(role, each.factor, each.flow, each.rollover) for role, each in text.terms.items())
        return Balance(name, text.level, terms, text.phases, minutes, text.limit)


def unit_checks(
    document: Document,
    path: PathKey,
    text: ChecksText,
    roles: Mapping[str, str],
    tags: Mapping[str, Tag],
    complaints: list[Complaint],
) -> UnitChecks:
    """The checks of a unit; complaints are added for roles that it does not measure, and for units that do not fit."""
    reading = _Reading(document, path, roles, tags, complaints)
    pairs = [reading.pair(number, each) for number, each in enumerate(text.pairs)]
    balances = [reading.balance(name, each) for name, each in text.balances.items()]
    for role, others in text.witnesses.items():
        reading.have(("witnesses", role), role, *others)
    return UnitChecks(
        tuple(each for each in pairs if each is not None),
        None if text.vapour is None else reading.vapour(text.vapour),
        reading.jacket(text),
        tuple(each for each in balances if each is not None),
        text.witnesses,
    )


def expectation(path: PathKey, role: str, text: ExpectationText, unit: str, complain: Complain) -> Expectation:
    """What a phase is expected to do to a parameter, in its tag's unit per minute."""
    rates: dict[str, float | None] = {}
    for name, rate in (("rises", text.rises), ("falls", text.falls), ("steady", text.steady)):
        try:
            rates[name] = None if rate is None else difference(rate, unit, "min")
        except ValueError as error:
            complain((*path, name), str(error))
    return Expectation(
        role,
        text.above,
        text.below,
        rates.get("rises"),
        rates.get("falls"),
        rates.get("steady"),
        text.until,
        text.after,
        text.for_,
    )
