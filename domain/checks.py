"""What instruments of one unit tell of each other, so that a fault of one can be told from the process.

Roles are those of the unit's parameters; quantities are in the tags' own units, rates per minute, times in ns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

ANTOINE: Mapping[str, tuple[float, float, float]] = {
    "water": (8.07131, 1730.63, 233.426),
    "methanol": (8.08097, 1582.271, 239.726),
    "ethanol": (8.20417, 1642.89, 230.300),
    "acetone": (7.11714, 1210.595, 229.664),
    "toluene": (6.95464, 1344.80, 219.48),
}
"""Antoine's constants of some solvents: `log10(p/mmHg) = A - B/(t + C)`, t in degC (Lange's and Dortmund's tables)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two instruments that measure the same. `limit` None: from the pair's own history in the phase."""

    one: str
    other: str
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Vapour:
    """Pressure and temperature where vapour alone fills the head space; never under nitrogen.

    `to_bar` and `gauge_bar` turn a reading into bar absolute: `reading · to_bar + gauge_bar`.
    """

    pressure: str
    temperature: str
    antoine: tuple[float, float, float]
    phases: tuple[str, ...]
    limit: float = 2.0  # of the temperature, in its unit
    to_bar: float = 1.0
    gauge_bar: float = 0.0


@dataclass(frozen=True, slots=True)
class Jacket:
    """The heat that the jacket gives warms the contents, in phases without a reaction.

    The ratio of heating rate to temperature difference, times the volume, is the jacket's heat transfer. `transfer`:
    what it is, in the tags' units per minute; None: from the unit's own history in the phase. `limit`: by how much it
    may differ, as a share of it; None: from the history.
    """

    jacket: str
    contents: str
    volume: str | None
    phases: tuple[str, ...]
    transfer: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """What comes in (or, negative, goes out): `factor` turns it into the level's unit.

    A total counts up and begins again at `rollover`; a flow is summed over time, `factor` per minute.
    """

    role: str
    factor: float
    is_flow: bool = False
    rollover: float = 0.0


@dataclass(frozen=True, slots=True)
class Balance:
    """What a level gains is what came in. `limit` None: from the unit's own history in the phase."""

    name: str
    level: str
    terms: tuple[Term, ...]
    phases: tuple[str, ...]
    over_min: int = 10
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class UnitChecks:
    """All checks of a unit. `witnesses`: what moves too where a parameter really moves, by its role."""

    pairs: tuple[Pair, ...] = ()
    vapour: Vapour | None = None
    jacket: Jacket | None = None
    balances: tuple[Balance, ...] = ()
    witnesses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def roles(self) -> frozenset[str]:
        """Every role that some check looks at."""
        found = {role for each in self.pairs for role in (each.one, each.other)}
        if self.vapour is not None:
            found |= {self.vapour.pressure, self.vapour.temperature}
        if self.jacket is not None:
            found |= {self.jacket.jacket, self.jacket.contents}
            found |= {self.jacket.volume} if self.jacket.volume is not None else set()
        for balance in self.balances:
            found |= {balance.level, *(term.role for term in balance.terms)}
        for role, others in self.witnesses.items():
            found |= {role, *others}
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a phase does to a parameter from `after_ns` on: it is above or below, rises or falls so fast, or is steady.

    Nothing is expected any more once the parameter has been at `until`: a heating that has arrived. It is said where it
    is not so for `for_ns`.
    """

    role: str
    above: float | None = None
    below: float | None = None
    rises_per_min: float | None = None
    falls_per_min: float | None = None
    steady_per_min: float | None = None  # changes by no more, up or down
    until: float | None = None
    after_ns: int = 0
    for_ns: int = 0
